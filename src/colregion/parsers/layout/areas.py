"""Areas of a page, groups of lines with a kind, from its lines and a layout model's boxes.

Everything is upright and in square units (see `lines`). The model decides what only the image
shows (figures, tables, titles), geometry everything else: what the model missed, and forms and
receipts, which it takes for one figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median

import numpy as np

from colregion.core.geometry import Box, box_areas, boxes_to_array, pairwise_overlap
from colregion.parsers.layout.groups import (
    LOOSE_GAP,
    MAX_ROWS,
    is_list,
    is_regular,
    is_running_text,
    is_table,
    line_groups,
)
from colregion.parsers.layout.lines import Line, Row, find_rows, lines_of
from colregion.parsers.layout.model import ModelBox
from colregion.parsers.layout.table_pieces import is_value

FRAMED = ("figure", "table")
"""Kinds that keep the model's box: they contain more than words."""

_SAME_BOX_IOU = 0.6  # model boxes of a higher IoU are duplicates
_INSIDE = 0.5  # share of a box inside another from which it belongs to it
_NESTED = 0.8  # share of a model box inside another from which it is part of that

# A figure or table of more rows that covers this share of the page and contains most of its words
# is a form, a receipt or a page of text, unless it is painted or its cells are in columns.
_MAX_FIGURE_ROWS = 10
_FIGURE_SHARE = 0.35
_PAGE_SHARE = 0.9  # what covers more is the page itself, not a figure
_PAINTED = 0.09  # filled share of a figure from which it is a chart or photo; forms have less

_LABEL_REACH = 40.0  # text heights from a table's box to a column of labels that it omits
_LEVEL, _LEVEL_ROWS = 0.3, 0.7  # by which a label is off its row, share of rows with a label
_CELL_REACH = 1.0  # text heights from a table's box to a cell that it cut off
_SAME_SIZE = 1.2  # largest ratio of line heights within one text


@dataclass(frozen=True, eq=False)
class Area:
    """Lines that belong together."""

    kind: str  # one of `colregion.core.regions.KINDS`
    lines: tuple[Line, ...]  # from the top
    frame: Box | None = None  # the model's box of a figure or table
    painted: bool = False  # a figure that is a chart or photo by what is drawn in its frame
    attached: tuple[Area, ...] = ()  # a figure's or table's title, question line, caption, note

    @property
    def all_lines(self) -> list[Line]:
        """The lines, including those of what is attached."""
        return [*self.lines, *(line for part in self.attached for line in part.lines)]

    @cached_property
    def rows(self) -> Sequence[Row]:
        """The rows of its own lines, from the top."""
        return find_rows(self.lines)

    @cached_property
    def box(self) -> Box:
        """Around frame, lines and what is attached."""
        frame = [] if self.frame is None else [self.frame]
        return Box.enclosing([*frame, *(line.box for line in self.all_lines)])


def find_areas(
    lines: Sequence[Line], model_boxes: Sequence[ModelBox], *, page_area: float
) -> list[Area]:
    """Areas in no particular order, with every line in exactly one; without model boxes by
    geometry only."""
    boxes = filter_boxes(model_boxes, lines, page_area=page_area)
    owner = smallest_containers([line.box for line in lines], [item.box for item in boxes])
    inside: list[list[Line]] = [[] for _ in boxes]
    outside: list[Line] = []
    for line, at in zip(lines, owner, strict=True):
        (outside if at < 0 else inside[at]).append(line)
    areas = [
        Area(
            item.kind,
            tuple(own),
            item.box if item.kind in FRAMED else None,
            painted=item.kind == "figure" and item.painted >= _PAINTED,
        )
        for item, own in zip(boxes, inside, strict=True)
        if own or item.kind in FRAMED
    ]
    areas, outside = _dissolve_cells(areas, outside)
    areas, outside = _absorb(areas, outside)
    areas = [part for area in areas for part in _split(area, areas)]
    for rows in line_groups(outside):
        areas.append(Area(_kind(rows), lines_of(rows)))
    return _with_labels(areas)


