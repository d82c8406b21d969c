"""Giving back the room of vectors that no page uses any more."""

from __future__ import annotations

import sqlite3
import zlib
from pathlib import Path

import numpy as np

from colregion.indexes.local import schema
from colregion.indexes.local.vectors import COARSE, CODEBOOK, VectorWriter, map_rows

# Files are written anew by themselves once less than this share of them is in use: whatever was
# removed is then paid for by at most one more copy of what is left.
WASTEFUL = 0.5


def compact(
    database: sqlite3.Connection, folder: Path, writer: VectorWriter, *, below: float
) -> list[Path]:
    """Write anew the files of which a smaller share than `below` is in use, within a transaction.

    Args:
        below: 0-1; 1 for all that hold anything unused. The codebook is looked at only then,
            because every page has to be read for it.

    Returns:
        The files to delete once that is committed.
    """
    left = []
    for file, name, form, dim, n_rows in database.execute(
        "SELECT id, name, form, dim, n_rows FROM vector_file WHERE n_rows > 0 ORDER BY id"
    ).fetchall():
        path = folder / schema.VECTORS / name
        if form == CODEBOOK:
            moved = below >= 1 and _compact_codebook(database, path, writer, dim, n_rows)
        else:
            moved = _compact_rows(
                database, path, writer, file, form, dim=dim, n_rows=n_rows, below=below
            )
        if moved:
            database.execute("DELETE FROM vector_file WHERE id = ?", (file,))
            left.append(path)
    if left:
        writer.commit(database)
    return left


def _compact_rows(
    database: sqlite3.Connection,
    path: Path,
    writer: VectorWriter,
    file: int,
    form: str,
    *,
    dim: int,
    n_rows: int,
    below: float,
) -> bool:
    """Whether the rows of the pages that use the file have been moved to another."""
    of_page = ("coarse_file", "first_coarse", "n_coarse", "coarse_step")
    if form != COARSE:
        of_page = ("vector_file", "first_row", "n_vectors", "step")
    in_file, first_in, count_in, step_in = of_page
    (used,) = database.execute(
        f"SELECT coalesce(sum({count_in}), 0) FROM page WHERE {in_file} = ?", (file,)
    ).fetchone()
    if used >= below * n_rows:
        return False
    pages = database.execute(
        f"SELECT id, {first_in}, {count_in}, {step_in} FROM page WHERE {in_file} = ? "
        f"ORDER BY {first_in}",
        (file,),
    ).fetchall()
    rows = map_rows(path, form=form, n_rows=n_rows, dim=dim)
    for page, first, count, step in pages:
        # Never into the file that is left behind, even where it is the last and has room.
        moved = writer.append(
            database, rows[first : first + count], form=form, step=step, not_into=file
        )
        database.execute(
            f"UPDATE page SET {in_file} = ?, {first_in} = ? WHERE id = ?",
            (moved.file, moved.first, page),
        )
    return True


def _compact_codebook(
    database: sqlite3.Connection,
    path: Path,
    writer: VectorWriter,
    dim: int,
    n_rows: int,
) -> bool:
    """Whether the vectors that pages use have been moved to another codebook."""
    used = np.zeros(n_rows, dtype=bool)
    for (codes,) in database.execute("SELECT codes FROM page_codes"):
        used[np.frombuffer(codes, dtype="<i4")] = True
    if used.all():
        return False
    new_code = (np.cumsum(used) - 1).astype("<i4")
    rows = map_rows(path, form=CODEBOOK, n_rows=n_rows, dim=dim)
    moved = writer.new_codebook(database, rows[used])
    for page, codes in database.execute("SELECT page, codes FROM page_codes").fetchall():
        # Codes keep their order, so the records of the pages stay as they are.
        packed = new_code[np.frombuffer(codes, dtype="<i4")].tobytes()
        database.execute("UPDATE page_codes SET codes = ? WHERE page = ?", (packed, page))
        database.execute(
            "UPDATE page SET vector_file = ?, crc = ? WHERE id = ?",
            (moved, zlib.crc32(packed), page),
        )
    return True
