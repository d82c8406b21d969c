"""Documents into an index: what `Engine.add` does. Many are read at once, one is kept at a time."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from PIL import Image

from colregion.core.documents import DocumentEntry, check_metadata
from colregion.core.embeddings import EmbeddedPage
from colregion.core.interfaces import Encoder, Index
from colregion.core.results import Outcome
from colregion.documents import Identity, identify, plain_source
from colregion.errors import ColregionError, InvalidInput
from colregion.ingestion.files import FoundFile
from colregion.ingestion.sources import Given, Item, Progress, embed
from colregion.ingestion.workers import (
    DocumentFailed,
    DocumentRead,
    Event,
    PageRead,
    Reader,
    Reading,
)


@dataclass(slots=True, eq=False)
class _Job:
    """A document that is being read."""

    position: int
    entry: DocumentEntry
    page_count: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Adding:
    """One call of `Engine.add`.

    Args:
        held: the index's entries by id, kept up to date, so that many documents do not cost a
            look at the whole index each.
        on_progress, on_outcome: told of every page that has been read, of every document that
            has been dealt with.
    """

    index: Index
    encoder: Encoder
    reader: Reader
    given: Given
    held: dict[str, DocumentEntry]
    on_progress: Callable[[Progress], None]
    on_outcome: Callable[[Outcome], None]
    _jobs: dict[Reading, _Job] = field(default_factory=dict, init=False)
    _claimed: dict[str, Identity] = field(default_factory=dict, init=False)
    _outcomes: dict[int, Outcome] = field(default_factory=dict, init=False)
    _pace: _Pace = field(init=False)

    def add(self, items: Sequence[Item]) -> list[Outcome]:
        """What became of each item, in their order. Each goes in whole or not at all; an
        interruption leaves out those that were not finished."""
        self._pace = _Pace(len(items))
        if len(items) == 1 and not isinstance(items[0], FoundFile | bytes | Image.Image):
            self._add_embedded(items[0])
        elif items:
            with tempfile.TemporaryDirectory(prefix="colregion-") as folder:
                events = self.reader.read(self._readings(items), folder=Path(folder))
                for event in events:
                    self._take_in(event)
        return [self._outcomes[position] for position in sorted(self._outcomes)]

    def _take_in(self, event: Event) -> None:
        job = self._jobs[event.reading]
        if isinstance(event, PageRead):
            self._pace.page_read(opened=job.page_count == 0, page_count=event.page_count)
            job.page_count = event.page_count
            self.on_progress(
                self._pace.progress(job.entry.source, event.pages_read, event.page_count)
            )
        else:
            del self._jobs[event.reading]
            job.seconds = event.seconds
            if isinstance(event, DocumentFailed):
                self._conclude(job, "failed", reason=event.reason)
            else:
                self._keep(job, event)

    def _readings(self, items: Sequence[Item]) -> Iterator[Reading]:
        """What has to be read, found as it is asked for and in the order given, so that ids do
        not depend on which document is read first."""
        for position, item in enumerate(items):
            assert isinstance(item, FoundFile | bytes | Image.Image)
            outcome = Outcome(_name(item), self.given.doc_id or "", "failed")
            try:
                reading, entry = self._identified(item)
            except ColregionError as error:
                self._settle(position, replace(outcome, reason=str(error)))
                continue
            job = _Job(position, entry)
            before = self.held.get(entry.id)
            if entry.id in self._claimed:
                self._conclude(job, "skipped", reason="given twice")
            elif before and replace(before, page_count=0, source=entry.source) == entry:
                self._conclude(job, "skipped", reason="unchanged")
            else:
                self._jobs[reading] = job
                yield reading
            self._claimed[entry.id] = reading.identity

    def _identified(self, item: FoundFile | bytes | Image.Image) -> tuple[Reading, DocumentEntry]:
        check_metadata(self.given.metadata)
        found_id = item.doc_id if isinstance(item, FoundFile) else None
        path_or_data = item.path if isinstance(item, FoundFile) else item
        source = plain_source(path_or_data)
        identity = identify(
            source,
            doc_id=self.given.doc_id or found_id,
            name=str(path_or_data) if isinstance(path_or_data, Path) else None,
            limits=self.reader.limits,
        )
        if self.given.doc_id is None:
            identity = replace(identity, doc_id=self._free_id(identity))
        reading = Reading(source, identity, self.given.password, self.reader.limits)
        entry = DocumentEntry(
            id=identity.doc_id,
            source=identity.name,
            content_hash=identity.content_hash,
            parser=self.reader.parser.fingerprint_for(reading.unopened()),
            metadata=self.given.metadata,
        )
        return reading, entry

    def _free_id(self, identity: Identity) -> str:
        """Its own, unless another file has it: then with a short hash of its source. A file of
        the same content elsewhere is the same document that has moved."""
        own = identity.doc_id
        claimed, held = self._claimed.get(own), self.held.get(own)
        if claimed:
            other: tuple[str, str] | None = (claimed.name, claimed.content_hash)
        else:
            other = (held.source, held.content_hash) if held else None
        if other is None or identity.name == other[0] or identity.content_hash == other[1]:
            return own
        return f"{own}~{hashlib.sha256(identity.name.encode()).hexdigest()[:6]}"

    def _keep(self, job: _Job, event: DocumentRead) -> None:
        # The next `add` then compares unequal and tries again.
        job.entry = replace(job.entry, missing_pages=tuple(event.missing))
        reasons = "; ".join(f"page {n}: {why}" for n, why in event.missing.items())
        self._store(
            job,
            embed(event.pages, self.encoder),
            reason=f"incomplete: {reasons}" if reasons else "",
        )

    def _store(
        self,
        job: _Job,
        pages: Iterable[EmbeddedPage],
        *,
        reason: str = "",
    ) -> None:
        regions = 0

        def counted() -> Iterator[EmbeddedPage]:
            nonlocal regions
            for page in pages:
                regions += len(page.parsed.regions)
                yield page

        before = self.held.get(job.entry.id)
        started = time.perf_counter()
        try:
            stored = self.index.replace(job.entry, counted())
        except ColregionError as error:
            self._conclude(job, "failed", reason=str(error))
            return
        job.seconds += time.perf_counter() - started
        self.held[stored.id] = stored
        self._conclude(
            job,
            "added" if before is None else "replaced",
            reason=reason,
            pages=stored.page_count,
            regions=regions,
        )

    def _add_embedded(self, pages: Sequence[EmbeddedPage]) -> None:
        try:
            entry = _entry_of_pages(pages, self.given)
        except ColregionError as error:
            self._settle(0, Outcome("pages", self.given.doc_id or "", "failed", reason=str(error)))
            return
        job = _Job(0, entry)
        before = self.held.get(entry.id)
        if before and replace(before, page_count=0) == entry:
            self._conclude(job, "skipped", reason="unchanged")
        else:
            self._store(job, pages)

    def _conclude(
        self,
        job: _Job,
        status: str,
        *,
        reason: str = "",
        pages: int = 0,
        regions: int = 0,
    ) -> None:
        outcome = Outcome(
            source=job.entry.source,
            doc_id=job.entry.id,
            status=status,
            pages=pages,
            regions=regions,
            seconds=job.seconds,
            reason=reason,
            missing_pages=job.entry.missing_pages if pages else (),
        )
        self._settle(job.position, outcome)

    def _settle(self, position: int, outcome: Outcome) -> None:
        self._outcomes[position] = outcome
        self._pace.files_done += 1
        self.on_outcome(outcome)


class _Pace:
    """How fast pages are read, and how many may be left."""

    def __init__(self, files_total: int) -> None:
        self.files_total = files_total
        self.files_done = 0
        self._files_opened = 0
        self._pages_known = 0
        self._pages_read = 0
        self._started = time.perf_counter()

    def page_read(self, *, opened: bool, page_count: int) -> None:
        """A page has been read; `opened` with the first of its source."""
        self._pages_read += 1
        self._files_opened += opened
        self._pages_known += page_count * opened

    def progress(self, source: str, pages_done: int, pages_total: int) -> Progress:
        """What to tell now."""
        seconds = max(time.perf_counter() - self._started, 1e-6)
        rate = self._pages_read / seconds
        unopened = max(self.files_total - max(self._files_opened, self.files_done), 0)
        each = self._pages_known / self._files_opened
        left = self._pages_known - self._pages_read + unopened * each
        return Progress(
            source=source,
            files_done=self.files_done,
            files_total=self.files_total,
            pages_done=pages_done,
            pages_total=pages_total,
            pages_per_second=rate,
            seconds_left=max(left, 0.0) / rate,
        )


def _entry_of_pages(pages: Sequence[EmbeddedPage], given: Given) -> DocumentEntry:
    check_metadata(given.metadata)
    ids = {page.parsed.page.doc_id for page in pages}
    if len(ids) != 1 or given.doc_id not in (None, *ids):
        raise InvalidInput(
            f"pages with embeddings must all be of one document and carry its id "
            f"(doc_id={given.doc_id!r}), got {sorted(ids) or 'no pages'}"
        )
    digest = hashlib.sha256()
    for page in pages:
        digest.update(f"{page.id}\0{page.parsed.text}\0".encode("utf-8", "surrogatepass"))
        digest.update(page.embedding.vectors.tobytes())
    (found_id,) = ids
    return DocumentEntry(
        id=found_id,
        source=found_id,
        content_hash=digest.hexdigest(),
        parser="",
        metadata=given.metadata,
    )


def _name(item: FoundFile | bytes | Image.Image) -> str:
    if isinstance(item, FoundFile):
        return str(item.path)
    return "bytes" if isinstance(item, bytes) else "picture"
