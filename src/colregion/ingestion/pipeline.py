"""The ingestion pipeline behind `Engine.add`: read in workers, embed, store; outcomes and progress.

Many documents are read at a time. Behind them one after another is embedded and stored, whole or
not at all.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from colregion.core.documents import DocumentEntry, check_metadata
from colregion.core.embeddings import EmbeddedPage
from colregion.core.interfaces import Encoder, Index, IndexSetting
from colregion.core.regions import ParsedPage
from colregion.core.repr import one_line_repr
from colregion.core.results import Outcome
from colregion.documents import Identity, identify, plain_source
from colregion.errors import ColregionError, InvalidInput, NotIndexed
from colregion.ingestion.embedding import Embedder, ReadDocument
from colregion.ingestion.sources import (
    DocumentOptions,
    Item,
    Source,
    SourceBytes,
    SourceFile,
    find_items,
    list_sources,
)
from colregion.ingestion.workers.pool import WorkerPool
from colregion.ingestion.workers.reading import Reading, ReadRequest


@one_line_repr("source", "files_done", "files_total", "pages_done")
@dataclass(frozen=True, slots=True)
class Progress:
    """How far `Engine.add` or `Engine.copy_to` has come.

    Args:
        source: the file whose page was read last; several may be read at a time.
        files_done, files_total: sources, failed and skipped ones included.
        pages_done, pages_total: of this source; the total is what the file declares.
        pages_per_second: over all sources since the start.
        seconds_left: an estimate: unopened sources are taken to be as long as the others.
    """

    source: str
    files_done: int
    files_total: int
    pages_done: int
    pages_total: int
    pages_per_second: float = 0.0
    seconds_left: float = 0.0


def embed(parsed: Iterable[ParsedPage], encoder: Encoder) -> Iterator[EmbeddedPage]:
    """Each page with its embedding, encoded in batches of `encoder.batch_pages`."""
    pages = iter(parsed)
    while batch := list(islice(pages, encoder.batch_pages)):
        yield from map(EmbeddedPage, batch, encoder.encode_pages(batch))


@dataclass(slots=True, eq=False)
class IngestJob:
    """One call of `Engine.add`.

    Args:
        on_progress: called after every page that was read.
        on_outcome: called with the outcome of each document as soon as it is known.
    """

    index: Index
    encoder: Encoder
    pool: WorkerPool
    options: DocumentOptions
    on_progress: Callable[[Progress], None]
    on_outcome: Callable[[Outcome], None]
    _entries: dict[str, DocumentEntry] = field(init=False)  # of the index before, by id
    _claimed: dict[str, DocumentEntry] = field(default_factory=dict, init=False)
    _pending: dict[ReadRequest, tuple[int, DocumentEntry]] = field(default_factory=dict, init=False)
    _outcomes: dict[int, Outcome] = field(default_factory=dict, init=False)
    _estimator: _Estimator = field(init=False)

    def run(
        self, sources: Source | Iterable[Source] | Iterable[EmbeddedPage]
    ) -> tuple[Outcome, ...]:
        """Read, embed and store the sources.

        An interruption leaves out the documents that were not finished.

        Returns:
            The outcomes, in the order of the documents; first those of sources that lead to none.

        Raises:
            InvalidInput: a source of another type, or `options.doc_id` for several documents.
            BackendError: no worker process starts.
        """
        listed = list_sources(sources)
        pages = [source for source in listed if isinstance(source, EmbeddedPage)]
        if pages and len(pages) == len(listed):
            self._start(1)
            self._conclude(0, self._ingest_embedded(pages))
        else:
            items, outcomes = find_items(listed)
            if self.options.doc_id is not None and len(items) > 1:
                raise InvalidInput(
                    f"doc_id={self.options.doc_id!r} names one document, but {len(items)} were "
                    "given; add them one by one"
                )
            self._start(len(items))
            for position, outcome in enumerate(outcomes, start=-len(outcomes)):
                self._conclude(position, outcome)
            if items:
                self._ingest_items(items)
        return tuple(self._outcomes[position] for position in sorted(self._outcomes))

    def _start(self, document_count: int) -> None:
        if self.index.get_setting(IndexSetting.ENCODER) is None:
            self.index.set_setting(IndexSetting.ENCODER, self.encoder.fingerprint)
        self._entries = {entry.id: entry for entry in self.index.documents()}
        self._estimator = _Estimator(document_count)

    def _conclude(self, position: int, outcome: Outcome) -> None:
        self._outcomes[position] = outcome
        self._estimator.files_done += position >= 0
        self.on_outcome(outcome)

    def _ingest_items(self, items: Sequence[Item]) -> None:
        with (
            tempfile.TemporaryDirectory(prefix="colregion-") as folder,
            Embedder(self.encoder, pages=_pages_of, store=self._embed_and_store) as embedder,
        ):
            for reading in self.pool.read(self._requests(items), folder=Path(folder)):
                self._conclude_all(embedder.finished())
                if reading is None:
                    continue
                position, entry = self._pending[reading.request]
                if not reading.has_ended:
                    self.on_progress(self._estimator.progress(entry.source, reading))
                    continue
                del self._pending[reading.request]
                document = ReadDocument(position, entry, reading)
                if reading.failure is None and reading.pages_read:
                    self._conclude_all(embedder.add(document))
                else:
                    self._conclude(position, self._embed_and_store(document, iter(())))
                    reading.delete_files()
            self._conclude_all(embedder.finish())

    def _conclude_all(self, finished: Iterable[tuple[ReadDocument, Outcome]]) -> None:
        for document, outcome in finished:
            self._conclude(document.position, outcome)

    def _requests(self, items: Sequence[Item]) -> Iterator[ReadRequest]:
        """What has to be read, in the order of the items and when a worker asks for it, so that
        ids do not depend on which document is read first."""
        for position, item in enumerate(items):
            try:
                request, entry = self._identify(item)
            except ColregionError as error:
                doc_id = self.options.doc_id or ""
                self._conclude(position, Outcome(_name(item), doc_id, "failed", reason=str(error)))
                continue
            if entry.id in self._claimed:
                self._conclude(position, _outcome(entry, "skipped", "given twice"))
            elif self._is_unchanged(entry):
                self._conclude(position, _outcome(entry, "skipped", "unchanged"))
            else:
                self._pending[request] = position, entry
                yield request
            self._claimed[entry.id] = entry

    def _identify(self, item: Item) -> tuple[ReadRequest, DocumentEntry]:
        check_metadata(self.options.metadata)
        doc_id = name = None
        if isinstance(item, SourceFile):
            source, doc_id, name = plain_source(item.path), item.doc_id, str(item.path)
        elif isinstance(item, SourceBytes):
            source, doc_id, name = item.data, item.doc_id, item.name
        else:
            source = plain_source(item)
        identity = identify(
            source, doc_id=self.options.doc_id or doc_id, name=name, limits=self.pool.limits
        )
        if self.options.doc_id is None:
            identity = replace(identity, doc_id=self._free_id(identity))
        request = ReadRequest(source, identity, self.options.password, self.pool.limits)
        entry = DocumentEntry(
            id=identity.doc_id,
            source=identity.name,
            content_hash=identity.content_hash,
            parser=self.pool.parser.fingerprint_for(request.unopened()),
            metadata=self.options.metadata,
        )
        return request, entry

    def _free_id(self, identity: Identity) -> str:
        """The document's own id, or with a short hash of its source where another file has it."""
        other = self._claimed.get(identity.doc_id) or self._entries.get(identity.doc_id)
        if other is None or _is_same(other, identity.name, identity.content_hash):
            return identity.doc_id
        return _id_with_source(identity.doc_id, identity.name)

    def _is_unchanged(self, entry: DocumentEntry) -> bool:
        """Whether the index has this document whole; where its file lies does not matter."""
        before = self._entries.get(entry.id)
        if before is None or (before.unread_pages and not self.pool.parser.leaves_unread):
            return False
        return entry == replace(before, page_count=0, unread_pages=0, source=entry.source)

    def _embed_and_store(self, document: ReadDocument, pages: Iterator[EmbeddedPage]) -> Outcome:
        entry, reading = document.entry, document.reading
        if reading.failure is not None:
            return _outcome(entry, "failed", reading.failure, seconds=reading.seconds)
        # With missing pages the entry differs from that of the next `add`, which tries again.
        entry = replace(entry, missing_pages=tuple(reading.missing))
        parts = [f"page {number}: {why}" for number, why in reading.missing.items()]
        reason = "; ".join(filter(None, [*parts, reading.unread]))
        try:
            outcome = self._store(entry, self._unless_taken(entry, pages))
            self._check_not_taken(entry)
        except _IdTaken:
            entry = replace(entry, id=_id_with_source(entry.id, entry.source))
            renamed = ReadDocument(document.position, entry, reading)
            outcome = self._store(entry, embed(_pages_of(renamed), self.encoder))
        return replace(
            outcome, reason=outcome.reason or reason, seconds=outcome.seconds + reading.seconds
        )

    def _unless_taken(
        self, entry: DocumentEntry, pages: Iterator[EmbeddedPage]
    ) -> Iterator[EmbeddedPage]:
        """The pages. The last thing before an index commits them is to look whether another
        process has used their document's id meanwhile; an index that locks is locked by then."""
        yield from pages
        self._check_not_taken(entry)

    def _check_not_taken(self, entry: DocumentEntry) -> None:
        if self.options.doc_id is not None:
            return
        try:
            other = self.index.entry(entry.id)
        except NotIndexed:
            return
        if not _is_same(other, entry.source, entry.content_hash):
            raise _IdTaken

    def _store(self, entry: DocumentEntry, pages: Iterable[EmbeddedPage]) -> Outcome:
        return store(self.index, entry, pages, "replaced" if entry.id in self._entries else "added")

    def _ingest_embedded(self, pages: Sequence[EmbeddedPage]) -> Outcome:
        try:
            entry = _entry_of_pages(pages, self.options)
        except ColregionError as error:
            return Outcome("pages", self.options.doc_id or "", "failed", reason=str(error))
        if self._is_unchanged(entry):
            return _outcome(entry, "skipped", "unchanged")
        return self._store(entry, pages)


