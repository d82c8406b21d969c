"""The records that pass between the modules: frozen, and validated when they are made.

Shape letters: T query tokens, V page vectors, D dimension, R regions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colregion.core.geometry import (
    Box,
    BoxPlacement,
    Coverage,
    FloatArray,
    GridPlacement,
    Placement,
    Upright,
    boxes_to_array,
)
from colregion.errors import InvalidInput, NotIndexed, ShapeMismatch

MetadataValue: TypeAlias = str | int | float | bool | None
Metadata: TypeAlias = Mapping[str, MetadataValue]

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

SUSPECT = ("faint", "invisible", "tiny")
"""Why a reader of the page would not see a text: nothing stands out where it is said to be, it is
drawn without ink, or it is too small to be read."""

RESERVED_METADATA = frozenset(
    """region_id doc_id source page_number page_label x0 y0 x1 y1 page_width page_height page_unit
    rotation kind ocr_confidence confidence score boxes_json suspect""".split()
)
"""Keys of `Hit.to_metadata` that a user's own metadata must not use."""


def page_id(doc_id: str, number: int) -> str:
    """The id of a page: `acme-2024#p3`."""
    return f"{doc_id}#p{number}"


@dataclass(frozen=True, slots=True, eq=False)
class TextLayer:
    """The characters that a file itself carries for one page, in the file's order.

    Args:
        characters: one string a character, as the file maps it; spaces and line breaks included.
        boxes_xyxy: (N, 4) fractions of the page as displayed, y down; a character without a
            shape (a space that the reader inferred) has a box without area.
        visible: (N,) false where a character is drawn without ink (as under a scan's image).
        image_area: share of the page that pictures cover, 0-1; tells a scan from a set page.
    """

    characters: tuple[str, ...]
    boxes_xyxy: FloatArray
    visible: NDArray[np.bool_]
    image_area: float = 0.0

    def __post_init__(self) -> None:
        n = len(self.characters)
        if self.boxes_xyxy.shape != (n, 4) or self.visible.shape != (n,):
            raise ShapeMismatch(
                f"{n} characters need boxes ({n}, 4) and visible ({n},), "
                f"got {self.boxes_xyxy.shape} and {self.visible.shape}"
            )


class ImageLoader(Protocol):
    """Gives a page's picture as displayed, RGB. Picklable."""

    def __call__(self, *, dpi: int | None = None) -> Image.Image:
        """Args: dpi: resolution wanted; None for the source's usual one. A source that is itself
        a picture gives the pixels it has, whatever is asked."""


class TextLoader(Protocol):
    """Gives a page's own characters. Picklable."""

    def __call__(self) -> TextLayer: ...


@dataclass(frozen=True, eq=False)
class Page:
    """One page as a viewer shows it: /Rotate, the crop box and EXIF orientation are applied.

    Args:
        doc_id, number: which page; numbers are 1-based.
        width, height: size as displayed, in `unit` ("pt" for PDF, "px" for pictures).
        load_image: gives the picture; called on first use of `image`.
        load_text: gives the file's own characters; None for a source that has none.
        label: the page's printed number where the file names it ("iv", "A-3").
        rotation: the quarter turn (0, 90, 180, 270) that the file asked for and that is applied.
        upright: how the displayed page has to be turned for its text to stand upright.
        missing: what of the page could not be read, and why; "" for a page that was read whole.
    """

    doc_id: str
    number: int
    width: float
    height: float
    unit: str
    load_image: ImageLoader
    load_text: TextLoader | None = None
    label: str | None = None
    rotation: int = 0
    upright: Upright | None = None
    missing: str = ""

    def __post_init__(self) -> None:
        if not self.doc_id:
            raise InvalidInput("doc_id must not be empty")
        if self.number < 1:
            raise InvalidInput(f"page numbers are 1-based, got {self.number}")
        if self.unit not in ("pt", "px"):
            raise InvalidInput(f"unit must be 'pt' or 'px', got {self.unit!r}")
        if not (0 < self.width < math.inf and 0 < self.height < math.inf):
            raise InvalidInput(f"a page needs a size, got {self.width} x {self.height}")

    @property
    def id(self) -> str:
        """`doc#p3`."""
        return page_id(self.doc_id, self.number)

    @cached_property
    def image(self) -> Image.Image:
        """The page's picture as displayed, RGB, loaded on first use and kept."""
        return self.load_image()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "image"}


@dataclass(frozen=True, eq=False)
class Document:
    """A source of pages.

    Args:
        id: names the document in the index.
        source: where it came from, for people: a path, or what the caller called it.
        content_hash: changes when the content does.
        open_pages: gives the pages from the first, one at a time.
        metadata: the user's own keys.
        open_page: gives one page by its number; None for a source that is read from the first
            page on only.
    """

    id: str
    source: str
    content_hash: str
    open_pages: Callable[[], Iterator[Page]]
    page_count: int
    metadata: Metadata = field(default_factory=dict)
    open_page: Callable[[int], Page] | None = None

    def __post_init__(self) -> None:
        if not self.id:
            raise InvalidInput("a document id must not be empty")
        check_metadata(self.metadata)

    def pages(self) -> Iterator[Page]:
        """The pages in order, each read when it is asked for."""
        return self.open_pages()

    def alone(self, number: int) -> Document:
        """The document with this page only, under its own number."""

        def open_alone() -> Iterator[Page]:
            if self.open_page is not None:
                yield self.open_page(number)
            else:
                yield from (page for page in self.pages() if page.number == number)

        return replace(self, open_pages=open_alone, page_count=1)


