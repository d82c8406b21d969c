"""Regions that another tool found to a page's region tree."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from colregion.core.documents import Page
from colregion.core.geometry import Box, Upright, box_areas, boxes_to_array, pairwise_overlap
from colregion.core.regions import LEVELS, ParsedPage, Region, Word, mean_confidence
from colregion.errors import InvalidBox, UnreadableDocument
from colregion.parsers.external.found import GivenPage, GivenRegion, storable
from colregion.parsers.layout import Layout
from colregion.parsers.layout.areas import Area
from colregion.parsers.layout.blocks import blocks_of
from colregion.parsers.layout.lines import Line, find_lines, find_rows
from colregion.parsers.layout.page_frame import Frame
from colregion.parsers.layout.region_tree import with_margin
from colregion.parsers.text_layer.hidden_text import suspicions

_INSIDE = 0.5  # a word is of the region that holds this share of it
_SAME_SHAPE = 0.02  # how far width over height of two pictures of one page may be apart
_LEAST_TURN = 1.0  # degrees; tools measure the slant of straight text to fractions of one


def build_given(page: Page, given: GivenPage, words: Sequence[Word]) -> ParsedPage:
    """The page with the regions given, and below them the lines of the words that stand in them.

    A region has the text that the tool gives, else that of its parts. Its box is the tool's,
    widened to its parts'. Where the tool gives no words, `words` are put into the finest region
    that holds them, and their lines become its parts; words in no region come last. A region with
    text and no word keeps its text as words that each have its whole box: that they stand
    somewhere in it is all that is known.

    Args:
        words: of the page, where the tool gives none.

    Raises:
        UnreadableDocument: the tool saw a page of another shape.
    """
    page = _turned(page, given)
    turn = _quarters_to_display(page, given)
    if given.words and not given.regions:
        return Layout("geometry").build(page, [_displayed_word(word, turn) for word in given.words])
    areas = list(_on_page(given.regions, turn))
    frame = Frame.of(page)
    leaves = [leaf for area in areas for leaf in area.leaves()]
    held, loose = _share_out(words, leaves)
    loose += [_displayed_word(word, turn) for word in given.words]
    nodes = _nodes(areas, iter(held), frame, depth=1)
    regions = [region for i, node in enumerate(nodes, 1) for region in _regions(page, node, (i,))]
    read = [word for node in nodes for word in node.all_words()]
    return ParsedPage(page, (*read, *loose), tuple(regions))


def _turned(page: Page, given: GivenPage) -> Page:
    if given.degrees_clockwise is None:
        return page
    degrees = given.degrees_clockwise % 360.0
    if min(degrees, 360.0 - degrees) < _LEAST_TURN:
        return replace(page, upright=None)
    return replace(page, upright=Upright(degrees, page.width, page.height))


def _quarters_to_display(page: Page, given: GivenPage) -> int:
    """By how many quarter turns clockwise the tool's page becomes the page as displayed: 0, or
    the file's own rotation where the tool did not apply it."""
    if given.size_wh is None:
        return 0
    width, height = given.size_wh
    shape = math.log(page.width / page.height)
    if abs(math.log(width / height) - shape) <= _SAME_SHAPE:
        return 0
    if page.rotation in (90, 270) and abs(math.log(height / width) - shape) <= _SAME_SHAPE:
        return page.rotation // 90
    raise UnreadableDocument(
        f"page {page.id} is {page.width:g} x {page.height:g} {page.unit}, but its regions are of a "
        f"page of {width:g} x {height:g}: they are of another file, or of another crop of it. "
        "Give the regions that were made from this file"
    )


def _displayed(box: Box, quarters: int) -> Box:
    for _ in range(quarters):
        box = Box(1 - box.y1, box.x0, 1 - box.y0, box.x1)
    return box


def _displayed_word(word: Word, quarters: int) -> Word:
    return replace(word, box=_displayed(word.box, quarters)) if quarters else word


def _on_page(regions: Sequence[GivenRegion], quarters: int) -> Iterator[GivenRegion]:
    """The regions as displayed and cut to the page, without those off it."""
    for region in regions:
        try:
            box = _displayed(region.box, quarters).clip()
        except InvalidBox:
            continue
        yield replace(
            region,
            box=box,
            text=storable(region.text).strip(),
            parts=tuple(_on_page(region.parts, quarters)),
            words=tuple(_displayed_word(word, quarters) for word in region.words),
        )