def _pages_of(document: ReadDocument) -> Iterator[ParsedPage]:
    # Pages are read one by one: what goes on over a page's end is joined here. Loaded when used,
    # as it is a parser's.
    from colregion.parsers.page_parser import join_over_pages

    return join_over_pages(document.reading.pages(document.entry.id))


def store(
    index: Index, entry: DocumentEntry, pages: Iterable[EmbeddedPage], status: str
) -> Outcome:
    """Put a document into an index; `pages` is consumed on the way.

    Args:
        status: of the outcome when it went in.
    """
    region_count = 0

    def counted() -> Iterator[EmbeddedPage]:
        nonlocal region_count
        for page in pages:
            region_count += len(page.parsed.regions)
            yield page

    started = time.perf_counter()
    outcome = Outcome(entry.source, entry.id, status, missing_pages=entry.missing_pages)
    try:
        stored = index.replace(entry, counted())
    except ColregionError as error:
        outcome = _outcome(entry, "failed", str(error))
    else:
        outcome = replace(
            outcome,
            pages=stored.page_count,
            regions=region_count,
            unread_pages=stored.unread_pages,
        )
    return replace(outcome, seconds=time.perf_counter() - started)


class _Estimator:
    """Estimates the reading rate and the time left, over all files of a job."""

    def __init__(self, files_total: int) -> None:
        self.files_total = files_total
        self.files_done = 0
        self._files_opened = 0
        self._pages_known = 0
        self._pages_read = 0
        self._started = time.perf_counter()

    def progress(self, source: str, reading: Reading) -> Progress:
        """Count a page of `source`."""
        self._pages_read += 1
        if reading.pages_read == 1:
            self._files_opened += 1
            self._pages_known += reading.page_count
        rate = self._pages_read / max(time.perf_counter() - self._started, 1e-6)
        unopened = max(self.files_total - max(self._files_opened, self.files_done), 0)
        pages_per_file = self._pages_known / self._files_opened
        pages_left = self._pages_known - self._pages_read + unopened * pages_per_file
        return Progress(
            source=source,
            files_done=self.files_done,
            files_total=self.files_total,
            pages_done=reading.pages_read,
            pages_total=reading.page_count,
            pages_per_second=rate,
            seconds_left=max(pages_left, 0.0) / rate,
        )


