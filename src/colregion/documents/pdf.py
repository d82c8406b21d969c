"""PDF pages through PDFium: size, rotation, label, picture and characters, a page at a time."""

from __future__ import annotations

import atexit
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as raw
from PIL import Image

from colregion.core.documents import Limits, Page, TextLayer
from colregion.documents.pdf_text import declared_pictures, text_layer
from colregion.documents.user_unit import mentions_user_unit, user_unit
from colregion.errors import InvalidInput, UnreadableDocument

DEFAULT_DPI = 150

MAX_SIDE_PX = 5000
"""A page whose longer side would need more is rendered at a lower resolution: a poster of a metre
stays readable (A0 at 107 dpi), and a page that declares kilometres costs no more than it."""

# PDFium is not safe to use from threads. Reentrant, because a collected `PdfFile` closes itself
# wherever the collection happens to run.
_LOCK = threading.RLock()

# PDFium keeps what it has read of a file for as long as the file is open. Opening it anew now
# and then bounds the memory that a long file takes.
_PAGES_PER_OPENING = 50

_DRAWN_ANNOTATIONS = (raw.FPDF_ANNOT_WIDGET, raw.FPDF_ANNOT_FREETEXT, raw.FPDF_ANNOT_STAMP)


class PdfFile:
    """A PDF that is open while its pages are read.

    The last page asked for stays loaded, so that its size, characters and picture cost one
    reading of its content. Pickled it is its source and password, and opens itself again.
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
        self._flattened: set[int] = set()

    def __getstate__(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "name": self.name,
            "password": self.password,
            "max_pixels": self.max_pixels,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._reset()

    def __del__(self, _finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        # When the interpreter ends, the names of this module may be gone already.
        if not _finalizing():
            self.close()

    def close(self) -> None:
        """Let go of the file. It opens itself again when it is asked for a page."""
        with _LOCK:
            if self._page is not None:
                self._page.close()
            if self._handle is not None:
                self._handle.close()
            self._reset()

    @contextmanager
    def document(self) -> Iterator[pdfium.PdfDocument]:
        """The open document, for this thread alone."""
        with _LOCK:
            if self._handle is None:
                self._handle = self._open()
                _open_files.add(self)
            yield self._handle

    @contextmanager
    def page(self, index: int) -> Iterator[pdfium.PdfPage]:
        """A page (0-based), for this thread alone."""
        with _LOCK:
            if self._page is None or self._page_index != index:
                self._load(index)
            try:
                yield self._page
            except pdfium.PdfiumError as cause:
                raise self._damaged(index, cause) from cause

    def text_layer(self, index: int) -> TextLayer:
        """A page's characters (0-based), kept until another page is asked for: they are judged
        first and read later."""
        with self.page(index) as page:
            if self._layer is None:
                self._layer = text_layer(page)
            return self._layer

    @cached_property
    def has_units(self) -> bool:
        """Whether any of its pages may declare a /UserUnit."""
        return mentions_user_unit(self.source)

    def _open(self) -> pdfium.PdfDocument:
        try:
            document = pdfium.PdfDocument(self.source, password=self.password)
        except (pdfium.PdfiumError, OSError) as cause:
            raise UnreadableDocument(self._why_locked_or_damaged(cause)) from cause
        if document.get_formtype() != raw.FORMTYPE_NONE:
            # Draws the values that a form holds but has no appearance for.
            document.init_forms()
        return document

    def _why_locked_or_damaged(self, cause: Exception) -> str:
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
                self._check_pictures(self._page, index)
            except pdfium.PdfiumError as cause:
                raise self._damaged(index, cause) from cause
        self._page_index = index
        self._layer = None
        self._loaded += 1

    def _flat_page(self, document: pdfium.PdfDocument, index: int) -> pdfium.PdfPage:
        """The page with filled-in fields and written notes made part of its content, so that
        their text is among its characters."""
        page = document[index]
        if raw.FPDFPage_GetRotation(page) < 0:  # older versions load what is no page
            raise pdfium.PdfiumError("no page object")
        if index in self._flattened or not _has_drawn_annotations(page):
            return page
        # Flattening takes a page that inherits its size for a US letter; so it gets its own.
        left, bottom, right, top = page.get_bbox()
        page.set_mediabox(left, bottom, right, top)
        raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY)
        page.close()
        self._flattened.add(index)
        return document[index]

    def _check_pictures(self, page: pdfium.PdfPage, index: int) -> None:
        for width_px, height_px in declared_pictures(page):
            if width_px * height_px > self.max_pixels:
                raise UnreadableDocument(
                    f"page {index + 1} of {self.name} holds a picture of {width_px} x {height_px} "
                    f"pixels; pictures of up to {self.max_pixels:,} are read. Scale it down, or "
                    "raise the limit `pixels`"
                )

    def _damaged(self, index: int, cause: Exception) -> UnreadableDocument:
        return UnreadableDocument(
            f"page {index + 1} of {self.name} is damaged ({cause}); export the PDF again"
        )


# Closed before PDFium ends itself, which complains of files that are still open.
_open_files: weakref.WeakSet[PdfFile] = weakref.WeakSet()


@atexit.register
def _close_files() -> None:
    for file in list(_open_files):
        file.close()


@dataclass(frozen=True, slots=True, eq=False)
class PdfImage:
    """Renders one page (index 0-based; unit in points)."""

    file: PdfFile
    index: int
    unit_pt: float = 1.0

    def __call__(self, *, dpi: int | None = None) -> Image.Image:
        dpi = DEFAULT_DPI if dpi is None else dpi
        if dpi <= 0:
            raise InvalidInput(f"dpi must be positive, got {dpi}")
        with self.file.page(self.index) as page:
            scale = min(dpi / 72 * self.unit_pt, MAX_SIDE_PX / max(page.get_size()))
            # Sizes are rounded up: 1650.0000000000002 pixels must not become 1651.
            scale *= 1 - 1e-9
            bitmap = page.render(scale=scale, rev_byteorder=True)
            try:
                image: Image.Image = bitmap.to_pil().convert("RGB")
            finally:
                bitmap.close()
            return image


@dataclass(frozen=True, slots=True, eq=False)
class PdfText:
    """Reads one page's characters (index 0-based)."""

    file: PdfFile
    index: int

    def __call__(self) -> TextLayer:
        return self.file.text_layer(self.index)


