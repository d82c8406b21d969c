"""Columns of a table, from the white space between its words and the rules drawn down it.

Lengths are in square units (see `lines`).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import numpy as np
from numpy.typing import NDArray

from colregion.core.geometry import Box, FloatArray, IntArray
from colregion.parsers.layout.lines import Row
from colregion.parsers.layout.rules import Rules
from colregion.parsers.layout.table_half_columns import resolve, without_half_columns
from colregion.parsers.layout.table_pieces import Piece, Span, Words

# In text heights.
_GUTTER, _GUTTER_OF_ONE = 0.4, 0.8  # least width of a gutter, and what one row alone must add
_STANDS_OUT = 1.2  # ratio of a gap between cells to the others of words that are close
_ALIGNED = 0.3  # by which edges in a column differ
_RULED_GUTTER = 0.6  # least width of a gutter without a rule between columns with rules

_RULED_SHARE = 0.5  # of the table's height, of a rule that separates columns
_COMMON_SHARE = 0.5  # of the rows, in which such a gutter is


@dataclass(frozen=True, eq=False)
class Columns:
    """The lines of a table, each divided into pieces from the left, and the columns' intervals."""

    rows: list[list[Piece]]
    spans: list[Span]
    height: float  # of the text
    ruled: bool  # whether rules part some of them
    boxed: bool  # whether there are also rules at both sides of the table


def find_columns(
    rows: Sequence[Row], texts: Sequence[str], boxes_xyxy: FloatArray, rules: Rules
) -> Columns:
    """Divide the rows of lines of a table into columns.

    Args:
        rows: one or more, from the top.
        texts, boxes_xyxy: of all words of the page, to which the lines refer.
    """
    height = median(line.height for row in rows for line in row.lines)
    words = Words(texts, boxes_xyxy, height)
    pieces = [[piece for line in row.lines for piece in words.pieces(line.words)] for row in rows]
    pieces = [sorted(row, key=lambda piece: piece.box.x0) for row in pieces]
    left = min(row[0].box.x0 for row in pieces) + height / 2
    right = max(piece.box.x1 for row in pieces for piece in row) - height / 2
    long = _long_rules(pieces, rules)
    ruled = [x for x in long if left < x < right]
    boxed = bool(ruled) and long[0] < left and long[-1] > right
    spans = _with_sparse_columns(pieces, _spans(pieces, ruled, height), height)
    placed = [[_place(piece, spans, height) for piece in row] for row in pieces]
    edges = _Edges(placed, len(spans), height, rules.down)
    cut = [[part for piece in row for part in _cut(piece, spans, words, edges)] for row in placed]
    whole, spans = without_half_columns([resolve(row) for row in cut], spans, height)
    return Columns(whole, spans, height, bool(ruled), boxed)


def _spans(rows: Sequence[Sequence[Piece]], ruled: Sequence[float], height: float) -> list[Span]:
    """The columns: what is between gutters, and between rules at the given places."""

    def is_at(x: float, gutter: Span) -> bool:
        return gutter[0] - height / 2 <= x <= gutter[1] + height / 2

    left = min(row[0].box.x0 for row in rows)
    right = max(piece.box.x1 for row in rows for piece in row)
    gutters = []
    for start, end, support in _gutters(rows, height):
        wide = end - start > _RULED_GUTTER * height and support >= _COMMON_SHARE * len(rows)
        if not ruled or wide or any(is_at(x, (start, end)) for x in ruled):
            gutters.append((start, end))
    gutters += [(x, x) for x in ruled if not any(is_at(x, gutter) for gutter in gutters)]
    edges = [left, *(edge for gutter in sorted(gutters) for edge in gutter), right]
    return list(zip(edges[::2], edges[1::2], strict=True))


def _long_rules(rows: Sequence[Sequence[Piece]], rules: Rules) -> list[float]:
    """The x of rules along much of the table's height."""
    top = min(piece.box.y0 for piece in rows[0])
    bottom = max(piece.box.y1 for piece in rows[-1])
    x, y0, y1 = rules.down.T
    shared = np.minimum(y1, bottom) - np.maximum(y0, top)
    return sorted(x[shared >= _RULED_SHARE * (bottom - top)].tolist())


