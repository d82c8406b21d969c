"""What the local index holds in memory of its pages, and how it scores them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colregion import scoring
from colregion.filters import Filters
from colregion.geometry import FloatArray
from colregion.indexes.checks import passes
from colregion.indexes.local_store import from_blob
from colregion.indexes.local_vectors import CODEBOOK, ROWS, map_rows, widen
from colregion.records import DocumentEntry, QueryEmbedding, page_id

# Codes looked up at once: what is gathered for them should stay in the processor's cache.
_CODES_A_BLOCK = 1 << 15


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document's entry, and the name of the folder of its pictures."""

    entry: DocumentEntry
    images: str


@dataclass(frozen=True, slots=True)
class StoredPage:
    """A page's row; `codes` are empty unless its vectors are in a codebook."""

    row_id: int
    document: int
    number: int
    kinds: tuple[str, ...]
    n_vectors: int
    file: int | None
    first_row: int
    codes: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class VectorFile:
    """A mapped file of vectors."""

    form: str
    rows: FloatArray


@dataclass(frozen=True, eq=False)
class PageTable:
    """One state of the index, never changed: documents by id, pages by document and number."""

    documents: dict[int, StoredDocument]
    pages: tuple[StoredPage, ...]
    files: dict[int, VectorFile]

    @cached_property
    def positions(self) -> dict[str, int]:
        """Page id -> place in `pages`."""
        return {self.id_of(i): i for i in range(len(self.pages))}

    @property
    def dim(self) -> int | None:
        """D; None while no page has vectors."""
        for file in self.files.values():
            return int(file.rows.shape[1])
        return None

    def id_of(self, position: int) -> str:
        """The id of a page."""
        page = self.pages[position]
        return page_id(self.documents[page.document].entry.id, page.number)

    def vectors_of(self, page: StoredPage, slots: NDArray[np.int32]) -> FloatArray:
        """(V, D) float32 of one page."""
        if page.file is None:
            return np.zeros((0, self.dim or 0), dtype=np.float32)
        file = self.files[page.file]
        if file.form == CODEBOOK:
            return file.rows.take(page.codes[slots], axis=0)
        return widen(file.rows[page.first_row : page.first_row + page.n_vectors])

    def scores(self, query: QueryEmbedding, filters: Filters) -> NDArray[np.float64]:
        """(pages,) `scoring.maxsim` of each page; -inf where it has no vectors or a filter
        keeps it out."""
        allowed = self._allowed(filters)
        scores = np.full(len(self.pages), -np.inf)
        for file in self.files.values():
            if file.form == CODEBOOK:
                coded = self._coded_positions[allowed[self._coded_positions]]
                scores[coded] = self._coded_scores(query, file.rows, allowed)
        for i in self._plain_positions[allowed[self._plain_positions]]:
            # Page by page, by the one function that defines the score: equal pages score equal.
            vectors = self.vectors_of(self.pages[i], np.empty(0, np.int32))
            scores[i] = scoring.maxsim(scoring.similarity(query.vectors, vectors), query.weights)
        return scores

    def _allowed(self, filters: Filters) -> NDArray[np.bool_]:
        if not filters:
            return np.ones(len(self.pages), dtype=bool)
        return np.array(
            [
                passes(
                    filters,
                    self.documents[page.document].entry,
                    page_number=page.number,
                    kinds=page.kinds,
                )
                for page in self.pages
            ],
            dtype=bool,
        )

    def _coded_scores(
        self, query: QueryEmbedding, codebook: FloatArray, allowed: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Scores of the allowed coded pages, in their order.

        Every distinct vector meets the question once; a page then looks its own up. That is
        what makes a codebook fast, and equal pages score equal to the last bit.
        """
        similarity = codebook @ query.vectors.astype(np.float32).T
        by_token = np.ascontiguousarray(similarity.T)  # (T, codes), along which reduceat is fast
        kept = allowed[self._coded_positions]
        codes, counts = self._codes, self._code_counts
        if not kept.all():
            codes, counts = codes[np.repeat(kept, counts)], counts[kept]
        scores = np.empty(len(counts))
        for pages, block in _blocks(counts):
            starts = np.cumsum(counts[pages]) - counts[pages]
            best = np.maximum.reduceat(by_token.take(codes[block], axis=1), starts, axis=1)
            # Not a matrix product: its last bits depend on where in the matrix a page stands.
            scores[pages] = (best.T.astype(np.float64, order="C") * query.weights).sum(axis=1)
        return scores

    @cached_property
    def _coded_positions(self) -> NDArray[np.intp]:
        return np.array([i for i, page in enumerate(self.pages) if len(page.codes)], dtype=np.intp)

    @cached_property
    def _plain_positions(self) -> NDArray[np.intp]:
        plain = {file for file, held in self.files.items() if held.form == ROWS}
        found = [i for i, page in enumerate(self.pages) if page.file in plain]
        return np.array(found, dtype=np.intp)

    @cached_property
    def _code_counts(self) -> NDArray[np.intp]:
        counts = [len(self.pages[i].codes) for i in self._coded_positions]
        return np.array(counts, dtype=np.intp)

    @cached_property
    def _codes(self) -> NDArray[np.int32]:
        codes = [self.pages[i].codes for i in self._coded_positions]
        return np.concatenate([np.empty(0, np.int32), *codes])


def _blocks(counts: NDArray[np.intp]) -> Iterator[tuple[slice, slice]]:
    """Slices of pages, and of their codes, of about `_CODES_A_BLOCK` codes each."""
    ends = np.cumsum(counts)
    page, code = 0, 0
    while page < len(counts):
        last = max(int(np.searchsorted(ends, code + _CODES_A_BLOCK, side="right")), page + 1)
        yield slice(page, last), slice(code, int(ends[last - 1]))
        page, code = last, int(ends[last - 1])


EMPTY = PageTable(documents={}, pages=(), files={})


def read_table(database: sqlite3.Connection, vectors: Path, *, known: PageTable) -> PageTable:
    """The state of the database now, within a transaction.

    Args:
        vectors: the folder of the vector files.
        known: an earlier state; what it holds is not read again, for rows never change.

    Raises:
        FileNotFoundError: a vector file has been removed by a commit since the transaction began.
        IndexCorrupt: a vector file is shorter than its rows.
    """
    files: dict[int, VectorFile] = {}
    for file, name, form, dim, n_rows in database.execute(
        "SELECT id, name, form, dim, n_rows FROM vector_file WHERE n_rows > 0"
    ):
        old = known.files.get(file)
        if old is None or len(old.rows) != n_rows:
            old = VectorFile(form, map_rows(vectors / name, form=form, n_rows=n_rows, dim=dim))
        files[file] = old
    documents = _read_documents(database, known.documents)
    return PageTable(documents, tuple(_read_pages(database, known.pages)), files)


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
            fields: dict[str, Any] = json.loads(entry)
            document = StoredDocument(DocumentEntry(id=from_blob(doc_id), **fields), images)
        documents[row_id] = document
    return documents


def _read_pages(
    database: sqlite3.Connection, known: tuple[StoredPage, ...]
) -> Iterator[StoredPage]:
    held = {page.row_id: page for page in known}
    # Row ids only grow, so whatever is not held is newer than all that is.
    codes = dict(
        database.execute(
            "SELECT page, codes FROM page_codes WHERE page > ?", (max(held, default=0),)
        )
    )
    for row_id, document, number, kinds, n_vectors, file, first_row in database.execute(
        "SELECT page.id, document, number, kinds, n_vectors, vector_file, first_row "
        "FROM page JOIN document ON document.id = page.document ORDER BY doc_id, number"
    ):
        yield held.get(row_id) or StoredPage(
            row_id,
            document,
            number,
            tuple(kinds.split()),
            n_vectors,
            file,
            first_row,
            np.frombuffer(codes.get(row_id, b""), dtype="<i4"),
        )
