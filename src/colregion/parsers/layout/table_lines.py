"""Lines of a table with their cells, and the rules between them."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median_low

import numpy as np

from colregion.core.geometry import Box
from colregion.parsers.layout.rules import Rules
from colregion.parsers.layout.table_columns import Columns
from colregion.parsers.layout.table_pieces import Piece

_LEVEL = 0.3  # text heights by which pieces of one line are higher or lower
_RULED = 0.6  # share of a column's width that a rule along it covers


class Barriers:
    """The columns along which rules are drawn, by height."""

    def __init__(self, columns: Columns, rules: Rules) -> None:
        spans = np.array(columns.spans)
        widths = np.maximum(spans[:, 1] - spans[:, 0], 1e-9)
        self.n_columns = len(spans)
        self.height = columns.height
        self.is_grid = columns.ruled
        self.heights: list[float] = rules.across[:, 0].tolist()
        self.ends: list[tuple[float, float]] = [(x0, x1) for _, x0, x1 in rules.across.tolist()]
        self.sets: list[frozenset[int]] = []
        for x0, x1 in self.ends:
            shared = np.minimum(spans[:, 1], x1) - np.maximum(spans[:, 0], x0)
            self.sets.append(frozenset(np.flatnonzero(shared >= _RULED * widths).tolist()))

    def under(self, box: Box, until: float) -> frozenset[int]:
        """The columns along the next rule below the middle of a box, above some height, that
        passes it; none without one."""
        middle_x, middle_y = box.center
        first, last = bisect_left(self.heights, middle_y), bisect_right(self.heights, until)
        for at in range(first, last):
            if self.ends[at][0] < middle_x < self.ends[at][1]:
                return self.sets[at]
        return frozenset()

    def open_columns(self, above: float, below: float) -> frozenset[int]:
        """The columns along which there is no rule between two heights of a table with rules down
        it, although there is one along half of its columns."""
        closed = self.between(above, below)
        is_rule = self.is_grid and 2 * len(closed) >= self.n_columns
        return frozenset(range(self.n_columns)) - closed if is_rule else frozenset()

    def between(self, above: float, below: float) -> frozenset[int]:
        """The columns along which there is a rule between two heights."""
        first, last = bisect_left(self.heights, above), bisect_right(self.heights, below)
        return frozenset().union(*self.sets[first:last])


@dataclass(frozen=True, eq=False)
class TableLine:
    """The pieces of one line of a table, from the left."""

    pieces: tuple[Piece, ...]
    middle: float
    columns: frozenset[int]
    values: frozenset[int]  # the columns in which it has a value


def table_lines(columns: Columns) -> list[TableLine]:
    """The table's lines, from the top. What stands higher or lower than the values, or most of the
    pieces, beside it, as the label of two rows does, is a line of its own."""
    lines = []
    for row in columns.rows:
        values = [piece.box.center[1] for piece in row if piece.is_value]
        values = values or [piece.box.center[1] for piece in row if len(row) > 2]
        level = median_low(values) if values else 0.0
        slack = _LEVEL * columns.height if values else math.inf
        level_pieces = [piece for piece in row if abs(piece.box.center[1] - level) <= slack]
        others = [piece for piece in row if piece not in level_pieces]
        others.sort(key=lambda piece: piece.box.center[1])
        lines += [table_line(level_pieces), *(table_line([piece]) for piece in others)]
    return sorted(lines, key=lambda line: line.middle)


def table_line(pieces: Sequence[Piece]) -> TableLine:
    middle = sum(piece.box.center[1] for piece in pieces) / len(pieces)
    values = [piece for piece in pieces if piece.is_value]
    return TableLine(tuple(pieces), middle, _all_columns(pieces), _all_columns(values))


def _all_columns(pieces: Iterable[Piece]) -> frozenset[int]:
    return frozenset(column for piece in pieces for column in piece.covered)
