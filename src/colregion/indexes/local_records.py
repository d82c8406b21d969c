"""Documents and pages as rows of the local index."""

from __future__ import annotations

import io
import json
import sqlite3
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colregion.codec import (
    parsed_from_json,
    parsed_to_json,
    placement_from_arrays,
    placement_to_arrays,
)
from colregion.geometry import Placement
from colregion.indexes import local_store as store
from colregion.indexes.local_vectors import VectorWriter
from colregion.records import DocumentEntry, EmbeddedPage, ImageLoader, ParsedPage
from colregion.text import terms


class DocumentWriter:
    """Writes one document, page by page, within a transaction of the database.

    Args:
        images: name of the folder that its pictures are in.
    """

    def __init__(
        self,
        database: sqlite3.Connection,
        vectors: VectorWriter,
        entry: DocumentEntry,
        *,
        images: str,
    ) -> None:
        self._database, self._vectors, self._entry = database, vectors, entry
        self._pages = 0
        self._term_pages: Counter[str] = Counter()
        self._document = _insert(
            database,
            "INSERT INTO document (doc_id, entry, images, terms) VALUES (?, '', ?, x'')",
            (store.to_blob(entry.id), images),
        )

    @property
    def dim(self) -> int | None:
        """D of the vectors in the index; None while it has none."""
        row = self._database.execute("SELECT dim FROM vector_file LIMIT 1").fetchone()
        return row[0] if row else None

    def add(self, embedded: EmbeddedPage) -> None:
        """Write a page."""
        parsed, embedding = embedded.parsed, embedded.embedding
        vectors = self._vectors.add(self._database, embedding)
        page = _insert(
            self._database,
            "INSERT INTO page (document, number, kinds, n_vectors, vector_file, first_row) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (
                self._document,
                int(parsed.page.number),
                " ".join(sorted({region.kind for region in parsed.regions})),
                len(embedding.vectors),
                vectors.file,
                vectors.first_row,
            ),
        )
        if len(vectors.codes):
            self._database.execute(
                "INSERT INTO page_codes VALUES (?, ?)",
                (page, vectors.codes.astype("<i4").tobytes()),
            )
        self._database.execute(
            "INSERT INTO page_record VALUES (?, ?, ?, ?)",
            (
                page,
                _pack(parsed_to_json(parsed)),
                _arrays_to_bytes(placement_to_arrays(embedding.placement)),
                vectors.slots.astype("<i4").tobytes(),
            ),
        )
        self._pages += 1
        self._term_pages.update(set(terms(" ".join(word.text for word in parsed.words))))

    def finish(self) -> DocumentEntry:
        """Write what is known only after the last page, and bring the vectors to the disk."""
        entry = replace(self._entry, page_count=self._pages)
        fields = {
            "source": entry.source,
            "content_hash": entry.content_hash,
            "settings": entry.settings,
            "metadata": dict(entry.metadata),
            "page_count": entry.page_count,
        }
        self._database.execute(
            "UPDATE document SET entry = ?, terms = ? WHERE id = ?",
            (json.dumps(fields), _pack(self._term_pages), self._document),
        )
        _count_terms(self._database, self._term_pages)
        self._vectors.commit(self._database)
        return entry


def forget(database: sqlite3.Connection, folder: Path, doc_id: str) -> list[Path]:
    """Delete a document's rows, within a transaction.

    Returns:
        The files to delete once that is committed: its folder of pictures, and the files of
        vectors that no page uses any more. [] when there is no such document.
    """
    row = database.execute(
        "SELECT id, images, terms FROM document WHERE doc_id = ?", (store.to_blob(doc_id),)
    ).fetchone()
    if row is None:
        return []
    document, images, term_pages = row
    _count_terms(database, {term: -pages for term, pages in _unpack(term_pages).items()})
    database.execute("DELETE FROM document WHERE id = ?", (document,))
    unused = database.execute(
        "SELECT id, name FROM vector_file WHERE id NOT IN "
        "(SELECT vector_file FROM page WHERE vector_file IS NOT NULL)"
    ).fetchall()
    database.executemany("DELETE FROM vector_file WHERE id = ?", [(file,) for file, _ in unused])
    vectors = folder / store.VECTORS
    return [folder / store.IMAGES / images, *(vectors / name for _, name in unused)]


def decode_record(
    row: tuple[bytes, bytes, bytes], *, load_image: ImageLoader
) -> tuple[ParsedPage, Placement, NDArray[np.int32]]:
    """Page, placement and slots from the columns of `page_record`.

    Raises:
        ValueError, KeyError, TypeError, zlib.error, zipfile.BadZipFile: the row is damaged.
    """
    parsed, placement, slots = row
    with np.load(io.BytesIO(placement), allow_pickle=False) as arrays:
        placed = placement_from_arrays(dict(arrays))
    return (
        parsed_from_json(_unpack(parsed), load_image=load_image),
        placed,
        np.frombuffer(slots, dtype="<i4"),
    )


def _count_terms(database: sqlite3.Connection, term_pages: Mapping[str, int]) -> None:
    rows = [(store.to_blob(term), pages) for term, pages in term_pages.items()]
    database.executemany(
        "INSERT INTO term VALUES (?, ?) ON CONFLICT (term) DO UPDATE SET pages = pages + "
        "excluded.pages",
        rows,
    )
    database.executemany(
        "DELETE FROM term WHERE term = ? AND pages = 0",
        [(term,) for term, pages in rows if pages < 0],
    )


def _insert(database: sqlite3.Connection, statement: str, values: tuple[Any, ...]) -> int:
    row_id = database.execute(statement, values).lastrowid
    assert row_id is not None
    return row_id


def _pack(data: Mapping[str, Any]) -> bytes:
    return zlib.compress(json.dumps(data, separators=(",", ":")).encode())


def _unpack(data: bytes) -> dict[str, Any]:
    unpacked: dict[str, Any] = json.loads(zlib.decompress(data))
    return unpacked


def _arrays_to_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()