class _IdTaken(Exception):
    """Another process has put another file in under a document's id."""


def _is_same(entry: DocumentEntry, source: str, content_hash: str) -> bool:
    """Whether an entry is that of a source. A file of the same content elsewhere is the same
    document, moved."""
    return entry.content_hash == content_hash or _place(entry.source) == _place(source)


def _place(source: str) -> str:
    """A source without what may differ between two spellings of a path."""
    return unicodedata.normalize("NFC", os.path.realpath(source))


def _id_with_source(doc_id: str, source: str) -> str:
    digest = hashlib.sha256(_place(source).encode("utf-8", "surrogateescape")).hexdigest()
    return f"{doc_id}~{digest[:6]}"


def _outcome(
    entry: DocumentEntry, status: str, reason: str = "", *, seconds: float = 0.0
) -> Outcome:
    return Outcome(entry.source, entry.id, status, reason=reason, seconds=seconds)


def _entry_of_pages(pages: Sequence[EmbeddedPage], options: DocumentOptions) -> DocumentEntry:
    check_metadata(options.metadata)
    ids = {page.parsed.page.doc_id for page in pages}
    if len(ids) != 1 or options.doc_id not in (None, *ids):
        raise InvalidInput(
            f"pages with embeddings must all be of one document and carry its id "
            f"(doc_id={options.doc_id!r}), got {sorted(ids)}"
        )
    digest = hashlib.sha256()
    for page in pages:
        digest.update(f"{page.id}\0{page.parsed.text}\0".encode("utf-8", "surrogatepass"))
        digest.update(page.embedding.vectors.tobytes())
    (doc_id,) = ids
    return DocumentEntry(doc_id, doc_id, digest.hexdigest(), parser="", metadata=options.metadata)


def _name(item: Item) -> str:
    if isinstance(item, SourceFile):
        return str(item.path)
    return item.name or "bytes" if isinstance(item, SourceBytes) else "image"
