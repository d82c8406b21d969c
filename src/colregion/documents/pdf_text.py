"""The characters of a PDF page, where they show, and the images on it."""

from __future__ import annotations

import ctypes
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as raw
from numpy.typing import NDArray

from colregion.core.documents import TextLayer
from colregion.core.geometry import FloatArray
from colregion.documents.font_maps import characters_of_glyphs
from colregion.documents.symbol_fonts import with_check_marks

UNMAPPED = "\ufffd"
"""A character that is drawn but that the file maps to no text."""

_LINE_END_HYPHEN = 2  # PDFium's code for a hyphen at the end of a line
_MIN_UTF8 = 8  # fewer may be Korean syllables by chance
_MIN_SWAPPED = 8  # fewer may be Chinese characters by chance
_FORM_DEPTH = 8
_CELLS = 128  # per side, for the area under images

_Matrix = tuple[float, float, float, float, float, float]
_IDENTITY: _Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


def text_layer(page: pdfium.PdfPage) -> TextLayer:
    """The page's characters in the order of its content, with boxes on the page as displayed.

    A box is as wide as the character's advance and as high as its font's line, not as the ink of
    the glyph: the words of a line then share top and bottom, whatever their letters.
    """
    objects = list(_objects(page))
    with closing(page.get_textpage()) as textpage:
        n = textpage.count_chars()
        characters = with_check_marks(_characters(textpage.raw, n), textpage.raw)
        boxes_pt = _line_high_boxes(textpage.raw, n)
        visible = _visible(textpage.raw, n, objects)
    whole = np.array([bool(character) for character in characters], dtype=bool)
    images_pt = [item.bounds() for item in objects if item.kind == raw.FPDF_PAGEOBJ_IMAGE]
    return TextLayer(
        characters=tuple(filter(None, characters)),
        boxes_xyxy=as_displayed(boxes_pt, page)[whole],
        visible=visible[whole],
        image_area=_covered_area(as_displayed(np.array(images_pt).reshape(-1, 4), page)),
    )


def image_sizes_px(page: pdfium.PdfPage) -> Iterator[tuple[int, int]]:
    """(width, height) that each image on the page declares; none is decoded."""
    width, height = ctypes.c_uint(), ctypes.c_uint()
    for item in _objects(page):
        if item.kind == raw.FPDF_PAGEOBJ_IMAGE and raw.FPDFImageObj_GetImagePixelSize(
            item.handle, width, height
        ):
            yield width.value, height.value


def _characters(textpage: ctypes.c_void_p, n: int) -> list[str]:
    """N strings, "" for the second half of a UTF-16 surrogate pair."""
    unicode_of, is_unmapped = raw.FPDFText_GetUnicode, raw.FPDFText_HasUnicodeMapError
    codes = _in_order([unicode_of(textpage, i) for i in range(n)])
    guessed = {i for i in range(n) if is_unmapped(textpage, i) == 1}
    of_glyphs = characters_of_glyphs(textpage, sorted(guessed)) if guessed else {}
    in_utf8 = _are_utf8([codes[i] for i in guessed])
    characters: list[str] = []
    first_half = 0
    for i, code in enumerate(codes):
        if i in of_glyphs:
            characters.append(of_glyphs[i])
        elif code == _LINE_END_HYPHEN and raw.FPDFText_IsHyphen(textpage, i) == 1:
            characters.append("-")
        elif first_half and 0xDC00 <= code < 0xE000:
            characters[-1] = chr(0x10000 + ((first_half - 0xD800) << 10) + code - 0xDC00)
            characters.append("")
        elif not 0 < code <= sys.maxunicode or 0xD800 <= code < 0xE000:
            characters.append(UNMAPPED)
        elif i in guessed:
            characters.append(_guess(code, in_utf8=in_utf8))
        else:
            characters.append(chr(code))
        first_half = code if 0xD800 <= code < 0xDC00 else 0
    return characters


def _in_order(codes: list[int]) -> list[int]:
    """The codes with their two bytes in the right order: most of those above ASCII would be Latin
    letters and signs if swapped, which is how some writers put them into /ToUnicode."""
    high = [code for code in codes if code > 0xFF]
    swapped = sum(code >> 8 >= 0x20 and code & 0xFF == 0 for code in high)
    if len(high) < _MIN_SWAPPED or 2 * swapped <= len([code for code in codes if code > 0x20]):
        return codes
    return [code >> 8 | (code & 0xFF) << 8 if 0xFF < code <= 0xFFFF else code for code in codes]


def _guess(code: int, *, in_utf8: bool) -> str:
    """PDFium's guess of a character that the file maps to no text: its code in the font, which is
    right in most fonts whose codes are letters at all."""
    if in_utf8 and code > 0x7F:
        return code.to_bytes(2, "big").decode()
    return UNMAPPED if unicodedata.category(chr(code))[0] == "C" else chr(code)


def _are_utf8(codes: Sequence[int]) -> bool:
    """Whether the codes above ASCII, a few at least, are two bytes of UTF-8 each: some writers
    put these where UTF-16 belongs."""
    high = [code for code in codes if code > 0x7F]
    return len(high) >= _MIN_UTF8 and all(
        0xC2 <= code >> 8 <= 0xDF and 0x80 <= code & 0xFF <= 0xBF for code in high
    )


