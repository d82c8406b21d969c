"""Lines of a page to groups that belong together, from spacing, size and structure alone.

Spacing is always measured in text heights, so that a receipt, a form, a paper and a slide obey
the same few numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

import numpy as np

from colregion.core.geometry import Box
from colregion.parsers.layout.lines import Line, Row, find_rows
from colregion.parsers.layout.reading_order import reading_groups

LOOSE = 0.75
"""Rows part where the space between them exceeds the usual one by this many text heights."""

FAR = 3.0
"""Rows always part over this many text heights of space."""

OTHER_SIZE = 1.35
"""Text this much larger than its neighbour's is a heading of it, not its continuation."""

MOST_ROWS = 5
"""A group of a form or a receipt has no more rows than this."""

COLUMN_CHARS = 18
"""Lines of running text have at least this many characters on average, in columns too."""

_MARKER = re.compile(r"[•●○■□▪▫◆►▶➢➤✓✔·*–—»-]|[(\[]?(\d{1,2}|[a-zA-Z]|[ivxIVX]{1,4})[.)\]]")


def line_groups(lines: Sequence[Line]) -> list[list[Row]]:
    """Group lines (square units) into areas of rows, in reading order; [] for none."""
    return [group for rows in column_rows(lines) for group in split_rows(rows)]


def column_rows(lines: Sequence[Line]) -> list[list[Row]]:
    """The rows of each column, and of what stands above and below columns, in reading order;
    [] for no lines."""
    if not lines:
        return []

    def accept(left: Sequence[int], right: Sequence[int]) -> bool:
        return are_columns([lines[i] for i in left], [lines[i] for i in right])

    boxes = [line.box for line in lines]
    gutter = median(line.height for line in lines)
    groups = reading_groups(boxes, gutter=gutter, accept=accept)
    return [find_rows([lines[i] for i in group]) for group in groups]


def are_columns(left: Sequence[Line], right: Sequence[Line]) -> bool:
    """Whether lines on both sides of a gutter read as columns and not row by row.

    Columns hold running text, or stand side by side with lines that are not level; labels and
    values, and the cells of a table, are short and level.
    """
    if min(len(left), len(right)) < 3:
        return False
    if all(
        sum(len(line.text) for line in side) >= COLUMN_CHARS * len(side) for side in (left, right)
    ):
        return True
    few, many = sorted((left, right), key=len)
    beside = [
        min(abs(_middle(line) - _middle(other)) / line.height for other in many) for line in few
    ]
    level = sum(distance < 0.25 for distance in beside)
    return sum(distance < 1.5 for distance in beside) >= 0.5 * len(few) and level < 0.5 * len(few)


def _middle(line: Line) -> float:
    return (line.box.y0 + line.box.y1) / 2


def split_rows(rows: Sequence[Row]) -> list[list[Row]]:
    """Part rows that follow each other down a column into groups."""
    usual = usual_gap(rows)
    parts: list[list[Row]] = []
    for row in rows:
        if parts and not _parted(parts[-1][-1], row, usual):
            parts[-1].append(row)
        else:
            parts.append([row])
    return [group for part in parts for group in _limit(part)]


def usual_gap(rows: Sequence[Row]) -> float:
    """Median space between rows, in text heights; 0.5 for fewer than two."""
    return median([gap(a, b) for a, b in pairwise(rows)] or [0.5])


def gap(above: Row, below: Row) -> float:
    """Space between two rows in text heights, below 0 where they overlap."""
    return (below.box.y0 - above.box.y1) / ((above.height + below.height) / 2)


def _parted(above: Row, below: Row, usual: float) -> bool:
    space = gap(above, below)
    return space > min(usual + LOOSE, FAR) or size_ratio(above, below) > OTHER_SIZE


def size_ratio(a: Row, b: Row) -> float:
    """How much larger the larger text is, 1 and up."""
    return max(a.height, b.height) / min(a.height, b.height)


def _limit(rows: list[Row]) -> list[list[Row]]:
    """Part a long group at its strongest break, unless it is running text, a list or a table."""
    if len(rows) <= MOST_ROWS or is_running_text(rows) or is_list(rows) or is_table(rows):
        return [rows]
    strengths = [_break(rows, i) for i in range(1, len(rows))]
    at = strengths.index(max(strengths)) + 1
    return [*_limit(rows[:at]), *_limit(rows[at:])]


def _break(rows: Sequence[Row], at: int) -> float:
    """How much speaks for parting before row `at`: space, another size, another structure, and
    a little for the middle, so that even rows part evenly."""
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
    """Most rows but the last are one line that fills the width."""
    box = Box.enclosing(row.box for row in rows)
    body = rows[:-1] or rows
    full = [
        len(row.lines) == 1
        and len(row.lines[0].text) >= COLUMN_CHARS
        and row.box.width >= 0.75 * box.width
        for row in body
    ]
    return sum(full) >= 0.6 * len(full)


def is_list(rows: Sequence[Row]) -> bool:
    """Two rows or more start with a bullet or a number, and these are a third of all."""
    marked = sum(starts_item(row) for row in rows)
    return marked >= 2 and 3 * marked >= len(rows)


def starts_item(row: Row) -> bool:
    """Whether a row starts with a bullet, a number or a letter of a list."""
    words = row.lines[0].text.split()
    more = len(words) > 1 or len(row.lines) > 1
    return more and _MARKER.fullmatch(words[0]) is not None


def is_table(rows: Sequence[Row]) -> bool:
    """Three rows or more, and two fifths of all, have three cells or more, and nearly all cells
    stand under each other."""
    wide = sum(len(row.lines) >= 3 for row in rows)
    return wide >= max(3, 0.4 * len(rows)) and _aligned(rows) >= 0.8


def is_regular(rows: Sequence[Row]) -> bool:
    """Most rows have two or more cells, nearly always as many, under each other."""
    cells = [len(row.lines) for row in rows if len(row.lines) > 1]
    return (
        len(cells) >= max(3, 0.5 * len(rows))
        and max(map(cells.count, cells)) >= 0.8 * len(cells)
        and _aligned(rows) >= 0.9
    )


def _aligned(rows: Sequence[Row]) -> float:
    """The share of cells that share an edge or their middle with two others or more."""
    cells = [line for row in rows if len(row.lines) > 1 for line in row.lines]
    if not cells:
        return 0.0
    edges = np.array([(c.box.x0, (c.box.x0 + c.box.x1) / 2, c.box.x1) for c in cells])
    slack = 0.5 * median(cell.height for cell in cells)
    partners = (np.abs(edges[:, None] - edges[None]) < slack).sum(axis=1).max(axis=1) - 1
    return float((partners >= 2).mean())
