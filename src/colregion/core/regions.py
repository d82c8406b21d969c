"""The words of a page, and the tree of its R regions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from colregion.core.documents import Page
from colregion.core.geometry import Box, FloatArray, boxes_to_array
from colregion.core.repr import one_line_repr
from colregion.errors import InvalidInput, NotIndexed

LEVELS = ("area", "block", "line")
"""Names of the depths of the region tree, coarse to fine: a layout area (paragraph group, table,
figure), the blocks in it (paragraphs, rows), the lines or cells in those."""

KINDS = tuple("text title list table row figure caption equation header footer page patch".split())
"""What a region can be. "row" is a row of a table or form, "page" a whole page, "patch" a region
without words that was made from a model's own relevance."""

HIDDEN_TEXT_REASONS = ("faint", "invisible", "tiny")
"""Why a reader of the page would not see a text: nothing is visible at its box, it is drawn without
ink, or it is too small to be read."""


@one_line_repr("text", "box.xyxy", "confidence")
@dataclass(frozen=True, slots=True)
class Word:
    """A word and its place on the page.

    Args:
        confidence: the recogniser's, 0-1; None for text that was not recognised.
        line, block: the source's own line and block of the word, counted over the page; None
            where it does not say.
        visible: false for text drawn without ink that nothing on the page confirms.
        hidden_text: why a reader of the page would not see it (`HIDDEN_TEXT_REASONS`), or "".
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
class Cell:
    """The place of a cell in its table.

    Args:
        row, column: 0-based, of its upper left corner; rows are counted over the whole table.
        row_span, column_span: how many rows and columns it covers, from 1.
        header: whether it names its column or its row.
    """

    row: int
    column: int
    row_span: int = 1
    column_span: int = 1
    header: bool = False

    def __post_init__(self) -> None:
        if min(self.row, self.column) < 0 or min(self.row_span, self.column_span) < 1:
            raise InvalidInput(f"rows and columns count from 0, spans from 1, got {self}")


@one_line_repr("id", "kind", "box.xyxy", "text")
@dataclass(frozen=True, slots=True)
class Region:
    """A part of a page that can be returned: a node of the page's tree, or several merged.

    Args:
        path: its place in the tree, 1-based positions in reading order: (2,) is the page's
            second area, (2, 4) a block of it, (2, 4, 1) a line of that; () the whole page.
            Paths compare in reading order.
        box: around the region, within the page.
        text: lines joined by "\\n"; "" for a figure without words.
        kind: one of `KINDS`.
        ocr_confidence: mean over its words, 0-1; None where nothing was recognised.
        parts: the boxes of the merged regions, in reading order; () for a single one.
        hidden_text: the `HIDDEN_TEXT_REASONS` of its words; () where a reader sees all of them.
        cell: the place of a cell in its table; None for other regions.
        continues: whether it continues the region before it of its kind, from which a column or a
            page break separates it.
        continued_on: page number and box of each piece of its text that stands on later pages;
            `text` includes them.
        unread: whether it, or a part of it, was seen on the image and has not been read; `text`
            is that of the other parts.
    """

    page_id: str
    path: tuple[int, ...]
    box: Box
    text: str
    kind: str = "text"
    ocr_confidence: float | None = None
    parts: tuple[Box, ...] = ()
    hidden_text: tuple[str, ...] = ()
    cell: Cell | None = None
    continues: bool = False
    continued_on: tuple[tuple[int, Box], ...] = ()
    unread: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidInput(f"kind must be one of {KINDS}, got {self.kind!r}")
        if len(self.path) > len(LEVELS) or min(self.path, default=1) < 1:
            raise InvalidInput(f"a path is 0 to {len(LEVELS)} positions from 1, got {self.path}")
        xyxy = self.box.xyxy
        if min(xyxy) < -1e-9 or max(xyxy) > 1 + 1e-9:
            raise InvalidInput(f"a region must lie on the page; clip its box {xyxy}")
        if len(self.parts) == 1:
            raise InvalidInput("a merged region has two parts or more, got 1")
        _check_unit(self.ocr_confidence, name="ocr_confidence")
        if self.hidden_text:
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
        """Its parts, or its one box."""
        return self.parts or (self.box,)

    @property
    def hidden_text_warning(self) -> str:
        """A sentence that names the reasons of `hidden_text`; "" without any."""
        reasons = ", ".join(self.hidden_text)
        return reasons and f"holds text that a reader of the page would not see: {reasons}"


def mean_confidence(confidences: Iterable[float | None]) -> float | None:
    """The mean of those that are not None, 0-1; None without any."""
    known = [one for one in confidences if one is not None]
    return sum(known) / len(known) if known else None


def _check_hidden_text(reasons: tuple[str, ...]) -> None:
    if not set(reasons) <= set(HIDDEN_TEXT_REASONS):
        raise InvalidInput(f"hidden_text must be some of {HIDDEN_TEXT_REASONS}, got {reasons}")


def _depth(level: str, *, levels: tuple[str, ...]) -> int:
    if level not in levels:
        raise InvalidInput(f"level must be one of {', '.join(levels)}, got {level!r}")
    return levels.index(level)


def _check_unit(value: float | None, *, name: str) -> None:
    if value is not None and not 0 <= value <= 1:
        raise InvalidInput(f"{name} must lie in 0..1, got {value}")


def _name_columns(cells: Sequence[Cell], *, below_header: bool) -> bool:
    lone = len(cells) == 1 and cells[0].column == 0
    is_head = lone and (below_header or cells[0].column_span == 1)
    return not is_head and all(cell.header for cell in cells)


@one_line_repr("id", "text")
@dataclass(frozen=True, eq=False)
class ParsedPage:
    """A page with its words and its region tree, both in reading order and possibly empty.

    A region's path is its parent's and one position more; parents come before their children. An
    unread leaf has no text, and a region is unread if one of its parts is.
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
                order = f"{region.path} cannot follow {previous}"
                raise InvalidInput(f"regions must be in reading order, parents first; {order}")
            seen.add(region.path)
            previous = region.path
        if any(region.unread for region in self.regions):
            self._check_unread()

    def _check_unread(self) -> None:
        for region, parts in zip(self.regions, self.parts, strict=True):
            if parts and region.unread != any(self.regions[part].unread for part in parts):
                raise InvalidInput(f"region {region.id} must be unread as one of its parts is")
            if not parts and region.unread and region.text:
                raise InvalidInput(f"region {region.id} is unread and has text {region.text!r}")

    @property
    def id(self) -> str:
        return self.page.id

    @property
    def text(self) -> str:
        """The areas' texts in reading order, separated by blank lines."""
        return "\n\n".join(r.text for r in self.regions if len(r.path) == 1 and r.text)

    @cached_property
    def region_boxes(self) -> FloatArray:
        """(R, 4) boxes of the regions, fractions."""
        return boxes_to_array(region.box for region in self.regions)

    @cached_property
    def region_kinds(self) -> NDArray[np.str_]:
        """(R,) the regions' kinds."""
        return np.array([region.kind for region in self.regions], dtype=str)

    @cached_property
    def positions(self) -> dict[tuple[int, ...], int]:
        """Path -> position in `regions`."""
        return {region.path: i for i, region in enumerate(self.regions)}

    @cached_property
    def parents(self) -> NDArray[np.int64]:
        """(R,) position of each region's parent in `regions`; -1 for an area."""
        at = self.positions
        return np.array([at.get(region.path[:-1], -1) for region in self.regions], dtype=np.int64)

    @cached_property
    def parts(self) -> list[list[int]]:
        """R lists: the positions of each region's children, in reading order."""
        parts: list[list[int]] = [[] for _ in self.parents]
        for position, parent in enumerate(self.parents.tolist()):
            if parent >= 0:
                parts[parent].append(position)
        return parts

    @cached_property
    def is_header(self) -> NDArray[np.bool_]:
        """(R,) whether a region is a row that names the columns of its table: one of those at its
        top that have header cells only. Below one of them, a lone cell that starts in the first
        column heads a section instead, as does one of that column only."""
        is_header = np.zeros(len(self.regions), dtype=bool)
        for region, rows in zip(self.regions, self.parts, strict=True):
            above = False
            for row in rows if region.kind == "table" else ():
                cells = self.cells_of(row)
                if cells:
                    if not _name_columns(cells, below_header=above):
                        break
                    is_header[row] = above = True
        return is_header

    @cached_property
    def table_headers(self) -> dict[int, str]:
        """Position of each table -> the names of its columns, one header row per line; "" without.

        A table that continues one of an earlier page without repeating its header has the header's
        lines at the start of its own text, and no regions for them.
        """
        headers = {}
        for table, region in enumerate(self.regions):
            if region.kind == "table":
                rows = self.parts[table]
                names = [self.regions[row].text for row in rows if self.is_header[row]]
                if not names and region.continues:
                    own = "\n".join(self.regions[row].text for row in rows)
                    names = [region.text.removesuffix(own).rstrip("\n")]
                headers[table] = "\n".join(names)
        return headers

    @cached_property
    def is_unread(self) -> NDArray[np.bool_]:
        """(R,) whether a region, or a part of it, was seen on the image and has not been read."""
        return np.array([region.unread for region in self.regions], dtype=bool)

    @property
    def unread_leaves(self) -> list[int]:
        """Positions of the leaves that are unread, in reading order."""
        return [leaf for leaf in self.leaves if self.is_unread[leaf]]

    @property
    def unread_share(self) -> float:
        """The share of the leaves that are unread, 0-1; 0 for a page without regions."""
        return float(self.is_unread[self.leaves].mean()) if self.is_unread.any() else 0.0

    def cells_of(self, position: int) -> list[Cell]:
        """The cells of a row; [] for a region without any."""
        cells = (self.regions[part].cell for part in self.parts[position])
        return [cell for cell in cells if cell is not None]

    @cached_property
    def leaves(self) -> list[int]:
        """Positions of the regions without children, in reading order."""
        return [position for position, parts in enumerate(self.parts) if not parts]

    def at_level(self, level: str) -> list[Region]:
        """The regions of one of `LEVELS` in reading order, and the coarser ones that are not
        divided that far: together the whole page, nothing twice. Raises InvalidInput for a level
        that is none of these."""
        depth = _depth(level, levels=LEVELS) + 1
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
            unread=bool(self.is_unread.any()),
        )

    def unloaded(self) -> ParsedPage:
        """A copy that loads the page's image separately, for an index that shares its pages between
        searches and must not cache their images."""
        copied = copy(self)  # with all that has been computed
        object.__setattr__(copied, "page", replace(self.page))
        return copied

    def ancestor(self, region: Region, level: str) -> Region:
        """The region of `level` that contains `region`; itself if it is of that level or coarser.
        Raises InvalidInput for an unknown level, NotIndexed when the page has no such region."""
        depth = _depth(level, levels=("page", *LEVELS))
        if depth == 0:
            return self.whole()
        if len(region.path) <= depth and not (len(region.path) == depth and region.parts):
            return region
        if (position := self.positions.get(region.path[:depth])) is None:
            raise NotIndexed(f"page {self.id} has no region {region.path[:depth]}")
        return self.regions[position]
