"""The vectors of the local index: append-only files of rows, memory-mapped for reading.

The form is chosen per page. If an encoder embeds each word without context, its vectors repeat:
then a **codebook** has every distinct vector once (float32), and a page is a list of its rows. All
other vectors are **rows** (float16), **bytes** (int8) or **int4** (see `indexes.int4`), page after
page, depending on the precision of the index, or rows for a page of which more was read later. Long
pages also have **coarse vectors** (int8).
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import uuid
import zlib
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from colregion.core.embeddings import PageEmbedding
from colregion.core.geometry import BoxPlacement, FloatArray
from colregion.errors import IndexCorrupt, InvalidInput
from colregion.indexes import int4
from colregion.indexes.coarse_vectors import coarse_vectors
from colregion.indexes.local.schema import REPAIR_HINT, delete_files, sync_folder
from colregion.indexes.quantization import (
    Precision,
    check_range,
    quantize_int8,
    to_float16,
)

CODEBOOK, ROWS, BYTES, INT4, COARSE = "codebook", "rows", "bytes", "int4", "coarse"

# A codebook saves space if it already has some of a page's vectors; contextual ones never repeat.
_MOST_NEW_IN_CODEBOOK = 0.9
_FILE_BYTES = 1 << 30
DTYPES: dict[str, np.dtype[Any]] = {
    CODEBOOK: np.dtype(np.float32),
    ROWS: np.dtype(np.float16),
    BYTES: np.dtype(np.int8),
    INT4: np.dtype(np.uint8),
    COARSE: np.dtype(np.int8),
}
_NO_CODES = np.empty(0, np.int32)


@dataclass(frozen=True, slots=True)
class RowRange:
    """The vectors of one page in a file."""

    file: int | None = None  # id of the file; None for no rows
    first: int = 0  # row, of the head for int4
    count: int = 0  # of vectors
    step: float = 1.0  # value of a stored 1
    crc: int = 0  # CRC-32 of the rows' bytes


@dataclass(frozen=True, slots=True)
class StoredVectors:
    """Where a page's V vectors are stored.

    Args:
        rows: in a file; for a codebook `first` is 0, `count` V and `crc` that of the codes.
        codes: distinct rows of the codebook; empty for other files.
        slots: (V,) the position in `codes` of each vector; empty for other files.
    """

    rows: RowRange
    coarse: RowRange = RowRange()
    codes: NDArray[np.int32] = field(default_factory=lambda: _NO_CODES)
    slots: NDArray[np.int32] = field(default_factory=lambda: _NO_CODES)


def row_bytes(form: str, *, dim: int) -> int:
    """Bytes of a row of a file for vectors of D = `dim`."""
    return int4.row_bytes(dim) if form == INT4 else dim * DTYPES[form].itemsize


def rows_of_page(form: str, n_vectors: int) -> int:
    """How many rows of a file the V vectors of a page take."""
    head = int4.head_rows(n_vectors) if form == INT4 and n_vectors else 0
    return n_vectors + int(head)


def map_rows(path: Path, *, form: str, n_rows: int, dim: int) -> NDArray[Any]:
    """The (n_rows, D) rows of a file, (n_rows, W) for int4, memory-mapped. Raises IndexCorrupt for
    a file that is too short, FileNotFoundError for a missing one."""
    dtype, n_bytes = DTYPES[form], row_bytes(form, dim=dim)
    size, expected = path.stat().st_size, n_rows * n_bytes
    if size < expected:
        raise IndexCorrupt(f"{path} has {size} bytes instead of {expected}. {REPAIR_HINT}")
    # As a plain array, which slices faster.
    return np.asarray(
        np.memmap(path, dtype=dtype, mode="r", shape=(n_rows, n_bytes // dtype.itemsize))
    )


class VectorWriter:
    """Appends vectors to the files, within a write transaction of the database. Readers do not see
    rows after those in the database, so new rows appear with the commit."""

    def __init__(self, folder: Path, *, precision: Precision = "float16") -> None:
        self._folder = folder
        self.precision: Precision = precision
        self._open: dict[int, tuple[BinaryIO, int]] = {}  # file id -> handle, its rows
        self._new_files: list[Path] = []  # not committed
        self._known: dict[bytes, int] = {}  # hash of a vector -> row of the codebook
        self._known_of: tuple[str, int] = ("", 0)  # the codebook's name, and rows hashed
        self._codebook_crc: int | None = None  # if rows have been added

    def add(
        self,
        database: sqlite3.Connection,
        embedding: PageEmbedding,
        *,
        precision: Precision | None = None,
    ) -> StoredVectors:
        """Write a page's vectors, in the writer's precision or another. Raises InvalidInput for
        numbers that are not finite, or too large for float16."""
        if len(embedding.vectors) == 0:
            return StoredVectors(RowRange())
        vectors = np.ascontiguousarray(embedding.vectors, dtype=np.float32)
        if not np.isfinite(vectors).all():  # changed since validation
            raise InvalidInput("vectors must be finite; an encoder must mask its padding rows")
        if isinstance(embedding.placement, BoxPlacement):
            hashes = _hashes(vectors)
            new = dict.fromkeys(hashes).keys() - self._known_codes(database).keys()
            if len(new) <= _MOST_NEW_IN_CODEBOOK * len(vectors):
                return self._add_coded(database, vectors, hashes)
        precision = precision or self.precision
        if precision == "int4":
            check_range(vectors)  # its sums of squares are float32
            rows = self.append(database, int4.pack(vectors), form=INT4, dim=vectors.shape[1])
            rows = replace(rows, count=len(vectors))
        elif precision == "int8":
            packed, step = quantize_int8(vectors)
            rows = self.append(database, packed, form=BYTES, step=step)
        else:
            rows = self.append(database, to_float16(vectors), form=ROWS)
        return StoredVectors(rows, self.add_coarse(database, vectors))

    def add_coarse(self, database: sqlite3.Connection, vectors: FloatArray) -> RowRange:
        """Write the coarse vectors of a page's (V, D); none for a short page."""
        packed, step = quantize_int8(coarse_vectors(vectors))
        return self.append(database, packed, form=COARSE, step=step)

    def append(
        self,
        database: sqlite3.Connection,
        rows: NDArray[Any],
        *,
        form: str,
        dim: int | None = None,
        step: float = 1.0,
        not_into: int = -1,
    ) -> RowRange:
        """Write rows unchanged, but not into the file with id `not_into`. `dim` is D where a row
        is no vector of D numbers."""
        if len(rows) == 0:
            return RowRange()
        dim = rows.shape[1] if dim is None else dim
        file = self._file_for(database, len(rows), form=form, dim=dim, not_into=not_into)
        first, packed = self._write(file, rows)
        return RowRange(file, first, len(rows), step, zlib.crc32(packed))

    def commit(self, database: sqlite3.Connection) -> None:
        """Flush all files to disk and record their sizes; the last step of a transaction."""
        for file, (handle, n_rows) in self._open.items():
            handle.flush()
            os.fsync(handle.fileno())
            database.execute("UPDATE vector_file SET n_rows = ? WHERE id = ?", (n_rows, file))
        if self._codebook_crc is not None:
            database.execute(
                "UPDATE vector_file SET crc = ? "
                "WHERE id = (SELECT max(id) FROM vector_file WHERE form = ?)",
                (self._codebook_crc, CODEBOOK),
            )
        if self._new_files:
            sync_folder(self._folder)
        self._new_files = []
        self._close_files()

    def roll_back(self) -> None:
        """Discard everything since the last commit."""
        self._close_files()
        delete_files(self._new_files)
        self._new_files = []
        self._known, self._known_of = {}, ("", 0)

    def _close_files(self) -> None:
        for handle, _ in self._open.values():
            # On a full disk closing fails again; committed files have been flushed already.
            with suppress(OSError):
                handle.close()
        self._open, self._codebook_crc = {}, None

    def _write(self, file: int, rows: NDArray[Any]) -> tuple[int, bytes]:
        """Append rows to an open file; returns the first one's number and the bytes."""
        handle, first = self._open[file]
        packed = rows.tobytes()
        handle.write(packed)
        self._open[file] = (handle, first + len(rows))
        return first, packed

    def _add_coded(
        self, database: sqlite3.Connection, vectors: FloatArray, hashes: list[bytes]
    ) -> StoredVectors:
        first_seen = {key: i for i, key in reversed(list(enumerate(hashes)))}
        new = [i for key, i in first_seen.items() if key not in self._known]
        file = self._file_for(database, len(vectors), form=CODEBOOK, dim=vectors.shape[1])
        if self._codebook_crc is None:
            (self._codebook_crc,) = database.execute(
                "SELECT crc FROM vector_file WHERE id = ?", (file,)
            ).fetchone()
        first_row = self._write_codes(file, vectors[new])
        self._known.update({hashes[i]: first_row + n for n, i in enumerate(new)})
        self._known_of = (self._known_of[0], first_row + len(new))
        rows = np.array([self._known[key] for key in hashes], dtype=np.int32)
        codes, slots = np.unique(rows, return_inverse=True)
        crc = zlib.crc32(codes.astype("<i4").tobytes())
        coded = RowRange(file, 0, len(vectors), 1.0, crc)
        return StoredVectors(coded, codes=codes, slots=slots.astype(np.int32))

    def _write_codes(self, file: int, rows: FloatArray) -> int:
        first, packed = self._write(file, rows)
        self._codebook_crc = zlib.crc32(packed, self._codebook_crc or 0)
        return first

    def _known_codes(self, database: sqlite3.Connection) -> dict[bytes, int]:
        """Rows of the codebook by hash, including those added by other processes."""
        row = database.execute(
            "SELECT id, name, dim, n_rows FROM vector_file WHERE form = ? ORDER BY id DESC LIMIT 1",
            (CODEBOOK,),
        ).fetchone()
        if row is None:
            self._known, self._known_of = {}, ("", 0)
            return self._known
        file, name, dim, n_rows = row
        if self._known_of[0] != name:
            self._known, self._known_of = {}, (name, 0)
        start = self._known_of[1]
        if file not in self._open and start < n_rows:
            rows = map_rows(self._folder / name, form=CODEBOOK, n_rows=n_rows, dim=dim)
            hashes = _hashes(rows[start:])
            self._known.update(zip(hashes, range(start, n_rows), strict=True))
            self._known_of = (name, n_rows)
        return self._known

    def new_codebook(self, database: sqlite3.Connection, rows: FloatArray) -> int:
        """The id of a new codebook with `rows`; the caller deletes the old one."""
        file = self._new_file(database, form=CODEBOOK, dim=rows.shape[1])
        self._codebook_crc = 0
        self._write_codes(file, rows)
        return file

    def _file_for(
        self, database: sqlite3.Connection, added: int, *, form: str, dim: int, not_into: int = -1
    ) -> int:
        """The last file, open and at its end; a new one if `added` rows would make it too large."""
        n_bytes = row_bytes(form, dim=dim)
        last = database.execute(
            "SELECT id, name, n_rows FROM vector_file WHERE form = ? AND id <> ? "
            "ORDER BY id DESC LIMIT 1",
            (form, not_into),
        ).fetchone()
        if last is not None:
            file, name, n_rows = last
            if file in self._open:
                n_rows = self._open[file][1]
            if form == CODEBOOK or (n_rows + added) * n_bytes <= _FILE_BYTES:
                if file not in self._open:
                    handle = (self._folder / name).open("r+b")
                    handle.seek(n_rows * n_bytes)
                    self._open[file] = (handle, n_rows)
                return int(file)
        return self._new_file(database, form=form, dim=dim)

    def _new_file(self, database: sqlite3.Connection, *, form: str, dim: int) -> int:
        name = f"{uuid.uuid4().hex}.{form}"
        cursor = database.execute(
            "INSERT INTO vector_file (name, form, dim, n_rows, crc) VALUES (?, ?, ?, 0, 0)",
            (name, form, dim),
        )
        assert cursor.lastrowid is not None
        self._open[cursor.lastrowid] = ((self._folder / name).open("xb"), 0)
        self._new_files.append(self._folder / name)
        if form == CODEBOOK:
            self._known, self._known_of = {}, (name, 0)
        return cursor.lastrowid


def _hashes(rows: FloatArray) -> list[bytes]:
    return [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in rows]
