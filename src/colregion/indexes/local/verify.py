"""Integrity check of a local index: every record and vector against its checksum."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from colregion.core.documents import page_id
from colregion.indexes.local import schema
from colregion.indexes.local.vectors import CODEBOOK, row_bytes, rows_of_page


@dataclass(frozen=True, slots=True)
class Damage:
    """A missing or changed part of an index.

    Args:
        file: relative to the index's folder.
        doc_id, page_number: what to add again; None for damage that is not of one page.
        page: row id of a page that cannot be searched any more, else None.
    """

    file: str
    problem: str
    doc_id: str | None = None
    page_number: int | None = None
    page: int | None = None

    def __str__(self) -> str:
        where = self.doc_id or ""
        if self.doc_id is not None and self.page_number is not None:
            where = page_id(self.doc_id, self.page_number)
        return f"{self.file}: {where + ': ' if where else ''}{self.problem}"


def find_damage(database: sqlite3.Connection, folder: Path) -> Iterator[Damage]:
    """All damage, within a transaction; reads everything once."""
    for (problem,) in database.execute("PRAGMA integrity_check"):
        if problem != "ok":
            yield Damage(schema.DATABASE, problem)
    for doc_id, entry, terms, crc in database.execute(
        "SELECT doc_id, entry, terms, crc FROM document ORDER BY doc_id"
    ):
        if schema.checksum(entry.encode(), terms) != crc:
            yield Damage(schema.DATABASE, "the document's entry", schema.from_blob(doc_id))
    files = {}
    for file, name, form, dim, n_rows, crc in database.execute(
        "SELECT id, name, form, dim, n_rows, crc FROM vector_file ORDER BY id"
    ).fetchall():
        files[file] = rows = _VectorFile(folder / schema.VECTORS / name, form, dim)
        yield from rows.damage(n_rows=n_rows, crc=crc)
    for row in database.execute(
        "SELECT page.id, doc_id, number, images, vector_file, first_row, n_vectors, page.crc, "
        "coarse_file, first_coarse, n_coarse, coarse_crc, codes FROM page "
        "JOIN document ON document.id = page.document "
        "LEFT JOIN page_codes ON page_codes.page = page.id ORDER BY doc_id, number"
    ).fetchall():
        yield from _damaged_page(database, folder, files, row)


class _VectorFile:
    """A file of vectors, possibly missing or truncated."""

    def __init__(self, path: Path, form: str, dim: int) -> None:
        self.name = f"{schema.VECTORS}/{path.name}"
        self.is_codebook, self._form, self._dim = form == CODEBOOK, form, dim
        self._row_bytes = row_bytes(form, dim=dim)
        self._bytes: Any = np.empty(0, np.uint8)
        if path.exists() and path.stat().st_size:
            self._bytes = np.memmap(path, dtype=np.uint8, mode="r")

    def damage(self, *, n_rows: int, crc: int) -> Iterator[Damage]:
        """Damage of the file as a whole."""
        expected = n_rows * self._row_bytes
        if len(self._bytes) < expected:
            yield Damage(self.name, f"has {len(self._bytes)} bytes instead of {expected}")
        elif self.is_codebook and zlib.crc32(self._bytes[:expected]) != crc:
            yield Damage(self.name, "its vectors have another checksum")

    def rows_damaged(self, first: int, count: int, crc: int) -> bool:
        """Whether rows of a page with `count` vectors are missing or changed."""
        n_rows = rows_of_page(self._form, count)
        start, end = first * self._row_bytes, (first + n_rows) * self._row_bytes
        return end > len(self._bytes) or zlib.crc32(self._bytes[start:end]) != crc

    def has_row(self, row: int) -> bool:
        """Whether the file is long enough for a row."""
        return (row + 1) * self._row_bytes <= len(self._bytes)


def _damaged_page(
    database: sqlite3.Connection, folder: Path, files: dict[int, _VectorFile], row: Any
) -> Iterator[Damage]:
    page, packed_id, number, images, file, first, count, crc, *coarse, codes = row
    at = (schema.from_blob(packed_id), number)
    if file is not None and files[file].is_codebook:
        if zlib.crc32(codes or b"") != crc:
            yield Damage(schema.DATABASE, "its list of vectors", *at, page=page)
        elif not files[file].has_row(int(np.frombuffer(codes, dtype="<i4").max())):
            yield Damage(files[file].name, "its vectors are missing", *at, page=page)
    elif file is not None and files[file].rows_damaged(first, count, crc):
        yield Damage(files[file].name, "its vectors", *at, page=page)
    if coarse[0] is not None and files[coarse[0]].rows_damaged(*coarse[1:]):
        yield Damage(files[coarse[0]].name, "its coarse vectors", *at, page=page)
    record = database.execute(
        "SELECT head, regions, words, outline, placement, slots, crc, image_crc FROM page_record "
        "WHERE page = ?",
        (page,),
    ).fetchone()
    if record is None or schema.checksum(*record[:6]) != record[6]:
        yield Damage(schema.DATABASE, "its record", *at, page=page)
    image = folder / schema.IMAGES / images / schema.image_name(number)
    name = str(image.relative_to(folder))
    if not image.exists():
        yield Damage(name, "its image is missing", *at)
    elif record is not None and zlib.crc32(image.read_bytes()) != record[7]:
        yield Damage(name, "its image", *at)
