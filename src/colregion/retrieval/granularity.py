"""How finely a page is returned: an area whole or in blocks, a form's line alone or with its value.

Pure functions on a page's region tree; positions are those of `ParsedPage.regions`, R of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from colregion.core.geometry import Box, FloatArray
from colregion.core.regions import LEVELS, ParsedPage, Region
from colregion.core.text import terms

# An area is returned in parts when one of them has at least this share of its evidence; else the
# evidence is spread over the area. The same goes for the lines of a block.
CONCENTRATION = 0.97
# The words of a figure mean little apart; but what fills more than a sixth of the page is seldom
# one figure.
_LARGEST_FIGURE = 0.15
_WHOLE_KINDS = frozenset(("figure", "table", "equation", "title", "caption"))

# Running text is set in lines of one width; the lines of forms and receipts end where they like.
_FULL_LINE = 0.75  # of the widest line of the block
_MOST_LINES = 0.6
_WORDS_A_LINE = 5
_WORDS_OF_RUNNING_LINE = 8

# A label is followed by its value: beside it within half a page, else under it within one and a
# half of its own heights.
_LABEL_SHARE = 0.5  # of its terms that stand in the question
_SAME_ROW = 0.4  # of the lower of the two heights
_BESIDE = 0.5
_CAPTION_DISTANCE = 0.03
_BELOW = 1.5


def chosen_levels(
    parsed: ParsedPage, evidence: FloatArray, *, concentration: float = CONCENTRATION
) -> NDArray[np.bool_]:
    """(R,) which regions stand for their area: itself, or its blocks when one of several has at
    least the share `concentration` (0-1) of its evidence. A figure stands whole, unless it fills
    more than 15 % of the page."""
    chosen = parsed.parents < 0
    held = evidence.tolist()
    for area in np.flatnonzero(chosen).tolist():
        region, blocks = parsed.regions[area], parsed.parts[area]
        if region.kind == "figure" and region.box.area <= _LARGEST_FIGURE:
            continue
        if len(blocks) > 1 and max(held[i] for i in blocks) >= concentration * held[area]:
            chosen[area] = False
            chosen[blocks] = True
    return chosen


def loose_lines(parsed: ParsedPage, position: int) -> Sequence[int]:
    """The lines of a region that may be returned one by one, in reading order; a region that is
    not divided is its own one line. () for running text, for an area of several blocks, and for
    what means little apart: figures, tables, equations, titles and captions.
    """
    if parsed.regions[position].kind in _WHOLE_KINDS:
        return ()
    parts = parsed.parts[position]
    if not parts:
        return (position,)
    if len(parsed.regions[parts[0]].path) < len(LEVELS):
        return ()
    return () if is_running_text([parsed.regions[line] for line in parts]) else parts


def is_running_text(lines: Sequence[Region]) -> bool:
    """Whether most lines but the last fill the block's width with words; a single line does when
    it has more than eight words."""
    words = [len(line.text.split()) for line in lines]
    if len(lines) < 2:
        return sum(words) > _WORDS_OF_RUNNING_LINE
    widths = [line.box.width for line in lines]
    ordered = sorted(words)
    median = (ordered[(len(words) - 1) // 2] + ordered[len(words) // 2]) / 2
    if median < _WORDS_A_LINE:
        return False
    widest = max(widths)
    full = sum(width > _FULL_LINE * widest for width in widths[:-1])
    return full >= _MOST_LINES * (len(lines) - 1)


def is_label(region: Region, question_terms: frozenset[str]) -> bool:
    """Whether at least half of the region's terms stand in the question, which then is likely to
    ask for what follows it."""
    found = terms(region.text)
    return bool(found) and sum(term in question_terms for term in found) >= _LABEL_SHARE * len(
        found
    )


def value_of(parsed: ParsedPage, label: int, among: Sequence[int]) -> int | None:
    """The region that holds a label's value: the nearest of `among` to its right in the same row,
    else the nearest under it; None where neither place is taken. A value that begins a block
    which is no row is that whole block."""
    at = parsed.regions[label].box
    found: list[tuple[int, float, int]] = []
    for position in among:
        box = parsed.regions[position].box
        if position != label and (place := _place(at, box)) is not None:
            found.append((*place, position))
    if not found:
        return None
    value = min(found)[2]
    block = int(parsed.parents[value])
    whole = (
        block >= 0
        and block != parsed.parents[label]
        and block != label
        and parsed.regions[block].level == "block"
        and parsed.regions[block].kind != "row"
        and parsed.regions[block].path + (1,) == parsed.regions[value].path
    )
    return block if whole else value


def caption_of(parsed: ParsedPage, position: int) -> int | None:
    """The caption or title of a figure or table: the nearest one under or over it, no farther
    than 3 % of the page's height and under at least half of the narrower one's width; None where
    there is none, or the region is neither."""
    region = parsed.regions[position]
    if region.kind not in ("figure", "table"):
        return None
    at = region.box
    found: list[tuple[float, int]] = []
    for other, candidate in enumerate(parsed.regions):
        box = candidate.box
        distance = max(box.y0 - at.y1, at.y0 - box.y1)
        shared = min(at.x1, box.x1) - max(at.x0, box.x0)
        near = -0.005 <= distance <= _CAPTION_DISTANCE
        if (
            candidate.kind in ("caption", "title")
            and near
            and shared > min(at.width, box.width) / 2
        ):
            found.append((distance, other))
    return min(found)[1] if found else None


def _place(label: Box, other: Box) -> tuple[int, float] | None:
    """0 and the distance for what stands beside the label, 1 and the distance for under it."""
    shared_height = min(label.y1, other.y1) - max(label.y0, other.y0)
    beside = other.x0 - label.x1
    if shared_height > _SAME_ROW * min(label.height, other.height) and -0.01 <= beside < _BESIDE:
        return 0, beside
    below = other.y0 - label.y1
    shared_width = min(label.x1, other.x1) - max(label.x0, other.x0)
    if shared_width > 0 and -0.5 * label.height <= below < _BELOW * label.height:
        return 1, below
    return None
