"""Documents and pages as rows of the local index."""

from __future__ import annotations

import json
import math
import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from colregion.core import serialization
from colregion.core.documents import DocumentEntry, ImageLoader
from colregion.core.embeddings import EmbeddedPage
from colregion.core.geometry import Coverage, Placement
from colregion.core.regions import KINDS, ParsedPage, Region, Word
from colregion.core.text import terms
from colregion.errors import IndexCorrupt
from colregion.indexes.local import schema
from colregion.indexes.local.pages import StoredPage
from colregion.indexes.local.vectors import StoredVectors, VectorWriter

_Arrays: TypeAlias = dict[str, NDArray[Any]]


class DocumentWriter:
    """Writes one document, page by page, within a transaction. `images` is the name of the folder
    with its images."""

    def __init__(
        self,
        database: sqlite3.Connection,
        vectors: VectorWriter,
        entry: DocumentEntry,
        *,
        images: str,
    ) -> None:
        self._database, self._vectors, self._entry = database, vectors, entry
        self._pages = self._unread = 0
        self._term_pages: Counter[str] = Counter()
        self._document = _insert(
            database,
            "INSERT INTO document (doc_id, entry, images, terms, crc) VALUES (?, '', ?, x'', 0)",
            (schema.to_blob(entry.id), images),
        )

    @property
    def dim(self) -> int | None:
        """D of the vectors in the index; None without vectors."""
        row = self._database.execute("SELECT dim FROM vector_file LIMIT 1").fetchone()
        return row[0] if row else None

    def add(self, embedded: EmbeddedPage, *, image_crc: int) -> None:
        """Write a page; `image_crc` is the CRC-32 of the file of its image."""
        vectors = self._vectors.add(self._database, embedded.embedding)
        _insert_page(self._database, self._document, embedded, vectors, image_crc=image_crc)
        self._pages += 1
        self._unread += bool(embedded.parsed.is_unread.any())
        self._term_pages.update(_terms(embedded.parsed))

    def finish(self) -> DocumentEntry:
        """Write the entry with its page count and the term counts, and commit the vectors."""
        entry = replace(self._entry, page_count=self._pages, unread_pages=self._unread)
        names = {one.name for one in fields(entry)} - {"id", "unread_pages"}
        values = {name: getattr(entry, name) for name in sorted(names)}
        text = json.dumps(values | {"metadata": dict(entry.metadata)})
        packed = _pack(self._term_pages)
        self._database.execute(
            "UPDATE document SET entry = ?, terms = ?, crc = ? WHERE id = ?",
            (text, packed, schema.checksum(text.encode(), packed), self._document),
        )
        _count_terms(self._database, self._term_pages)
        self._vectors.commit(self._database)
        return entry


def rewrite_page(
    database: sqlite3.Connection,
    writer: VectorWriter,
    row: StoredPage,
    slots: NDArray[np.int32],
    *,
    before: EmbeddedPage,
    after: EmbeddedPage,
) -> None:
    """Put a page in place of one of the same document and number, within a transaction, and commit
    its vectors; the image stays, and so do vectors that are the same array.

    Args:
        row, slots: of the page before.
    """
    if after.embedding is before.embedding:
        vectors = StoredVectors(row.rows, row.coarse, row.codes, slots)
    else:
        # Those that the page had before would be rounded anew each time that more of it is read.
        vectors = writer.add(database, after.embedding, precision="float16")
    (image_crc,) = database.execute(
        "SELECT image_crc FROM page_record WHERE page = ?", (row.row_id,)
    ).fetchone()
    database.execute("DELETE FROM page WHERE id = ?", (row.row_id,))
    _insert_page(database, row.document, after, vectors, image_crc=image_crc)
    changes = Counter(_terms(after.parsed))
    changes.subtract(_terms(before.parsed))
    _count_terms(database, {term: pages for term, pages in changes.items() if pages})
    entry, term_pages = database.execute(
        "SELECT entry, terms FROM document WHERE id = ?", (row.document,)
    ).fetchone()
    counts = Counter(_unpack(term_pages))
    counts.update(changes)
    packed = _pack({term: pages for term, pages in counts.items() if pages})
    database.execute(
        "UPDATE document SET terms = ?, crc = ? WHERE id = ?",
        (packed, schema.checksum(entry.encode(), packed), row.document),
    )
    writer.commit(database)


def _insert_page(
    database: sqlite3.Connection,
    document: int,
    embedded: EmbeddedPage,
    vectors: StoredVectors,
    *,
    image_crc: int,
) -> None:
    parsed = embedded.parsed
    rows, coarse = vectors.rows, vectors.coarse
    kinds = " ".join(sorted({region.kind for region in parsed.regions}))
    page = _insert(
        database,
        "INSERT INTO page VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(document, int(parsed.page.number), kinds, rows.count),
            *(rows.file, rows.first, rows.step, rows.crc),
            *(coarse.file, coarse.first, coarse.count, coarse.step, coarse.crc),
        ),
    )
    if len(vectors.codes):
        codes = vectors.codes.astype("<i4").tobytes()
        database.execute("INSERT INTO page_codes VALUES (?, ?)", (page, codes))
    head = serialization.parsed_to_json(parsed)
    regions, words = head.pop("regions"), head.pop("words")
    blobs = (
        json.dumps(head).encode(),
        _pack(regions),
        _pack(words),
        _pack_arrays(_outline_of(embedded)),
        _pack_arrays(serialization.placement_to_arrays(embedded.embedding.placement)),
        vectors.slots.astype("<i4").tobytes(),
    )
    database.execute(
        "INSERT INTO page_record VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (page, *blobs, schema.checksum(*blobs), image_crc),
    )
    if parsed.is_unread.any():
        database.execute("INSERT INTO unread VALUES (?, ?)", (page, parsed.unread_share))


