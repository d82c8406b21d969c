"""`QdrantIndex`: the index interface on Qdrant, whose requests are no transactions.

A document's point names its current generation of pages. Overwriting that one point makes a new
generation current, all at once; pages of any other generation are stale and never returned.

A search queries the pages, then reads the documents of its hits. If a hit is stale, or a document
was committed since the query, it asks again without the stale generations. What tells is the
*revision* of the index, a random id in the point with the format. A writer sets a new one before
its commit, with all pages in place: if a reader still finds the revision that it knew before its
query, no hit can be of a generation that the query saw in part. The writer sets another one when
it has cleaned up: what a reader remembers (counts, settings, entries) is valid until then.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from qdrant_client import models

from colregion.core.documents import DocumentEntry
from colregion.core.embeddings import Candidate, EmbeddedPage, QueryEmbedding
from colregion.core.filters import EVERYTHING, Filters
from colregion.core.interfaces import Index
from colregion.errors import BackendError, IndexCorrupt, NotIndexed
from colregion.indexes.qdrant import schema
from colregion.indexes.qdrant.connection import Connection, Point
from colregion.indexes.qdrant.documents import Documents
from colregion.indexes.qdrant.filters import any_of, translate
from colregion.indexes.qdrant.options import QdrantOptions
from colregion.indexes.qdrant.pages import Pages
from colregion.indexes.qdrant.points import (
    StoredDocument,
    document_point,
    from_plain,
    page_point,
    point_id,
    read_document,
    to_plain,
)
from colregion.indexes.validation import check_search, checked_pages

ABANDONED_S = 86_400.0
"""Pages that were uploaded so long ago, and are not current, belong to an interrupted upload."""

_ATTEMPTS = 20
_THREADS = 8
# With fewer pages than so many times the candidates, a first stage saves next to nothing.
_TWO_STAGES_FROM = 8


class QdrantIndex(Index):
    """Documents on a Qdrant server or cluster, for any number of reading and writing threads and
    processes. Readers see whole documents only.

    If two processes replace one document at the same time, the last commit wins. A writer deletes
    the generation that it replaced, its own if another one followed at once, and pages of the
    document that are older than a day; never a younger upload, which may still be committed. What
    an interrupted upload leaves behind is never returned, but occupies space and counts for
    `document_frequency` until a later `replace` or `remove` of the document, or `compact`.

    `search`, `load`, `documents`, `entry` and `page_ids` ask the server. Counts, settings and
    `entries` are remembered: changes by other processes show after up to a second (ten
    minutes, if their writer ended before it could announce them).

    Args:
        location: URL of a server; a folder or ":memory:" for qdrant-client's local mode.
        collection: name of the index; its vectors go to `NAME-dD`.
        create: false to refuse a server without that collection.

    Raises:
        InvalidInput: the index does not exist and `create` is false.
        IndexCorrupt: the collection holds something else, or an index of another format.
        BackendError: the server is down, late, or refuses access.
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
        self._documents = Documents(self._connection, collection, revision)

    def replace(self, entry: DocumentEntry, pages: Iterable[EmbeddedPage]) -> DocumentEntry:
        generation = uuid.uuid4().hex
        checked = checked_pages(entry, pages, dim=self._documents.dim(without=entry.id))
        document = self._pages.upload(entry, checked, generation=generation)
        if self._pages.count(any_of("generation", [generation])) != document.entry.page_count:
            raise BackendError(
                f"the upload of {entry.id!r} took so long that its pages were deleted as "
                f"abandoned; add the document again"
            )
        self._documents.announce()
        previous = self._documents.read([entry.id]).documents.get(entry.id)
        committed: Point = (document_point(entry.id), document.to_payload(), {})
        self._connection.put(self.collection, [committed])
        with suppress(BackendError):  # it is committed, and stale pages do no harm
            current = self._documents.read([entry.id]).documents.get(entry.id)
            self._clean_up(previous or document, document, current=current)
        return document.entry

    def remove(self, doc_id: str) -> None:
        document = self._document(doc_id)
        self._connection.delete(self.collection, [document_point(doc_id)])
        with suppress(BackendError):  # as above
            self._clean_up(document, current=None)

    def search(
        self, query: QueryEmbedding, *, k: int, filters: Filters = EVERYTHING
    ) -> list[Candidate]:
        dim = self._documents.known.values.get("dim")
        if dim != query.vectors.shape[1] or k < 1:
            dim = self._documents.known.values["dim"] = self._documents.dim()
            check_search(query, k=k, dim=dim)
        conditions = translate(filters, self.documents)
        if dim is None or conditions is None:
            return []
        large = self._is_large()
        known = self._documents.known
        revision = known.revision
        seen, excluded = dict(known.stale), set(known.stale)  # seen: generation -> document
        before: dict[str, str] = {}
        for _ in range(_ATTEMPTS):
            allowed = _without(conditions, excluded)
            hits = self._pages.query(query, k=k, filters=allowed, first_stage=large)
            seen.update((hit.generation, hit.doc_id) for hit in hits)
            cached = self._pages.cached(hit.point for hit in hits)
            uncached = {hit.point for hit in hits} - cached.keys()
            reading = self._documents.read(set(seen.values()), uncached)
            current = {doc_id: one.generation for doc_id, one in reading.documents.items()}
            stale = {name: doc_id for name, doc_id in seen.items() if current.get(doc_id) != name}
            self._documents.learn(known, reading, stale)
            unchanged = reading.revision == revision or current == before
            if unchanged and stale.keys() == excluded:
                points = {hit.point: (reading.documents[hit.doc_id], hit.number) for hit in hits}
                pages = self._complete(cached, reading.records, points)
                if pages is not None:
                    return sorted((Candidate.of(p, query) for p in pages.values()), key=_rank)
            known, revision = self._documents.known, reading.revision
            before, excluded = current, set(stale)
        raise self._too_fast()

    def load(self, page_ids: Sequence[str]) -> list[EmbeddedPage]:
        asked = [_split(page_id) for page_id in page_ids]
        for _ in range(_ATTEMPTS):
            documents = self._documents.read({doc_id for doc_id, _ in asked}).documents
            for page_id, (doc_id, number) in zip(page_ids, asked, strict=True):
                if doc_id not in documents or number not in documents[doc_id].numbers:
                    raise NotIndexed(f"no page {page_id!r} in the index")
            chosen = [(documents[doc_id], number) for doc_id, number in asked]
            ids = [page_point(document.generation, number) for document, number in chosen]
            points = dict(zip(ids, chosen, strict=True))
            cached = self._pages.cached(points)
            records = self._documents.read([], points.keys() - cached.keys()).records
            pages = self._complete(cached, records, points)
            if pages is not None:
                return [pages[point] for point in ids]
        raise self._too_fast()

    def document_frequency(self, terms: Sequence[str]) -> list[int]:
        """On how many pages each term stands. Not exact while a document is replaced: its old
        and its new pages may both count; pages of an interrupted upload count as well."""
        if not terms:
            return []
        state = self._documents.state()
        plain = [to_plain(term) for term in terms]

        def count(term: str) -> int:
            counted = partial(self._pages.count, any_of("terms", [term]))
            return int(state.get(("term", term), counted))

        with ThreadPoolExecutor(_THREADS) as pool:
            counts = dict(zip(plain, pool.map(count, plain), strict=True))
        return [counts[term] for term in plain]

    def documents(self) -> list[DocumentEntry]:
        points = self._connection.scroll(self.collection, [any_of("type", ["document"])])
        entries = (read_document(point.payload or {}).entry for point in points)
        return sorted(entries, key=lambda entry: entry.id)

    def entries(self, doc_ids: Iterable[str]) -> dict[str, DocumentEntry]:
        values, ids = self._documents.state().values, set(doc_ids)
        documents = {one: values["document", one] for one in ids if ("document", one) in values}
        if unknown := ids - documents.keys():
            documents |= self._documents.read(unknown).documents
        return {doc_id: document.entry for doc_id, document in documents.items()}

    def entry(self, doc_id: str) -> DocumentEntry:
        return self._document(doc_id).entry

    @property
    def page_count(self) -> int:
        return int(self._documents.state().get("page_count", self._documents.count_pages))

    def page_ids(self, doc_id: str) -> list[str]:
        return [f"{doc_id}#p{number}" for number in self._document(doc_id).numbers]

    def get_setting(self, key: str) -> str | None:
        return self.settings().get(key)

    def set_setting(self, key: str, value: str) -> None:
        payload = {"type": "setting", "key": to_plain(key), "value": to_plain(value)}
        self._connection.put(self.collection, [(point_id("setting", to_plain(key)), payload, {})])
        self._documents.announce()

    def settings(self) -> dict[str, str]:
        def ask() -> dict[str, str]:
            points = self._connection.scroll(self.collection, [any_of("type", ["setting"])])
            payloads = [point.payload or {} for point in points]
            return {from_plain(one["key"]): from_plain(one["value"]) for one in payloads}

        return dict(self._documents.state().get("settings", ask))

    def compact(self, *, min_age_s: float = ABANDONED_S) -> int:
        """Delete what interrupted uploads left behind. Reads the ids of all pages.

        Args:
            min_age_s: pages uploaded less long ago stay, because their document may still be
                on its way: the longest time that one takes to add.

        Returns:
            How many pages were deleted.
        """
        uploaded = [any_of("type", ["page"]), _uploaded_before(min_age_s)]
        pages = self._connection.scroll(self.collection, uploaded, fields=["generation"])
        generations = [(point.payload or {})["generation"] for point in pages]
        documents = self._connection.scroll(self.collection, [any_of("type", ["document"])])
        current = {(point.payload or {})["generation"] for point in documents}
        stale = set(generations) - current
        if stale:
            chosen = models.Filter(must=[any_of("generation", sorted(stale))])
            self._pages.delete(chosen, schema.vector_dims(self._connection, self.collection))
            self._documents.announce()
        self._pages.delete_images(stale | self._pages.image_folders(min_age_s) - current)
        return sum(generation in stale for generation in generations)

    def close(self) -> None:
        self._connection.close()

    def _clean_up(self, *obsolete: StoredDocument, current: StoredDocument | None) -> None:
        """Delete generations of a document, and its abandoned pages, but not the current ones."""
        names = {one.generation for one in obsolete} - {current.generation if current else ""}
        chosen = models.Filter(
            must=[any_of("doc_id", [to_plain(obsolete[0].entry.id)])],
            must_not=[any_of("generation", [current.generation])] if current else [],
            should=[any_of("generation", sorted(names)), _uploaded_before(ABANDONED_S)],
        )
        self._pages.delete(chosen, [one.dim for one in obsolete])
        self._pages.delete_images(names)
        self._documents.announce()

    def _complete(
        self,
        cached: Mapping[str, EmbeddedPage],
        records: Mapping[str, Mapping[str, Any]],
        points: Mapping[str, tuple[StoredDocument, int]],
    ) -> dict[str, EmbeddedPage] | None:
        """The pages of all points; None if some were deleted since their documents were read."""
        pages = {**cached, **self._pages.fetch(records, points)}
        if len(pages) == len(points):
            return pages
        documents = {document.entry.id: document for document, _ in points.values()}
        if self._documents.read(documents).documents != documents:
            return None
        raise IndexCorrupt(
            f"the index {self.collection!r} has lost pages of {sorted(documents)}; add the "
            f"documents again"
        )

    def _document(self, doc_id: str) -> StoredDocument:
        document = self._documents.read([doc_id]).documents.get(doc_id)
        if document is None:
            raise NotIndexed(f"no document {doc_id!r} in the index")
        return document

    def _is_large(self) -> bool:
        candidates = self.options.candidates
        if not candidates:
            return False
        pages = self._documents.known.get("page_count", self._documents.count_pages)
        return bool(pages > _TWO_STAGES_FROM * candidates)

    def _too_fast(self) -> BackendError:
        return BackendError(f"the index {self.collection!r} changes too fast to be read; try again")


def _without(conditions: models.Filter, generations: set[str]) -> models.Filter:
    """The conditions, and none of these generations."""
    excluded = models.Filter(must_not=[any_of("generation", sorted(generations))])
    return models.Filter(must=[conditions, *([excluded] if generations else [])])


def _uploaded_before(age_s: float) -> models.Condition:
    return models.FieldCondition(key="uploaded", range=models.Range(lt=time.time() - age_s))


def _rank(candidate: Candidate) -> tuple[float, str, int]:
    page = candidate.parsed.page
    return -candidate.score, page.doc_id, page.number


def _split(page_id: str) -> tuple[str, int]:
    """Document and number in a page's id; number 0, which no page has, if it is not such an id."""
    doc_id, separator, number = page_id.rpartition("#p")
    is_number = separator and number.isascii() and number.isdigit() and not number.startswith("0")
    return (doc_id, int(number)) if is_number else (page_id, 0)
