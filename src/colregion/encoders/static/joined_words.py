"""Terms that stand in several words of a page: broken at the end of a line, or numbers whose
thousands are parted by spaces."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from colregion.core.geometry import Box
from colregion.core.regions import ParsedPage
from colregion.core.text import (
    HYPHENS,
    SOFT_HYPHENS,
    SPACED_NUMBER,
    fold,
    join_broken,
    terms,
)

_AFTER_HYPHEN = re.compile(rf"(?<=[{HYPHENS}]) (?=[^\W\d_])")
_BETWEEN_DIGITS = re.compile(r"(?<=\d) (?=\d)")
_SAME_LINE = 0.5  # overlap across the line, as a share of the smaller extent
# Between two groups of a number, in heights of the digits. Columns of a table are further apart.
_WIDEST_SPACE = 0.7
_SAME_COLUMN = 0.5  # overlap of two lines, as a share of the shorter
_RUNNING_TEXT = frozenset(("text", "list", "title", "caption"))
_MAY_BE_ROWS = frozenset(("text", "list", "row"))


class JoinedTerm(NamedTuple):
    """A term that words `first` to `last` of a page, both included, make together.

    Args:
        is_number: whether it is on one line.
        replaces_parts: whether its parts are no words themselves.
    """

    text: str
    first: int
    last: int
    is_number: bool = False
    replaces_parts: bool = False


def joined_terms(page: ParsedPage) -> Iterator[JoinedTerm]:
    """The broken words of a page, then its numbers; none for most pages without hyphens.

    A word is broken if the next word in reading order begins another line of the same region, or
    the next leaf of the region tree: in running text anywhere, else right below it.
    """
    words = [word.text for word in page.words]
    text = " ".join(words)
    starts = list(accumulate((len(word) + 1 for word in words[:-1]), initial=0))

    def ends_before(space: re.Match[str]) -> int | None:
        """The word that ends at the space; None for a space inside a word."""
        word = bisect_right(starts, space.start()) - 1
        is_end = word + 1 < len(words) and starts[word + 1] == space.end()
        return word if is_end else None

    for space in _AFTER_HYPHEN.finditer(text):
        i = ends_before(space)
        if i is not None and (whole := _whole_word(page, i)):
            yield JoinedTerm(whole, i, i + 1, replaces_parts=words[i][-1] in SOFT_HYPHENS)
    parted = list(text.replace(" ", "\n"))
    for space in _BETWEEN_DIGITS.finditer(text):
        i = ends_before(space)
        if i is not None and _side_by_side(page, i):
            parted[space.start()] = " "
    for number in SPACED_NUMBER.finditer("".join(parted)):
        first, last = (bisect_right(starts, at) - 1 for at in (number.start(), number.end() - 1))
        if first < last:
            yield JoinedTerm(fold(number[0].replace(" ", "")), first, last, is_number=True)


def _whole_word(page: ParsedPage, i: int) -> str:
    """The term that words i and i + 1 make; "" if they are two words."""
    before, after = page.words[i], page.words[i + 1]
    if not join_broken(before.text, after.text):
        return ""
    ends, begins = terms(before.text), terms(after.text)
    is_broken = before.box == after.box or (  # words whose places in their region are unknown
        not _on_one_line(before.box, after.box, page) and _follow(page, before.box, after.box)
    )
    return ends[-1] + begins[0] if is_broken and ends and begins else ""


def _on_one_line(a: Box, b: Box, page: ParsedPage) -> bool:
    if _is_level(a, page) or _is_level(b, page):
        shared, extent = min(a.y1, b.y1) - max(a.y0, b.y0), min(a.height, b.height)
    else:
        shared, extent = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.width, b.width)
    return shared > _SAME_LINE * extent


def _is_level(box: Box, page: ParsedPage) -> bool:
    """Whether a word is wider than high."""
    return box.width * page.page.width >= box.height * page.page.height


def _follow(page: ParsedPage, before: Box, after: Box) -> bool:
    """Whether the leaves that contain two boxes are one, or follow each other in running text or
    in one column of a table."""
    a, b = (_leaf_at(page, box) for box in (before, after))
    if a == b:
        return True
    if a < 0 or b != a + 1:
        return False
    one, other = (page.regions[page.leaves[leaf]] for leaf in (a, b))
    if one.kind == other.kind and one.kind in _RUNNING_TEXT:
        return True
    # A line beside which something else stands is a row.
    shared = min(one.box.x1, other.box.x1) - max(one.box.x0, other.box.x0)
    is_below = shared > _SAME_COLUMN * min(one.box.width, other.box.width)
    is_below &= -before.height < after.y0 - before.y1 < before.height
    return is_below and {one.kind, other.kind} <= _MAY_BE_ROWS


def _leaf_at(page: ParsedPage, box: Box) -> int:
    """The position in `leaves` of the smallest that contains the box's center; -1 for none."""
    if not page.leaves:
        return -1
    x, y = box.center
    x0, y0, x1, y1 = page.region_boxes[page.leaves].T
    areas = np.where((x0 <= x) & (x <= x1) & (y0 <= y) & (y <= y1), (x1 - x0) * (y1 - y0), np.inf)
    return int(areas.argmin()) if np.isfinite(areas).any() else -1


def _side_by_side(page: ParsedPage, i: int) -> bool:
    """Whether only a space parts words i and i + 1 on their line."""
    a, b = page.words[i].box, page.words[i + 1].box
    leftward = _is_level(b, page) and b.x0 < a.x0 and not page.page.upright
    if leftward or not _on_one_line(a, b, page):
        return False
    width, height = page.page.width, page.page.height
    apart = max(
        (max(a.x0, b.x0) - min(a.x1, b.x1)) * width, (max(a.y0, b.y0) - min(a.y1, b.y1)) * height
    )
    size = max(min(box.width * width, box.height * height) for box in (a, b))
    return apart <= _WIDEST_SPACE * size
