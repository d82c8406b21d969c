"""`QdrantIndex`: the index port on Qdrant."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar

from qdrant_client import models

from colregion.core.documents import DocumentEntry
from colregion.core.embeddings import Candidate, EmbeddedPage, QueryEmbedding
from colregion.core.filters import EVERYTHING, Filters
from colregion.core.interfaces import Index
from colregion.errors import BackendError, IndexCorrupt, NotIndexed
from colregion.indexes.qdrant import schema
from colregion.indexes.qdrant.changes import Changes
from colregion.indexes.qdrant.connection import Connection
from colregion.indexes.qdrant.filters import any_of, translate
from colregion.indexes.qdrant.generations import Notes, document_point
from colregion.indexes.qdrant.options import QdrantOptions
from colregion.indexes.qdrant.reading import PageReader
from colregion.indexes.qdrant.searching import Searcher
from colregion.indexes.qdrant.stored import (
    StoredDocument,
    from_plain,
    point_id,
    read_document,
    to_plain,
)
from colregion.indexes.qdrant.uploads import Upload, page_point
from colregion.indexes.validation import check_search, checked_pages

_Answer = TypeVar("_Answer")

_ATTEMPTS = 20
_THREADS = 8


class QdrantIndex(Index):
    """Documents in two collections of a Qdrant server or cluster: read and written by any number
    of threads and processes. Whoever reads sees whole documents.

    Two processes that replace one document at the same time are no error: one of them wins.

    Args:
        location: URL of a server; a folder or ":memory:" for the client's own local mode.
        collection: name of the index; its vectors go to `NAME-dD`.
        create: false to refuse a server without that collection.

    Raises:
        InvalidInput: there is no index and `create` is false.
        IndexCorrupt: the collection holds something else, or an index of another version.
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
        self._notes = Notes(self._connection, collection)
        self._changes = Changes(self._connection, collection, self._notes, self.options.images)
        self._reader = PageReader(self._connection, collection, self.options.images)
        self._search = Searcher(self._connection, collection, self.options)
        self._prepared: set[tuple[int, str]] = set()
        try:
            schema.prepare(self._connection, collection, self.options, create=create)
        except BaseException:
            self._connection.close()
            raise

    def replace(self, entry: DocumentEntry, pages: Iterable[EmbeddedPage]) -> DocumentEntry:
        generation = uuid.uuid4().hex
        with self._changes.change(entry.id, generation=generation) as note:
            upload = Upload(
                self._connection,
                self.collection,
                entry,
                generation=generation,
                prepare=self._prepare_vectors,
                images=self.options.images,
                touch=partial(self._changes.touch, note),
            )
            for embedded in checked_pages(entry, pages, dim=self._dim(without=entry.id)):
                upload.add(embedded)
            upload.flush()
            numbers = tuple(sorted(upload.numbers))
            stored = replace(entry, page_count=len(numbers))
            document = StoredDocument(stored, generation, numbers, upload.dim)
            self._changes.commit(
                note,
                lambda: self._connection.put(
                    self.collection, [(document_point(entry.id), document.to_payload(), {})]
                ),
            )
        return stored

    def remove(self, doc_id: str) -> None:
        self._document(doc_id)
        with self._changes.change(doc_id, generation=None) as note:
            self._changes.commit(
                note,
                lambda: self._connection.delete(self.collection, [document_point(doc_id)]),
            )

    def search(
        self, query: QueryEmbedding, *, k: int, filters: Filters = EVERYTHING
    ) -> list[Candidate]:
        dim = self._dim()
        check_search(query, k=k, dim=dim)
        conditions = translate(filters)
        if dim is None or conditions.nothing:
            return []
        if conditions.of_documents:
            chosen = self._ids_of(conditions.of_documents)
            if not chosen:
                return []
            conditions.must.append(any_of("doc_id", chosen))
        found = self._at_one_state(
            lambda hidden: self._search.pages(query, k=k, conditions=conditions, hidden=hidden),
            generations=lambda pages: {page.generation for page in pages},
        )
        return [Candidate.of(page, query) for page in self.load([page.id for page in found])]

    def load(self, page_ids: Sequence[str]) -> list[EmbeddedPage]:
        wanted = [_split(page_id) for page_id in page_ids]
        for _ in range(_ATTEMPTS):
            documents = self._notes.documents({doc_id for doc_id, _ in wanted})
            for page_id, (doc_id, number) in zip(page_ids, wanted, strict=True):
                if doc_id not in documents or number not in documents[doc_id].numbers:
                    raise NotIndexed(f"no page {page_id!r} in the index")
            chosen = [(documents[doc_id], number) for doc_id, number in wanted]
            points = {page_point(d.generation, n): (d, n) for d, n in chosen}
            pages = self._reader.read(points, read_image=self.read_image)
            if all(page_point(d.generation, n) in pages for d, n in chosen):
                return [pages[page_point(d.generation, n)] for d, n in chosen]
            if self._notes.documents(documents) == documents:
                raise IndexCorrupt(
                    f"the index {self.collection!r} has lost pages of {sorted(documents)}; add "
                    f"the documents again"
                )
        raise self._too_fast()

    def document_frequency(self, terms: Sequence[str]) -> list[int]:
        distinct = sorted({to_plain(term) for term in terms})

        def count_all(hidden: list[models.Condition]) -> dict[str, int]:
            with ThreadPoolExecutor(_THREADS) as pool:
                counts = pool.map(
                    lambda term: self._count(any_of("terms", [term]), hidden), distinct
                )
                return dict(zip(distinct, counts, strict=True))

        found = self._at_one_state(count_all) if distinct else {}
        return [found[to_plain(term)] for term in terms]

    def documents(self) -> list[DocumentEntry]:
        return sorted(
            (read_document(point.payload or {}).entry for point in self._points("document")),
            key=lambda entry: entry.id,
        )

    def entries(self, doc_ids: Iterable[str]) -> dict[str, DocumentEntry]:
        return {name: stored.entry for name, stored in self._notes.documents(doc_ids).items()}

    def entry(self, doc_id: str) -> DocumentEntry:
        return self._document(doc_id).entry

    @property
    def page_count(self) -> int:
        return self._at_one_state(lambda hidden: self._count(any_of("type", ["page"]), hidden))

    def page_ids(self, doc_id: str) -> list[str]:
        return [f"{doc_id}#p{number}" for number in self._document(doc_id).numbers]

    def get_setting(self, key: str) -> str | None:
        point = _setting_point(key)
        found = self._connection.ask(lambda client: client.retrieve(self.collection, [point]))
        return from_plain((found[0].payload or {})["value"]) if found else None

    def set_setting(self, key: str, value: str) -> None:
        payload = {"type": "setting", "key": to_plain(key), "value": to_plain(value)}
        self._connection.put(self.collection, [(_setting_point(key), payload, {})])

    def settings(self) -> dict[str, str]:
        payloads = [point.payload or {} for point in self._points("setting")]
        return {from_plain(payload["key"]): from_plain(payload["value"]) for payload in payloads}

    def close(self) -> None:
        with suppress(BackendError):  # what is left is swept with the next change
            if self._notes.any_of_mine:
                self._changes.sweep(all_mine=True)
        self._connection.close()

    def _at_one_state(
        self,
        ask: Callable[[list[models.Condition]], _Answer],
        *,
        generations: Callable[[_Answer], set[str]] | None = None,
    ) -> _Answer:
        """The answer of one state of the index.

        Args:
            ask: given conditions that its pages must not meet.
            generations: which ones the answer speaks of; None for all.
        """
        snapshot = None
        for _ in range(_ATTEMPTS):
            snapshot = snapshot or self._notes.snapshot()
            hidden = [any_of("generation", sorted(snapshot.hidden))] if snapshot.hidden else []
            answer = ask(hidden)
            begun = self._notes.begun_since(snapshot)
            if begun is None:
                snapshot = None
            elif not (begun if generations is None else begun & generations(answer)):
                return answer
        raise self._too_fast()

    def _count(self, condition: models.Condition, hidden: list[models.Condition]) -> int:
        wanted = models.Filter(must=[condition], must_not=hidden)
        return self._connection.ask(
            lambda client: client.count(self.collection, count_filter=wanted, exact=True)
        ).count

    def _dim(self, *, without: str | None = None) -> int | None:
        """D of the vectors that the index holds; None when it holds none."""
        wanted = models.Filter(
            must=[
                any_of("type", ["document"]),
                models.FieldCondition(key="dim", range=models.Range(gte=1)),
            ],
            must_not=[] if without is None else [any_of("doc_id", [to_plain(without)])],
        )
        points, _ = self._connection.ask(
            lambda client: client.scroll(
                self.collection, scroll_filter=wanted, limit=1, with_payload=["dim"]
            )
        )
        return int((points[0].payload or {})["dim"]) if points else None

    def _prepare_vectors(self, dim: int, number_keys: list[str]) -> None:
        if (dim, "") not in self._prepared:
            schema.prepare_vectors(self._connection, self.collection, self.options, dim=dim)
        collection = schema.vector_collection(self.collection, dim)
        for key in number_keys:
            if (dim, key) not in self._prepared:
                schema.index_numbers(self._connection, collection, key)
        self._prepared.update((dim, key) for key in ["", *number_keys])

    def _ids_of(self, filters: Filters) -> list[str]:
        """Ids, as payloads hold them, of the documents that the filters let through."""
        return [
            to_plain(entry.id)
            for entry in self.documents()
            if filters.page(
                doc_id=entry.id, source=entry.source, page_number=0, metadata=entry.metadata
            )
        ]

    def _document(self, doc_id: str) -> StoredDocument:
        stored = self._notes.document(doc_id)
        if stored is None:
            raise NotIndexed(f"no document {doc_id!r} in the index")
        return stored

    def _points(self, of_type: str) -> Iterator[models.Record]:
        return self._connection.scroll(self.collection, must=[any_of("type", [of_type])])

    def _too_fast(self) -> BackendError:
        return BackendError(f"the index {self.collection!r} changes too fast to be read; try again")


def _split(page_id: str) -> tuple[str, int]:
    """Document and number of a page's id; a number that no page has for what is no such id."""
    doc_id, separator, number = page_id.rpartition("#p")
    is_number = separator and number.isascii() and number.isdigit() and not number.startswith("0")
    return (doc_id, int(number)) if is_number else (page_id, 0)


def _setting_point(key: str) -> str:
    return point_id("setting", to_plain(key))
