"""Blocks of an area: paragraphs, list items, rows of tables and forms, captions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from colregion.core.geometry import Box
from colregion.parsers.layout.areas import Area
from colregion.parsers.layout.groups import (
    HEADING_RATIO,
    column_rows,
    gap,
    line_groups,
    size_ratio,
    starts_item,
)
from colregion.parsers.layout.lines import Line, Row, find_rows, lines_of

# In text heights.
_PARAGRAPH_GAP = 0.25  # a paragraph ends where a gap exceeds the median one by this
_INDENT = 1.0  # least indentation of a first line


@dataclass(frozen=True, eq=False)
class Block:
    """The lines of a paragraph, list item, row or caption, in reading order."""

    kind: str
    lines: tuple[Line, ...]

    @property
    def box(self) -> Box:
        """Around the lines, square units."""
        return Box.enclosing(line.box for line in self.lines)


def blocks_of(area: Area) -> list[Block]:
    """The area's blocks in reading order; [] for a figure without words or caption."""
    captions = [Block("caption", lines_of(find_rows(caption))) for caption in area.captions]
    if area.kind == "table":
        body = [Block("row", row.lines) for row in find_rows(area.lines)]
    else:
        grouped = line_groups if area.kind == "figure" else column_rows
        body = [b for rows in grouped(area.lines) for b in _paragraphs(rows, area.kind)]
    if not body or not captions:
        return captions + body
    middle = Box.enclosing(block.box for block in body)
    above = [c for c in captions if c.box.y0 + c.box.y1 < middle.y0 + middle.y1]
    return above + body + [c for c in captions if c not in above]


def _paragraphs(rows: Sequence[Row], kind: str) -> list[Block]:
    """Rows of one line make paragraphs; lines side by side are a block of kind "row"."""
    spaces = [gap(a, b) for a, b in pairwise(rows)]
    usual = median(spaces) if spaces else 0.0
    left = min(row.box.x0 for row in rows)
    runs: list[list[Row]] = []
    for row in rows:
        if runs and _same_paragraph(runs[-1][-1], row, usual, left):
            runs[-1].append(row)
        else:
            runs.append([row])
    plain = "text" if kind == "figure" else kind
    return [Block("row" if len(run[0].lines) > 1 else plain, lines_of(run)) for run in runs]


def _same_paragraph(above: Row, below: Row, usual: float, left: float) -> bool:
    if len(above.lines) > 1 or len(below.lines) > 1 or starts_item(below):
        return False
    if gap(above, below) > usual + _PARAGRAPH_GAP or size_ratio(above, below) > HEADING_RATIO:
        return False
    indented = below.box.x0 - left > _INDENT * below.height
    return not (indented and above.box.x0 - left < 0.5 * _INDENT * above.height)
