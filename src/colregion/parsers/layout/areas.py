"""Lines of a page and the boxes of a layout model to areas: groups of lines with a kind.

Everything is upright and in square units (see `lines`). The model is trusted with what only a
picture shows (figures, tables, titles), the geometry with everything else: what the model missed,
and forms and receipts, which it takes for one figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median

import numpy as np

from colregion.core.geometry import Box, box_areas, boxes_to_array, pairwise_overlap
from colregion.parsers.layout.groups import (
    LOOSE,
    MOST_ROWS,
    is_list,
    is_regular,
    is_running_text,
    is_table,
    line_groups,
)
from colregion.parsers.layout.lines import Line, Row, find_rows
from colregion.parsers.layout.model import ModelBox

FRAMED = ("figure", "table")
"""Kinds whose box is the model's: there is more in it than words."""

SAME_BOX = 0.6
"""Two model boxes of a higher IoU are one."""

INSIDE = 0.5
"""A line lies in a box that holds this share of it."""

MANY_ROWS = 10
"""A figure or table with more rows than this that covers much of the page and holds most of its
words is a form, a receipt or a page of text, unless it is painted or its cells stand in
columns."""

SHEET = 0.35
"""How much of the page "much" is."""

WHOLE = 0.9
"""What covers more than this share of the page is the page and not a figure on it."""

PAINTED = 0.09
"""A figure of which this share is filled is a chart or a picture (forms stay below it)."""

BESIDE = 1.0
"""Cells within this many text heights beside a table's box were cut off by it; the next column
of a page stands further off."""

SAME_SIZE = 1.2
"""Lines of one text differ by no more than this factor."""

MOSTLY = 0.8
"""A box lies in another that holds this share of it."""


@dataclass(frozen=True, eq=False)
class Area:
    """Lines that belong together.

    Args:
        kind: one of `records.KINDS`.
        lines: from the top.
        frame: the model's box of a figure or table; None for areas that are their lines.
        captions: lines of the captions of a figure or table, one list a caption.
    """

    kind: str
    lines: tuple[Line, ...]
    frame: Box | None = None
    captions: tuple[tuple[Line, ...], ...] = ()

    @property
    def all_lines(self) -> list[Line]:
        """The lines and those of the captions."""
        return [*self.lines, *(line for caption in self.captions for line in caption)]

    @cached_property
    def box(self) -> Box:
        """Around frame, lines and captions."""
        frame = [] if self.frame is None else [self.frame]
        return Box.enclosing([*frame, *(line.box for line in self.all_lines)])


def find_areas(lines: Sequence[Line], found: Sequence[ModelBox], *, page_area: float) -> list[Area]:
    """Areas in no order; every line in exactly one.

    Args:
        lines: of the page.
        found: the model's boxes, square units; [] leaves everything to the geometry.
        page_area: square units.
    """
    found = settle(found, lines, page_area=page_area)
    owner = smallest_containers([line.box for line in lines], [item.box for item in found])
    inside: list[list[Line]] = [[] for _ in found]
    outside: list[Line] = []
    for line, at in zip(lines, owner, strict=True):
        (outside if at < 0 else inside[at]).append(line)
    areas = [
        Area(item.kind, tuple(own), item.box if item.kind in FRAMED else None)
        for item, own in zip(found, inside, strict=True)
        if own or item.kind in FRAMED
    ]
    areas, outside = _dissolve_cells(areas, outside)
    areas, outside = _absorb(areas, outside)
    areas = [part for area in areas for part in _without_intruders(area, areas)]
    areas += [Area(_kind_of(rows), _flat(rows)) for rows in line_groups(outside)]
    return areas


def _flat(rows: Sequence[Row]) -> tuple[Line, ...]:
    return tuple(line for row in rows for line in row.lines)


def _kind_of(rows: Sequence[Row]) -> str:
    if is_table(rows):
        return "table"
    return "list" if is_list(rows) else "text"


def settle(found: Sequence[ModelBox], lines: Sequence[Line], *, page_area: float) -> list[ModelBox]:
    """The model's boxes without doubles, without figures and tables that are really a page of
    text, and without what lies in the others."""
    kept: list[ModelBox] = []
    for item in sorted(found, key=lambda item: (-item.score, item.box)):
        if all(item.box.iou(other.box) < SAME_BOX for other in kept):
            kept.append(item)
    framed = [
        checked
        for item in kept
        if item.kind in FRAMED and (checked := _check_frame(item, lines, page_area))
    ]
    # A frame around a surer one is the page that the surer one stands on.
    framed = [
        item
        for item in framed
        if not any(_inside(o.box, item.box) and o.score > item.score for o in framed)
    ]
    framed = [item for item in framed if not _inside_another(item, framed)]
    return framed + [item for item in kept if item.kind not in FRAMED and _stands(item, framed)]