def count_pages(file: PdfFile) -> int:
    """How many pages it has. Raises UnreadableDocument: damaged, locked, or without pages."""
    with file.document() as document:
        count = len(document)
    if count == 0:
        raise UnreadableDocument(f"the PDF {file.name} has no pages; export it again")
    return count


def pdf_page(file: PdfFile, number: int, *, doc_id: str) -> Page:
    """One page, counted from 1.

    Raises:
        InvalidInput: a number that is not there.
        UnreadableDocument: the page is damaged, or holds a picture of more pixels than allowed.
    """
    index = number - 1
    with file.document() as document:
        if not 0 <= index < len(document):
            raise InvalidInput(f"{file.name} has {len(document)} pages, no page {number}")
    with file.page(index) as page, file.document() as document:
        unit_pt = user_unit(document, index) if file.has_units else 1.0
        width, height = page.get_size()
        return Page(
            doc_id=doc_id,
            number=number,
            width=width * unit_pt,
            height=height * unit_pt,
            unit="pt",
            load_image=PdfImage(file, index, unit_pt),
            load_text=PdfText(file, index),
            label=document.get_page_label(index) or None,
            rotation=page.get_rotation(),
        )


def _has_drawn_annotations(page: pdfium.PdfPage) -> bool:
    for i in range(raw.FPDFPage_GetAnnotCount(page)):
        annotation = raw.FPDFPage_GetAnnot(page, i)
        kind = raw.FPDFAnnot_GetSubtype(annotation)
        raw.FPDFPage_CloseAnnot(annotation)
        if kind in _DRAWN_ANNOTATIONS:
            return True
    return False