def _gutters(rows: Sequence[Sequence[Piece]], height: float) -> list[tuple[float, float, int]]:
    """Start and end of the white space that at most a third of the rows that have something on
    both sides of it cross, and how many do not."""
    pieces = np.array([(p.box.x0, p.box.x1) for row in rows for p in row])
    gaps = np.array([(a.box.x1, b.box.x0) for row in rows for a, b in pairwise(row)])
    if not len(gaps):
        return []
    edges = np.sort(np.concatenate([pieces, gaps]), axis=None)
    crossed, white = (_counts(spans, edges) for spans in (pieces, gaps))
    is_gutter = (white > 0) & (crossed <= white // 2)
    gutters = []
    for start, end in _runs(is_gutter):
        support = int(white[start:end].max())
        width = float(edges[end] - edges[start])
        if width >= (_GUTTER + _GUTTER_OF_ONE / support) * height:
            gutters.append((float(edges[start]), float(edges[end]), support))
    return gutters


def _counts(spans: FloatArray, edges: FloatArray) -> IntArray:
    """How many of the (N, 2) spans cover each interval between neighbouring edges."""
    proper = spans[spans[:, 1] > spans[:, 0]]
    steps = np.zeros(len(edges), dtype=np.int64)
    np.add.at(steps, np.searchsorted(edges, proper[:, 0]), 1)
    np.add.at(steps, np.searchsorted(edges, proper[:, 1]), -1)
    counts: IntArray = np.cumsum(steps)[:-1]
    return counts


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Start and end of each run of true."""
    steps = np.flatnonzero(np.diff(np.r_[False, mask, False]))
    return list(zip(steps[::2].tolist(), steps[1::2].tolist(), strict=True))


def _with_sparse_columns(
    rows: Sequence[Sequence[Piece]], spans: list[Span], height: float
) -> list[Span]:
    """The columns and those, such as one of notes, of which so few rows have a cell that they
    look like a part of the gutter."""
    inside: dict[int, list[Span]] = {}
    for row in rows:
        columns = [_covered(piece.box, spans, height) for piece in row]
        own = {column for covered in columns for column in covered}
        for piece, covered in zip(row, columns, strict=True):
            gutter = bisect_right(spans, (piece.box.x0, math.inf)) - 1
            if not covered and {gutter, gutter + 1} <= own:
                inside.setdefault(gutter, []).append((piece.box.x0, piece.box.x1))
    new: list[Span] = []
    for own_spans in inside.values():
        for start, end in sorted(own_spans):
            if new and start <= new[-1][1] and new[-1] not in spans:
                new[-1] = (new[-1][0], max(end, new[-1][1]))
            else:
                new.append((start, end))
    return sorted([*spans, *new])


def _covered(box: Box, spans: Sequence[Span], height: float) -> range:
    """The columns that a box covers by more than its slant or an accent would."""
    x0, x1 = box.x0, box.x1
    least = min(_ALIGNED * height, 0.5 * (x1 - x0))
    first = max(bisect_right(spans, (x0, math.inf)) - 1, 0)
    last = first
    covered = []
    while last < len(spans) and spans[last][0] < x1:
        start, end = spans[last]
        shared = min(x1, end) - max(x0, start)
        if shared > 0 and shared >= min(least, end - start):
            covered.append(last)
        last += 1
    return range(covered[0], covered[-1] + 1) if covered else range(0)


def _place(piece: Piece, spans: Sequence[Span], height: float) -> Piece:
    """The piece with its columns: those that it covers, or else the nearest."""
    covered = _covered(piece.box, spans, height)
    if covered:
        return Piece(piece.words, piece.text, piece.box, (covered[0], covered[-1]))
    middle = piece.box.center[0]
    nearest = min(range(len(spans)), key=lambda i: max(spans[i][0] - middle, middle - spans[i][1]))
    return Piece(piece.words, piece.text, piece.box, (nearest, nearest))


class _Edges:
    """Where the cells of each column start and end, and the rules between columns."""

    def __init__(
        self, rows: Iterable[Iterable[Piece]], n_columns: int, height: float, down: FloatArray
    ) -> None:
        self.height = height
        self.down = down
        self.edges: list[list[Span]] = [[] for _ in range(n_columns)]
        for row in rows:
            for piece in row:
                if piece.columns[0] == piece.columns[1]:
                    self.edges[piece.columns[0]].append((piece.box.x0, piece.box.x1))

    def aligned(self, box: Box, first: int, last: int) -> bool:
        """Whether a box starts as a third of the cells of its first column, or ends as a third
        of those of its last."""
        return self._usual(first, 0, box.x0) or self._usual(last, 1, box.x1)

    def rule(self, box: Box, gutter: Span) -> float | None:
        """The x of a rule in a gutter that goes through the line of a box; None without one."""
        x, top, bottom = self.down.T
        middle, slack = box.center[1], self.height / 2
        near = (x >= gutter[0] - slack) & (x <= gutter[1] + slack)
        through = x[near & (top < middle) & (middle < bottom)]
        return float(through[0]) if len(through) else None

    def _usual(self, column: int, side: int, x: float) -> bool:
        edges = self.edges[column]
        near = sum(abs(edge[side] - x) < _ALIGNED * self.height for edge in edges)
        return near >= max(2.0, len(edges) / 3)


def _cut(piece: Piece, spans: Sequence[Span], words: Words, edges: _Edges) -> list[Piece]:
    """Cut a piece of several columns where a gutter is between its words and both sides are
    aligned: their cells are just close. Else it is one cell over these columns."""
    first, last = piece.columns
    if first == last:
        return [piece]
    order = words.from_left(piece.words)
    gaps = words.gaps(order)
    least = _STANDS_OUT * median(gaps) if len(gaps) > 1 else 0.0
    for column in range(first, last):
        gutter = (spans[column][1], spans[column + 1][0])
        rule = edges.rule(piece.box, gutter)
        start, end = gutter if rule is None else (rule, rule)
        slack = 0.0 if rule is None else _ALIGNED * edges.height
        between = [
            at
            for at in range(1, len(order))
            if words.boxes[order[at]][0] >= start - slack
            and words.boxes[order[at - 1]][2] <= end + slack
            and (rule is not None or gaps[at - 1] >= least)
        ]
        if not between:
            continue
        at = max(between, key=lambda at: gaps[at - 1])
        parts = [words.piece(part) for part in words.parts(piece.words, order, [at])]
        left, right = sorted(parts, key=lambda part: part.box.x0)
        aligned = edges.aligned(left.box, first, column)
        if rule is not None or (aligned and edges.aligned(right.box, column + 1, last)):
            rest = _place(right, spans, edges.height)
            return [_place(left, spans, edges.height), *_cut(rest, spans, words, edges)]
    return [piece]