def _kind(rows: Sequence[Row]) -> str:
    return "table" if is_table(rows) else "list" if is_list(rows) else "text"


def filter_boxes(
    boxes: Sequence[ModelBox], lines: Sequence[Line], *, page_area: float
) -> list[ModelBox]:
    """The model's boxes without duplicates, nested boxes, and figures and tables that are really a
    page of text."""
    distinct: list[ModelBox] = []
    for item in sorted(boxes, key=lambda item: (-item.score, item.box)):
        if all(item.box.iou(other.box) < _SAME_BOX_IOU for other in distinct):
            distinct.append(item)
    framed = [
        checked
        for item in distinct
        if item.kind in FRAMED and (checked := _check_frame(item, lines, page_area))
    ]
    # A frame around one of a higher score is the page on which that one is.
    framed = [
        item
        for item in framed
        if not any(_inside(o.box, item.box) and o.score > item.score for o in framed)
    ]
    framed = [item for item in framed if not any(_inside(item.box, o.box) for o in framed)]
    # Texts are neither around a frame nor, except for captions, inside one.
    return framed + [
        item
        for item in distinct
        if item.kind not in FRAMED
        and not any(_inside(o.box, item.box) for o in framed)
        and (item.kind == "caption" or not any(_inside(item.box, o.box) for o in framed))
    ]


def _inside(small: Box, large: Box) -> bool:
    return small.area < large.area and small.share_inside(large) >= _NESTED


def _check_frame(item: ModelBox, lines: Sequence[Line], page_area: float) -> ModelBox | None:
    """A figure or table with its kind corrected; None for what is really a page of text."""
    own = [line for line in lines if line.box.share_inside(item.box) >= _INSIDE]
    rows = find_rows(own)
    if rows and is_table(rows):
        return replace(item, kind="table")
    if item.kind == "table" and rows and is_regular(rows):
        return item
    share = item.box.area / page_area
    is_painted = item.painted >= _PAINTED and share < _PAGE_SHARE
    is_large = len(rows) > _MAX_FIGURE_ROWS and share >= _FIGURE_SHARE
    all_words, own_words = (sum(len(line.words) for line in some) for some in (lines, own))
    return None if is_large and own_words >= 0.5 * all_words and not is_painted else item


def smallest_containers(boxes: Sequence[Box], containers: Sequence[Box]) -> list[int]:
    """For each box the position of the smallest container that holds half of it; -1 for none."""
    if not boxes or not containers:
        return [-1] * len(boxes)
    inner, outer = boxes_to_array(boxes), boxes_to_array(containers)
    share = pairwise_overlap(inner, outer) / box_areas(inner)[:, None]
    area = np.where(share >= _INSIDE, box_areas(outer)[None, :], np.inf)
    owners: list[int] = np.where(np.isfinite(area).any(axis=1), area.argmin(axis=1), -1).tolist()
    return owners


def _dissolve_cells(areas: list[Area], outside: list[Line]) -> tuple[list[Area], list[Line]]:
    """Free the lines of texts that are a column which the model's box of a table omits."""
    tables = [area for area in areas if area.kind == "table"]
    columns = [
        area
        for area in areas
        if area.kind in ("text", "title")
        and any(all(_belongs(table, line) for line in area.lines) for table in tables)
    ]
    freed = [line for area in columns for line in area.lines]
    return [area for area in areas if area not in columns], outside + freed


def _with_labels(areas: Sequence[Area]) -> list[Area]:
    """The areas with the labels of a table's rows in the table, where the model's box omits
    them."""
    labels = {
        label: table
        for table in areas
        if table.kind == "table" and table.lines
        for label in areas
        if label.kind in ("text", "title") and label.lines and _names_rows(label, table, areas)
    }
    grown = []
    for area in areas:
        own = [line for label, table in labels.items() if table is area for line in label.lines]
        if area not in labels:
            grown.append(_with_lines(area, own) if own else area)
    return grown


