"""Regions and pages of another tool, in our coordinates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from colregion.core.geometry import Box
from colregion.core.regions import KINDS, LEVELS, Cell, Word
from colregion.core.repr import one_line_repr
from colregion.errors import InvalidInput


@one_line_repr("kind", "box", "text", "parts")
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
        cell, continues: as of `Region`.
        marks: its check boxes: one stands before its text; of several its text has them already,
            and in its words they stand at their places.

    Raises:
        InvalidInput: an unknown kind, words beside parts, or more than three levels.
    """

    box: Box
    text: str = ""
    kind: str = "text"
    parts: tuple[ExternalRegion, ...] = ()
    words: tuple[Word, ...] = ()
    cell: Cell | None = None
    continues: bool = False
    marks: tuple[Word, ...] = ()

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


@one_line_repr("regions", "size_wh")
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
