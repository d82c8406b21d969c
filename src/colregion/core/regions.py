"""What stands on a page: words, and the tree of regions.

Shape letter: R regions.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from colregion.core.documents import Page
from colregion.core.geometry import Box, FloatArray, boxes_to_array
from colregion.errors import InvalidInput, NotIndexed

LEVELS = ("area", "block", "line")
"""Names of the depths of the region tree, coarse to fine: a layout area (paragraph group, table,
figure), the blocks in it (paragraphs, rows), the lines or cells in those."""

KINDS = (
    "text",
    "title",
    "list",
    "table",
    "row",
    "figure",
    "caption",
    "equation",
    "header",
    "footer",
    "page",
    "patch",
)
"""What a region can be. "row" is a row of a table or form, "page" a whole page, "patch" a region
without words that was made from a model's own relevance."""

HIDDEN_TEXT_REASONS = ("faint", "invisible", "tiny")
"""Why a reader of the page would not see a text: nothing stands out where it is said to be, it is
drawn without ink, or it is too small to be read."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word where it stands on the page.

    Args:
        confidence: the recogniser's, 0-1; None for text that was not recognised.
        line, block: which line and block of the page the source put the word in, counted
            over the page; None where the source does not say.
        visible: false for text drawn without ink that nothing on the page confirms.
        hidden_text: one of `HIDDEN_TEXT_REASONS` where a reader of the page would not see the
            word, else "".
    """

    text: str
    box: Box
    confidence: float | None = None
    line: int | None = None
    block: int | None = None
    visible: bool = True
    hidden_text: str = ""

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise InvalidInput("a word needs text")
        _check_hidden_text((self.hidden_text,) if self.hidden_text else ())
        _check_unit(self.confidence, name="confidence")


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a page that can be returned: a node of the page's tree, or several merged.

    Args:
        page_id: the page it lies on.
        path: its place in the tree, 1-based positions in reading order: (2,) is the page's
            second area, (2, 4) a block of it, (2, 4, 1) a line of that; () the whole page.
            Paths compare in reading order.
        box: around the region, within the page.
        text: lines joined by "\\n"; "" for a figure without words.
        kind: one of `KINDS`.
        ocr_confidence: mean over its words, 0-1; None where nothing was recognised.
        parts: the boxes of the merged regions, in reading order; () for a single one.
        hidden_text: the `HIDDEN_TEXT_REASONS` of its words; () where a reader sees all of them.
    """

    page_id: str
    path: tuple[int, ...]
    box: Box
    text: str
    kind: str = "text"
    ocr_confidence: float | None = None
    parts: tuple[Box, ...] = ()
    hidden_text: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidInput(f"kind must be one of {KINDS}, got {self.kind!r}")
        if len(self.path) > len(LEVELS) or any(position < 1 for position in self.path):
            raise InvalidInput(
                f"a path has at most {len(LEVELS)} positions from 1 up, got {self.path}"
            )
        box = self.box
        if min(box.xyxy) < -1e-9 or max(box.xyxy) > 1 + 1e-9:
            raise InvalidInput(f"a region must lie on the page; clip its box {box.xyxy}")
        if len(self.parts) == 1:
            raise InvalidInput("a merged region has two parts or more, got 1")
        _check_unit(self.ocr_confidence, name="ocr_confidence")
        _check_hidden_text(self.hidden_text)

    @property
    def id(self) -> str:
        """`doc#p3#2.4.1`; a merged region has its first region's id and `+n` for the others."""
        path = "#" + ".".join(map(str, self.path)) if self.path else ""
        return f"{self.page_id}{path}" + (f"+{len(self.parts) - 1}" if self.parts else "")

    @property
    def level(self) -> str:
        """ "area", "block" or "line"; "page" for the whole page."""
        return LEVELS[len(self.path) - 1] if self.path else "page"

    @property
    def boxes(self) -> tuple[Box, ...]:
        """The boxes that it is made of: its parts, or its one box."""
        return self.parts or (self.box,)

    @property
    def hidden_text_warning(self) -> str:
        """What whoever reads the text has to know: "holds text that a reader of the page would
        not see: faint"; "" where there is nothing to know."""
        if not self.hidden_text:
            return ""
        return f"holds text that a reader of the page would not see: {', '.join(self.hidden_text)}"


def mean_confidence(confidences: Iterable[float | None]) -> float | None:
    """The mean of those that are known, 0-1; None where none is."""
    known = [one for one in confidences if one is not None]
    return sum(known) / len(known) if known else None


