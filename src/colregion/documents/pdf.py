"""PDF pages through PDFium: size, rotation, label, image and characters, one page at a time."""

from __future__ import annotations

import atexit
import io
import mmap
import re
import sys
import threading
import weakref
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as raw
from PIL import Image

from colregion.core.documents import Limits, Note, Page, TextLayer
from colregion.documents.annotations import annotations_of
from colregion.documents.attachments import attachments_not_read
from colregion.documents.form_fields import CheckBox, check_boxes, with_check_boxes
from colregion.documents.pdf_notes import (
    XFA_PLACEHOLDER,
    attached_files,
    files_attached_to,
    read_notes,
    xfa_values,
)
from colregion.documents.pdf_text import image_sizes_px, text_layer
from colregion.errors import InvalidInput, UnreadableDocument

DEFAULT_DPI = 150

MAX_SIDE_PX = 5000
"""Longer side of a rendered page; beyond it the resolution is lowered, for A0 to 107 dpi."""

# PDFium is not thread-safe. Reentrant, because a garbage-collected `PdfFile` closes itself
# wherever the collection happens to run.
_LOCK = threading.RLock()

# PDFium caches what it has read while a file is open; reopening it bounds a long file's memory.
_PAGES_PER_OPENING = 50

# A page may declare /UserUnit u: its coordinates then count u/72 inch (PDF 1.6, 14.11.2). Large
# drawings and posters do, because coordinates end at 14,400. PDFium does not tell.
_USER_UNIT = b"/UserUnit"
_USER_UNIT_VALUE = re.compile(rb"/UserUnit\s*([0-9]*\.?[0-9]+)(?!\s+\d+\s+R)")
_OBJECT_STREAM = re.compile(rb"/ObjStm\b.{0,400}?stream\r?\n", re.DOTALL)
_OBJECT_STREAM_LIMIT = 1 << 26

_MIN_SIDE_PT = 0.1
"""Of a page; none is meant to be smaller."""

_DRAWN_ANNOTATIONS = (raw.FPDF_ANNOT_WIDGET, raw.FPDF_ANNOT_FREETEXT, raw.FPDF_ANNOT_STAMP)


