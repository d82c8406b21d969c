"""The vectors of the local index: files of rows that only grow, mapped into memory to read.

The form is chosen page by page. Vectors that sit on words repeat where words do, if the encoder
looks at a word alone: then a **codebook** holds every distinct vector once (float32) and a page
is a list of its rows. All others are plain **rows** (float16) or, where the index was made so,
**bytes** (int8), a page after the other; long pages have **coarse vectors** (int8) besides.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import uuid
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from colregion.core.embeddings import PageEmbedding
from colregion.core.geometry import BoxPlacement, FloatArray
from colregion.errors import IndexCorrupt, InvalidInput
from colregion.indexes.coarse_vectors import coarse_vectors
from colregion.indexes.local.errors import REPAIR_HINT
from colregion.indexes.local.schema import delete_files, sync_folder
from colregion.indexes.quantization import Precision, quantize_int8, to_float16

CODEBOOK, ROWS, BYTES, COARSE = "codebook", "rows", "bytes", "coarse"

# A codebook saves space once it knows some of a page's vectors; contextual ones never repeat.
_MOST_NEW_IN_CODEBOOK = 0.9
_FILE_BYTES = 1 << 30
DTYPES: dict[str, np.dtype[Any]] = {
    CODEBOOK: np.dtype(np.float32),
    ROWS: np.dtype(np.float16),
    BYTES: np.dtype(np.int8),
    COARSE: np.dtype(np.int8),
}
_NO_CODES = np.empty(0, np.int32)


@dataclass(frozen=True, slots=True)
class RowRange:
    """Rows of a file that belong to one page.

    Args:
        file: id of the file; None for no rows.
        step: what 1 in the file stands for.
        crc: of the rows' bytes.
    """

    file: int | None = None
    first: int = 0
    count: int = 0
    step: float = 1.0
    crc: int = 0


@dataclass(frozen=True, slots=True)
class StoredVectors:
    """Where a page's V vectors are.

    Args:
        rows: in a file of rows or bytes; of a page in the codebook `first` is 0, `count` V and
            `crc` that of the codes.
        coarse: the few that stand for them.
        codes: distinct rows of the codebook; empty for plain rows.
        slots: (V,) the place in `codes` of each vector; empty for plain rows.
    """

    rows: RowRange
    coarse: RowRange = RowRange()
    codes: NDArray[np.int32] = field(default_factory=lambda: _NO_CODES)
    slots: NDArray[np.int32] = field(default_factory=lambda: _NO_CODES)


def map_rows(path: Path, *, form: str, n_rows: int, dim: int) -> NDArray[Any]:
    """(n_rows, dim) of a file, read as they are used.

    Raises:
        IndexCorrupt: the file is shorter than its rows.
        FileNotFoundError: it is gone, as after a removal.
    """
    dtype = DTYPES[form]
    size, expected = path.stat().st_size, n_rows * dim * dtype.itemsize
    if size < expected:
        raise IndexCorrupt(f"{path} has {size} bytes instead of {expected}. {REPAIR_HINT}")
    # As a plain array, which slices faster.
    return np.asarray(np.memmap(path, dtype=dtype, mode="r", shape=(n_rows, dim)))


class VectorWriter:
    """Puts vectors into the files, within a transaction of the database.

    One at a time: whoever calls `add` holds the database's write lock. Rows are written behind
    those that the database knows of, so nobody sees them before the commit.
    """

    def __init__(self, folder: Path, *, precision: Precision = "float16") -> None:
        self._folder = folder
        self.precision: Precision = precision
        self._open: dict[int, tuple[BinaryIO, int]] = {}  # file id -> handle, its rows
        self._made: list[Path] = []  # files that no commit knows of yet
        self._known: dict[bytes, int] = {}  # hash of a vector -> row of the codebook
        self._known_of: tuple[str, int] = ("", 0)  # the codebook's name, and rows hashed
        self._codebook_crc: int | None = None  # once rows have been added

    def add(self, database: sqlite3.Connection, embedding: PageEmbedding) -> StoredVectors:
        """Write a page's vectors and say where they are.

        Raises:
            InvalidInput: a number that the stored form cannot hold, or that is none.
        """
        if len(embedding.vectors) == 0:
            return StoredVectors(RowRange())
        vectors = np.ascontiguousarray(embedding.vectors, dtype=np.float32)
        if not np.isfinite(vectors).all():  # written to since the record was made
            raise InvalidInput("vectors must be finite; an encoder must mask its padding rows")
        if isinstance(embedding.placement, BoxPlacement):
            hashes = _hashes(vectors)
            new = dict.fromkeys(hashes).keys() - self._known_codes(database).keys()
            if len(new) <= _MOST_NEW_IN_CODEBOOK * len(vectors):
                return self._add_coded(database, vectors, hashes)
        if self.precision == "int8":
            packed, step = quantize_int8(vectors)
            rows = self.append(database, packed, form=BYTES, step=step)
        else:
            rows = self.append(database, to_float16(vectors), form=ROWS)
        return StoredVectors(rows, self.add_coarse(database, vectors))

    def add_coarse(self, database: sqlite3.Connection, vectors: FloatArray) -> RowRange:
        """Write the coarse vectors of a page's (V, D), if it has any."""
        packed, step = quantize_int8(coarse_vectors(vectors))
        return self.append(database, packed, form=COARSE, step=step)

    def append(
        self,
        database: sqlite3.Connection,
        rows: NDArray[Any],
        *,
        form: str,
        step: float = 1.0,
        not_into: int = -1,
    ) -> RowRange:
        """Write rows as they are; none give an empty range.

        Args:
            not_into: id of a file that takes nothing any more.
        """
        if len(rows) == 0:
            return RowRange()
        file = self._file_for(database, rows, form=form, not_into=not_into)
        handle, first = self._open[file]
        packed = rows.tobytes()
        handle.write(packed)
        self._open[file] = (handle, first + len(rows))
        return RowRange(file, first, len(rows), step, zlib.crc32(packed))

    def commit(self, database: sqlite3.Connection) -> None:
        """Bring everything to the disk and tell the database of it; the last act of a
        transaction."""
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
        if self._made:
            sync_folder(self._folder)
        self._made = []
        self._close_files()

    def roll_back(self) -> None:
        """Forget what was added since the last commit."""
        self._close_files()
        delete_files(self._made)
        self._made = []
        self._known, self._known_of = {}, ("", 0)

    def _close_files(self) -> None:
        for handle, _ in self._open.values():
            # After a commit nothing is left to write; of what is given up nothing needs to be,
            # which on a full disk fails once more.
            with suppress(OSError):
                handle.close()
        self._open = {}
        self._codebook_crc = None

    def _add_coded(
        self, database: sqlite3.Connection, vectors: FloatArray, hashes: list[bytes]
    ) -> StoredVectors:
        first_seen = {key: i for i, key in reversed(list(enumerate(hashes)))}
        new = [i for key, i in first_seen.items() if key not in self._known]
        file = self._extend_codebook(database, vectors[new])
        first_row = self._open[file][1] - len(new)
        self._known.update({hashes[i]: first_row + n for n, i in enumerate(new)})
        self._known_of = (self._known_of[0], first_row + len(new))
        rows = np.array([self._known[key] for key in hashes], dtype=np.int32)
        codes, slots = np.unique(rows, return_inverse=True)
        crc = zlib.crc32(codes.astype("<i4").tobytes())
        coded = RowRange(file, 0, len(vectors), 1.0, crc)
        return StoredVectors(coded, codes=codes, slots=slots.astype(np.int32))

    def _extend_codebook(self, database: sqlite3.Connection, rows: FloatArray) -> int:
        """The codebook's file, with more rows at its end."""
        file = self._file_for(database, rows, form=CODEBOOK)
        if self._codebook_crc is None:
            (self._codebook_crc,) = database.execute(
                "SELECT crc FROM vector_file WHERE id = ?", (file,)
            ).fetchone()
        self._write_codes(file, rows)
        return file

    def _write_codes(self, file: int, rows: FloatArray) -> None:
        handle, n_rows = self._open[file]
        packed = rows.tobytes()
        handle.write(packed)
        self._codebook_crc = zlib.crc32(packed, self._codebook_crc or 0)
        self._open[file] = (handle, n_rows + len(rows))

    def _known_codes(self, database: sqlite3.Connection) -> dict[bytes, int]:
        """The codebook's vectors by hash, brought up to what other processes have added."""
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
        """The id of a codebook that holds `rows` and nothing else; the old one is the caller's
        to forget."""
        file = self._new_file(database, form=CODEBOOK, dim=rows.shape[1])
        self._codebook_crc = 0
        self._write_codes(file, rows)
        return file

    def _file_for(
        self, database: sqlite3.Connection, rows: NDArray[Any], *, form: str, not_into: int = -1
    ) -> int:
        """The file that takes `rows`, open and at its end; a new one when the last is full."""
        dim = rows.shape[1]
        row_bytes = dim * rows.dtype.itemsize
        last = database.execute(
            "SELECT id, name, n_rows FROM vector_file WHERE form = ? AND id <> ? "
            "ORDER BY id DESC LIMIT 1",
            (form, not_into),
        ).fetchone()
        if last is not None:
            file, name, n_rows = last
            if file in self._open:
                n_rows = self._open[file][1]
            if form == CODEBOOK or (n_rows + len(rows)) * row_bytes <= _FILE_BYTES:
                if file not in self._open:
                    handle = (self._folder / name).open("r+b")
                    handle.seek(n_rows * row_bytes)
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
        self._made.append(self._folder / name)
        if form == CODEBOOK:
            self._known, self._known_of = {}, (name, 0)
        return cursor.lastrowid


def _hashes(rows: FloatArray) -> list[bytes]:
    return [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in rows]
