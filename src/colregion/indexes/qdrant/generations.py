"""How a change of a document becomes visible at once, on a server without transactions.

Every change leaves a *note* in the collection before it touches anything: the generation of pages
that it uploads and those that it will make obsolete. The document's own point names the valid
generation; overwriting (or deleting) that one point is the commit. Obsolete pages stay for a
while, and so does the note.

A reader takes a `Snapshot`: it reads the notes and the points of their documents. That tells
which generations are not valid *now*; they are hidden from whatever the reader asks. Afterwards
it reads the notes again: generations that began meanwhile are not part of its state either, and
their predecessors are all still there. Only where old pages have been swept away meanwhile (a
mark that every sweep leaves says so) has it to begin anew.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from colregion.indexes.qdrant.connection import Connection
from colregion.indexes.qdrant.filters import any_of
from colregion.indexes.qdrant.stored import (
    StoredDocument,
    from_plain,
    point_id,
    read_document,
    to_plain,
)

# How long obsolete pages stay: longer than searches last, so that few have to begin anew.
GRACE_S = 10.0
# A change whose writer has been silent for so long is taken for dead. Clocks may differ by less.
SILENCE_S = 3600.0

_SWEPT = point_id("swept")


@dataclass(frozen=True, slots=True)
class Note:
    """A change under way, or finished and not yet swept.

    Args:
        generation: of the pages that it uploads; None for a removal.
        obsolete: the generations that it replaces.
        touched: when its writer was last heard of, seconds since the epoch.
        finished: when it ended, whichever way; None while it goes on.
    """

    id: str
    doc_id: str
    generation: str | None
    obsolete: tuple[str, ...]
    touched: float
    finished: float | None = None

    @property
    def generations(self) -> set[str]:
        """All that it speaks of."""
        return {*self.obsolete, *([self.generation] if self.generation else [])}


@dataclass(slots=True)
class Snapshot:
    """Args:
    hidden: generations that are not part of this state of the index.
    valid: generations that are, of the documents with notes. One of them may have begun after
        the notes were read, and been committed before the documents were.
    known: the notes that have been read.
    swept: the mark of the last sweep.
    """

    hidden: set[str]
    valid: set[str]
    known: set[str]
    swept: str | None


@dataclass(slots=True)
class Notes:
    """The notes of one index, and the points of its documents.

    Args:
        collection: the one without vectors.
    """

    connection: Connection
    collection: str
    _mine: dict[str, Note] = field(default_factory=dict)
    _last_sweep: float = field(default_factory=time.monotonic)

    def document(self, doc_id: str) -> StoredDocument | None:
        """The valid state of a document; None when there is none."""
        return self.documents([doc_id]).get(doc_id)

    def documents(self, doc_ids: Iterable[str]) -> dict[str, StoredDocument]:
        """The valid states of those documents that there are."""
        ids = [document_point(doc_id) for doc_id in doc_ids]
        if not ids:
            return {}
        points = self.connection.ask(
            lambda client: client.retrieve(self.collection, ids, with_payload=True)
        )
        found = [read_document(point.payload or {}) for point in points]
        return {stored.entry.id: stored for stored in found}

    def snapshot(self) -> Snapshot:
        """The state of the index now."""
        notes, swept = self._read()
        valid = self._valid(notes)
        return Snapshot(_generations(notes) - valid, valid, {note.id for note in notes}, swept)

    def begun_since(self, snapshot: Snapshot) -> set[str] | None:
        """Generations that began after the snapshot was taken, which it now hides too; None when
        pages may have been swept away since, and the snapshot is worth nothing any more."""
        notes, swept = self._read()
        if swept != snapshot.swept:
            return None
        new = [note for note in notes if note.id not in snapshot.known]
        begun = {note.generation for note in new if note.generation is not None}
        begun -= snapshot.valid
        snapshot.known.update(note.id for note in new)
        snapshot.hidden |= begun
        return begun

    def begin(self, doc_id: str, *, generation: str | None) -> Note:
        """Leave the note of a change before it does anything."""
        current = self.document(doc_id)
        note = Note(
            id=str(uuid.uuid4()),
            doc_id=doc_id,
            generation=generation,
            obsolete=(current.generation,) if current else (),
            touched=time.time(),
        )
        self.write(note)
        return note

    def write(self, note: Note) -> None:
        """Put a note, in place of what it said before."""
        self._mine[note.id] = note
        payload = {
            "type": "note",
            "doc_id": to_plain(note.doc_id),
            "generation": note.generation,
            "obsolete": list(note.obsolete),
            "touched": note.touched,
            "finished": note.finished,
        }
        self.connection.put(self.collection, [(note.id, payload, {})])

    def latest(self, note: Note) -> Note:
        """What was last written of a note of this object's."""
        return self._mine[note.id]

    @property
    def any_of_mine(self) -> bool:
        """Whether a note of this object's is left."""
        return bool(self._mine)

    def is_there(self, note: Note) -> bool:
        """False when somebody took the note's writer for dead."""
        return bool(self.connection.ask(lambda client: client.retrieve(self.collection, [note.id])))

    def due(self, *, all_mine: bool = False) -> list[Note]:
        """Notes whose obsolete pages may go now.

        Args:
            all_mine: those that this object began and finished at once; readers that are
                disturbed begin anew.
        """
        if not all_mine and time.monotonic() - self._last_sweep < GRACE_S:
            return []
        self._last_sweep = time.monotonic()
        now = time.time()
        notes, _ = self._read()
        return [
            note
            for note in notes
            if (note.finished is not None and now - note.finished > GRACE_S)
            or (note.finished is not None and all_mine and note.id in self._mine)
            or (note.finished is None and now - note.touched > SILENCE_S)
        ]

    def invalid(self, notes: Sequence[Note]) -> set[str]:
        """The generations of these notes that are not valid."""
        return _generations(notes) - self._valid(notes)

    def mark_swept(self) -> None:
        """Tell all readers that pages are about to go."""
        payload = {"type": "note", "mark": str(uuid.uuid4())}
        self.connection.put(self.collection, [(_SWEPT, payload, {})])

    def forget(self, notes: Sequence[Note]) -> None:
        """Take notes away, once nothing is left of what they speak of."""
        self.connection.delete(self.collection, [note.id for note in notes])
        for note in notes:
            self._mine.pop(note.id, None)

    def _valid(self, notes: Sequence[Note]) -> set[str]:
        """The valid generations of the documents that these notes speak of."""
        if not notes:
            return set()
        ids = sorted({document_point(note.doc_id) for note in notes})
        points = self.connection.ask(
            lambda client: client.retrieve(self.collection, ids, with_payload=["generation"])
        )
        return {(point.payload or {})["generation"] for point in points}

    def _read(self) -> tuple[list[Note], str | None]:
        notes: list[Note] = []
        swept = None
        for point in self.connection.scroll(self.collection, must=[any_of("type", ["note"])]):
            payload = point.payload or {}
            if point.id == _SWEPT:
                swept = payload["mark"]
                continue
            notes.append(_note(str(point.id), payload))
        return notes, swept


def _note(note_id: str, payload: dict[str, Any]) -> Note:
    return Note(
        id=note_id,
        doc_id=from_plain(payload["doc_id"]),
        generation=payload["generation"],
        obsolete=tuple(payload["obsolete"]),
        touched=payload["touched"],
        finished=payload["finished"],
    )


def _generations(notes: Iterable[Note]) -> set[str]:
    return {generation for note in notes for generation in note.generations}


def document_point(doc_id: str) -> str:
    """The id of a document's point."""
    return point_id("document", to_plain(doc_id))
