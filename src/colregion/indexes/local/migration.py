"""From earlier formats of the local index to the present one."""

from __future__ import annotations

import sqlite3
import zlib
from pathlib import Path

import numpy as np

from colregion.errors import IndexCorrupt
from colregion.indexes.local import schema
from colregion.indexes.local.errors import our_errors
from colregion.indexes.local.vectors import CODEBOOK, Stretch, VectorWriter, map_rows
from colregion.indexes.maxsim_kernels.numpy_kernel import widen

# What format 2 added to format 1: checksums, sketches and the step of int8.
_COLUMNS = {
    "document": ("crc INTEGER NOT NULL DEFAULT 0",),
    "vector_file": ("crc INTEGER NOT NULL DEFAULT 0",),
    "page": (
        "step REAL NOT NULL DEFAULT 1",
        "crc INTEGER NOT NULL DEFAULT 0",
        "sketch_file INTEGER REFERENCES vector_file(id)",
        "first_sketch INTEGER NOT NULL DEFAULT 0",
        "n_sketch INTEGER NOT NULL DEFAULT 0",
        "sketch_step REAL NOT NULL DEFAULT 1",
        "sketch_crc INTEGER NOT NULL DEFAULT 0",
    ),
    "page_record": (
        "crc INTEGER NOT NULL DEFAULT 0",
        "image_crc INTEGER NOT NULL DEFAULT 0",
    ),
}


def migrate(database: sqlite3.Connection, folder: Path, writer: VectorWriter) -> None:
    """Bring an index of format 1 to this one, all or nothing; nothing for one that is there.

    Vectors stay as they are; sketches and checksums are worked out from what is there, about
    300 pages a second. An interrupted migration begins again at the next open.

    Raises:
        IndexCorrupt: a file of vectors or a picture is gone.
    """
    if schema.format_of(database, folder) == schema.FORMAT:
        return
    try:
        with schema.transaction(database, folder, writing=True), our_errors(folder):
            if schema.format_of(database, folder) == schema.FORMAT:  # another process was faster
                return
            for table, columns in _COLUMNS.items():
                for column in columns:
                    database.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
            _add_checksums(database, folder)
            _add_to_pages(database, folder, writer)
            writer.commit(database)
            database.execute(f"PRAGMA user_version = {schema.FORMAT}")
    except BaseException:
        writer.roll_back()
        raise


def _add_checksums(database: sqlite3.Connection, folder: Path) -> None:
    for document, entry, terms in database.execute(
        "SELECT id, entry, terms FROM document"
    ).fetchall():
        crc = schema.checksum(entry.encode(), terms)
        database.execute("UPDATE document SET crc = ? WHERE id = ?", (crc, document))
    pages = database.execute(
        "SELECT page.id, number, images FROM page JOIN document ON document.id = page.document"
    ).fetchall()
    for page, number, images in pages:
        blobs = database.execute(
            "SELECT parsed, words, placement, slots FROM page_record WHERE page = ?", (page,)
        ).fetchone()
        image = folder / schema.IMAGES / images / schema.image_name(number)
        try:
            image_crc = zlib.crc32(image.read_bytes())
        except FileNotFoundError as cause:
            raise IndexCorrupt(
                f"the index at {folder} has lost the picture {image}; index the documents again "
                f"into another folder"
            ) from cause
        database.execute(
            "UPDATE page_record SET crc = ?, image_crc = ? WHERE page = ?",
            (schema.checksum(*blobs), image_crc, page),
        )


def _add_to_pages(database: sqlite3.Connection, folder: Path, writer: VectorWriter) -> None:
    files = {}
    for file, name, form, dim, n_rows in database.execute(
        "SELECT id, name, form, dim, n_rows FROM vector_file"
    ).fetchall():
        rows = map_rows(folder / schema.VECTORS / name, form=form, n_rows=n_rows, dim=dim)
        files[file] = form, rows
        if form == CODEBOOK:
            crc = zlib.crc32(np.ascontiguousarray(rows).data.cast("B"))
            database.execute("UPDATE vector_file SET crc = ? WHERE id = ?", (crc, file))
    for page, file, first, count, codes in database.execute(
        "SELECT page.id, vector_file, first_row, n_vectors, codes FROM page "
        "LEFT JOIN page_codes ON page_codes.page = page.id WHERE vector_file IS NOT NULL"
    ).fetchall():
        form, rows = files[file]
        if form == CODEBOOK:
            crc, sketch = zlib.crc32(codes), Stretch()
        else:
            vectors = rows[first : first + count]
            crc = zlib.crc32(np.ascontiguousarray(vectors).data.cast("B"))
            sketch = writer.add_sketch(database, widen(vectors))
        database.execute(
            "UPDATE page SET crc = ?, sketch_file = ?, first_sketch = ?, n_sketch = ?, "
            "sketch_step = ?, sketch_crc = ? WHERE id = ?",
            (crc, sketch.file, sketch.first, sketch.count, sketch.step, sketch.crc, page),
        )
