"""What another tool found on a page, once its coordinates are ours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from colregion.core.geometry import Box
from colregion.core.regions import KINDS, LEVELS, Word
from colregion.errors import InvalidBox, InvalidInput


@dataclass(frozen=True, slots=True)
class GivenRegion:
    """A part of a page as another tool found it: an area, a block of one, a line of that.

    Args:
        box: fractions of the page as displayed. What reaches over the page's edge is cut off
            later, and what lies off the page is left out.
        text: "" takes the text of its parts, or of the words in it.
        kind: one of `records.KINDS`.
        parts: the finer regions in it, in reading order; at most two levels of them.
        words: of a region without parts, in reading order, where the tool gives them; else the
            words that stand on the page within its box.

    Raises:
        InvalidInput: an unknown kind, words beside parts, or more than three levels.
    """

    box: Box
    text: str = ""
    kind: str = "text"
    parts: tuple[GivenRegion, ...] = ()
    words: tuple[Word, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidInput(f"kind must be one of {KINDS}, got {self.kind!r}")
        if self.parts and self.words:
            raise InvalidInput("words belong to the finest regions; this one has parts")
        if self.depth > len(LEVELS):
            raise InvalidInput(f"a region has at most {len(LEVELS)} levels, got {self.depth}")

    @property
    def depth(self) -> int:
        """How many levels: 1 for a region without parts."""
        return 1 + max((part.depth for part in self.parts), default=0)

    def leaves(self) -> Iterator[GivenRegion]:
        """The regions without parts, in reading order."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.leaves()


@dataclass(frozen=True, slots=True)
class GivenPage:
    """A page as another tool found it.

    Args:
        regions: the page's areas, in reading order.
        size_wh: width and height of the page as the tool saw it, in any one unit; None where it
            does not say. By it the tool's page is known to be this one.
        degrees_clockwise: the turn that makes the text stand upright; 0 where it does, None where
            the tool does not say.
        words: that stand in no region. Of a page without regions they are the page's, and the
            layout is found from them.
    """

    regions: tuple[GivenRegion, ...] = ()
    size_wh: tuple[float, float] | None = None
    degrees_clockwise: float | None = None
    words: tuple[Word, ...] = ()

    @property
    def has_words(self) -> bool:
        """Whether the tool gives the page's words."""
        return bool(self.words) or any(leaf.words for one in self.regions for leaf in one.leaves())


def box_around(points: Iterable[tuple[float, float]], *, width: float, height: float) -> Box | None:
    """Around points (x, y) of a page of this size, origin top-left, y down, in any one unit.

    None where they span no area: tools give such for rules and for what they squeeze out.
    """
    xs, ys = zip(*points, strict=True)
    try:
        return Box.from_pixels(
            (min(xs), min(ys), max(xs), max(ys)), width_px=width, height_px=height
        )
    except InvalidBox:
        return None


def storable(text: str) -> str:
    """Halves of surrogate pairs, which JSON can spell and UTF-8 cannot, replaced."""
    return text.encode("utf-8", "replace").decode()


def word_at(text: str, box: Box | None, confidence: float | None = None) -> Word | None:
    """The word where it has text and a place on the page, else None; the confidence is brought
    into 0-1."""
    if box is None or not text.strip():
        return None
    try:
        on_page = box.clip()
    except InvalidBox:
        return None
    sure = None if confidence is None else min(max(confidence, 0.0), 1.0)
    return Word(storable(text).strip(), on_page, confidence=sure)


def region_of(
    parts: Sequence[GivenRegion], *, kind: str = "text", text: str = "", box: Box | None = None
) -> GivenRegion | None:
    """A region around its parts and its own box; None without either."""
    boxes = [part.box for part in parts] + ([box] if box else [])
    if not boxes:
        return None
    return GivenRegion(Box.enclosing(boxes), text, kind, tuple(parts))


def line_of(
    words: Sequence[Word | None], *, kind: str = "text", box: Box | None = None
) -> GivenRegion | None:
    """A line of the words that are there, around them and its own box; None without either."""
    there = tuple(word for word in words if word is not None)
    boxes = [word.box for word in there] + ([box] if box else [])
    if not boxes:
        return None
    return GivenRegion(Box.enclosing(boxes), "", kind, words=there)
