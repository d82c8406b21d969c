"""What is to be read, and what has been read of each document so far."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from PIL import Image

from colregion.core.documents import Document, Limits, Page
from colregion.core.regions import ParsedPage
from colregion.documents import Identity, open_document
from colregion.ingestion.workers.spool import blank_page, read_page


@dataclass(frozen=True, slots=True, eq=False)
class ReadRequest:
    """A document to read: its source, or its pages themselves."""

    source: Path | bytes | Image.Image | tuple[Page, ...]
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
        if isinstance(self.source, tuple):
            pages = self.source
            return Document(
                id=self.identity.doc_id,
                source=self.identity.name,
                content_hash=self.identity.content_hash,
                open_pages=lambda: iter(pages),
                page_count=len(pages),
                open_page=lambda number: pages[number - 1],
            )
        return open_document(
            self.source, password=self.password, limits=self.limits, identity=self.identity
        )

    def load_image(self, number: int, *, dpi: int | None = None) -> Image.Image:
        """The image of a page (1-based), from the document opened again."""
        (page,) = self.open().alone(number).pages()
        return page.load_image(dpi=dpi)


@dataclass(frozen=True, slots=True)
class Task:
    """Pages of one document for one worker to read.

    Args:
        folder: where the worker writes each page, under its number.
        first, last: numbers of its pages; `last` may be behind the document's last page. A parser
            that does not read page by page reads the whole document whatever they are.
    """

    request: ReadRequest
    folder: Path
    first: int
    last: int


@dataclass(slots=True, eq=False)
class Reading:
    """What has been read of one document so far.

    Args:
        folder: of its pages' files, for this document only.
        page_count: 0 until the document is open.
        unread: as in `Document`, once it is open.
        has_ended: nothing more of it is read.
        failure: why nothing of the document could be read; None while there is no such reason.
        missing: the reason for each page that could not be read whole, by number.
        seconds: reading time, summed over all processes.
        open_tasks: tasks that are queued or running.
        lost_pages: pages that each cost a worker process.
    """

    request: ReadRequest
    folder: Path
    page_count: int = 0
    unread: str = ""
    has_ended: bool = False
    failure: str | None = None
    missing: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0
    open_tasks: int = 0
    lost_pages: int = 0
    _on_disk: dict[int, bool] = field(default_factory=dict)
    _has_content: bool = False

    def __post_init__(self) -> None:
        self.folder.mkdir()

    @property
    def pages_read(self) -> int:
        """Number of pages that were read or turned out to be unreadable."""
        return len(self._on_disk)

    def add_page(
        self, number: int, *, missing: str, region_count: int = 0, on_disk: bool = True
    ) -> None:
        """Record a page whose file is complete, or that is lost; `missing` as in `Page`."""
        self._has_content |= not missing or region_count > 0
        self._on_disk[number] = on_disk
        if missing:
            self.missing[number] = missing

    def end(self) -> None:
        """Mark the end. A document with nothing but unreadable pages has failed."""
        self.has_ended = True
        self.missing = dict(sorted(self.missing.items()))
        if self.failure is None and self.missing and not self._has_content:
            self.failure = next(iter(self.missing.values()))

    def pages(self, doc_id: str) -> Iterator[ParsedPage]:
        """The pages in order, from their files; a blank one for each that was lost.

        Args:
            doc_id: the id of their document; another than before where that was taken meanwhile.
        """
        for number, on_disk in sorted(self._on_disk.items()):
            if on_disk:
                fallback = partial(self.request.load_image, number)
                path = self.folder / str(number)
                yield read_page(path, doc_id=doc_id, fallback=fallback)
            else:
                yield blank_page(doc_id, number, missing=self.missing[number])

    def delete_files(self) -> None:
        """Delete the files of its pages."""
        shutil.rmtree(self.folder, ignore_errors=True)
