"""The page table of a local index in memory: one state of the database."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colregion.core.documents import DocumentEntry, page_id
from colregion.core.filters import Filters
from colregion.core.geometry import FloatArray
from colregion.errors import IndexCorrupt, NotIndexed
from colregion.indexes import int4
from colregion.indexes.local.schema import REPAIR_HINT, from_blob, to_blob
from colregion.indexes.local.vectors import (
    CODEBOOK,
    INT4,
    ROWS,
    RowRange,
    map_rows,
    row_bytes,
    rows_of_page,
)
from colregion.indexes.maxsim_kernels.numpy_kernel import float16_to_float32

_PAGE_FIELDS = ("page_number", "kind")  # fields of filters that are not the same per document


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document's entry, and the name of the folder of its images."""

    entry: DocumentEntry
    images: str


@dataclass(frozen=True, slots=True)
class StoredPage:
    """A page's row; `codes` are empty unless its vectors are in a codebook."""

    row_id: int
    document: int
    number: int
    kinds: tuple[str, ...]
    rows: RowRange
    coarse: RowRange
    codes: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class VectorFile:
    """A mapped file of vectors."""

    name: str
    form: str
    dim: int
    rows: NDArray[Any]


@dataclass(frozen=True, eq=False)
class PageTable:
    """One state of the index: documents by row id in order of their ids, pages in order of
    document and number, vector files by id, the unread share of pages by row id."""

    documents: dict[int, StoredDocument]
    pages: tuple[StoredPage, ...]
    files: dict[int, VectorFile]
    unread: dict[int, float] = field(default_factory=dict)

    @cached_property
    def positions(self) -> dict[str, int]:
        """Page id -> position in `pages`."""
        return {self.id_of(i): i for i in range(len(self.pages))}

    @cached_property
    def entries(self) -> dict[str, DocumentEntry]:
        """Document id -> entry."""
        unread = Counter(page.document for page in self.pages if page.row_id in self.unread)
        return {
            document.entry.id: replace(document.entry, unread_pages=unread[row_id])
            for row_id, document in self.documents.items()
        }

    def page(self, page_id: str) -> StoredPage:
        """The page of an id. Raises NotIndexed where there is none."""
        if page_id not in self.positions:
            raise NotIndexed(f"no page {page_id!r} in the index")
        return self.pages[self.positions[page_id]]

    def page_ids(self, doc_id: str) -> list[str]:
        """As `Index.page_ids`."""
        for row_id, document in self.documents.items():
            if document.entry.id == doc_id:
                return [self.id_of(i) for i, one in enumerate(self.pages) if one.document == row_id]
        raise NotIndexed(f"no document {doc_id!r} in the index")

    def unread_pages(self, doc_id: str | None) -> dict[str, float]:
        """As `Index.unread_pages`."""
        if doc_id is not None and doc_id not in self.entries:
            raise NotIndexed(f"no document {doc_id!r} in the index")
        return {
            self.id_of(i): self.unread[page.row_id]
            for i, page in enumerate(self.pages)
            if page.row_id in self.unread
            and doc_id in (None, self.documents[page.document].entry.id)
        }

    @property
    def dim(self) -> int | None:
        """D; None while no page has vectors."""
        return next((file.dim for file in self.files.values()), None)

    def id_of(self, position: int) -> str:
        """The id of a page."""
        page = self.pages[position]
        return page_id(self.documents[page.document].entry.id, page.number)

    def vectors_of(self, page: StoredPage, slots: NDArray[np.int32]) -> FloatArray:
        """(V, D) float32 of one page. Raises IndexCorrupt for another checksum."""
        rows = page.rows
        if rows.file is None:
            return np.zeros((0, self.dim or 0), dtype=np.float32)
        file = self.files[rows.file]
        if file.form == CODEBOOK:
            self.check_codes(page)
            return np.asarray(file.rows.take(page.codes[slots], axis=0))
        n_rows = rows_of_page(file.form, rows.count)
        stored = file.rows[rows.first : rows.first + n_rows]
        self._check(page, file, np.ascontiguousarray(stored).data.cast("B"))
        if file.form == ROWS:
            return float16_to_float32(stored)
        if file.form == INT4:
            return int4.unpack(stored, n_vectors=rows.count, dim=file.dim)
        return stored.astype(np.float32) * np.float32(rows.step)

    def check_codes(self, page: StoredPage) -> None:
        """Raise IndexCorrupt if the codes of a page have another checksum."""
        assert page.rows.file is not None
        self._check(page, self.files[page.rows.file], page.codes.tobytes())

    def _check(self, page: StoredPage, file: VectorFile, packed: bytes | memoryview) -> None:
        if zlib.crc32(packed) != page.rows.crc:
            entry = self.documents[page.document].entry
            raise IndexCorrupt(
                f"the vectors of page {page_id(entry.id, page.number)} in {file.name} are damaged: "
                f"their checksum is another. {REPAIR_HINT}"
            )

    def allowed(self, filters: Filters) -> NDArray[np.bool_]:
        """(pages,) mask of the pages that pass the filters."""
        if not filters:
            return np.ones(len(self.pages), dtype=bool)
        of_document = Filters(tuple(c for c in filters.conditions if c.field not in _PAGE_FIELDS))
        of_page = Filters(tuple(c for c in filters.conditions if c.field == "page_number"))
        any_kind = not any(c.field == "kind" for c in filters.conditions)
        documents = {
            row_id: of_document.page(
                doc_id=document.entry.id,
                source=document.entry.source,
                page_number=0,
                metadata=document.entry.metadata,
            )
            for row_id, document in self.documents.items()
        }
        kind = lru_cache(maxsize=None)(filters.kind)
        return np.array(
            [
                documents[page.document]
                and (
                    not of_page
                    or of_page.page(doc_id="", source="", page_number=page.number, metadata={})
                )
                and (any_kind or any(kind(name) for name in page.kinds))
                for page in self.pages
            ],
            dtype=bool,
        )


