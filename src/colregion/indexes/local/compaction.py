"""Reclaims space from deleted vectors."""

from __future__ import annotations

import sqlite3
import zlib
from pathlib import Path

import numpy as np

from colregion.indexes.local import schema
from colregion.indexes.local.vectors import COARSE, CODEBOOK, VectorWriter, map_rows, rows_of_page

# Share in use below which a file is rewritten automatically, which bounds the cost of rewriting
# by the size of the deleted vectors.
WASTEFUL = 0.5


def compact(
    database: sqlite3.Connection, folder: Path, writer: VectorWriter, *, below: float
) -> list[Path]:
    """Rewrite the files of which less than the share `below` is in use, within a transaction.

    Args:
        below: 0-1. Codebooks are rewritten only for 1, because that takes reading every page.

    Returns:
        The files to delete after the commit.
    """
    obsolete = []
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
            obsolete.append(path)
    if obsolete:
        writer.commit(database)
    return obsolete


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
    """Move the rows in use to another file, and return whether that was worth it."""
    if form == COARSE:
        in_file, first_in, count_in, step_in = (
            "coarse_file first_coarse n_coarse coarse_step".split()
        )
    else:
        in_file, first_in, count_in, step_in = "vector_file first_row n_vectors step".split()
    pages = database.execute(
        f"SELECT id, {first_in}, {count_in}, {step_in} FROM page WHERE {in_file} = ? "
        f"ORDER BY {first_in}",
        (file,),
    ).fetchall()
    if sum(rows_of_page(form, count) for _, _, count, _ in pages) >= below * n_rows:
        return False
    rows = map_rows(path, form=form, n_rows=n_rows, dim=dim)
    for page, first, count, step in pages:
        of_page = rows[first : first + rows_of_page(form, count)]
        # Never into the obsolete file, even if it is the last one and has space.
        moved = writer.append(database, of_page, form=form, dim=dim, step=step, not_into=file)
        database.execute(
            f"UPDATE page SET {in_file} = ?, {first_in} = ? WHERE id = ?",
            (moved.file, moved.first, page),
        )
    return True


def _compact_codebook(
    database: sqlite3.Connection, path: Path, writer: VectorWriter, dim: int, n_rows: int
) -> bool:
    """Move the vectors in use to another codebook, and return whether any were unused."""
    used = np.zeros(n_rows, dtype=bool)
    for (codes,) in database.execute("SELECT codes FROM page_codes"):
        used[np.frombuffer(codes, dtype="<i4")] = True
    if used.all():
        return False
    new_code = (np.cumsum(used) - 1).astype("<i4")
    rows = map_rows(path, form=CODEBOOK, n_rows=n_rows, dim=dim)
    moved = writer.new_codebook(database, rows[used])
    for page, codes in database.execute("SELECT page, codes FROM page_codes").fetchall():
        # The order of codes does not change, so the records of the pages stay valid.
        packed = new_code[np.frombuffer(codes, dtype="<i4")].tobytes()
        database.execute("UPDATE page_codes SET codes = ? WHERE page = ?", (packed, page))
        database.execute(
            "UPDATE page SET vector_file = ?, crc = ? WHERE id = ?",
            (moved, zlib.crc32(packed), page),
        )
    return True
