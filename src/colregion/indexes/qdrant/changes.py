"""A change of a document from its note to the sweep of what it made obsolete."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from qdrant_client import models

from colregion.errors import BackendError
from colregion.indexes.qdrant.connection import Connection
from colregion.indexes.qdrant.filters import any_of
from colregion.indexes.qdrant.generations import Note, Notes
from colregion.indexes.qdrant.schema import vector_collection, vector_dims

# Between signs of life of a long upload.
_TOUCH_S = 60.0


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes of one index.

    Args:
        images: the folder of its pictures; None where it keeps none.
    """

    connection: Connection
    collection: str
    notes: Notes
    images: Path | None
    _committing: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def change(self, doc_id: str, *, generation: str | None) -> Iterator[Note]:
        """A change that is noted before it begins and ended however it goes."""
        note = self.notes.begin(doc_id, generation=generation)
        try:
            yield note
        except BackendError:
            # Requests that were given up may still be carried out. The note stays open, and
            # hides whatever they do, until nothing can be on its way any more.
            raise
        except BaseException:
            with suppress(BackendError):
                self.notes.write(replace(note, finished=time.time()))
            raise
        with suppress(BackendError):  # it is committed; the note ends by itself in time
            self.notes.write(replace(self.notes.latest(note), finished=time.time()))
            self.sweep()

    def commit(self, note: Note, write: Callable[[], None]) -> None:
        """Make a change valid.

        Args:
            write: overwrites or deletes the document's point.

        Raises:
            BackendError: the server is down, late, or refuses; somebody has deleted the pages.
        """
        with self._committing:
            current = self.notes.document(note.doc_id)
            if current is not None and current.generation not in note.obsolete:
                # Another writer has replaced the document since this change began.
                note = replace(note, obsolete=(*note.obsolete, current.generation))
            if not self.notes.is_there(note):
                raise BackendError(
                    f"the upload of {note.doc_id!r} was taken for dead after a long silence and "
                    f"its pages were deleted; add the document again"
                )
            self.notes.write(replace(note, touched=time.time()))
            write()

    def touch(self, note: Note) -> None:
        """Say, now and then, that the change still goes on."""
        if time.time() - self.notes.latest(note).touched > _TOUCH_S:
            self.notes.write(replace(note, touched=time.time()))

    def sweep(self, *, all_mine: bool = False) -> None:
        """Delete the pages that no reader wants any more."""
        due = self.notes.due(all_mine=all_mine)
        gone = sorted(self.notes.invalid(due))
        if gone:
            self.notes.mark_swept()
            for dim in vector_dims(self.connection, self.collection):
                self._delete_pages(vector_collection(self.collection, dim), gone)
            self._delete_pages(self.collection, gone)
            for generation in gone:
                if self.images is not None:
                    shutil.rmtree(self.images / generation, ignore_errors=True)
        if due:
            self.notes.forget(due)

    def _delete_pages(self, collection: str, generations: Sequence[str]) -> None:
        # Only pages: notes and documents name generations too.
        chosen = [any_of("generation", generations)]
        if collection == self.collection:
            chosen.append(any_of("type", ["page"]))
        selected = models.FilterSelector(filter=models.Filter(must=chosen))
        self.connection.ask(lambda client: client.delete(collection, selected, wait=True))
