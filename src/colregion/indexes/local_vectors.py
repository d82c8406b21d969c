"""The vectors of the local index: files of rows that only grow, mapped into memory to read.

Two forms, chosen page by page. Vectors that sit on words repeat where words do, if the encoder
looks at a word alone: then a **codebook** holds every distinct vector once (float32) and a page
is a list of its rows. All others are plain **rows** (float16), a page after the other.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from colregion.errors import IndexCorrupt, InvalidInput
from colregion.geometry import BoxPlacement, FloatArray
from colregion.indexes.local_store import delete_files, sync_folder
from colregion.records import PageEmbedding

CODEBOOK, ROWS = "codebook", "rows"

# A codebook saves space once it knows some of a page's vectors; contextual ones never repeat.
_MOST_NEW_IN_CODEBOOK = 0.9
_FILE_BYTES = 1 << 30
_DTYPE: dict[str, type[np.floating]] = {CODEBOOK: np.float32, ROWS: np.float16}


@dataclass(frozen=True, slots=True)
class StoredVectors:
    """Where a page's V vectors are.

    Args:
        file: id of the file; None for V = 0.
        first_row: of V rows in a file of rows; 0 in a codebook.
        codes: distinct rows of the codebook; empty for plain rows.
        slots: (V,) the place in `codes` of each vector; empty for plain rows.
    """

    file: int | None
    first_row: int
    codes: NDArray[np.int32]
    slots: NDArray[np.int32]


def map_rows(path: Path, *, form: str, n_rows: int, dim: int) -> FloatArray:
    """(n_rows, dim) of a file, read as they are used.

    Raises:
        IndexCorrupt: the file is shorter than its rows.
        FileNotFoundError: it is gone, as after a removal.
    """
    dtype = np.dtype(_DTYPE[form])
    wanted = n_rows * dim * dtype.itemsize
    if path.stat().st_size < wanted:
        raise IndexCorrupt(
            f"{path} has {path.stat().st_size} bytes instead of {wanted}; "
            f"index the documents again into another folder"
        )
    # As a plain array, which slices faster.
    return np.asarray(np.memmap(path, dtype=dtype, mode="r", shape=(n_rows, dim)))


def widen(rows: FloatArray) -> FloatArray:
    """float16 to float32, exactly, about five times as fast as `astype`.

    The bits of a half are shifted to where a float has them; the exponents then differ by 112,
    for subnormal numbers too. Only for finite numbers.
    """
    bits = rows.view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= np.int32(-0x70002000)  # sign, and the 15 bits of exponent and mantissa
    floats = bits.view(np.float32)
    floats *= np.float32(2.0**112)
    return floats


class VectorWriter:
    """Puts vectors into the files, within a transaction of the database.

    One at a time: whoever calls `add` holds the database's write lock. Rows are written behind
    those that the database knows of, so nobody sees them before the commit.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[int, tuple[BinaryIO, int]] = {}  # file id -> handle, its rows
        self._made: list[Path] = []  # files that no commit knows of yet
        self._known: dict[bytes, int] = {}  # hash of a vector -> row of the codebook
        self._known_of: tuple[str, int] = ("", 0)  # the codebook's name, and rows hashed

    def add(self, database: sqlite3.Connection, embedding: PageEmbedding) -> StoredVectors:
        """Write a page's vectors and say where they are."""
        none = np.empty(0, np.int32)
        if len(embedding.vectors) == 0:
            return StoredVectors(None, 0, none, none)
        vectors = np.ascontiguousarray(embedding.vectors, dtype=np.float32)
        if isinstance(embedding.placement, BoxPlacement):
            hashes = _hashes(vectors)
            new = dict.fromkeys(hashes).keys() - self._known_codes(database).keys()
            if len(new) <= _MOST_NEW_IN_CODEBOOK * len(vectors):
                return self._add_coded(database, vectors, hashes)
        with np.errstate(over="ignore"):  # told of below
            halves = vectors.astype(np.float16)
        if not np.isfinite(halves).all():
            raise InvalidInput(
                f"vectors are kept as float16, whose largest value is 65504; got "
                f"{np.abs(vectors).max():.0f}. Normalise them"
            )
        file, first_row = self._append(database, halves, form=ROWS)
        return StoredVectors(file, first_row, none, none)

    def commit(self, database: sqlite3.Connection) -> None:
        """Bring everything to the disk and tell the database of it; the last act of a
        transaction."""
        for file, (handle, n_rows) in self._open.items():
            handle.flush()
            os.fsync(handle.fileno())
            database.execute("UPDATE vector_file SET n_rows = ? WHERE id = ?", (n_rows, file))
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
            handle.close()
        self._open = {}

    def _add_coded(
        self, database: sqlite3.Connection, vectors: FloatArray, hashes: list[bytes]
    ) -> StoredVectors:
        first_seen = {key: i for i, key in reversed(list(enumerate(hashes)))}
        new = [i for key, i in first_seen.items() if key not in self._known]
        file, first_row = self._append(database, vectors[new], form=CODEBOOK)
        self._known.update({hashes[i]: first_row + n for n, i in enumerate(new)})
        self._known_of = (self._known_of[0], first_row + len(new))
        rows = np.array([self._known[key] for key in hashes], dtype=np.int32)
        codes, slots = np.unique(rows, return_inverse=True)
        return StoredVectors(file, 0, codes, slots.astype(np.int32))

    def _known_codes(self, database: sqlite3.Connection) -> dict[bytes, int]:
        """The codebook's vectors by hash, brought up to what other processes have added."""
        row = database.execute(
            "SELECT id, name, dim, n_rows FROM vector_file WHERE form = ?", (CODEBOOK,)
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

    def _append(
        self, database: sqlite3.Connection, rows: FloatArray, *, form: str
    ) -> tuple[int, int]:
        """The file and first row of `rows`, written."""
        file = self._file_for(database, rows, form=form)
        handle, first_row = self._open[file]
        handle.write(rows.tobytes())
        self._open[file] = (handle, first_row + len(rows))
        return file, first_row

    def _file_for(self, database: sqlite3.Connection, rows: FloatArray, *, form: str) -> int:
        """The file that takes `rows`, open and at its end; a new one when the last is full."""
        dim = rows.shape[1]
        row_bytes = dim * rows.dtype.itemsize
        last = database.execute(
            "SELECT id, name, n_rows FROM vector_file WHERE form = ? ORDER BY id DESC LIMIT 1",
            (form,),
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
        name = f"{uuid.uuid4().hex}.{form}"
        cursor = database.execute(
            "INSERT INTO vector_file (name, form, dim, n_rows) VALUES (?, ?, ?, 0)",
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