def _check_hidden_text(reasons: tuple[str, ...]) -> None:
    if not set(reasons) <= set(HIDDEN_TEXT_REASONS):
        raise InvalidInput(f"hidden_text must be some of {HIDDEN_TEXT_REASONS}, got {reasons}")


def _check_unit(value: float | None, *, name: str) -> None:
    if value is not None and not 0 <= value <= 1:
        raise InvalidInput(f"{name} must lie in 0..1, got {value}")


@dataclass(frozen=True, eq=False)
class ParsedPage:
    """A page with its words and its region tree, both in reading order.

    A region's parent is the one whose path is its own without the last position; every parent
    stands before its children. Words and regions may be empty.
    """

    page: Page
    words: tuple[Word, ...]
    regions: tuple[Region, ...]

    def __post_init__(self) -> None:
        seen: set[tuple[int, ...]] = {()}
        previous: tuple[int, ...] = ()
        for region in self.regions:
            if region.page_id != self.page.id:
                raise InvalidInput(f"region {region.id} is not of page {self.page.id}")
            if region.path <= previous or region.path[:-1] not in seen:
                raise InvalidInput(
                    f"regions must be in reading order, parents first; {region.path} "
                    f"cannot follow {previous}"
                )
            seen.add(region.path)
            previous = region.path

    @property
    def id(self) -> str:
        """The page's id."""
        return self.page.id

    @property
    def text(self) -> str:
        """The page's text in reading order, areas parted by a blank line."""
        return "\n\n".join(r.text for r in self.regions if len(r.path) == 1 and r.text)

    @cached_property
    def region_boxes(self) -> FloatArray:
        """(R, 4) boxes of the regions, fractions."""
        return boxes_to_array(region.box for region in self.regions)

    @cached_property
    def parents(self) -> NDArray[np.int64]:
        """(R,) position of each region's parent in `regions`; -1 for an area."""
        at = {region.path: i for i, region in enumerate(self.regions)}
        return np.array([at.get(region.path[:-1], -1) for region in self.regions], dtype=np.int64)

    @cached_property
    def parts(self) -> list[list[int]]:
        """R lists: the positions of the regions that each is divided into, in reading order."""
        parts: list[list[int]] = [[] for _ in self.parents]
        for position, parent in enumerate(self.parents.tolist()):
            if parent >= 0:
                parts[parent].append(position)
        return parts

    @cached_property
    def leaves(self) -> list[int]:
        """Positions of the regions that are not divided, in reading order."""
        return [position for position, parts in enumerate(self.parts) if not parts]

    def at_level(self, level: str) -> list[Region]:
        """The regions of one of `LEVELS` in reading order, and the coarser ones that are not
        divided that far: together the whole page, nothing twice.

        Raises:
            InvalidInput: `level` is not one of `LEVELS`.
        """
        if level not in LEVELS:
            raise InvalidInput(f"level must be one of {', '.join(LEVELS)}, got {level!r}")
        depth = LEVELS.index(level) + 1
        return [
            region
            for region, parts in zip(self.regions, self.parts, strict=True)
            if len(region.path) == depth or (len(region.path) < depth and not parts)
        ]

    def whole(self) -> Region:
        """The page as one region."""
        return Region(
            page_id=self.id,
            path=(),
            box=Box(0.0, 0.0, 1.0, 1.0),
            text=self.text,
            kind="page",
            ocr_confidence=mean_confidence(word.confidence for word in self.words),
            hidden_text=tuple(sorted({reason for r in self.regions for reason in r.hidden_text})),
        )

    def unloaded(self) -> ParsedPage:
        """A copy that loads the page's image for itself, for an index that shares its pages
        between searches and must not keep their images."""
        copied = copy(self)  # with all that has been computed
        object.__setattr__(copied, "page", replace(self.page))
        return copied

    def ancestor(self, region: Region, level: str) -> Region:
        """The region of `level` that holds `region`; itself if it is of that level or coarser.

        Raises:
            InvalidInput: `level` is neither "page" nor one of `LEVELS`.
        """
        if level == "page":
            return self.whole()
        if level not in LEVELS:
            raise InvalidInput(f"level must be 'page' or one of {LEVELS}, got {level!r}")
        depth = LEVELS.index(level) + 1
        if len(region.path) <= depth and not (len(region.path) == depth and region.parts):
            return region
        for candidate in self.regions:
            if candidate.path == region.path[:depth]:
                return candidate
        raise NotIndexed(f"page {self.id} has no region {region.path[:depth]}")