def check_metadata(metadata: Metadata) -> None:
    """Raises InvalidInput unless the keys are free and the values flat and JSON-safe."""
    clash = sorted(RESERVED_METADATA & set(metadata))
    if clash:
        raise InvalidInput(f"metadata keys {clash} are colregion's own; choose other names")
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str | int | float | bool | None):
            raise InvalidInput(
                "metadata must map strings to str, int, float, bool or None, "
                f"got {key!r}: {value!r}"
            )
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidInput(f"metadata values must be finite, got {key!r}: {value!r}")


@dataclass(frozen=True, slots=True)
class Word:
    """A word where it stands on the page.

    Args:
        confidence: the recogniser's, 0-1; None for text that was not recognised.
        line, block: which line and block of the page the source put the word in, counted
            over the page; None where the source does not say.
        visible: false for text drawn without ink that nothing on the page confirms.
        suspect: one of `SUSPECT` where a reader of the page would not see the word, else "".
    """

    text: str
    box: Box
    confidence: float | None = None
    line: int | None = None
    block: int | None = None
    visible: bool = True
    suspect: str = ""

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise InvalidInput("a word needs text")
        _check_suspect((self.suspect,) if self.suspect else ())
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
        suspect: which of `SUSPECT` some of its words are; () where a reader sees all of them.
    """

    page_id: str
    path: tuple[int, ...]
    box: Box
    text: str
    kind: str = "text"
    ocr_confidence: float | None = None
    parts: tuple[Box, ...] = ()
    suspect: tuple[str, ...] = ()

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
        _check_suspect(self.suspect)

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
    def caution(self) -> str:
        """What whoever reads the text has to know: "holds text that a reader of the page would
        not see: faint"; "" where there is nothing to know."""
        if not self.suspect:
            return ""
        return f"holds text that a reader of the page would not see: {', '.join(self.suspect)}"


def mean_confidence(confidences: Iterable[float | None]) -> float | None:
    """The mean of those that are known, 0-1; None where none is."""
    known = [one for one in confidences if one is not None]
    return sum(known) / len(known) if known else None


def _check_suspect(reasons: tuple[str, ...]) -> None:
    if not set(reasons) <= set(SUSPECT):
        raise InvalidInput(f"suspect must be some of {SUSPECT}, got {reasons}")


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
        parts: list[list[int]] = [[] for _ in self.regions]
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
            suspect=tuple(sorted({reason for r in self.regions for reason in r.suspect})),
        )

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


@dataclass(frozen=True, slots=True, eq=False)
class PageEmbedding:
    """A page's vectors and where each looks.

    Args:
        vectors: (V, D) float; V may be 0. Similarity is the dot product.
        placement: of the same V.
    """

    vectors: FloatArray
    placement: Placement

    def __post_init__(self) -> None:
        _check_vectors(self.vectors, rows="V")
        if len(self.placement) != len(self.vectors):
            raise ShapeMismatch(
                f"placement must place the {len(self.vectors)} vectors, "
                f"got places for {len(self.placement)}"
            )
        if not isinstance(self.placement, GridPlacement | BoxPlacement):
            raise InvalidInput(
                f"placement must be a GridPlacement or BoxPlacement, got {type(self.placement)}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class QueryEmbedding:
    """A question's token vectors.

    Args:
        vectors: (T, D) float.
        tokens: T strings, for labels and for document frequencies.
        content: (T,) true for the tokens of the question itself; prefix, template and
            augmentation tokens count for the page score but not for the map.
        weights: (T,) float >= 0, what each token's similarity counts; ones by default.
    """

    vectors: FloatArray
    tokens: tuple[str, ...]
    content: NDArray[np.bool_]
    weights: FloatArray

    def __post_init__(self) -> None:
        _check_vectors(self.vectors, rows="T")
        t = len(self.vectors)
        shapes = (len(self.tokens), self.content.shape, self.weights.shape)
        if shapes != (t, (t,), (t,)):
            raise ShapeMismatch(
                f"{t} vectors need {t} tokens, content ({t},) and weights ({t},), got {shapes}"
            )
        if not np.isfinite(self.weights).all() or (self.weights < 0).any():
            raise InvalidInput(f"weights must be finite and >= 0, got {self.weights}")


def _check_vectors(vectors: FloatArray, *, rows: str) -> None:
    if vectors.ndim != 2 or vectors.dtype.kind != "f":
        raise ShapeMismatch(
            f"vectors must be float ({rows}, D), got {vectors.dtype} {vectors.shape}"
        )
    if not np.isfinite(vectors).all():
        raise InvalidInput("vectors must be finite; an encoder must mask its padding rows")


@dataclass(frozen=True, eq=False)
class EmbeddedPage:
    """What an index holds of a page."""

    parsed: ParsedPage
    embedding: PageEmbedding

    @property
    def id(self) -> str:
        """The page's id."""
        return self.parsed.id

    @cached_property
    def region_cover(self) -> Coverage:
        """How much of each region each vector's place covers."""
        return self.embedding.placement.coverage(self.parsed.region_boxes)


@dataclass(frozen=True, slots=True)
class DocumentEntry:
    """What an index says of a document.

    Args:
        content_hash, settings: of what the entry was made; the same of both means unchanged.
        page_count: pages held; an index fills it in.
    """

    id: str
    source: str
    content_hash: str
    settings: str
    metadata: Metadata = field(default_factory=dict)
    page_count: int = 0


@dataclass(frozen=True, slots=True)
class PageScore:
    """A page and its late-interaction score."""

    page_id: str
    score: float