EMPTY = PageTable(documents={}, pages=(), files={})


def read_table(
    database: sqlite3.Connection,
    vectors: Path,
    *,
    known: PageTable,
    without: Collection[int] = (),
    shortened: bool = False,
) -> PageTable:
    """The current state of the database, within a transaction.

    Args:
        vectors: the folder of the vector files.
        known: an earlier state, whose rows are not read again.
        without: row ids of pages to omit.
        shortened: accept truncated files.

    Raises:
        FileNotFoundError: a commit since the transaction began has deleted a vector file.
        IndexCorrupt: a vector file is shorter than its rows.
    """
    files: dict[int, VectorFile] = {}
    for file, name, form, dim, n_rows in database.execute(
        "SELECT id, name, form, dim, n_rows FROM vector_file WHERE n_rows > 0 ORDER BY id"
    ):
        path = vectors / name
        if shortened:
            size = path.stat().st_size if path.exists() else 0
            n_rows = min(n_rows, size // row_bytes(form, dim=dim))
            if n_rows == 0:
                continue
        old = known.files.get(file)
        if old is None or len(old.rows) != n_rows:
            old = VectorFile(name, form, dim, map_rows(path, form=form, n_rows=n_rows, dim=dim))
        files[file] = old
    documents = _read_documents(database, known.documents)
    pages = (page for page in _read_pages(database, known.pages) if page.row_id not in without)
    unread = dict(database.execute("SELECT page, share FROM unread").fetchall())
    return PageTable(documents, tuple(pages), files, unread)


def _read_documents(
    database: sqlite3.Connection, known: dict[int, StoredDocument]
) -> dict[int, StoredDocument]:
    documents = {}
    for (row_id,) in database.execute("SELECT id FROM document ORDER BY doc_id").fetchall():
        document = known.get(row_id)
        if document is None:
            doc_id, entry, images = database.execute(
                "SELECT doc_id, entry, images FROM document WHERE id = ?", (row_id,)
            ).fetchone()
            document = StoredDocument(to_entry(doc_id, entry), images)
        documents[row_id] = document
    return documents


def read_entry(database: sqlite3.Connection, doc_id: str) -> DocumentEntry | None:
    """The entry of a document, within a transaction; None if there is no such document."""
    row = database.execute(
        "SELECT id, doc_id, entry FROM document WHERE doc_id = ?", (to_blob(doc_id),)
    ).fetchone()
    if row is None:
        return None
    (unread,) = database.execute(
        "SELECT count(*) FROM unread JOIN page ON page.id = unread.page WHERE document = ?", row[:1]
    ).fetchone()
    return replace(to_entry(*row[1:]), unread_pages=unread)


def to_entry(doc_id: bytes, entry: str) -> DocumentEntry:
    """A document's entry from the two columns of its row."""
    fields: dict[str, Any] = json.loads(entry)
    fields["missing_pages"] = tuple(fields["missing_pages"])
    return DocumentEntry(id=from_blob(doc_id), **fields)


def _read_pages(
    database: sqlite3.Connection, known: tuple[StoredPage, ...]
) -> Iterator[StoredPage]:
    by_id = {page.row_id: page for page in known}
    newest = (max(by_id, default=0),)  # row ids only grow
    codes = dict(database.execute("SELECT page, codes FROM page_codes WHERE page > ?", newest))
    kinds_of = lru_cache(maxsize=None)(lambda kinds: tuple(kinds.split()))
    for row_id, document, number, kinds, *places in database.execute(
        "SELECT page.id, document, number, kinds, vector_file, first_row, n_vectors, step, "
        "page.crc, coarse_file, first_coarse, n_coarse, coarse_step, coarse_crc "
        "FROM page JOIN document ON document.id = page.document ORDER BY doc_id, number"
    ):
        page = by_id.get(row_id)
        place = (*places[:2], places[6])
        if page is None or (page.rows.file, page.rows.first, page.coarse.first) != place:
            if page is not None:  # moved by a compaction
                codes |= database.execute(
                    "SELECT page, codes FROM page_codes WHERE page = ?", (row_id,)
                ).fetchall()
            packed = np.frombuffer(codes.get(row_id, b""), dtype="<i4")
            rows, coarse = RowRange(*places[:5]), RowRange(*places[5:])
            page = StoredPage(row_id, document, number, kinds_of(kinds), rows, coarse, packed)
        yield page
