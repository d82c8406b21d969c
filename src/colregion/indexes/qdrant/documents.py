"""Document points, and what is remembered of an index while its revision stays the same."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from qdrant_client import models

from colregion.errors import IndexCorrupt
from colregion.indexes.qdrant import schema
from colregion.indexes.qdrant.connection import Connection
from colregion.indexes.qdrant.filters import any_of
from colregion.indexes.qdrant.points import StoredDocument, document_point, read_document, to_plain

# How long a revision is taken for the present one.
_FRESH_S = 1.0
# How long values are remembered: a writer may end between its commit and the next revision.
_REMEMBERED_S = 600.0
_MOST_PAGE_COUNTS = 100_000


@dataclass(slots=True)
class State:
    """What is remembered of the index at one revision.

    Args:
        stale: generations that are not current, with the id of their document.
    """

    revision: str
    since: float = field(default_factory=time.monotonic)
    values: dict[object, Any] = field(default_factory=dict)
    stale: dict[str, str] = field(default_factory=dict)
    read: float = field(default_factory=time.monotonic)  # when the revision was last read

    def get(self, key: object, ask: Callable[[], Any]) -> Any:
        """The value of a key, from `ask` the first time."""
        if key not in self.values:
            self.values[key] = ask()
        return self.values[key]


class Reading(NamedTuple):
    """Points that one request has read: documents by id, records of pages by point."""

    revision: str
    documents: dict[str, StoredDocument]
    records: dict[str, dict[str, Any]]


class Documents:
    """The points of an index's documents and its revision. Safe to use from threads.

    Args:
        name: of the collection of records.
        revision: the present one.

    Attributes:
        known: what is remembered.
    """

    def __init__(self, connection: Connection, name: str, revision: str) -> None:
        self._connection, self._name = connection, name
        self._lock = threading.Lock()
        self.known = State(revision)

    def read(self, doc_ids: Iterable[str], points: Iterable[str] = ()) -> Reading:
        """Documents, page records and the revision, in one request."""
        ids = [schema.FORMAT_POINT, *(document_point(doc_id) for doc_id in doc_ids), *points]
        payloads = self._connection.retrieve(self._name, ids)
        if schema.FORMAT_POINT not in payloads:
            raise IndexCorrupt(f"the index {self._name!r} has lost its format; make it anew")
        revision = payloads.pop(schema.FORMAT_POINT)["revision"]
        documents = [read_document(one) for one in payloads.values() if one["type"] == "document"]
        records = {point: one for point, one in payloads.items() if one["type"] == "page"}
        return Reading(revision, {one.entry.id: one for one in documents}, records)

    def dim(self, *, without: str | None = None) -> int | None:
        """D of the vectors in the index; None if it has none."""
        has_vectors = models.FieldCondition(key="dim", range=models.Range(gte=1))
        chosen = models.Filter(
            must=[any_of("type", ["document"]), has_vectors],
            must_not=[] if without is None else [any_of("doc_id", [to_plain(without)])],
        )
        points, _ = self._connection.ask(
            lambda client: client.scroll(
                self._name, scroll_filter=chosen, limit=1, with_payload=["dim"]
            )
        )
        return int((points[0].payload or {})["dim"]) if points else None

    def count_pages(self) -> int:
        """Pages of all documents, by the numbers in the documents' points."""
        counts = self._connection.ask(
            lambda client: client.facet(
                self._name, "page_count", limit=_MOST_PAGE_COUNTS, exact=True
            )
        )
        return sum(int(one.value) * one.count for one in counts.hits)

    def state(self) -> State:
        """What is remembered of the index as it was at most a second ago."""
        known = self.known
        if time.monotonic() - known.read > _FRESH_S:
            self.learn(known, self.read([]), known.stale)
        return self.known

    def learn(self, known: State, reading: Reading, stale: dict[str, str]) -> None:
        """Remember what was read after `known`, unless another thread has learnt more."""
        with self._lock:
            if self.known is not known:
                return
            now = time.monotonic()
            known.read = now
            if reading.revision != known.revision or now - known.since > _REMEMBERED_S:
                self.known = State(reading.revision)
            else:
                known.stale = stale
            documents = {("document", name): one for name, one in reading.documents.items()}
            self.known.values.update(documents)

    def announce(self) -> None:
        """Set a new revision, and forget what was remembered."""
        revision = schema.put_revision(self._connection, self._name)
        with self._lock:
            self.known = State(revision)
