"""`QdrantIndex`: the index interface on Qdrant, whose requests are no transactions.

A document's point names its current *generation* of pages. Overwriting that one point commits a
new generation; pages of any other generation are stale and never returned.

A search queries the pages, then reads the documents of its hits, and repeats the query without
stale generations if a hit is stale or a document was committed since. It notices by the *revision*
of the index, a random id in the point with the format. A writer sets a new one before its commit,
when all pages are uploaded: if a reader reads the same revision before and after its query, the
query saw every current generation whole. The writer sets another one after cleaning up, and a
reader caches counts, settings and entries until then.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from qdrant_client import models

from colregion.core.documents import DocumentEntry, page_id
from colregion.core.embeddings import Candidate, EmbeddedPage, QueryEmbedding
from colregion.core.filters import EVERYTHING, Filters
from colregion.core.interfaces import Index
from colregion.errors import BackendError, IndexCorrupt, NotIndexed
from colregion.indexes.qdrant import schema
from colregion.indexes.qdrant.connection import Connection
from colregion.indexes.qdrant.options import QdrantOptions
from colregion.indexes.qdrant.pages import MOST_VALUES, Pages
from colregion.indexes.qdrant.payloads import (
    StoredDocument,
    any_of,
    from_plain,
    point_id,
    read_document,
    to_plain,
    translate,
    uploaded_before,
)
from colregion.indexes.validation import check_same_content, check_search, checked_pages

ABANDONED_S = 86_400.0
"""Pages uploaded this long ago that are not current belong to an interrupted upload."""

_ATTEMPTS = 20
_THREADS = 8
_TWO_STAGES_FROM = 8  # a first stage pays off with this many times more pages than candidates
_FRESH_S = 1.0  # how long a revision is taken for the current one
_CACHED_S = 600.0  # how long values are cached: a writer may end before it announces its commit
_IS_DOCUMENT = any_of("type", ["document"])


class QdrantIndex(Index):
    """Documents on a Qdrant server or cluster, for any number of reading and writing threads and
    processes. Readers see whole documents only.

    If two processes replace one document at the same time, the last commit wins. Pages of an
    interrupted upload are never returned, but occupy space and count for `document_frequency`
    until `compact`, or a `replace` or `remove` of the document a day later. Counts, settings and
    `entries` are cached: changes by other processes show after up to a second (ten minutes, if
    their writer ended before it could announce them).

    Args:
        location: URL of a server; a folder or ":memory:" for qdrant-client's local mode.
        collection: name of the index; its pages go to `NAME-dD`.
        create: false to refuse a server without that collection. Raises as `schema.prepare`.
    """

    def __init__(
        self,
        location: str,
        collection: str,
        options: QdrantOptions | None = None,
        *,
        create: bool = True,
    ) -> None:
        self.location, self.collection = location, collection
        self.options = options or QdrantOptions()
        self._connection = Connection(location, self.options)
        self._pages = Pages(self._connection, collection, self.options)
        try:
            revision = schema.prepare(self._connection, collection, self.options, create=create)
        except BaseException:
            self._connection.close()
            raise
        self._documents = _Documents(self._connection, collection, revision)

    def replace(self, entry: DocumentEntry, pages: Iterable[EmbeddedPage]) -> DocumentEntry:
        generation = uuid.uuid4().hex
        others = self._documents.count("dim", without=entry.id)
        checked = checked_pages(entry, pages, dim=max(others, default=0) or None)
        document = self._pages.upload(entry, checked, generation=generation)
        uploaded = self._pages.count(any_of("generation", [generation]), [document.dim])
        if uploaded != document.entry.page_count:
            raise BackendError(
                f"{entry.id!r} was deleted during its upload; add the document again"
            )
        self._documents.announce()
        _, before = self._documents.read([entry.id])
        self._connection.put(self.collection, point_id("document", entry.id), document.to_payload())
        with suppress(BackendError):  # committed already, and stale pages do no harm
            _, after = self._documents.read([entry.id])
            self._clean_up([*before.values(), document], current=after.get(entry.id))
        return document.entry

    def remove(self, doc_id: str) -> None:
        document = self._document(doc_id)
        point = models.HasIdCondition(has_id=[point_id("document", doc_id)])
        self._connection.delete(self.collection, models.Filter(must=[point]))
        with suppress(BackendError):  # as above
            self._clean_up([document], current=None)

    def search(
        self, query: QueryEmbedding, *, k: int, filters: Filters = EVERYTHING
    ) -> list[Candidate]:
        known = self._documents.known
        dims = known.values.get("dim", {})
        if query.vectors.shape[1] not in dims or k < 1:
            dims = known.values["dim"] = self._documents.count("dim")
            check_search(query, k=k, dim=max(dims, default=0) or None)
        conditions = translate(filters, self.documents)
        if not any(dims) or conditions is None:
            return []
        candidates = self.options.candidates
        large = bool(candidates) and self._count_pages(known) > _TWO_STAGES_FROM * candidates
        excluded: dict[str, str] = {}  # stale generations, with the id of their document
        before: dict[str, str] | None = None
        for _ in range(_ATTEMPTS):
            known = self._documents.known
            not_stale = any_of("generation", sorted(excluded))
            allowed = models.Filter(must=[conditions], must_not=[not_stale])
            hits = self._pages.query(query, k=k, filters=allowed, first_stage=large)
            generations = excluded | {hit.generation: hit.doc_id for hit in hits}
            revision, documents = self._documents.read(set(generations.values()))
            self._documents.learn(known, revision, documents)
            current = {doc_id: document.generation for doc_id, document in documents.items()}
            stale = {name: doc for name, doc in generations.items() if current.get(doc) != name}
            if stale == excluded and (revision == known.revision or current == before):
                pages = self._load({hit.point: (documents[hit.doc_id], hit.number) for hit in hits})
                if pages is not None:
                    return sorted((Candidate.of(p, query) for p in pages.values()), key=_rank)
            excluded, before = stale, current
        raise BackendError(f"{self.collection!r} changes too fast to be read; try again")

    def load(self, page_ids: Sequence[str]) -> list[EmbeddedPage]:
        places = [_split(one) for one in page_ids]
        for _ in range(_ATTEMPTS):
            _, documents = self._documents.read({doc_id for doc_id, _ in places})
            for one, (doc_id, number) in zip(page_ids, places, strict=True):
                if doc_id not in documents or number not in documents[doc_id].numbers:
                    raise NotIndexed(f"no page {one!r} in the index")
            chosen = [(documents[doc_id], number) for doc_id, number in places]
            ids = [point_id("page", document.generation, number) for document, number in chosen]
            pages = self._load(dict(zip(ids, chosen, strict=True)))
            if pages is not None:
                return [pages[point] for point in ids]
        raise BackendError(f"{self.collection!r} changes too fast to be read; try again")

    def update_page(
        self,
        entry: DocumentEntry,
        number: int,
        change: Callable[[EmbeddedPage], EmbeddedPage],
        *,
        wait: bool = False,  # noqa: ARG002  (there is no lock)
    ) -> EmbeddedPage:
        """As `Index.update_page`. There is no lock: where another process has changed the page
        meanwhile, the change is made again, to what that one wrote."""
        while True:
            document = self._document(entry.id)
            check_same_content(entry, document.entry)
            uploaded = self._pages.uploaded(document, number)
            (page,) = self.load([page_id(entry.id, number)])
            changed = change(page)
            if changed is page:
                return page
            if len(changed.embedding.vectors) and not document.dim:  # in another collection, then
                pages = self.load(self.page_ids(entry.id))
                self.replace(document.entry, [changed if p.id == changed.id else p for p in pages])
                return changed
            if self._pages.rewrite(document, changed, over=uploaded):
                break
        current = self._documents.read([entry.id])[1].get(entry.id)
        if current is None or current.generation != document.generation:
            self._pages.delete_generation(document.generation, dim=document.dim)
            raise NotIndexed(f"{entry.id!r} has been replaced or removed meanwhile; ask again")
        self._documents.announce()
        return changed

    def unread_pages(self, doc_id: str | None = None) -> dict[str, float]:
        if doc_id is not None:
            self._document(doc_id)
        points = self._connection.scroll(self.collection, _IS_DOCUMENT)
        documents = {one.generation: one.entry.id for one in map(read_document, points)}
        unread = sorted(
            (documents[generation], number, share)
            for generation, number, share in self._pages.unread(self._documents.count("dim"))
            if generation in documents and doc_id in (None, documents[generation])
        )
        return {page_id(document, number): share for document, number, share in unread}

    def document_frequency(self, terms: Sequence[str]) -> list[int]:
        """The number of pages with each term. While a document is replaced, its old and its new
        pages may both count; pages of an interrupted upload always count."""
        state = self._documents.state()
        dims = state.get("dim", lambda: self._documents.count("dim"))

        def count(term: str) -> int:
            condition = any_of("terms", [to_plain(term)])
            return int(state.get(("term", term), lambda: self._pages.count(condition, dims)))

        with ThreadPoolExecutor(_THREADS) as pool:
            counts = dict(zip(set(terms), pool.map(count, set(terms)), strict=True))
        return [counts[term] for term in terms]

    def documents(self) -> list[DocumentEntry]:
        points = self._connection.scroll(self.collection, _IS_DOCUMENT)
        unread = self._pages.unread_counts(self._documents.count("dim"))
        entries = (one.counted(unread) for one in map(read_document, points))
        return sorted(entries, key=lambda entry: entry.id)

    def entries(self, doc_ids: Iterable[str]) -> dict[str, DocumentEntry]:
        state, ids = self._documents.state(), set(doc_ids)
        known = state.documents
        documents = {doc_id: known[doc_id] for doc_id in ids & known.keys()}
        if unknown := ids - documents.keys():
            documents |= self._documents.read(unknown)[1]
        dims = state.get("dim", lambda: self._documents.count("dim"))
        unread = state.get("unread", lambda: self._pages.unread_counts(dims))
        return {doc_id: document.counted(unread) for doc_id, document in documents.items()}

    def entry(self, doc_id: str) -> DocumentEntry:
        document = self._document(doc_id)
        return document.counted(self._pages.unread_counts([document.dim]))

    @property
    def page_count(self) -> int:
        return self._count_pages(self._documents.state())

    def page_ids(self, doc_id: str) -> list[str]:
        return [page_id(doc_id, number) for number in self._document(doc_id).numbers]

    def get_setting(self, key: str) -> str | None:
        return self.settings().get(key)

    def set_setting(self, key: str, value: str) -> None:
        payload = {"type": "setting", "key": to_plain(key), "value": to_plain(value)}
        self._connection.put(self.collection, point_id("setting", key), payload)
        self._documents.announce()

    def settings(self) -> dict[str, str]:
        def read() -> dict[str, str]:
            points = self._connection.scroll(self.collection, any_of("type", ["setting"]))
            return {from_plain(one["key"]): from_plain(one["value"]) for one in points}

        return dict(self._documents.state().get("settings", read))

    def compact(self, *, min_age_s: float = ABANDONED_S) -> int:
        """Delete the pages of interrupted uploads and return their number. Those uploaded less
        than `min_age_s` ago stay, because their upload may still be in progress."""
        dims = schema.page_dims(self._connection, self.collection)
        points = self._connection.scroll(self.collection, _IS_DOCUMENT)
        current = {read_document(one).generation for one in points}
        abandoned = models.Filter(
            must=[uploaded_before(min_age_s)], must_not=[any_of("generation", sorted(current))]
        )
        n_pages = self._pages.count(abandoned, dims)
        self._pages.delete(abandoned, dims, images=self._pages.image_folders(min_age_s) - current)
        self._documents.announce()
        return n_pages

    def close(self) -> None:
        self._connection.close()

    def _clean_up(
        self, obsolete: Sequence[StoredDocument], *, current: StoredDocument | None
    ) -> None:
        """Delete generations of a document except the current one, and its abandoned pages.
        Other recent uploads stay, because they may still be committed."""
        names = {one.generation for one in obsolete} - {current.generation if current else ""}
        chosen = models.Filter(
            must=[any_of("doc_id", [to_plain(obsolete[0].entry.id)])],
            must_not=[any_of("generation", [current.generation])] if current else [],
            should=[any_of("generation", sorted(names)), uploaded_before(ABANDONED_S)],
        )
        self._pages.delete(chosen, [one.dim for one in obsolete], images=names)
        self._documents.announce()

    def _load(
        self, points: Mapping[str, tuple[StoredDocument, int]]
    ) -> dict[str, EmbeddedPage] | None:
        """The pages of all points; None if some were deleted since their documents were read."""
        pages = self._pages.load(points)
        if len(pages) == len(points):
            return pages
        documents = {document.entry.id: document for document, _ in points.values()}
        if self._documents.read(documents)[1] != documents:
            return None
        names = ", ".join(sorted(documents))
        raise IndexCorrupt(f"{self.collection!r} has lost pages of {names}; add them again")

    def _document(self, doc_id: str) -> StoredDocument:
        _, documents = self._documents.read([doc_id])
        if doc_id not in documents:
            raise NotIndexed(f"no document {doc_id!r} in the index")
        return documents[doc_id]

    def _count_pages(self, state: _State) -> int:
        counts = state.get("page_count", lambda: self._documents.count("page_count"))
        return sum(pages * documents for pages, documents in counts.items())


@dataclass(slots=True)
class _State:
    """Cache for one revision of the index: documents by id, other values by key, and when the
    revision was last read."""

    revision: str
    documents: dict[str, StoredDocument] = field(default_factory=dict)
    values: dict[object, Any] = field(default_factory=dict)
    since: float = field(default_factory=time.monotonic)
    read: float = field(default_factory=time.monotonic)

    def get(self, key: object, read: Callable[[], Any]) -> Any:
        """The value of a key, from `read` the first time."""
        if key not in self.values:
            self.values[key] = read()
        return self.values[key]


class _Documents:
    """Reads the documents and the revision of an index, and caches them. Safe for threads."""

    def __init__(self, connection: Connection, name: str, revision: str) -> None:
        self._connection, self._name = connection, name
        self._lock = threading.Lock()
        self.known = _State(revision)

    def read(self, doc_ids: Iterable[str]) -> tuple[str, dict[str, StoredDocument]]:
        """The revision, and the existing ones of the documents by id, in one request."""
        ids = [schema.FORMAT_POINT, *(point_id("document", one) for one in doc_ids)]
        points = self._connection.retrieve(self._name, ids)
        if schema.FORMAT_POINT not in points:
            raise IndexCorrupt(f"{self._name!r} has lost its format; delete and recreate it")
        revision = points.pop(schema.FORMAT_POINT)["revision"]
        documents = [read_document(one) for one in points.values()]
        return revision, {document.entry.id: document for document in documents}

    def count(self, field: str, *, without: str | None = None) -> dict[int, int]:
        """The number of documents for each value of a field, except those with id `without`."""
        excluded = [] if without is None else [any_of("doc_id", [to_plain(without)])]
        counts = self._connection.ask(
            self._connection.client.facet,
            self._name,
            field,
            facet_filter=models.Filter(must_not=excluded),
            limit=MOST_VALUES,
            exact=True,
        )
        return {int(hit.value): hit.count for hit in counts.hits}

    def state(self) -> _State:
        """The cache for a revision that was current at most a second ago."""
        known = self.known
        if time.monotonic() - known.read > _FRESH_S:
            self.learn(known, *self.read([]))
        return self.known

    def learn(self, known: _State, revision: str, documents: dict[str, StoredDocument]) -> None:
        """Cache what was read after `known`, unless another thread has cached more."""
        with self._lock:
            if self.known is not known:
                return
            known.read = time.monotonic()
            if revision != known.revision or known.read - known.since > _CACHED_S:
                self.known = _State(revision)
            self.known.documents.update(documents)

    def announce(self) -> None:
        """Set a new revision and clear the cache."""
        revision = schema.put_revision(self._connection, self._name)
        with self._lock:
            self.known = _State(revision)


def _rank(candidate: Candidate) -> tuple[float, str, int]:
    return -candidate.score, candidate.parsed.page.doc_id, candidate.parsed.page.number


def _split(page_id: str) -> tuple[str, int]:
    """Document and number in a page's id; number 0, which no page has, if it is not such an id."""
    doc_id, separator, number = page_id.rpartition("#p")
    is_number = separator and number.isascii() and number.isdigit() and not number.startswith("0")
    return (doc_id, int(number)) if is_number else (page_id, 0)
