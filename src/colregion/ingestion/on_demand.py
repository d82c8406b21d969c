"""Reading on demand: parts of indexed pages are read in workers when a question needs them."""

from __future__ import annotations

import math
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from colregion.core.cpu import core_count
from colregion.core.documents import DocumentEntry, Limits, Page
from colregion.core.embeddings import EmbeddedPage
from colregion.core.geometry import Box
from colregion.core.interfaces import AreaReader, AreaReading, Encoder, Index, Parser
from colregion.core.regions import ParsedPage, Region, Word
from colregion.core.repr import one_line_repr
from colregion.documents import Identity
from colregion.errors import BackendError, ColregionError, InvalidInput
from colregion.indexes.page_images import SourceImage
from colregion.ingestion.filling import fill_leaves
from colregion.ingestion.pipeline import Progress
from colregion.ingestion.workers.pool import WorkerPool
from colregion.ingestion.workers.reading import Reading, ReadRequest

if TYPE_CHECKING:
    from colregion.parsers.on_demand import PartToRead

ReadingMode: TypeAlias = Literal["now", "on_demand"]
_Change: TypeAlias = Callable[[EmbeddedPage], EmbeddedPage]

_MOST_UNSAVED = 1000  # pages
_LOCKS = 64


def parser_for(reading: ReadingMode, parser: Parser, encoder: Encoder) -> Parser:
    """The parser that reads as a mode says. Raises InvalidInput for an unknown mode, and where
    pages cannot be ranked or read later."""
    if reading not in get_args(ReadingMode):
        raise InvalidInput(f"reading must be one of {get_args(ReadingMode)}, got {reading!r}")
    if reading == "now":
        return parser
    if not encoder.sees_images:
        raise InvalidInput(
            f"reading='on_demand' needs an encoder that sees images, and {encoder.fingerprint!r} "
            "sees words only: make an index with encoder='visual_words' or a visual model, or read "
            "the documents now (reading='now')"
        )
    return _on_demand(parser)


def _on_demand(parser: Parser) -> Parser:
    # Loaded when used, as it is a parser.
    from colregion.parsers.on_demand import OnDemandParser

    return OnDemandParser(parser)


@one_line_repr("pages", "unread", "problems")
@dataclass(frozen=True, slots=True)
class ReadReport:
    """What `Engine.read` did.

    Args:
        pages: how many pages were completed.
        unread: how many are left.
        problems: why pages could not be read, by page id.
    """

    pages: int
    unread: int
    problems: Mapping[str, str]


class _TookTooLong(BackendError):
    """An area was not read in its time."""