class PdfFile:
    """A PDF file that is open while its pages are read.

    The last page used stays loaded, so that its content is read once for its size, characters and
    image. A pickled file is its source and password, and opens itself again.
    """

    def __init__(
        self,
        source: Path | bytes,
        *,
        name: str,
        password: str | None = None,
        max_pixels: int = Limits().pixels,
    ) -> None:
        self.source = source
        self.name = name
        self.password = password
        self.max_pixels = max_pixels
        self._reset()

    def _reset(self) -> None:
        self._handle: pdfium.PdfDocument | None = None
        self._page: pdfium.PdfPage | None = None
        self._page_index = -1
        self._layer: TextLayer | None = None
        self._loaded = 0
        self._flattened: dict[int, list[CheckBox]] = {}
        self._notes: dict[int, tuple[tuple[Note, ...], str]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        make = partial(PdfFile, name=self.name, password=self.password, max_pixels=self.max_pixels)
        return make, (self.source,)

    def __del__(self, _finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        # At the interpreter's end the names of this module may be gone already.
        if not _finalizing():
            self.close()

    def close(self) -> None:
        """Close the file; it opens itself again when a page is used."""
        with _LOCK:
            if self._page is not None:
                self._page.close()
            if self._handle is not None:
                self._handle.close()
            self._reset()

    @contextmanager
    def document(self) -> Iterator[pdfium.PdfDocument]:
        """The open document, locked for this thread."""
        with _LOCK:
            if self._handle is None:
                self._handle = self._open()
                _open_files.add(self)
            yield self._handle

    @contextmanager
    def page(self, index: int) -> Iterator[pdfium.PdfPage]:
        """A page (0-based), locked for this thread."""
        with _LOCK:
            if self._page is None or self._page_index != index:
                self._load(index)
            try:
                yield self._page
            except pdfium.PdfiumError as cause:
                raise self._damaged(index, cause) from cause

    def render(self, index: int, unit_pt: float = 1.0, *, dpi: int | None = None) -> Image.Image:
        """The image of a page (0-based); `unit_pt` is the page's unit in points."""
        dpi = DEFAULT_DPI if dpi is None else dpi
        if dpi <= 0:
            raise InvalidInput(f"dpi must be positive, got {dpi}")
        with self.page(index) as page:
            scale = min(dpi / 72 * unit_pt, MAX_SIDE_PX / max(page.get_size()))
            # PDFium rounds sizes up: 1650.0000000000002 pixels must not become 1651.
            with closing(page.render(scale=scale * (1 - 1e-9), rev_byteorder=True)) as bitmap:
                image: Image.Image = bitmap.to_pil().convert("RGB")
            return image

    def text_layer(self, index: int) -> TextLayer:
        """A page's characters (0-based), cached until another page is used: parsers first judge
        and then read them."""
        with self.page(index) as page:
            if self._layer is None:
                boxes = self._flattened.get(index, [])
                self._layer = with_check_boxes(text_layer(page), boxes)
            return self._layer

    def notes(self, index: int) -> tuple[tuple[Note, ...], str]:
        """A page's notes (0-based), and what of it cannot be read, for people."""
        with self.page(index):
            return self._notes[index]

    def unread(self) -> str:
        """What of the file is on none of its pages, for people; "" for nothing."""
        with self.document() as document:
            return attachments_not_read(attached_files(document))

    @cached_property
    def has_user_units(self) -> bool:
        """Whether any of its pages may declare a /UserUnit."""
        return may_declare_user_unit(self.source)

    def _open(self) -> pdfium.PdfDocument:
        try:
            document = pdfium.PdfDocument(self.source, password=self.password)
        except (pdfium.PdfiumError, OSError) as cause:
            raise UnreadableDocument(self._open_failure(cause)) from cause
        if document.get_formtype() != raw.FORMTYPE_NONE:
            # Draws the values of form fields that have no appearance.
            document.init_forms()
        return document

    def _open_failure(self, cause: Exception) -> str:
        if "assword" not in str(cause):
            return f"the PDF {self.name} is damaged ({cause}); export it again"
        if self.password is None:
            return f"the PDF {self.name} is locked; pass password="
        return f"the PDF {self.name} does not open with the given password; pass the right one"

    def _load(self, index: int) -> None:
        if self._loaded >= _PAGES_PER_OPENING:
            self.close()
        elif self._page is not None:
            self._page.close()
            self._page = None
        with self.document() as document:
            try:
                self._page = self._flat_page(document, index)
                self._check_image_sizes(self._page, index)
            except pdfium.PdfiumError as cause:
                raise self._damaged(index, cause) from cause
        self._page_index = index
        self._layer = None
        self._loaded += 1

    def _flat_page(self, document: pdfium.PdfDocument, index: int) -> pdfium.PdfPage:
        """The page with form fields and written notes flattened into its content, so that their
        text is among its characters."""
        page = document[index]
        if raw.FPDFPage_GetRotation(page) < 0:  # older versions load other objects as pages
            raise pdfium.PdfiumError("no page object")
        if min(page.get_size()) < _MIN_SIDE_PT:
            # What is left of the CropBox within the MediaBox; viewers show the MediaBox then.
            page.set_cropbox(*page.get_mediabox())
            page.close()
            page = document[index]
            if min(page.get_size()) < _MIN_SIDE_PT:
                raise pdfium.PdfiumError("its MediaBox is {:g} x {:g} pt".format(*page.get_size()))
        if index not in self._notes:  # flattening removes all annotations
            self._notes[index] = read_notes(page), attachments_not_read(files_attached_to(page))
        if index in self._flattened or not _has_drawn_annotations(page):
            return page
        boxes = check_boxes(document, page)
        # Flattening takes a page that inherits its size to be US letter, so the page gets its own.
        left, bottom, right, top = page.get_bbox()
        page.set_mediabox(left, bottom, right, top)
        raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY)
        page.close()
        self._flattened[index] = boxes
        return document[index]

    def _check_image_sizes(self, page: pdfium.PdfPage, index: int) -> None:
        for width_px, height_px in image_sizes_px(page):
            if width_px * height_px > self.max_pixels:
                raise UnreadableDocument(
                    f"page {index + 1} of {self.name} has an image of {width_px} x {height_px} "
                    f"pixels; images of up to {self.max_pixels:,} are read. Scale it down, or "
                    "raise the limit `pixels`"
                )

    def _damaged(self, index: int, cause: Exception) -> UnreadableDocument:
        return UnreadableDocument(
            f"page {index + 1} of {self.name} is damaged ({cause}); export the PDF again"
        )


# Closed before PDFium shuts down, which warns of files that are still open.
_open_files: weakref.WeakSet[PdfFile] = weakref.WeakSet()


@atexit.register
def _close_files() -> None:
    for file in list(_open_files):
        file.close()


def count_pages(file: PdfFile) -> int:
    """The number of pages. Raises UnreadableDocument: damaged, locked, or without pages."""
    with file.document() as document:
        count = len(document)
    if count == 0:
        raise UnreadableDocument(f"the PDF {file.name} has no pages; export it again")
    return count


def pdf_page(file: PdfFile, number: int, *, doc_id: str) -> Page:
    """One page (1-based). Raises InvalidInput for a number that is not there, UnreadableDocument
    for a page that is damaged, or has an image of more pixels than allowed."""
    index = number - 1
    with file.document() as document:
        if not 0 <= index < len(document):
            raise InvalidInput(f"{file.name} has {len(document)} pages, no page {number}")
    with file.page(index) as page, file.document() as document:
        unit_pt = _user_unit(document, index) if file.has_user_units else 1.0
        width, height = page.get_size()
        notes, missing = file.notes(index)
        if document.get_formtype() == raw.FORMTYPE_XFA_FULL:
            missing = XFA_PLACEHOLDER
            notes = (*notes, *(xfa_values(document) if index == 0 else ()))
        return Page(
            doc_id=doc_id,
            number=number,
            width=width * unit_pt,
            height=height * unit_pt,
            unit="pt",
            load_image=partial(file.render, index, unit_pt),
            load_text=partial(file.text_layer, index),
            label=document.get_page_label(index) or None,
            rotation=page.get_rotation(),
            missing=missing,
            notes=notes,
        )


def _has_drawn_annotations(page: pdfium.PdfPage) -> bool:
    return any(raw.FPDFAnnot_GetSubtype(one) in _DRAWN_ANNOTATIONS for one in annotations_of(page))


def may_declare_user_unit(source: Path | bytes) -> bool:
    """Whether any page may declare a /UserUnit; quick, and true where that cannot be told."""
    if isinstance(source, bytes):
        return _mentions_user_unit(source)
    with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return _mentions_user_unit(data)


def _mentions_user_unit(data: bytes | mmap.mmap) -> bool:
    if data.find(_USER_UNIT) >= 0:
        return True
    for match in _OBJECT_STREAM.finditer(data):
        packed = data[match.end() : data.find(b"endstream", match.end())]
        try:
            unpacked = zlib.decompressobj().decompress(packed, _OBJECT_STREAM_LIMIT)
        except zlib.error:
            return True  # encrypted, or packed in another way: it may contain one
        if _USER_UNIT in unpacked:
            return True
    return False


def _user_unit(document: pdfium.PdfDocument, index: int) -> float:
    """The unit of one page (0-based) in 1/72 inch, by default 1. Read from a copy of the page that
    PDFium writes, because there dictionaries are not packed."""
    written = io.BytesIO()
    with closing(pdfium.PdfDocument.new()) as copy:
        copy.import_pages(document, [index])
        copy.save(written)
    value = _USER_UNIT_VALUE.search(written.getvalue())
    return (float(value.group(1)) or 1.0) if value else 1.0
