"""Documents to be read, how far one has come, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from PIL import Image

from colregion.core.documents import Document, Limits
from colregion.core.regions import ParsedPage
from colregion.documents import Identity, open_document
from colregion.ingestion.workers.pages import blank_page
from colregion.ingestion.workers.spool import read_page


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A document to be read."""

    source: Path | bytes | Image.Image
    identity: Identity
    password: str | None
    limits: Limits

    def unopened(self) -> Document:
        """The document as far as it is known without opening it: its page count is 0."""
        return Document(
            id=self.identity.doc_id,
            source=self.identity.name,
            content_hash=self.identity.content_hash,
            open_pages=lambda: self.open().pages(),
            page_count=0,
        )

    def open(self) -> Document:
        """Raises as `open_document`."""
        return open_document(
            self.source, password=self.password, limits=self.limits, identity=self.identity
        )


@dataclass(frozen=True, slots=True)
class PageRead:
    """A page has been read, or found unreadable."""

    reading: Reading
    page_count: int
    pages_read: int


@dataclass(frozen=True, slots=True)
class DocumentRead:
    """All pages of a document have been read, or found unreadable.

    Args:
        pages: to be taken before the next event.
        missing: why, by number, for each page that could not be read whole.
        seconds: spent on it, over all processes.
    """

    reading: Reading
    page_count: int
    pages: Iterator[ParsedPage]
    missing: dict[int, str]
    seconds: float


@dataclass(frozen=True, slots=True)
class DocumentFailed:
    """Nothing of a document could be read, for a reason that is meant for people."""

    reading: Reading
    reason: str
    seconds: float


Event: TypeAlias = PageRead | DocumentRead | DocumentFailed


@dataclass(slots=True, eq=False)
class Gathered:
    """What has been read of one document.

    Args:
        paths: files of the pages that have been written.
        missing: why, for each page that could not be read whole.
        blank: numbers of those of which nothing could be read.
        seconds: spent on it so far, over all processes.
    """

    reading: Reading
    page_count: int = 0
    paths: dict[int, Path] = field(default_factory=dict)
    missing: dict[int, str] = field(default_factory=dict)
    blank: set[int] = field(default_factory=set)
    failure: str | None = None
    seconds: float = 0.0

    def take(self, number: int, path: Path, *, n_regions: int, missing: str) -> PageRead:
        """A page has been written."""
        self.paths[number] = path
        if missing:
            self.missing[number] = missing
            if n_regions == 0:
                self.blank.add(number)
        return self._progress()

    def lose(self, number: int, reason: str) -> PageRead:
        """A page will not come."""
        self.missing[number] = reason
        self.blank.add(number)
        return self._progress()

    def conclusion(self) -> DocumentRead | DocumentFailed:
        """What has become of the document when nothing more of it is read."""
        if self.failure is None and self.blank and len(self.blank) == len(self._numbers):
            self.failure = self.missing[min(self.blank)]
        if self.failure is not None:
            return DocumentFailed(self.reading, self.failure, self.seconds)
        missing = dict(sorted(self.missing.items()))
        return DocumentRead(self.reading, self.page_count, self._pages(), missing, self.seconds)

    def delete_files(self) -> None:
        """The pages have been taken, or are not wanted."""
        for path in self.paths.values():
            path.unlink(missing_ok=True)

    @property
    def _numbers(self) -> list[int]:
        return sorted(self.paths.keys() | self.missing.keys())

    def _progress(self) -> PageRead:
        return PageRead(self.reading, self.page_count, len(self._numbers))

    def _pages(self) -> Iterator[ParsedPage]:
        doc_id = self.reading.identity.doc_id
        for number in self._numbers:
            if number in self.paths:
                yield read_page(self.paths[number], otherwise=_FromSource(self.reading, number))
            else:
                yield blank_page(doc_id, number, missing=self.missing[number])


@dataclass(frozen=True, slots=True)
class _FromSource:
    """The `ImageLoader` of a page whose document is opened anew."""

    reading: Reading
    number: int

    def __call__(self, *, dpi: int | None = None) -> Image.Image:
        (page,) = self.reading.open().alone(self.number).pages()
        return page.load_image(dpi=dpi)