def _line_high_boxes(textpage: ctypes.c_void_p, n: int) -> FloatArray:
    """(N, 4) left, bottom, right, top in points of the page's own space."""
    box = raw.FS_RECTF()
    pointer, box_of = ctypes.byref(box), raw.FPDFText_GetLooseCharBox
    rows = [
        (box.left, box.bottom, box.right, box.top) if box_of(textpage, i, pointer) else (0.0,) * 4
        for i in range(n)
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


@dataclass(frozen=True, slots=True)
class _Object:
    """An object drawn on the page; `matrix` maps from the form that contains it to the page."""

    handle: ctypes.c_void_p
    kind: int
    matrix: _Matrix

    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top in points of the page's own space."""
        values = [ctypes.c_float() for _ in range(4)]
        if not raw.FPDFPageObj_GetBounds(self.handle, *values):
            return (0.0, 0.0, 0.0, 0.0)
        left, bottom, right, top = (value.value for value in values)
        a, b, c, d, e, f = self.matrix
        corners = [(x, y) for x in (left, right) for y in (bottom, top)]
        xs = [a * x + c * y + e for x, y in corners]
        ys = [b * x + d * y + f for x, y in corners]
        return (min(xs), min(ys), max(xs), max(ys))

    @property
    def is_invisible_text(self) -> bool:
        """Whether it is text without fill and stroke, as under the image of a scan, or filled
        with a fully transparent color."""
        if self.kind != raw.FPDF_PAGEOBJ_TEXT:
            return False
        mode = raw.FPDFTextObj_GetTextRenderMode(self.handle)
        if mode == raw.FPDF_TEXTRENDERMODE_INVISIBLE:
            return True
        channels = [ctypes.c_uint() for _ in range(4)]
        return (
            mode == raw.FPDF_TEXTRENDERMODE_FILL
            and bool(raw.FPDFPageObj_GetFillColor(self.handle, *channels))
            and channels[3].value == 0
        )


def _objects(page: pdfium.PdfPage) -> Iterator[_Object]:
    for i in range(raw.FPDFPage_CountObjects(page)):
        yield from _with_contents(raw.FPDFPage_GetObject(page, i), _IDENTITY, depth=0)


def _with_contents(handle: ctypes.c_void_p, matrix: _Matrix, *, depth: int) -> Iterator[_Object]:
    kind = raw.FPDFPageObj_GetType(handle)
    if kind != raw.FPDF_PAGEOBJ_FORM:
        yield _Object(handle, kind, matrix)
    elif depth < _FORM_DEPTH:
        placed = raw.FS_MATRIX()
        raw.FPDFPageObj_GetMatrix(handle, placed)
        inner = _product(matrix, (placed.a, placed.b, placed.c, placed.d, placed.e, placed.f))
        for i in range(raw.FPDFFormObj_CountObjects(handle)):
            yield from _with_contents(raw.FPDFFormObj_GetObject(handle, i), inner, depth=depth + 1)


def _product(outer: _Matrix, inner: _Matrix) -> _Matrix:
    a, b, c, d, e, f = outer
    g, h, i, j, k, m = inner
    return (
        a * g + c * h,
        b * g + d * h,
        a * i + c * j,
        b * i + d * j,
        a * k + c * m + e,
        b * k + d * m + f,
    )


def _visible(textpage: ctypes.c_void_p, n: int, objects: list[_Object]) -> NDArray[np.bool_]:
    texts = [item for item in objects if item.kind == raw.FPDF_PAGEOBJ_TEXT]
    hidden = {_address(item.handle) for item in texts if item.is_invisible_text}
    if len(hidden) in (0, len(texts)):
        # Objects are looked up per character only on pages that have both.
        return np.full(n, not hidden)
    owners = [_address(raw.FPDFText_GetTextObject(textpage, i)) for i in range(n)]
    return np.array([owner not in hidden for owner in owners], dtype=bool)


def _address(handle: ctypes.c_void_p) -> int | None:
    return ctypes.cast(handle, ctypes.c_void_p).value


def as_displayed(boxes_pt: FloatArray, page: pdfium.PdfPage) -> FloatArray:
    """(N, 4) left, bottom, right, top in the page's own space -> fractions of the page as
    displayed: cut to the crop box, then turned clockwise by /Rotate."""
    left, bottom, right, top = page.get_bbox()
    x0, x1 = ((boxes_pt[:, i] - left) / (right - left) for i in (0, 2))
    y0, y1 = ((top - boxes_pt[:, i]) / (top - bottom) for i in (3, 1))
    turned = {
        0: (x0, y0, x1, y1),
        90: (1 - y1, x0, 1 - y0, x1),
        180: (1 - x1, 1 - y1, 1 - x0, 1 - y0),
        270: (y0, 1 - x1, y1, 1 - x0),
    }
    return np.stack(turned[page.get_rotation()], axis=1)


def _covered_area(boxes_xyxy: FloatArray) -> float:
    """Share of the page under the boxes (N, 4), to the nearest cell."""
    cells = np.zeros((_CELLS, _CELLS), dtype=bool)
    for x0, y0, x1, y1 in np.round(np.clip(boxes_xyxy, 0, 1) * _CELLS).astype(int):
        cells[y0:y1, x0:x1] = True
    return float(cells.mean())
