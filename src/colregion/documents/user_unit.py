"""How long a PDF page's unit is, which PDFium itself does not say.

A page may declare /UserUnit u: its coordinates then count u/72 inch (PDF 1.6, 14.11.2). Large
drawings and posters do, because coordinates end at 14,400.
"""

from __future__ import annotations

import io
import mmap
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import pypdfium2 as pdfium

_KEY = b"/UserUnit"
_VALUE = re.compile(rb"/UserUnit\s*([0-9]*\.?[0-9]+)(?!\s+\d+\s+R)")
_OBJECT_STREAM = re.compile(rb"/ObjStm\b.{0,400}?stream\r?\n", re.DOTALL)
_OBJECT_STREAM_LIMIT = 1 << 26


def mentions_user_unit(source: Path | bytes) -> bool:
    """Whether any page may declare one; quick, and true where that cannot be told."""
    if isinstance(source, bytes):
        return _mentions(source)
    with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return _mentions(data)


def _mentions(data: bytes | mmap.mmap) -> bool:
    return data.find(_KEY) >= 0 or any(_KEY in part for part in _object_streams(data))


def _object_streams(data: bytes | mmap.mmap) -> Iterator[bytes]:
    for match in _OBJECT_STREAM.finditer(data):
        start = match.end()
        packed = data[start : data.find(b"endstream", start)]
        try:
            yield zlib.decompressobj().decompress(packed, _OBJECT_STREAM_LIMIT)
        except zlib.error:
            yield _KEY  # encrypted, or packed in another way: it may hold one


def user_unit(document: pdfium.PdfDocument, index: int) -> float:
    """The unit of one page (0-based) in 1/72 inch; 1 where the page does not say.

    The page is copied into a document of its own and that is written out, because what PDFium
    writes has its dictionaries in the clear.
    """
    alone = pdfium.PdfDocument.new()
    try:
        alone.import_pages(document, [index])
        written = io.BytesIO()
        alone.save(written)
    finally:
        alone.close()
    value = _VALUE.search(written.getvalue())
    return (float(value.group(1)) or 1.0) if value else 1.0