def _share_out(
    words: Sequence[Word], leaves: Sequence[GivenRegion]
) -> tuple[list[tuple[Word, ...]], list[Word]]:
    """The words of each leaf, its own or those that stand in it, and the words in none.

    A word stands in the smallest region that holds half of it.
    """
    if not words or not leaves:
        return [leaf.words for leaf in leaves], list(words)
    word_boxes = boxes_to_array(word.box for word in words)
    leaf_boxes = boxes_to_array(leaf.box for leaf in leaves)
    share = pairwise_overlap(word_boxes, leaf_boxes) / box_areas(word_boxes)[:, None]
    size = np.where(share >= _INSIDE, box_areas(leaf_boxes)[None, :], np.inf)
    owner = np.where(np.isfinite(size).any(axis=1), size.argmin(axis=1), -1).tolist()
    held: list[list[Word]] = [list(leaf.words) for leaf in leaves]
    loose: list[Word] = []
    for word, at in zip(words, owner, strict=True):
        (held[at] if at >= 0 and word.visible else loose).append(word)
    return [tuple(own) for own in held], loose


@dataclass(frozen=True, slots=True)
class _Node:
    """A region to be, with those below it and, without any, its words."""

    box: Box
    text: str
    kind: str
    parts: tuple[_Node, ...] = ()
    words: tuple[Word, ...] = ()

    def all_words(self) -> Iterator[Word]:
        yield from self.words
        for part in self.parts:
            yield from part.all_words()


def _nodes(
    regions: Sequence[GivenRegion], held: Iterator[tuple[Word, ...]], frame: Frame, *, depth: int
) -> list[_Node]:
    """Args: held: the words of each leaf, in the order of the leaves."""
    nodes = []
    for region in regions:
        if region.parts:
            parts = _nodes(region.parts, held, frame, depth=depth + 1)
            nodes.append(_around(region, parts))
        else:
            nodes.append(_leaf(region, next(held), frame, depth=depth))
    return nodes


def _leaf(region: GivenRegion, words: tuple[Word, ...], frame: Frame, *, depth: int) -> _Node:
    if not words:
        spread = tuple(Word(text, region.box) for text in region.text.split())
        return _Node(region.box, region.text, region.kind, words=spread)
    if depth == len(LEVELS):
        box = Box.enclosing([region.box, *(word.box for word in words)])
        return _Node(box, region.text or _joined(words), region.kind, words=words)
    squares = frame.square(boxes_to_array(word.box for word in words))
    lines = find_lines([word.text for word in words], squares)
    if depth == 1:
        area = Area(region.kind, tuple(lines))
        parts = [_block(block.kind, block.lines, words, frame) for block in blocks_of(area)]
    else:
        rows = find_rows(lines)
        parts = [_line(region.kind, line, words, frame) for row in rows for line in row.lines]
    return _around(region, parts)


def _around(region: GivenRegion, parts: Sequence[_Node]) -> _Node:
    box = Box.enclosing([region.box, *(part.box for part in parts)])
    text = region.text or "\n".join(part.text for part in parts if part.text)
    return _Node(box, text, region.kind, tuple(parts))


def _block(kind: str, lines: Sequence[Line], words: Sequence[Word], frame: Frame) -> _Node:
    parts = tuple(_line(kind, line, words, frame) for line in lines)
    text = "\n".join(part.text for part in parts)
    return _Node(Box.enclosing(part.box for part in parts), text, kind, parts)


def _line(kind: str, line: Line, words: Sequence[Word], frame: Frame) -> _Node:
    own = tuple(words[i] for i in line.words)
    return _Node(frame.on_page(with_margin(line)), line.text, kind, words=own)


def _joined(words: Sequence[Word]) -> str:
    return " ".join(word.text for word in words)


def _regions(page: Page, node: _Node, path: tuple[int, ...]) -> Iterator[Region]:
    """The node and all below it, parents first."""
    yield Region(
        page_id=page.id,
        path=path,
        box=node.box,
        text=node.text,
        kind=node.kind,
        ocr_confidence=mean_confidence(word.confidence for word in node.all_words()),
        hidden_text=suspicions(node.all_words()),
    )
    for number, part in enumerate(node.parts, start=1):
        yield from _regions(page, part, (*path, number))
