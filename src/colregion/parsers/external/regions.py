"""Regions and pages of another tool, in our coordinates, and helpers that make them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from colregion.core.geometry import Box
from colregion.core.regions import KINDS, LEVELS, Word
from colregion.errors import InvalidBox, InvalidInput


@dataclass(frozen=True, slots=True)
class ExternalRegion:
    """A part of a page from another tool: an area, a block of it, or a line of that.

    Args:
        box: fractions of the page as displayed. It is clipped to the page; a region off the page
            is left out.
        text: "" takes the text of its parts, or of the words in it.
        kind: one of `colregion.core.regions.KINDS`.
        parts: the finer regions in it, in reading order; at most two levels of them.
        words: of a region without parts, in reading order, where the tool gives them; else the
            page's words within its box are used.

    Raises:
        InvalidInput: an unknown kind, words beside parts, or more than three levels.
    """

    box: Box
    text: str = ""
    kind: str = "text"
    parts: tuple[ExternalRegion, ...] = ()
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
        """Number of levels: 1 for a region without parts."""
        return 1 + max((part.depth for part in self.parts), default=0)

    def leaves(self) -> Iterator[ExternalRegion]:
        """The regions without parts, in reading order."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.leaves()


@dataclass(frozen=True, slots=True)
class ExternalPage:
    """A page from another tool.

    Args:
        regions: the page's areas, in reading order.
        size_wh: the tool's page width and height in any one unit, to check that it is the same
            page; None if unknown.
        degrees_clockwise: the turn that makes the text upright; None if unknown.
        words: in no region. If there are no regions, the layout is computed from these words.
    """

    regions: tuple[ExternalRegion, ...] = ()
    size_wh: tuple[float, float] | None = None
    degrees_clockwise: float | None = None
    words: tuple[Word, ...] = ()

    @property
    def has_words(self) -> bool:
        """Whether the tool gives the page's words."""
        return bool(self.words) or any(leaf.words for one in self.regions for leaf in one.leaves())


def box_around(points: Iterable[tuple[float, float]], *, width: float, height: float) -> Box | None:
    """The box around points (x, y) on a page of this size, origin top-left, y down, in any one
    unit; None if it has no area, as some tools write for rules."""
    xs, ys = zip(*points, strict=True)
    try:
        return Box.from_pixels(
            (min(xs), min(ys), max(xs), max(ys)), width_px=width, height_px=height
        )
    except InvalidBox:
        return None


def storable(text: str) -> str:
    """Text with lone surrogates, which JSON can spell and UTF-8 cannot, replaced."""
    return text.encode("utf-8", "replace").decode()


def make_word(text: str, box: Box | None, confidence: float | None = None) -> Word | None:
    """A word with its confidence clamped to 0-1; None without text or a box on the page."""
    if box is None or not text.strip():
        return None
    try:
        on_page = box.clip()
    except InvalidBox:
        return None
    if confidence is not None:
        confidence = min(max(confidence, 0.0), 1.0)
    return Word(storable(text).strip(), on_page, confidence=confidence)


def region_of(
    parts: Iterable[ExternalRegion | None],
    *,
    kind: str = "text",
    text: str = "",
    box: Box | None = None,
) -> ExternalRegion | None:
    """A region around its parts (None is skipped) and its own box; None without either."""
    present = tuple(part for part in parts if part is not None)
    boxes = [part.box for part in present] + ([box] if box else [])
    return ExternalRegion(Box.enclosing(boxes), text, kind, present) if boxes else None


def line_of(
    words: Sequence[Word | None], *, kind: str = "text", box: Box | None = None
) -> ExternalRegion | None:
    """A line of words (None is skipped) around them and its own box; None without words."""
    present = tuple(word for word in words if word is not None)
    if not present:
        return None
    boxes = [word.box for word in present] + ([box] if box else [])
    return ExternalRegion(Box.enclosing(boxes), "", kind, words=present)


def rows_of(cells: Iterable[tuple[float, float, ExternalRegion]]) -> list[ExternalRegion]:
    """Cells (row, column, region) in any order to rows from the top, cells from the left."""
    rows: dict[float, list[ExternalRegion]] = {}
    for row, _, cell in sorted(cells, key=lambda each: each[:2]):
        rows.setdefault(row, []).append(cell)
    return [region for own in rows.values() if (region := region_of(own, kind="row"))]
