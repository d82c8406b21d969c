"""Texts that a layout model's boxes cut in mid-sentence, joined again.

Distances are in text heights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

from colregion.parsers.layout.areas import Area
from colregion.parsers.layout.groups import gap, size_ratio, starts_item
from colregion.parsers.layout.lines import Row
from colregion.parsers.layout.paragraphs import ends_sentence, starts_lower

_SAME_SIZE = 1.2  # largest ratio of the type of two parts of one text
_LINE_GAP = 0.25  # by which the gap between two parts may exceed that of their lines
_SINGLE_LINE_GAP = 0.75  # between parts of one line each, whose gap between lines is unknown
_FULL = 0.9  # share of the width of both parts from which the last line of the first is full
# Text that runs around an image is narrow beside it and wide below: one box would cover the image.
_AROUND = 1.3  # ratio of the widths of two parts,
_AROUND_ROWS = 3  # if the narrow one has as many rows
_OVERLAP = 0.5  # of the narrower part's width, above the other


def join_cut_texts(areas: Sequence[Area]) -> list[Area]:
    """Join each text to the one right above it that ends in mid-sentence; others stay as they are.

    A part goes on where the one above ended without a point, and starts in lower case or after a
    line that fills the width. Headings, list items and rows of cells start something new.
    """
    joined = sorted(areas, key=lambda area: area.box.y0)
    at = 0
    while at < len(joined):
        upper = joined[at]
        lower = next((area for area in joined if area is not upper and _goes_on(upper, area)), None)
        if lower is None:
            at += 1
            continue
        joined.remove(lower)
        kind = "text" if "title" in (upper.kind, lower.kind) else upper.kind
        whole = replace(upper, kind=kind, lines=upper.lines + lower.lines)
        joined[joined.index(upper)] = whole
        at = joined.index(whole)
    return joined


def _goes_on(upper: Area, lower: Area) -> bool:
    kinds = {upper.kind, lower.kind}
    if kinds - {"text", "title", "list"} and kinds != {"caption"}:
        return False
    if not upper.lines or not lower.lines:
        return False
    box, other = upper.box, lower.box
    height = upper.lines[-1].height
    across = min(box.x1, other.x1) - max(box.x0, other.x0)
    if other.y0 - box.y1 > 2 * height or across < _OVERLAP * min(box.width, other.width):
        return False
    above, below = upper.rows, lower.rows
    last, first = above[-1], below[0]
    narrow = above if box.width < other.width else below
    is_around = max(box.width, other.width) > _AROUND * min(box.width, other.width)
    if is_around and len(narrow) >= _AROUND_ROWS:
        return False
    is_next = last.box.y1 - height < first.box.y0 and _is_line_gap(above, below)
    if not is_next or size_ratio(last, first) > _SAME_SIZE or starts_item(first):
        return False
    if len(last.lines) + len(first.lines) > 2 or ends_sentence(last):
        return False
    is_full = len(above) > 1 and last.box.width >= _FULL * max(box.width, other.width)
    return starts_lower(first) or (is_full and kinds <= {"text", "caption"})


def _is_line_gap(above: Sequence[Row], below: Sequence[Row]) -> bool:
    spaces = [gap(a, b) for rows in (above, below) for a, b in pairwise(rows)]
    usual = median(spaces) + _LINE_GAP if spaces else _SINGLE_LINE_GAP
    return gap(above[-1], below[0]) <= usual
