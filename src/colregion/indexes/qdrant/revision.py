"""Documents and revision of an index, and what is remembered until the revision changes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

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
_MOST_VALUES = 100_000


@dataclass(slots=True)
class State:
    """What is remembered of the index at one revision.

    Args:
        documents: by id.
        values: by key, whatever else was asked.
        read: when the revision was last read.
    """

    revision: str
    documents: dict[str, StoredDocument] = field(default_factory=dict)
    values: dict[object, Any] = field(default_factory=dict)
    since: float = field(default_factory=time.monotonic)
    read: float = field(default_factory=time.monotonic)

    def get(self, key: object, ask: Callable[[], Any]) -> Any:
        """The value of a key, from `ask` the first time."""
        if key not in self.values:
            self.values[key] = ask()
        return self.values[key]


class Documents:
    """Documents and revision of an index. Safe to use from threads."""

    def __init__(self, connection: Connection, name: str, revision: str) -> None:
        self._connection, self._name = connection, name
        self._lock = threading.Lock()
        self.known = State(revision)

    def read(self, doc_ids: Iterable[str]) -> tuple[str, dict[str, StoredDocument]]:
        """The revision, and those of the documents that exist by id, in one request."""
        ids = [schema.FORMAT_POINT, *map(document_point, doc_ids)]
        payloads = self._connection.retrieve(self._name, ids)
        if schema.FORMAT_POINT not in payloads:
            raise IndexCorrupt(f"the index {self._name!r} has lost its format; make it anew")
        revision = payloads.pop(schema.FORMAT_POINT)["revision"]
        documents = [read_document(payload) for payload in payloads.values()]
        return revision, {document.entry.id: document for document in documents}

    def count(self, field: str, *, without: str | None = None) -> dict[int, int]:
        """Number of documents, or of those with another id, for each value of a field."""
        excluded = [] if without is None else [any_of("doc_id", [to_plain(without)])]
        counts = self._connection.ask(
            self._connection.client.facet,
            self._name,
            field,
            facet_filter=models.Filter(must_not=excluded),
            limit=_MOST_VALUES,
            exact=True,
        )
        return {int(hit.value): hit.count for hit in counts.hits}

    def state(self) -> State:
        """What is remembered of the index as it was at most a second ago."""
        known = self.known
        if time.monotonic() - known.read > _FRESH_S:
            self.learn(known, *self.read([]))
        return self.known

    def learn(self, known: State, revision: str, documents: dict[str, StoredDocument]) -> None:
        """Remember what was read after `known`, unless another thread has learnt more."""
        with self._lock:
            if self.known is not known:
                return
            known.read = time.monotonic()
            if revision != known.revision or known.read - known.since > _REMEMBERED_S:
                self.known = State(revision)
            self.known.documents.update(documents)

    def announce(self) -> None:
        """Set a new revision, and forget what was remembered."""
        revision = schema.put_revision(self._connection, self._name)
        with self._lock:
            self.known = State(revision)