class OnDemandReader(AreaReader):
    """Reads parts of pages in worker processes, and stores their words in the index.

    What cannot be stored, because another process is writing or the index is read-only, counts for
    this process and is stored with a later reading of the page. Safe to use from threads.
    """

    def __init__(self, index: Index, encoder: Encoder, parser: Parser) -> None:
        self._index, self._encoder, self._parser = index, encoder, parser
        # By page and content of its document: what could not be stored, leaves that took too long.
        self._unsaved: dict[tuple[str, str], list[_Change]] = {}
        self._given_up: dict[tuple[str, str], set[tuple[int, ...]]] = {}
        self._heat: Counter[str] = Counter()  # how often each page was asked for
        # What one question reads another one waits for, instead of reading it too.
        self._locks = [threading.Lock() for _ in range(_LOCKS)]
        self.pages_at_once = core_count()
        self._slots = threading.BoundedSemaphore(self.pages_at_once)
        # An index does not wait for its writer, and one page need not wait for the next question.
        self._storing = threading.Lock()

    def read(
        self, page_id: str, paths: Iterable[tuple[int, ...]], *, limit_s: float
    ) -> AreaReading:
        with self._locks[hash(page_id) % _LOCKS]:
            self._heat[page_id] += 1
            started = time.monotonic()
            try:
                return self._read(page_id, set(paths), limit_s=limit_s)
            except ColregionError as error:
                return AreaReading(None, time.monotonic() - started, str(error))

    def _read(self, page_id: str, paths: set[tuple[int, ...]], *, limit_s: float) -> AreaReading:
        (page,) = self._index.load([page_id])
        entry = self._index.entry(page.parsed.page.doc_id)
        key = page_id, entry.content_hash
        page = _apply(self._unsaved.get(key, ()), page)
        parsed = page.parsed
        paths &= {parsed.regions[leaf].path for leaf in parsed.unread_leaves}
        if not paths:
            return AreaReading(self._store(entry, page, []))
        paths -= self._given_up.get(key, set())
        if not paths:
            raise BackendError("reading it took too long before; `Engine.read` has time")
        areas = {path: parsed.regions[parsed.positions[path]].box for path in sorted(paths)}
        part = part_to_read(parsed.page, entry, areas=tuple(areas.values()))
        try:
            with self._slots:
                read, seconds = self._in_worker(part, entry, limit_s=limit_s)
        except _TookTooLong:
            self._given_up.setdefault(key, set()).update(paths)
            raise
        change = partial(_with_leaves, areas=areas, read=read, encoder=self._encoder)
        return AreaReading(self._store(entry, change(page), [change]), seconds)

    def finish(
        self, doc_id: str | None, *, budget_s: float | None, on_progress: Callable[[Progress], None]
    ) -> ReadReport:
        """Complete the unread pages of one document or all, in workers; those that questions have
        lit up and not read first, then those of which most is read. As `Engine.read`."""
        unread = self._index.unread_pages(doc_id)
        hottest = sorted(unread, key=lambda one: (-self._heat[one], unread[one]))
        left_of = Counter(one.rpartition("#p")[0] for one in unread)
        deadline = math.inf if budget_s is None else time.monotonic() + budget_s
        pool = WorkerPool(_on_demand(self._parser), workers=None, limits=Limits())
        pending: dict[ReadRequest, tuple[DocumentEntry, str]] = {}
        problems: dict[str, str] = {}
        done = 0

        def requests() -> Iterator[ReadRequest]:
            for one in hottest:
                if time.monotonic() > deadline:
                    return
                try:
                    entry, request = self._whole_page(one)
                except ColregionError as error:
                    problems[one] = str(error)
                    continue
                pending[request] = entry, one
                yield request

        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="colregion-") as folder:
            for reading in pool.read(requests(), folder=Path(folder)):
                if reading is None or not reading.has_ended:
                    continue
                entry, one = pending.pop(reading.request)
                try:
                    self._complete(entry, reading)
                    left_of[entry.id] -= 1
                    if not left_of[entry.id]:
                        self._join(entry)
                except ColregionError as error:
                    problems[one] = str(error)
                reading.delete_files()
                done += one not in problems
                count = done + len(problems)
                rate = count / max(time.monotonic() - started, 1e-6)
                left = (len(unread) - count) / rate
                on_progress(Progress(entry.source, count, len(unread), 1, 1, rate, left))
        return ReadReport(done, len(unread) - done, problems)

    def _whole_page(self, page_id: str) -> tuple[DocumentEntry, ReadRequest]:
        (page,) = self._index.load([page_id])
        entry = self._index.entry(page.parsed.page.doc_id)
        # What was recognized is recognized again: the layout of the page needs all of its words.
        known = tuple(word for word in page.parsed.words if word.confidence is None)
        part = part_to_read(page.parsed.page, entry, known_words=known)
        return entry, _request(part, entry, Limits())

    def _complete(self, entry: DocumentEntry, reading: Reading) -> None:
        read = _page_of(reading, entry)
        change = partial(_with_page, read=read, encoder=self._encoder)
        self._index.update_page(entry, read.page.number, change, wait=True)
        self._unsaved.pop((read.id, entry.content_hash), None)

    def _join(self, entry: DocumentEntry) -> None:
        """Join what goes on over the ends of pages, once all of a document's pages are read."""
        from colregion.parsers.page_parser import join_over_pages

        before: dict[str, ParsedPage] = {}

        def pages() -> Iterator[ParsedPage]:
            for one in self._index.page_ids(entry.id):
                (page,) = self._index.load([one])
                before[one] = page.parsed
                yield page.parsed

        for joined in join_over_pages(pages()):
            old = before.pop(joined.id)
            if joined.regions != old.regions:
                change = partial(_with_regions, old=old, regions=joined.regions)
                self._index.update_page(entry, joined.page.number, change, wait=True)

    def _store(
        self, entry: DocumentEntry, page: EmbeddedPage, changes: list[_Change]
    ) -> EmbeddedPage:
        """Store a page's changes and return it as stored; `page` where that must wait."""
        key = page.id, entry.content_hash
        changes = [*self._unsaved.pop(key, ()), *changes]
        if not changes:
            return page
        try:
            with self._storing:
                return self._index.update_page(
                    entry, page.parsed.page.number, partial(_apply, changes)
                )
        except BackendError:
            if len(self._unsaved) < _MOST_UNSAVED:
                self._unsaved[key] = changes
            return page

    def _in_worker(
        self, part: PartToRead, entry: DocumentEntry, *, limit_s: float
    ) -> tuple[ParsedPage, float]:
        limits = Limits(seconds_per_page=limit_s)
        pool = WorkerPool(_on_demand(self._parser), workers=None, limits=limits)
        request = _request(part, entry, limits)
        with tempfile.TemporaryDirectory(prefix="colregion-") as folder:
            for reading in pool.read(iter([request]), folder=Path(folder)):
                if reading is None or not reading.has_ended:
                    continue
                # Without the time that it waited for a worker, which says nothing about the area.
                if reading.failure is not None and reading.seconds > limit_s:
                    raise _TookTooLong(f"it was not read in {limit_s:.3g} s")
                return _page_of(reading, entry), reading.seconds
        raise AssertionError("a reading ends")


