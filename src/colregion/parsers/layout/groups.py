"""Grouping of lines by spacing, size and structure.

Distances are in text heights, so that the same numbers suit receipts, forms, papers and slides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, median

import numpy as np

from colregion.core.geometry import Box
from colregion.parsers.layout.lines import Line, Row, find_rows, lines_of
from colregion.parsers.layout.reading_order import reading_groups

LOOSE_GAP = 0.75  # rows separate where their gap exceeds the median one by this
_FAR = 3.0  # rows separate over any larger gap
HEADING_RATIO = 1.35  # text larger than its neighbour by this factor is a heading of it
MAX_ROWS = 5  # in a group of a form or a receipt
MIN_LINE_CHARS = 18  # average length of lines of running text, in columns too

_BULLET = re.compile(r"[•●○■□▪▫◆►▶➢➤✓✔]")
MARKER = re.compile(
    r"[•●○■□▪▫◆►▶➢➤✓✔·*–—»-]|[(\[]?(\d{1,2}|[a-zA-Z]|[ivxIVX]{1,4})[.)\]]|\[\d{3}\]"
)


def line_groups(lines: Sequence[Line]) -> list[list[Row]]:
    """Group lines (square units) into areas of rows, in reading order; [] for none."""
    return [group for rows in column_rows(lines) for group in split_rows(rows)]


def column_rows(lines: Sequence[Line]) -> list[list[Row]]:
    """The rows of each column, and of what is above and below columns, in reading order; [] for no
    lines."""
    if not lines:
        return []

    def accept(left: Sequence[int], right: Sequence[int]) -> bool:
        return are_columns([lines[i] for i in left], [lines[i] for i in right])

    boxes = [line.box for line in lines]
    gutter = median(line.height for line in lines)
    groups = reading_groups(boxes, gutter=gutter, accept=accept)
    return [find_rows([lines[i] for i in group]) for group in groups]


def are_columns(left: Sequence[Line], right: Sequence[Line]) -> bool:
    """Whether lines on both sides of a gutter are columns, not rows of a table or form.

    Columns contain running text, or lines that are not aligned across the gutter; labels and
    values, and cells of a table, are short and aligned.
    """
    if min(len(left), len(right)) < 3:
        return False
    if all(fmean(len(line.text) for line in side) >= MIN_LINE_CHARS for side in (left, right)):
        return True
    few, many = sorted((left, right), key=len)
    beside = [
        min(abs(line.box.center[1] - other.box.center[1]) / line.height for other in many)
        for line in few
    ]
    aligned = sum(distance < 0.25 for distance in beside)
    return sum(distance < 1.5 for distance in beside) >= 0.5 * len(few) and aligned < 0.5 * len(few)


def split_rows(rows: Sequence[Row]) -> list[list[Row]]:
    """Split the rows of a column into groups."""
    usual = median([gap(a, b) for a, b in pairwise(rows)] or [0.5])
    parts: list[list[Row]] = []
    for row in rows:
        if parts and not _are_separate(parts[-1][-1], row, usual):
            parts[-1].append(row)
        else:
            parts.append([row])
    return [group for part in parts for group in _limit(part)]


def gap(above: Row, below: Row) -> float:
    """Gap between two rows in text heights, below 0 for an overlap."""
    bottom = max(line.bottom for line in above.lines)
    top = min(line.top for line in below.lines)
    return (top - bottom) / ((above.height + below.height) / 2)


def _are_separate(above: Row, below: Row, usual: float) -> bool:
    is_far = gap(above, below) > min(usual + LOOSE_GAP, _FAR)
    return is_far or size_ratio(above, below) > HEADING_RATIO


def size_ratio(a: Row, b: Row) -> float:
    """Ratio of the larger to the smaller text height, 1 and up."""
    return max(a.height, b.height) / min(a.height, b.height)


def _limit(rows: list[Row]) -> list[list[Row]]:
    """Split a long group at its strongest break, unless it is running text, a list or a table."""
    if len(rows) <= MAX_ROWS or is_running_text(rows) or is_list(rows) or is_table(rows):
        return [rows]
    strengths = [_break(rows, i) for i in range(1, len(rows))]
    at = strengths.index(max(strengths)) + 1
    return [*_limit(rows[:at]), *_limit(rows[at:])]


def _break(rows: Sequence[Row], at: int) -> float:
    """Strength of the break before row `at`: gap, change of size and structure, and a little for
    the middle, so that regular rows are split evenly."""
    above, below = rows[at - 1], rows[at]
    strength = gap(above, below) + 2 * (size_ratio(above, below) - 1)
    strength += 0.5 * (len(above.lines) != len(below.lines))
    shift = min(
        abs(above.box.x0 - below.box.x0),
        abs(above.box.x0 + above.box.x1 - below.box.x0 - below.box.x1) / 2,
    )
    strength += 0.5 * (shift > above.height)
    return strength + 0.5 * min(at, len(rows) - at) / len(rows)


def is_running_text(rows: Sequence[Row]) -> bool:
    """Whether most rows but the last are one line that fills the width."""
    box = Box.enclosing(row.box for row in rows)
    body = rows[:-1] or rows
    full = [
        len(row.lines) == 1
        and len(row.lines[0].text) >= MIN_LINE_CHARS
        and row.box.width >= 0.75 * box.width
        for row in body
    ]
    return sum(full) >= 0.6 * len(full)


def is_list(rows: Sequence[Row]) -> bool:
    """Whether at least two rows, and a third of all, start with a bullet or a number."""
    marked = sum(starts_item(row) for row in rows)
    return marked >= 2 and 3 * marked >= len(rows)


def starts_item(row: Row) -> bool:
    """Whether a row starts with a bullet, or the number or letter of a list item."""
    return _starts_with(MARKER, row)


def starts_bullet(row: Row) -> bool:
    """Whether a row starts with a sign that is used for nothing but list items."""
    return _starts_with(_BULLET, row)


def _starts_with(marker: re.Pattern[str], row: Row) -> bool:
    words = row.lines[0].text.split()
    more = len(words) > 1 or len(row.lines) > 1
    return more and marker.fullmatch(words[0]) is not None


def is_table(rows: Sequence[Row]) -> bool:
    """Whether at least three rows, and two fifths of all, have three cells or more, and nearly all
    cells are aligned."""
    wide = sum(len(row.lines) >= 3 for row in rows)
    return wide >= max(3, 0.4 * len(rows)) and _aligned(rows) >= 0.8


def is_regular(rows: Sequence[Row]) -> bool:
    """Whether most rows have two or more cells, nearly all of them the same number, aligned."""
    cells = [len(row.lines) for row in rows if len(row.lines) > 1]
    return (
        len(cells) >= max(3, 0.5 * len(rows))
        and max(map(cells.count, cells)) >= 0.8 * len(cells)
        and _aligned(rows) >= 0.9
    )


def _aligned(rows: Sequence[Row]) -> float:
    """Share of cells that have an edge or their center in common with at least two others."""
    cells = lines_of(row for row in rows if len(row.lines) > 1)
    if not cells:
        return 0.0
    edges = np.array([(c.box.x0, c.box.center[0], c.box.x1) for c in cells])
    slack = 0.5 * median(cell.height for cell in cells)
    ordered = np.sort(edges, axis=0)
    near = [
        np.searchsorted(column, own + slack, side="left")
        - np.searchsorted(column, own - slack, side="right")
        for column, own in zip(ordered.T, edges.T, strict=True)
    ]
    return float((np.max(near, axis=0) >= 3).mean())
