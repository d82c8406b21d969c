"""Columns that the names at the top of a table cover: those over a rule below a name, or those of
which it is at the middle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from colregion.parsers.layout.table_lines import Barriers, TableLine, table_line
from colregion.parsers.layout.table_pieces import Piece, Span

_WITHIN = 0.5  # share of a name that is above its column from which it names no other

# In text heights.
_RULE_REACH = 1.5  # from the middle of a name to the rule below it
_CENTERED = 1.0  # by which the middle of a name may differ from that of its columns


def spread_names(
    lines: Sequence[TableLine],
    n_header: int,
    spans: Sequence[Span],
    barriers: Barriers,
    *,
    height: float,
) -> list[TableLine]:
    """The lines of a table with the names in its `n_header` first lines over all columns that
    they cover. Lengths are in square units, `height` is of the text."""
    spread = list(lines)
    for at in range(min(n_header, len(lines) - 1)):
        line = lines[at]
        pieces = []
        for piece in line.pieces:
            own = frozenset(piece.covered)
            others = line.columns - own
            below = next((other for other in lines[at + 1 :] if other.columns & own), line)
            reach = line.middle + _RULE_REACH * height
            ruled = barriers.under(piece.box, min(reach, below.middle))
            columns = _ruled(own, ruled, others) or piece.columns
            if columns == piece.columns and below in lines[:n_header]:
                columns = _centered(piece, others, below, spans, slack=_CENTERED * height)
            pieces.append(replace(piece, columns=columns))
        spread[at] = table_line(pieces)
    return spread


def _ruled(
    own: frozenset[int], ruled: frozenset[int], others: frozenset[int]
) -> tuple[int, int] | None:
    is_own = own < ruled and 0 not in ruled and not ruled & others
    return (min(ruled), max(ruled)) if is_own else None


def _centered(
    piece: Piece,
    others: frozenset[int],
    below: TableLine,
    spans: Sequence[Span],
    *,
    slack: float,
) -> tuple[int, int]:
    """The columns, each with a name of its own in the line below, at whose middle a name is; its
    own ones if it is at theirs or at no others'."""
    middle = piece.box.center[0]

    def offset(columns: tuple[int, int]) -> float:
        return abs((spans[columns[0]][0] + spans[columns[1]][1]) / 2 - middle)

    first, last = (spans[column] for column in piece.columns)
    within = min(piece.box.x1, last[1]) - max(piece.box.x0, first[0])
    if within >= _WITHIN * piece.box.width:
        return piece.columns
    free = below.columns - others
    wider = [
        columns
        for columns in _wider(piece.columns, free)
        if not any(_crosses(other.columns, columns) for other in below.pieces)
    ]
    best = min(wider, key=offset, default=piece.columns)
    return best if offset(best) < min(slack, offset(piece.columns)) else piece.columns


def _crosses(columns: tuple[int, int], others: tuple[int, int]) -> bool:
    """Whether the first columns are in part among the others."""
    overlap = columns[0] <= others[1] and others[0] <= columns[1]
    return overlap and not (others[0] <= columns[0] and columns[1] <= others[1])


def _wider(columns: tuple[int, int], free: frozenset[int]) -> Iterator[tuple[int, int]]:
    """The runs of free columns around some columns."""
    first, last = columns
    if not free.issuperset(range(first, last + 1)):
        return
    lowest, highest = first, last
    while lowest - 1 in free:
        lowest -= 1
    while highest + 1 in free:
        highest += 1
    for start in range(lowest, first + 1):
        for end in range(last, highest + 1):
            if (start, end) != columns:
                yield start, end