def forget(database: sqlite3.Connection, folder: Path, doc_id: str) -> list[Path]:
    """Delete a document's rows, within a transaction.

    Returns:
        What to delete after the commit: its folder of images, and the files of vectors that no
        other page uses. [] if there is no such document.
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
    """A page without its vectors, cached and shared by all searches."""

    parsed: ParsedPage
    region_cover: Coverage
    placement: Placement
    slots: NDArray[np.int32]  # (V,) position in the page's codes of each vector; or empty


def read_record(
    database: sqlite3.Connection, row_id: int, *, load_image: ImageLoader
) -> PageRecord | None:
    """The record of a page, None if there is no such page. Raises IndexCorrupt for damage."""
    row = database.execute(
        "SELECT head, regions, words, outline, placement, slots, crc FROM page_record "
        "WHERE page = ?",
        (row_id,),
    ).fetchone()
    if row is None:
        return None
    *blobs, crc = row
    head, regions, words, outline, placement, slots = blobs
    with _translate_damage():
        if schema.checksum(*blobs) != crc:
            raise ValueError("its checksum is another")
        arrays = _unpack_arrays(outline)
        cover = Coverage(arrays["indptr"], arrays["indices"], arrays["area"])
        page = _StoredPage.of(json.loads(head), (regions, words), arrays, load_image)
        placed = serialization.placement_from_arrays(_unpack_arrays(placement))
    return PageRecord(page, cover, placed, np.frombuffer(slots, dtype="<i4"))


def _outline_of(embedded: EmbeddedPage) -> _Arrays:
    """The regions' boxes, parents, kinds, which are header rows or unread, and vectors: what
    suffices to rank the page's regions."""
    parsed, cover = embedded.parsed, embedded.region_cover
    return {
        "boxes": parsed.region_boxes,
        "parents": parsed.parents.astype(np.int32),
        "kinds": np.array([KINDS.index(kind) for kind in parsed.region_kinds], dtype=np.uint8),
        "is_header": parsed.is_header,
        "is_unread": parsed.is_unread,
        "indptr": cover.indptr.astype(np.int32),
        "indices": cover.indices.astype(np.int32),
        "area": cover.area.astype(np.float32),
    }


class _StoredPage(ParsedPage):
    """A page that decodes regions and words on first use: most candidates of a search never do."""

    _head: dict[str, Any]
    _packed: tuple[bytes, bytes]

    @classmethod
    def of(
        cls, head: dict[str, Any], packed: tuple[bytes, bytes], outline: _Arrays, load: ImageLoader
    ) -> _StoredPage:
        page = cls.__new__(cls)  # was checked when it was stored
        empty = {**head, "regions": (), "words": ()}
        parsed = serialization.parsed_from_json(empty, load_image=load)
        page.__dict__.update(page=parsed.page, _head=head, _packed=packed)
        page.__dict__.update(region_boxes=outline["boxes"], parents=outline["parents"])
        page.__dict__.update(region_kinds=np.array(KINDS)[outline["kinds"]])
        page.__dict__.update(is_header=outline["is_header"], is_unread=outline["is_unread"])
        return page

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        with _translate_damage():
            rows = _unpack(self._packed[0])
            record = {**self._head, "regions": rows, "words": ()}
            return serialization.parsed_from_json(record, load_image=self.page.load_image).regions

    @cached_property
    def words(self) -> tuple[Word, ...]:
        with _translate_damage():
            return serialization.words_from_json(_unpack(self._packed[1]))


@contextmanager
def _translate_damage() -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError, zlib.error) as cause:
        raise IndexCorrupt(f"a page's record is damaged ({cause}). {schema.REPAIR_HINT}") from cause


def _terms(parsed: ParsedPage) -> set[str]:
    return set(terms(" ".join(word.text for word in parsed.words)))


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


def _pack_arrays(arrays: _Arrays) -> bytes:
    """Names, dtypes and shapes as a line of JSON, then the bytes: unlike npz fast to open."""
    described = [(name, array.dtype.str, array.shape) for name, array in arrays.items()]
    content = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())
    return json.dumps(described).encode() + b"\n" + content


def _unpack_arrays(packed: bytes) -> _Arrays:
    described, _, content = packed.partition(b"\n")
    arrays: _Arrays = {}
    start = 0
    for name, dtype, shape in json.loads(described):
        array = np.frombuffer(content, dtype, count=math.prod(shape), offset=start).reshape(shape)
        arrays[name] = array
        start += array.nbytes
    return arrays
