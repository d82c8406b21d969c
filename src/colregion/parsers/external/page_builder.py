"""A page's region tree from another tool's regions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from colregion.core.documents import Page
from colregion.core.geometry import Box, Upright, boxes_to_array
from colregion.core.regions import LEVELS, ParsedPage, Word
from colregion.errors import InvalidBox, UnreadableDocument
from colregion.parsers.external.check_marks import SELECTED, UNSELECTED, insert_marks, is_glyph
from colregion.parsers.external.regions import ExternalPage, ExternalRegion
from colregion.parsers.external.shapes import storable
from colregion.parsers.layout import Layout
from colregion.parsers.layout.areas import Area, smallest_containers
from colregion.parsers.layout.lines import find_lines, find_rows, lines_of
from colregion.parsers.layout.page_frame import Frame
from colregion.parsers.layout.region_tree import block_regions, line_regions, parsed_page

_ASPECT_TOLERANCE = 0.02  # of two images of one page, as the log of width over height
_MIN_TURN = 1.0  # degrees; tools measure the skew of straight text to fractions of one

# What a region's text has of its check boxes, where words are made of it.
_MARK_PIECES = frozenset((SELECTED, *UNSELECTED.split()))

_Words: TypeAlias = tuple[Word, ...]


def build_page(page: Page, external: ExternalPage, words: Sequence[Word]) -> ParsedPage:
    """Return the page with the tool's regions and, below them, the lines of the words in them.

    A region has the tool's text, else that of its parts; its box is the tool's, widened to its
    parts. Where the tool gives no words, `words` are assigned to the smallest region that
    contains them and their lines become its parts; words in no region come last. A region with
    text but no word keeps its text as words that each have the region's whole box.

    Raises:
        UnreadableDocument: the tool's page has another shape.
    """
    page = _with_upright(page, external)
    turns = _quarter_turns(page, external)
    own_words = [_turn_word(word, turns) for word in external.words]
    if own_words and not external.regions:
        return Layout("geometry").build(page, own_words)
    areas = list(_on_page(external.regions, turns))
    leaves = [leaf for area in areas for leaf in area.leaves()]
    leaf_words, loose = _assign(words, leaves)
    by_leaf, frame = iter(leaf_words), Frame.of(page)
    trees = [_with_lines(area, by_leaf, frame) for area in areas]
    return parsed_page(page, trees, [*loose, *own_words])


def _with_upright(page: Page, external: ExternalPage) -> Page:
    if external.degrees_clockwise is None:
        return page
    degrees = external.degrees_clockwise % 360.0
    is_straight = min(degrees, 360.0 - degrees) < _MIN_TURN
    return replace(page, upright=None if is_straight else Upright(degrees, page.width, page.height))


def _quarter_turns(page: Page, external: ExternalPage) -> int:
    """Clockwise quarter turns from the tool's page to the page as displayed: 0, or the file's
    own rotation if the tool did not apply it."""
    if external.size_wh is None:
        return 0
    width, height = external.size_wh
    aspect = math.log(page.width / page.height)
    if abs(math.log(width / height) - aspect) <= _ASPECT_TOLERANCE:
        return 0
    if page.rotation in (90, 270) and abs(math.log(height / width) - aspect) <= _ASPECT_TOLERANCE:
        return page.rotation // 90
    raise UnreadableDocument(
        f"page {page.id} is {page.width:g} x {page.height:g} {page.unit}, but its regions are of a "
        f"page of {width:g} x {height:g}: they belong to another file, or to another crop of it. "
        "Give the regions that were made from this file"
    )


def _turn(box: Box, quarters: int) -> Box:
    for _ in range(quarters):
        box = Box(1 - box.y1, box.x0, 1 - box.y0, box.x1)
    return box


def _turn_word(word: Word, quarters: int) -> Word:
    return replace(word, box=_turn(word.box, quarters)) if quarters else word


def _on_page(regions: Sequence[ExternalRegion], quarters: int) -> Iterator[ExternalRegion]:
    """The regions as displayed and clipped to the page, without those off it."""
    for region in regions:
        try:
            box = _turn(region.box, quarters).clip()
        except InvalidBox:
            continue
        yield replace(
            region,
            box=box,
            text=storable(region.text).strip(),
            parts=tuple(_on_page(region.parts, quarters)),
            words=tuple(_turn_word(word, quarters) for word in region.words),
            marks=tuple(_turn_word(mark, quarters) for mark in region.marks),
        )


def _assign(
    words: Sequence[Word], leaves: Sequence[ExternalRegion]
) -> tuple[list[_Words], list[Word]]:
    """The words of each leaf, its own or those in its box, and the words in none.

    A word belongs to the smallest region that contains half of it.
    """
    owners = smallest_containers([word.box for word in words], [leaf.box for leaf in leaves])
    assigned = [list(leaf.words) for leaf in leaves]
    loose: list[Word] = []
    for word, owner in zip(words, owners, strict=True):
        if owner >= 0 and leaves[owner].marks and is_glyph(word.text):
            continue
        (assigned[owner] if owner >= 0 and word.visible else loose).append(word)
    return [tuple(own) for own in assigned], loose


def _with_lines(
    region: ExternalRegion, leaf_words: Iterator[_Words], frame: Frame, *, depth: int = 1
) -> ExternalRegion:
    """The region with the lines of its words below it.

    Args:
        leaf_words: the words of each leaf, in the order of the leaves.
        depth: of the region, 1 for an area.
    """
    if region.marks:
        plain = _with_lines(replace(region, marks=()), leaf_words, frame, depth=depth)
        return _marked(plain, region.marks)
    if region.parts:
        parts = [_with_lines(part, leaf_words, frame, depth=depth + 1) for part in region.parts]
        return _around(region, parts)
    words = next(leaf_words)
    if not words:
        spread = tuple(Word(text, region.box) for text in region.text.split())
        return replace(region, words=spread)
    if depth == len(LEVELS):
        box = Box.enclosing([region.box, *(word.box for word in words)])
        text = region.text or " ".join(word.text for word in words)
        return replace(region, box=box, text=text, words=words)
    squares = frame.square(boxes_to_array(word.box for word in words))
    lines = find_lines([word.text for word in words], squares)
    if depth == 1:
        return _around(region, block_regions(Area(region.kind, tuple(lines)), words, frame))
    return _around(region, line_regions(region.kind, lines_of(find_rows(lines)), words, frame))


def _marked(region: ExternalRegion, marks: Sequence[Word]) -> ExternalRegion:
    """The region with its check boxes: one before its first line, several among its words."""
    text = region.text
    if len(marks) == 1:
        text = f"{marks[0].text} {text}".strip() if text or not region.parts else ""
    if not region.parts:
        words = [word for word in region.words if word.text not in _MARK_PIECES]
        words = [*marks, *words] if len(marks) == 1 else insert_marks(words, marks)
        return replace(region, text=text, words=tuple(words))
    first, *others = region.parts
    return replace(region, text=text, parts=(_marked(first, marks), *others))


def _around(region: ExternalRegion, parts: Sequence[ExternalRegion]) -> ExternalRegion:
    box = Box.enclosing([region.box, *(part.box for part in parts)])
    return replace(region, box=box, parts=tuple(parts), words=())
