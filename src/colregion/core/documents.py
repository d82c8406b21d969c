"""Documents, their pages, and the limits within which they are read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colregion.core.geometry import Box, FloatArray, Upright
from colregion.core.repr import one_line_repr
from colregion.errors import InvalidInput, ShapeMismatch

MetadataValue: TypeAlias = str | int | float | bool | None
Metadata: TypeAlias = Mapping[str, MetadataValue]

RESERVED_METADATA = frozenset(
    """region_id doc_id source page_number page_label x0 y0 x1 y1 page_width page_height page_unit
    rotation kind ocr_confidence confidence score boxes_json hidden_text quotes
    quote_boxes_json unread""".split()
)
"""Keys of `Hit.to_metadata`, which a user's own metadata must not use."""


def page_id(doc_id: str, number: int) -> str:
    """The id of a page: `acme-2024#p3`."""
    return f"{doc_id}#p{number}"


@dataclass(frozen=True, slots=True, eq=False)
class TextLayer:
    """The characters that a file itself carries for one page, in the file's order.

    Args:
        characters: N strings, as the file maps them; spaces and line breaks included.
        boxes_xyxy: (N, 4) fractions of the page as displayed, y down; a character without a
            shape (a space that the reader inferred) has a box without area.
        visible: (N,) false where a character is drawn without ink (as under a scan's image).
        image_area: share of the page that images cover, 0-1; tells a scan from a typeset page.
    """

    characters: tuple[str, ...]
    boxes_xyxy: FloatArray
    visible: NDArray[np.bool_]
    image_area: float = 0.0

    def __post_init__(self) -> None:
        n = len(self.characters)
        if self.boxes_xyxy.shape != (n, 4) or self.visible.shape != (n,):
            shapes = f"{self.boxes_xyxy.shape} and {self.visible.shape}"
            raise ShapeMismatch(
                f"{n} characters need ({n}, 4) boxes and ({n},) flags, got {shapes}"
            )


class ImageLoader(Protocol):
    """Loads a page's image as displayed, RGB. Picklable."""

    def __call__(self, *, dpi: int | None = None) -> Image.Image:
        """The image at `dpi`, by default the source's usual resolution; a source that is itself an
        image returns its own pixels at any."""


class TextLoader(Protocol):
    """Loads a page's own characters. Picklable."""

    def __call__(self) -> TextLayer: ...


@dataclass(frozen=True, slots=True)
class Note:
    """A text that a viewer shows on request at a place of the page, such as a comment.

    Args:
        box: the place: of a note's icon, of the words that it marks.
        title: put before the text in the region that is made from it; "" for none.
    """

    text: str
    box: Box
    title: str = ""


@one_line_repr("id", "width", "height", "unit")
@dataclass(frozen=True, eq=False)
class Page:
    """One page as a viewer shows it: /Rotate, the crop box and EXIF orientation are applied.

    Args:
        number: 1-based.
        width, height: size as displayed, in `unit` ("pt" for PDF, "px" for images).
        load_image: called on first use of `image`.
        load_text: loads the file's own characters; None for a source that has none.
        label: the page's printed number where the file names it ("iv", "A-3").
        rotation: the quarter turn (0, 90, 180, 270) that the file demands and that is applied.
        upright: how the displayed page has to be turned for its text to be upright.
        missing: what of the page could not be read, and why; "" for a page that was read whole.
        notes: on the page, in the file's order.
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
    notes: tuple[Note, ...] = ()

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
        return page_id(self.doc_id, self.number)

    @cached_property
    def image(self) -> Image.Image:
        """The page's image as displayed, RGB, loaded on first use and cached."""
        return self.load_image()

    @property
    def quarter_turns(self) -> int:
        """How many quarter turns clockwise, 0-3, bring the displayed page nearest to upright."""
        return round(self.upright.degrees_clockwise / 90) % 4 if self.upright else 0

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "image"}


@one_line_repr("id", "source", "page_count")
@dataclass(frozen=True, eq=False)
class Document:
    """A source of pages.

    Args:
        source: where it came from, for people: a path, or what the caller called it.
        content_hash: changes when the content does.
        open_pages: iterates over the pages from the first.
        open_page: opens one page by its number; None for a source that is only read in order.
        unread: what of the source is on none of its pages and is not read, such as attached
            files, for people.
    """

    id: str
    source: str
    content_hash: str
    open_pages: Callable[[], Iterator[Page]]
    page_count: int
    metadata: Metadata = field(default_factory=dict)
    open_page: Callable[[int], Page] | None = None
    unread: str = ""

    def __post_init__(self) -> None:
        if not self.id:
            raise InvalidInput("a document id must not be empty")
        check_metadata(self.metadata)

    def pages(self) -> Iterator[Page]:
        """The pages in order, read lazily."""
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
    if clash := sorted(RESERVED_METADATA & set(metadata)):
        raise InvalidInput(f"metadata keys {clash} are colregion's own; choose other names")
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str | int | float | bool | None):
            types = "str, int, float, bool or None"
            raise InvalidInput(f"metadata must map str to {types}, got {key!r}: {value!r}")
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidInput(f"metadata values must be finite, got {key!r}: {value!r}")


@one_line_repr("id", "source", "page_count", "missing_pages")
@dataclass(frozen=True, slots=True)
class DocumentEntry:
    """A document in an index.

    Args:
        source: the path it was read from, or a name for bytes and images.
        parser: fingerprint of the parser that read it; "" for pages whose embeddings were made
            by the caller. The same hash and parser mean that it need not be read again.
        page_count: filled in by the index.
        missing_pages: numbers of pages that could not be read and went in blank.
        unread_pages: how many pages have parts that were seen and not read; filled in by the index.
    """

    id: str
    source: str
    content_hash: str
    parser: str
    metadata: Metadata = field(default_factory=dict)
    page_count: int = 0
    missing_pages: tuple[int, ...] = ()
    unread_pages: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on each document; what exceeds them is refused or given up, with its reason.

    Args:
        seconds_per_page: for reading one page, recognition included. A file that is read as a
            whole has this for each of its pages.
        memory_mb: MiB that reading may take, with the programs that it runs; enforced on Linux,
            in worker processes only.
        pages: pages of one document.
        pixels: that one image may declare, also one on a PDF page: A4 at 1300 dpi by default.
            Checked before anything is decoded: a file of a few bytes can declare billions.
        file_mb: MiB of one file.

    Raises:
        InvalidInput: a bound that is not above 0.
    """

    seconds_per_page: float = 60.0
    memory_mb: int = 2048
    pages: int = 10_000
    pixels: int = 178_000_000
    file_mb: int = 1024

    def __post_init__(self) -> None:
        for bound in fields(self):
            value = getattr(self, bound.name)
            if not value > 0:
                raise InvalidInput(f"the limit {bound.name} must be above 0, got {value!r}")
