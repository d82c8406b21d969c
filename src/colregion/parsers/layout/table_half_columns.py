"""Columns that are parts of others: currency signs, per cent signs, names beside their values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from colregion.core.geometry import Box
from colregion.parsers.layout.table_pieces import Piece, Span

_NAME_REACH = 2.0  # from a name to a value that it does not stand above

_OPENING = re.compile(r"\(?(?:[A-Z]{0,2}\$|[€£¥₹])\(?|[(+±]")
_CLOSING = re.compile(r"[%‰)\]*†‡|¦]+")


def resolve(row: Sequence[Piece]) -> list[Piece]:
    """A row with one piece in each column: those in one column are joined, and a wide one ends
    before the next."""
    resolved: list[Piece] = []
    for piece in row:
        first, last = piece.columns
        if resolved and first <= resolved[-1].columns[1]:
            before = resolved[-1]
            if before.columns[0] < first:
                resolved[-1] = replace(before, columns=(before.columns[0], first - 1))
            elif last > before.columns[1]:
                first = before.columns[1] + 1
            else:
                resolved[-1] = _joined(before, piece)
                continue
        same = piece.columns == (first, last)
        resolved.append(piece if same else replace(piece, columns=(first, last)))
    return resolved


def _joined(left: Piece, right: Piece) -> Piece:
    return Piece(
        left.words + right.words,
        f"{left.text} {right.text}",
        Box.enclosing((left.box, right.box)),
        (min(left.columns[0], right.columns[0]), max(left.columns[1], right.columns[1])),
    )


def without_half_columns(
    rows: list[list[Piece]], spans: list[Span], height: float
) -> tuple[list[list[Piece]], list[Span]]:
    """The table without columns that are parts of others: names that stand beside their values,
    currency signs left of them, per cent signs and closing brackets right of them."""
    values = [_values_of(rows, column) for column in range(len(spans))]
    names = [
        column > 0 and bool(own) and not any(own.values()) for column, own in enumerate(values)
    ]
    joins = [
        names[i] != names[i + 1]
        and any((values[i] if names[i + 1] else values[i + 1]).values())
        and not values[i].keys() & values[i + 1].keys()
        and spans[i + 1][0] - spans[i][1] < _NAME_REACH * height
        for i in range(len(spans) - 1)
    ]
    joins = [join and not (i and joins[i - 1]) for i, join in enumerate(joins)]
    rows, spans = _merged(rows, spans, joins)
    joins = [
        _is_sign_column(rows, i, _OPENING, i + 1) or _is_sign_column(rows, i + 1, _CLOSING, i)
        for i in range(len(spans) - 1)
    ]
    return _merged(rows, spans, joins)


def _values_of(rows: Sequence[Sequence[Piece]], column: int) -> dict[int, bool]:
    """For each row with a cell in just this column whether it is a value or a sign."""
    return {
        at: piece.is_value or bool(_OPENING.fullmatch(piece.text) or _CLOSING.fullmatch(piece.text))
        for at, row in enumerate(rows)
        for piece in row
        if piece.columns == (column, column)
    }


def _merged(
    rows: Sequence[Sequence[Piece]], spans: Sequence[Span], joins: Sequence[bool]
) -> tuple[list[list[Piece]], list[Span]]:
    """The table with some columns joined to the next."""
    if not any(joins):
        return [list(row) for row in rows], list(spans)
    numbers = list(accumulate((not join for join in joins), initial=0))
    merged: list[Span] = []
    for number, span in zip(numbers, spans, strict=True):
        if number < len(merged):
            merged[-1] = (merged[-1][0], span[1])
        else:
            merged.append(span)
    renumbered = [
        [replace(p, columns=(numbers[p.columns[0]], numbers[p.columns[1]])) for p in row]
        for row in rows
    ]
    return [resolve(row) for row in renumbered], merged


def _is_sign_column(
    rows: Sequence[Sequence[Piece]], column: int, sign: re.Pattern[str], beside: int
) -> bool:
    """Whether a column has signs, and where it has a text the column beside it has none."""
    n_signs = 0
    for row in rows:
        own = [piece.text for piece in row if piece.columns == (column, column)]
        if own and sign.fullmatch(own[0]):
            n_signs += 1
        elif own and any(p.columns == (beside, beside) for p in row):
            return False
    return n_signs > 0
