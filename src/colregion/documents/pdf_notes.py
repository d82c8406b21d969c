"""What a PDF says beside the content of its pages: comments, attached files, forms in XFA."""

from __future__ import annotations

import ctypes
import html
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as raw

from colregion.core.documents import Note
from colregion.core.geometry import Box
from colregion.documents.annotations import NOT_SHOWN, annotations_of
from colregion.documents.pdf_text import as_displayed

XFA_PLACEHOLDER = (
    "it stands in for a dynamic form (XFA), of which only names and values of the filled fields "
    "are read; open it in Adobe Reader and print it to PDF"
)

_COMMENTS = {
    getattr(raw, f"FPDF_ANNOT_{kind}")
    for kind in (
        *("TEXT", "CARET", "HIGHLIGHT", "UNDERLINE", "SQUIGGLY", "STRIKEOUT"),
        *("LINE", "SQUARE", "CIRCLE", "POLYGON", "POLYLINE", "INK"),
    )
}

_MIN_SIDE_PT = 16.0
"""Of a note's box: a sticky note may have a rectangle without area."""


def read_notes(page: pdfium.PdfPage) -> tuple[Note, ...]:
    """The texts that a viewer shows although they are not in the page's content, in the file's
    order: comments in sticky notes and on marked text, and text boxes without an appearance."""
    notes: list[tuple[str, str]] = []
    rects_pt: list[tuple[float, ...]] = []
    for annotation in annotations_of(page):
        rect = raw.FS_RECTF()
        text, title = _note(annotation)
        if text and raw.FPDFAnnot_GetRect(annotation, rect):
            notes.append((text, title))
            sides = (rect.left, rect.bottom, rect.right, rect.top)
            rects_pt.append((*map(min, sides[:2], sides[2:]), *map(max, sides[:2], sides[2:])))
    rects = as_displayed(np.array(rects_pt, dtype=np.float64).reshape(-1, 4), page)
    least_x, least_y = (_MIN_SIDE_PT / side for side in page.get_size())
    boxes = []
    for x0, y0, x1, y1 in rects.tolist():
        (left, right), (top, bottom) = _widened(x0, x1, least_x), _widened(y0, y1, least_y)
        boxes.append(Box(left, top, right, bottom))
    return tuple(Note(text, box, title) for (text, title), box in zip(notes, boxes, strict=True))


def _note(annotation: Any) -> tuple[str, str]:
    """Text and title; an empty text if there is nothing that a viewer shows or none is needed,
    because it is drawn and read with the page's content."""
    kind = raw.FPDFAnnot_GetSubtype(annotation)
    is_text_box = kind == raw.FPDF_ANNOT_FREETEXT
    is_drawn = is_text_box and raw.FPDFAnnot_GetObjectCount(annotation) > 0
    if is_drawn or not (is_text_box or kind in _COMMENTS):
        return "", ""
    if raw.FPDFAnnot_GetFlags(annotation) & NOT_SHOWN:
        return "", ""
    author = "" if is_text_box else _annotation_string(annotation, b"T").strip(" ,\r\n\t")
    title = "" if is_text_box else f"[Note by {author}]" if author else "[Note]"
    text = _annotation_string(annotation, b"Contents").strip()
    return text or _without_markup(_annotation_string(annotation, b"RC")), title


def _without_markup(rich: str) -> str:
    """The text of XHTML, one line per paragraph."""
    lines = re.split(r"</p\s*>|<br\s*/?>", rich)
    texts = (html.unescape(re.sub(r"<[^<>]*>", "", line)).split() for line in lines)
    return "\n".join(" ".join(words) for words in texts if words)


def _widened(low: float, high: float, least: float) -> tuple[float, float]:
    """The interval, of at least this length and moved to lie in 0-1."""
    if low >= 0.0 and high <= 1.0 and high - low >= least:
        return low, high
    length = min(max(high - low, least), 1.0)
    start = min(max((low + high - length) / 2, 0.0), 1.0 - length)
    return start, start + length


def files_attached_to(page: pdfium.PdfPage) -> list[str]:
    """Names of the files that annotations of a page carry."""
    return [
        _file_name(raw.FPDFAnnot_GetFileAttachment(annotation))
        for annotation in annotations_of(page)
        if raw.FPDFAnnot_GetSubtype(annotation) == raw.FPDF_ANNOT_FILEATTACHMENT
    ]


def attached_files(document: pdfium.PdfDocument) -> list[str]:
    """Names of the files that are attached to a whole document, as the parts of a portfolio are."""
    count = raw.FPDFDoc_GetAttachmentCount(document)
    return [_file_name(raw.FPDFDoc_GetAttachment(document, index)) for index in range(count)]


def xfa_values(document: pdfium.PdfDocument) -> tuple[Note, ...]:
    """The filled fields of a form in XFA, "name: value" line by line, as a note of the whole page.
    Raises PdfiumError for damaged data."""
    for index in range(max(raw.FPDF_GetXFAPacketCount(document), 0)):
        name = ctypes.create_string_buffer(64)
        raw.FPDF_GetXFAPacketName(document, index, name, len(name))
        if name.value == b"datasets":
            return _filled_fields(_xfa_packet(document, index))
    return ()


def _xfa_packet(document: pdfium.PdfDocument, index: int) -> bytes:
    size = ctypes.c_ulong()
    raw.FPDF_GetXFAPacketContent(document, index, None, 0, size)
    buffer = ctypes.create_string_buffer(size.value)
    raw.FPDF_GetXFAPacketContent(document, index, buffer, size.value, size)
    return buffer.raw


def _filled_fields(datasets: bytes) -> tuple[Note, ...]:
    from xml.etree import ElementTree  # of few files

    try:
        root = ElementTree.fromstring(datasets)
    except (ElementTree.ParseError, LookupError, ValueError) as cause:
        raise pdfium.PdfiumError(f"its form data are damaged: {cause}") from cause
    lines = [
        f"{field.tag.rpartition('}')[2]}: {' '.join(field.text.split())}"
        for field in root.iter()
        if len(field) == 0 and field.text and field.text.strip()
    ]
    whole_page = Box(0.0, 0.0, 1.0, 1.0)
    return (Note("\n".join(lines), whole_page, "[Form data]"),) if lines else ()


def _file_name(attachment: Any) -> str:
    name = _utf16(lambda buffer, size: raw.FPDFAttachment_GetName(attachment, buffer, size))
    return name.strip() or "without a name"


def _annotation_string(annotation: Any, key: bytes) -> str:
    return _utf16(lambda buffer, size: raw.FPDFAnnot_GetStringValue(annotation, key, buffer, size))


def _utf16(read: Callable[[Any, int], int]) -> str:
    """A string from a function of PDFium that writes it, with its end mark, into a buffer and
    returns its size in bytes."""
    size = read(None, 0)
    buffer = ctypes.create_string_buffer(size)
    read(ctypes.cast(buffer, ctypes.POINTER(raw.FPDF_WCHAR)), size)
    return buffer.raw.decode("utf-16-le", "replace").rstrip("\0")
