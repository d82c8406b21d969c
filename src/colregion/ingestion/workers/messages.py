"""Read requests, the tasks they are split into, and the events that tell of their progress."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from PIL import Image

from colregion.core.documents import Document, Limits
from colregion.core.regions import ParsedPage
from colregion.documents import Identity, open_document
from colregion.ingestion.workers.spool import blank_page, read_page


@dataclass(frozen=True, slots=True, eq=False)
class ReadRequest:
    """A document to read."""

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
        """Open the document. Raises as `open_document`."""
        return open_document(
            self.source, password=self.password, limits=self.limits, identity=self.identity
        )


@dataclass(frozen=True, slots=True)
class Task:
    """Pages of one document for one worker to read.

    Args:
        parser: pickled.
        folder: where the worker writes each page, under its number.
        first, last: numbers of its pages; `last` may be behind the document's last page. A parser
            that does not read page by page reads the whole document whatever they are.
    """

    request: ReadRequest
    parser: bytes
    folder: Path
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class PageRead:
    """A page was read, or turned out to be unreadable."""

    request: ReadRequest
    page_count: int
    pages_read: int


@dataclass(frozen=True, slots=True)
class DocumentRead:
    """Every page of a document was read, or turned out to be unreadable.

    Args:
        pages: in order; to be consumed before the next event is asked for.
        missing: the reason for each page that could not be read whole, by number.
        seconds: reading time, summed over all processes.
    """

    request: ReadRequest
    pages: Iterator[ParsedPage]
    missing: dict[int, str]
    seconds: float


@dataclass(frozen=True, slots=True)
class DocumentFailed:
    """Nothing of a document could be read; `reason` is for people."""

    request: ReadRequest
    reason: str
    seconds: float


Event: TypeAlias = PageRead | DocumentRead | DocumentFailed


@dataclass(slots=True, eq=False)
class DocumentProgress:
    """What has been read of one document so far.

    Args:
        folder: of its pages' files, for this document only.
        open_tasks: tasks that are queued or running.
        lost_pages: pages that each cost a worker process.
        seconds: reading time so far, summed over all processes.
    """

    request: ReadRequest
    folder: Path
    page_count: int = 0
    failure: str | None = None
    open_tasks: int = 0
    lost_pages: int = 0
    seconds: float = 0.0
    _on_disk: dict[int, bool] = field(default_factory=dict)
    _missing: dict[int, str] = field(default_factory=dict)
    _has_content: bool = False

    def __post_init__(self) -> None:
        self.folder.mkdir()

    def add_page(
        self, number: int, *, missing: str, region_count: int = 0, on_disk: bool = True
    ) -> PageRead:
        """Record a page whose file is complete, or that is lost; `missing` as in `Page`."""
        self._has_content |= not missing or region_count > 0
        self._on_disk[number] = on_disk
        if missing:
            self._missing[number] = missing
        return PageRead(self.request, self.page_count, len(self._on_disk))

    def conclude(self) -> DocumentRead | DocumentFailed:
        """The last event, when nothing more of the document is read."""
        missing = dict(sorted(self._missing.items()))
        if self.failure is None and missing and not self._has_content:
            self.failure = next(iter(missing.values()))
        if self.failure is not None:
            return DocumentFailed(self.request, self.failure, self.seconds)
        return DocumentRead(self.request, self._pages(), missing, self.seconds)

    def delete_files(self) -> None:
        """Delete the files of its pages."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _pages(self) -> Iterator[ParsedPage]:
        for number, on_disk in sorted(self._on_disk.items()):
            if on_disk:
                fallback = _ReopenedPageImage(self.request, number)
                yield read_page(self.folder / str(number), fallback=fallback)
            else:
                doc_id = self.request.identity.doc_id
                yield blank_page(doc_id, number, missing=self._missing[number])


@dataclass(frozen=True, slots=True)
class _ReopenedPageImage:
    """The `ImageLoader` of a page whose document is opened again."""

    request: ReadRequest
    number: int

    def __call__(self, *, dpi: int | None = None) -> Image.Image:
        (page,) = self.request.open().alone(self.number).pages()
        return page.load_image(dpi=dpi)
