"""Presentations as LibreOffice prints them: all slides, then a page of notes for each."""

from __future__ import annotations

import io
from collections import Counter
from contextlib import closing

import pypdfium2 as pdfium

from colregion.documents.pdf import PdfFile


def drop_empty_notes(pdf: bytes, *, name: str) -> bytes:
    """The PDF without those pages of notes that say no more than their slide and a number."""
    with closing(PdfFile(pdf, name=name)) as file, file.document() as document:
        count = len(document) // 2
        words = [_words(document, index) for index in range(2 * count)]
        for slide in reversed(range(count)):
            if not words[count + slide] - words[slide]:
                del document[count + slide]
        written = io.BytesIO()
        document.save(written)
        return written.getvalue()


def _words(document: pdfium.PdfDocument, index: int) -> Counter[str]:
    with closing(document[index]) as page, closing(page.get_textpage()) as text:
        return Counter(word for word in text.get_text_bounded().split() if not word.isdecimal())
