"""Labels of forms and receipts, and the values beside or under them."""

from __future__ import annotations

from colregion.core.geometry import Box
from colregion.core.regions import ParsedPage, Region
from colregion.core.text import terms

# A label's value is beside it within half a page, else under it within 1.5 of its own heights.
_LABEL_SHARE = 0.5  # of its terms, in the question
_SAME_ROW = 0.4  # of the lower of the two heights
_BESIDE = 0.5
_BELOW = 1.5


def is_label(region: Region, question_terms: frozenset[str]) -> bool:
    """Whether at least half of the region's terms are in the question, which then is likely to ask
    for the value that follows."""
    own = terms(region.text)
    return bool(own) and sum(term in question_terms for term in own) >= _LABEL_SHARE * len(own)


def value_of(parsed: ParsedPage, label: int) -> int | None:
    """The position of a label's value: the nearest leaf to its right in the same row, else the
    nearest under it, else None. If that begins a block that is no row, the value is the block."""
    label_box = parsed.regions[label].box
    near = [
        (*place, position)
        for position in parsed.leaves
        if position != label
        and (place := _place(label_box, parsed.regions[position].box)) is not None
    ]
    if not near:
        return None
    value = min(near)[2]
    block = int(parsed.parents[value])
    if block < 0 or block in (label, int(parsed.parents[label])):
        return value
    region = parsed.regions[block]
    begins = region.path + (1,) == parsed.regions[value].path
    return block if begins and region.level == "block" and region.kind != "row" else value


def _place(label: Box, other: Box) -> tuple[int, float] | None:
    """(0, distance) for a box beside the label, (1, distance) for one under it."""
    shared_height = min(label.y1, other.y1) - max(label.y0, other.y0)
    beside = other.x0 - label.x1
    if shared_height > _SAME_ROW * min(label.height, other.height) and -0.01 <= beside < _BESIDE:
        return 0, beside
    below = other.y0 - label.y1
    shared_width = min(label.x1, other.x1) - max(label.x0, other.x0)
    if shared_width > 0 and -0.5 * label.height <= below < _BELOW * label.height:
        return 1, below
    return None
