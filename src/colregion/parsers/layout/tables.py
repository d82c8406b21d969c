"""Cells of a table, with their rows, columns, spans and headers, by geometry.

Columns come from the white space between the words of all rows (see `table_columns`), rows from
rules and values (see `table_rows`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from colregion.core.geometry import FloatArray
from colregion.core.regions import Cell
from colregion.parsers.layout.lines import Line, find_rows, reads_leftward
from colregion.parsers.layout.rules import Rules
from colregion.parsers.layout.table_columns import find_columns
from colregion.parsers.layout.table_lines import Barriers, TableLine, table_lines
from colregion.parsers.layout.table_pieces import Piece
from colregion.parsers.layout.table_rows import group_lines

_FEW = 5  # one row in so many, two at least, are not an exception
_LINE_GAP = 0.6  # text heights between two lines of a cell over several rows
_SPAN_STEP = 1.3  # ratio of the distances from a label between two rows to these


@dataclass(frozen=True, eq=False)
class TableCell:
    """A cell and its words, by position among the page's, in reading order."""

    cell: Cell
    words: tuple[int, ...]
    text: str


def find_cells(
    lines: Sequence[Line], texts: Sequence[str], boxes_xyxy: FloatArray, rules: Rules
) -> list[list[TableCell]]:
    """The rows of a table from the top, each with the cells that start in it in reading order; []
    for no lines.

    Args:
        lines: in square units (see `lines`).
        texts, boxes_xyxy: (N, 4) of all N words of the page, to which the lines refer.
    """
    if not lines:
        return []
    if 2 * sum(reads_leftward(line.text) for line in lines) > len(lines):
        # Mirrored, so that the first column is the one that is read first.
        boxes_xyxy = boxes_xyxy[:, [2, 1, 0, 3]] * (-1, 1, -1, 1)
        rules = Rules(rules.across[:, [0, 2, 1]] * (1, -1, -1), rules.down[::-1] * (-1, 1, 1))
    columns = find_columns(find_rows(lines), texts, boxes_xyxy, rules)
    barriers = Barriers(columns, rules)
    groups, n_header = group_lines(table_lines(columns), columns, barriers)
    drafts = _with_row_spans([_cells(group) for group in groups], groups, barriers)
    drafts = _with_group_labels(drafts, n_header)
    labels = n_header > 0 or any(line.values for group in groups for line in group)
    return [
        [
            TableCell(
                Cell(
                    row,
                    draft.first,
                    draft.row_span,
                    draft.last - draft.first + 1,
                    row < n_header or (labels and draft.first == 0 and not draft.is_value),
                ),
                draft.words,
                draft.text,
            )
            for draft in own
        ]
        for row, own in enumerate(drafts)
    ]


@dataclass(frozen=True, eq=False)
class _Draft:
    pieces: tuple[Piece, ...]  # from the top
    first: int
    last: int
    row_span: int = 1

    @property
    def columns(self) -> range:
        return range(self.first, self.last + 1)

    @property
    def top(self) -> float:
        return self.pieces[0].box.y0

    @property
    def bottom(self) -> float:
        return self.pieces[-1].box.y1

    def overlaps(self, span: tuple[int, int]) -> bool:
        return self.first <= span[1] and span[0] <= self.last

    @property
    def words(self) -> tuple[int, ...]:
        return tuple(word for piece in self.pieces for word in piece.words)

    @property
    def text(self) -> str:
        return " ".join(piece.text for piece in self.pieces)

    @property
    def is_value(self) -> bool:
        return all(piece.is_value for piece in self.pieces)


def _cells(group: Sequence[TableLine]) -> list[_Draft]:
    """The cells of a row: its pieces that have a column in common."""
    cells: list[list[Piece]] = []
    ends: list[int] = []
    order = {piece: at for at, piece in enumerate(p for line in group for p in line.pieces)}
    for piece in sorted(order, key=lambda piece: piece.columns[0]):
        if ends and piece.columns[0] <= ends[-1]:
            cells[-1].append(piece)
            ends[-1] = max(ends[-1], piece.columns[1])
        else:
            cells.append([piece])
            ends.append(piece.columns[1])
    return [
        _Draft(tuple(sorted(own, key=order.__getitem__)), own[0].columns[0], end)
        for own, end in zip(cells, ends, strict=True)
    ]


def _with_row_spans(
    rows: list[list[_Draft]], groups: Sequence[Sequence[TableLine]], barriers: Barriers
) -> list[list[_Draft]]:
    """The rows with the cells that reach over several: in a table with rules down it those along
    which no rule parts two rows, in another one labels at the middle of two rows of values."""
    grown = [list(row) for row in rows]
    for at in range(len(rows) - 2, -1, -1):
        upper, lower = grown[at], grown[at + 1]
        rules = barriers.open_columns(groups[at][-1].middle, groups[at + 1][0].middle)
        free = rules or _label_between(groups[at], groups[at + 1][0])
        for span in {(d.first, d.last) for d in (*upper, *lower) if free.issuperset(d.columns)}:
            own, other = ([d for d in row if d.overlaps(span)] for row in (upper, lower))
            near = not (own and other) or other[0].top - own[0].bottom < _LINE_GAP * barriers.height
            if near and all((d.first, d.last) == span for d in (*own, *other)):
                pieces = tuple(piece for d in (*own, *other) for piece in d.pieces)
                reach = 1 + (other[0].row_span if other else 1)
                grown[at] = [*(d for d in grown[at] if d not in own), _Draft(pieces, *span, reach)]
                grown[at + 1] = [d for d in grown[at + 1] if d not in other]
        grown[at].sort(key=lambda draft: draft.first)
    return grown


def _with_group_labels(rows: list[list[_Draft]], n_header: int) -> list[list[_Draft]]:
    """The rows with labels of the first column that name a group of rows over the whole group: the
    rows below have a label in the second column only, and every other row has one there too."""
    body = [at for at in range(n_header, len(rows)) if any(d.is_value for d in rows[at])]
    first = {at for at in body if rows[at][0].first == 0 and not rows[at][0].is_value}
    second = {at for at in body for d in rows[at] if d.first == d.last == 1 and not d.is_value}
    members = second - first
    few = max(2, len(body) / _FEW)
    if len(members) < few or not first & second or len(first - second) > few:
        return rows
    grown = [list(row) for row in rows]
    label: int | None = None
    for at in range(n_header, len(rows)):
        reached = label is not None and at < label + grown[label][0].row_span
        if label is not None and at in members and not reached:
            draft = grown[label][0]
            grown[label][0] = replace(draft, row_span=at - label + 1)
        elif not reached:
            label = at if at in first & second else None
    return grown


def _label_between(group: Sequence[TableLine], lower: TableLine) -> frozenset[int]:
    """The columns of the last line of a row if it is a label at the middle of this row and of the
    one below, or a name beside two rows of a header."""
    if len(group) < 2 or not lower.columns & group[-2].columns:
        return frozenset()
    label = group[-1]
    above, below = label.middle - group[-2].middle, lower.middle - label.middle
    if label.values or label.columns & (group[-2].columns | lower.columns):
        return frozenset()
    return label.columns if below < _SPAN_STEP * above else frozenset()