def _names_rows(labels: Area, table: Area, areas: Sequence[Area]) -> bool:
    """Whether a text left of a table that has no labels is at the height of its rows, with nothing
    in between."""
    box, frame = labels.box, table.box
    height = median(line.height for line in labels.lines)
    within = frame.y0 - height <= box.y0 and box.y1 <= frame.y1 + 2 * height
    if not within or not 0 <= frame.x0 - box.x1 < _LABEL_REACH * height:
        return False
    rows = [row for row in table.rows if box.y0 < row.box.center[1] < box.y1]
    valued = [row for row in rows if _starts_with_value(row.lines[0].text)]
    level = [row for row in valued if _is_level(row, labels.lines)]
    between = Box(box.x1, box.y0, max(frame.x0, box.x1 + height), box.y1)
    is_free = not any(o.box.overlap(between) for o in areas if o not in (labels, table))
    return len(level) >= max(2, _LEVEL_ROWS * len(rows)) and is_free


def _starts_with_value(text: str) -> bool:
    return is_value(text.split()[-1]) or not any(c.isalnum() for c in text)


def _is_level(row: Row, lines: Sequence[Line]) -> bool:
    middle = row.box.center[1]
    return any(abs(line.box.center[1] - middle) < _LEVEL * line.height for line in lines)


def _absorb(areas: list[Area], outside: list[Line]) -> tuple[list[Area], list[Line]]:
    """Add the lines that the model's boxes cut off to areas: above and below a text, beside a
    table."""
    remaining, grown, n_before = list(outside), list(areas), -1
    while len(remaining) != n_before:
        n_before = len(remaining)
        for line in list(remaining):
            owners = [i for i, area in enumerate(grown) if _belongs(area, line)]
            if len(owners) == 1:
                grown[owners[0]] = _with_lines(grown[owners[0]], [line])
                remaining.remove(line)
    return grown, remaining


def _with_lines(area: Area, lines: Sequence[Line]) -> Area:
    """The area with further lines, all from the top."""
    ordered = sorted((*area.lines, *lines), key=lambda line: (line.box.y0, line.box.x0))
    return replace(area, lines=tuple(ordered))


def _belongs(area: Area, line: Line) -> bool:
    if not area.lines or area.kind not in ("text", "title", "table"):
        return False
    box = area.box
    above_or_below = max(line.box.y0 - box.y1, box.y0 - line.box.y1)
    beside = max(line.box.x0 - box.x1, box.x0 - line.box.x1)
    if area.kind == "table":
        # Cells of the first or last column: at the height of the table, right beside it.
        return above_or_below < -0.5 * line.height and beside < _CELL_REACH * line.height
    height = median(each.height for each in area.lines)
    return (
        -1 < above_or_below / height < LOOSE_GAP
        and -beside >= _INSIDE * line.box.width
        and max(height, line.height) <= _SAME_SIZE * min(height, line.height)
    )


def _split(area: Area, areas: Sequence[Area]) -> list[Area]:
    """Split a text area where another one, such as a heading, is between its lines, and one that
    is a long form."""
    if area.kind != "text" or not area.lines:
        return [area]
    marks = sorted(
        other.box.center[1]
        for other in areas
        if other is not area and other.lines and other.box.share_inside(area.box) > _INSIDE
    )
    runs: dict[int, list[Line]] = {}
    for line in area.lines:
        runs.setdefault(sum(mark < line.box.center[1] for mark in marks), []).append(line)
    parts = []
    for run in runs.values():
        rows = find_rows(run)
        long_form = len(rows) > 2 * MAX_ROWS and not is_running_text(rows) and not is_list(rows)
        groups = line_groups(run) if long_form else [rows]
        parts += [Area(_kind(group), lines_of(group)) for group in groups]
    return parts