def _stands(item: ModelBox, framed: Sequence[ModelBox]) -> bool:
    """Whether a text box is kept beside the frames: not inside one, unless it is the caption,
    nor around one."""
    if any(_inside(frame.box, item.box) for frame in framed):
        return False
    return item.kind == "caption" or not _inside_another(item, framed)


def _inside_another(item: ModelBox, others: Sequence[ModelBox]) -> bool:
    return any(_inside(item.box, other.box) for other in others)


def _inside(small: Box, large: Box) -> bool:
    return small.area < large.area and small.share_inside(large) >= MOSTLY


def _check_frame(item: ModelBox, lines: Sequence[Line], page_area: float) -> ModelBox | None:
    """A figure or table as it is to be taken; None for what is really a page of text."""
    own = [line for line in lines if line.box.share_inside(item.box) >= INSIDE]
    rows = find_rows(own)
    if rows and is_table(rows):
        return replace(item, kind="table")
    if item.kind == "table" and rows and is_regular(rows):
        return item
    words = sum(len(line.words) for line in lines)
    share = item.box.area / page_area
    painted = item.painted >= PAINTED and share < WHOLE
    if (
        len(rows) > MANY_ROWS
        and share >= SHEET
        and sum(len(line.words) for line in own) >= 0.5 * words
        and not painted
    ):
        return None
    return item


def smallest_containers(boxes: Sequence[Box], containers: Sequence[Box]) -> list[int]:
    """For each box the position of the smallest container that holds half of it; -1 for none."""
    if not boxes or not containers:
        return [-1] * len(boxes)
    inner, outer = boxes_to_array(boxes), boxes_to_array(containers)
    share = pairwise_overlap(inner, outer) / box_areas(inner)[:, None]
    area = np.where(share >= INSIDE, box_areas(outer)[None, :], np.inf)
    owners: list[int] = np.where(np.isfinite(area).any(axis=1), area.argmin(axis=1), -1).tolist()
    return owners


def _dissolve_cells(areas: list[Area], outside: list[Line]) -> tuple[list[Area], list[Line]]:
    """Free the lines of texts that are a column of a table which the model boxed without it."""
    tables = [area for area in areas if area.kind == "table"]
    kept, freed = [], list(outside)
    for area in areas:
        if area.kind in ("text", "title") and any(
            all(_belongs(table, line) for line in area.lines) for table in tables
        ):
            freed += area.lines
        else:
            kept.append(area)
    return kept, freed


def _absorb(areas: list[Area], outside: list[Line]) -> tuple[list[Area], list[Line]]:
    """Give areas the lines that the model's boxes cut off: above and below a text, beside a
    table."""
    left, grown = list(outside), list(areas)
    moved = True
    while moved:
        moved = False
        for line in list(left):
            homes = [i for i, area in enumerate(grown) if _belongs(area, line)]
            if len(homes) == 1:
                area = grown[homes[0]]
                lines = sorted((*area.lines, line), key=lambda each: (each.box.y0, each.box.x0))
                grown[homes[0]] = replace(area, lines=tuple(lines))
                left.remove(line)
                moved = True
    return grown, left


def _belongs(area: Area, line: Line) -> bool:
    if not area.lines or area.kind not in ("text", "title", "table"):
        return False
    box = area.box
    above_or_below = max(line.box.y0 - box.y1, box.y0 - line.box.y1)
    beside = max(line.box.x0 - box.x1, box.x0 - line.box.x1)
    if area.kind == "table":
        # Cells of the first or last column: level with the table, right beside it.
        return above_or_below < -0.5 * line.height and beside < BESIDE * line.height
    height = median(each.height for each in area.lines)
    return (
        -1 < above_or_below / height < LOOSE
        and -beside >= INSIDE * line.box.width
        and max(height, line.height) <= SAME_SIZE * min(height, line.height)
    )


def _without_intruders(area: Area, areas: Sequence[Area]) -> list[Area]:
    """Part a text area where another one, such as a heading, stands between its lines; and one
    that is no running text but a long form."""
    if area.kind != "text" or not area.lines:
        return [area]
    marks = sorted(
        (other.box.y0 + other.box.y1) / 2
        for other in areas
        if other is not area and other.lines and other.box.share_inside(area.box) > INSIDE
    )
    runs: dict[int, list[Line]] = {}
    for line in area.lines:
        middle = (line.box.y0 + line.box.y1) / 2
        runs.setdefault(sum(mark < middle for mark in marks), []).append(line)
    parts = []
    for run in runs.values():
        rows = find_rows(run)
        long_form = len(rows) > 2 * MOST_ROWS and not is_running_text(rows) and not is_list(rows)
        groups = line_groups(run) if long_form else [rows]
        parts += [Area("list" if is_list(group) else "text", _flat(group)) for group in groups]
    return parts
