"""Documents and pages as rows of the local index."""

from __future__ import annotations

import io
import json
import sqlite3
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colregion.core.documents import DocumentEntry, ImageLoader, Page
from colregion.core.embeddings import EmbeddedPage, region_cover
from colregion.core.geometry import Coverage, Placement
from colregion.core.regions import ParsedPage, Region, Word
from colregion.core.serialization import (
    parsed_from_json,
    parsed_to_json,
    placement_from_arrays,
    placement_to_arrays,
    words_from_json,
)
from colregion.core.text import terms
from colregion.errors import IndexCorrupt
from colregion.indexes.local import schema
from colregion.indexes.local.errors import REPAIR_HINT
from colregion.indexes.local.vectors import VectorWriter


class DocumentWriter:
    """Writes one document, page by page, within a transaction of the database.

    Args:
        images: name of the folder that its images are in.
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
            "INSERT INTO document (doc_id, entry, images, terms, crc) VALUES (?, '', ?, x'', 0)",
            (schema.to_blob(entry.id), images),
        )

    @property
    def dim(self) -> int | None:
        """D of the vectors in the index; None while it has none."""
        row = self._database.execute("SELECT dim FROM vector_file LIMIT 1").fetchone()
        return row[0] if row else None

    def add(self, embedded: EmbeddedPage, *, image_crc: int) -> None:
        """Write a page.

        Args:
            image_crc: of the file of its image.
        """
        parsed, embedding = embedded.parsed, embedded.embedding
        vectors = self._vectors.add(self._database, embedding)
        rows, coarse = vectors.rows, vectors.coarse
        kinds = " ".join(sorted({region.kind for region in parsed.regions}))
        page = _insert(
            self._database,
            "INSERT INTO page VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(self._document, int(parsed.page.number), kinds, rows.count),
                *(rows.file, rows.first, rows.step, rows.crc),
                *(coarse.file, coarse.first, coarse.count, coarse.step, coarse.crc),
            ),
        )
        if len(vectors.codes):
            self._database.execute(
                "INSERT INTO page_codes VALUES (?, ?)",
                (page, vectors.codes.astype("<i4").tobytes()),
            )
        fields = parsed_to_json(parsed)
        words = fields.pop("words")
        blobs = (
            _pack(fields),
            _pack(words),
            _arrays_to_bytes(placement_to_arrays(embedding.placement)),
            vectors.slots.astype("<i4").tobytes(),
        )
        self._database.execute(
            "INSERT INTO page_record VALUES (?, ?, ?, ?, ?, ?, ?)",
            (page, *blobs, schema.checksum(*blobs), image_crc),
        )
        self._pages += 1
        self._term_pages.update(set(terms(" ".join(word.text for word in parsed.words))))

    def finish(self) -> DocumentEntry:
        """Write what is known only after the last page, and bring the vectors to the disk."""
        entry = replace(self._entry, page_count=self._pages)
        fields = {
            "source": entry.source,
            "content_hash": entry.content_hash,
            "parser": entry.parser,
            "missing_pages": entry.missing_pages,
            "metadata": dict(entry.metadata),
            "page_count": entry.page_count,
        }
        text, packed = json.dumps(fields), _pack(self._term_pages)
        self._database.execute(
            "UPDATE document SET entry = ?, terms = ?, crc = ? WHERE id = ?",
            (text, packed, schema.checksum(text.encode(), packed), self._document),
        )
        _count_terms(self._database, self._term_pages)
        self._vectors.commit(self._database)
        return entry


def forget(database: sqlite3.Connection, folder: Path, doc_id: str) -> list[Path]:
    """Delete a document's rows, within a transaction.

    Returns:
        The files to delete once that is committed: its folder of images, and the files of
        vectors that no page uses any more. [] when there is no such document.
    """
    row = database.execute(
        "SELECT id, images, terms FROM document WHERE doc_id = ?", (schema.to_blob(doc_id),)
    ).fetchone()
    if row is None:
        return []
    document, images, term_pages = row
    _count_terms(database, {term: -pages for term, pages in _unpack(term_pages).items()})
    database.execute("DELETE FROM document WHERE id = ?", (document,))
    unused = database.execute(
        "SELECT id, name FROM vector_file WHERE id NOT IN "
        "(SELECT vector_file FROM page WHERE vector_file IS NOT NULL "
        "UNION SELECT coarse_file FROM page WHERE coarse_file IS NOT NULL)"
    ).fetchall()
    database.executemany("DELETE FROM vector_file WHERE id = ?", [(file,) for file, _ in unused])
    vectors = folder / schema.VECTORS
    return [folder / schema.IMAGES / images, *(vectors / name for _, name in unused)]


@dataclass(frozen=True, eq=False)
class PageRecord:
    """What is stored of a page besides its vectors, and what follows from it for every search."""

    page: Page
    regions: tuple[Region, ...]
    packed_words: bytes
    placement: Placement
    slots: NDArray[np.int32]

    @cached_property
    def parsed(self) -> ParsedPage:
        """The page, shared by all searches; see `ParsedPage.unloaded`."""
        return _StoredPage.of(self)

    @cached_property
    def region_cover(self) -> Coverage:
        """As of `EmbeddedPage`, computed once for all searches."""
        return region_cover(self.placement, self.parsed.region_boxes)


def read_record(
    database: sqlite3.Connection, row_id: int, *, load_image: ImageLoader
) -> PageRecord | None:
    """The record of a page; None when there is no such page.

    Raises:
        IndexCorrupt: the record is damaged.
    """
    row = database.execute(
        "SELECT parsed, words, placement, slots, crc FROM page_record WHERE page = ?", (row_id,)
    ).fetchone()
    if row is None:
        return None
    parsed, words, placement, slots, crc = row
    with _damage_named():
        if schema.checksum(parsed, words, placement, slots) != crc:
            raise ValueError("its checksum is another")
        page = parsed_from_json({**_unpack(parsed), "words": ()}, load_image=load_image)
        with np.load(io.BytesIO(placement), allow_pickle=False) as arrays:
            placed = placement_from_arrays(dict(arrays))
    return PageRecord(page.page, page.regions, words, placed, np.frombuffer(slots, dtype="<i4"))


class _StoredPage(ParsedPage):
    """A page whose words are decoded when they are asked for: they are most of a record, and a
    search asks for regions only."""

    _packed_words: bytes

    @classmethod
    def of(cls, record: PageRecord) -> _StoredPage:
        page = cls.__new__(cls)  # was checked when it was stored
        page.__dict__.update(
            page=record.page, regions=record.regions, _packed_words=record.packed_words
        )
        return page

    @cached_property
    def words(self) -> tuple[Word, ...]:
        with _damage_named():
            return words_from_json(_unpack(self._packed_words))


@contextmanager
def _damage_named() -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError, zlib.error, zipfile.BadZipFile) as cause:
        raise IndexCorrupt(
            f"the record of a page of the index is damaged ({cause}). {REPAIR_HINT}"
        ) from cause


def _count_terms(database: sqlite3.Connection, term_pages: Mapping[str, int]) -> None:
    rows = [(schema.to_blob(term), pages) for term, pages in term_pages.items()]
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


def _pack(data: Any) -> bytes:
    return zlib.compress(json.dumps(data, separators=(",", ":")).encode())


def _unpack(data: bytes) -> Any:
    return json.loads(zlib.decompress(data))


def _arrays_to_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()