def _request(part: PartToRead, entry: DocumentEntry, limits: Limits) -> ReadRequest:
    identity = Identity(entry.id, entry.source, entry.content_hash)
    return ReadRequest((part,), identity, None, limits)


def _page_of(reading: Reading, entry: DocumentEntry) -> ParsedPage:
    """The one page of a reading that has ended. Raises BackendError where it was not read."""
    if reading.failure is not None:
        raise BackendError(reading.failure)
    (parsed,) = reading.pages(entry.id)
    if parsed.page.missing and not parsed.words:
        raise BackendError(parsed.page.missing)
    return parsed


def part_to_read(
    page: Page,
    entry: DocumentEntry,
    *,
    areas: tuple[Box, ...] = (),
    known_words: tuple[Word, ...] = (),
) -> PartToRead:
    """A part of an indexed page. A document that came from a file is read from that file, at the
    resolution of OCR, if its content is the same; else from the image that the index stores."""
    from colregion.parsers.on_demand import PartToRead

    load_image = page.load_image
    if Path(entry.source).is_absolute():
        load_image = SourceImage(entry.source, page.number, entry.content_hash)
    return PartToRead(
        page.doc_id,
        page.number,
        page.width,
        page.height,
        page.unit,
        load_image,
        upright=page.upright,
        missing=page.missing,
        areas=areas,
        known_words=known_words,
    )


def _apply(changes: Iterable[_Change], page: EmbeddedPage) -> EmbeddedPage:
    for change in changes:
        page = change(page)
    return page


def _with_leaves(
    page: EmbeddedPage,
    *,
    areas: Mapping[tuple[int, ...], Box],
    read: ParsedPage,
    encoder: Encoder,
) -> EmbeddedPage:
    """The page with what was read of leaves; as it is where others have read them."""
    parsed = fill_leaves(page.parsed, areas, read.words, read.page)
    if parsed is page.parsed:
        return page
    return replace(page, parsed=parsed, embedding=encoder.with_words(page, parsed))


def _with_page(page: EmbeddedPage, *, read: ParsedPage, encoder: Encoder) -> EmbeddedPage:
    """A page as it was read whole; as it is where nothing was unread any more."""
    if not page.parsed.is_unread.any():
        return page
    own = replace(page.parsed.page, upright=read.page.upright, missing=read.page.missing)
    parsed = replace(read, page=own)
    return replace(page, parsed=parsed, embedding=encoder.with_words(page, parsed))


def _with_regions(
    page: EmbeddedPage, *, old: ParsedPage, regions: tuple[Region, ...]
) -> EmbeddedPage:
    """The page with other regions in the place of its old ones; as it is where it has changed."""
    if page.parsed.regions != old.regions:
        return page
    return replace(page, parsed=replace(page.parsed, regions=regions))
