"""Characters of glyphs that a PDF maps to no text, from the fonts that are embedded in it.

A composite font without /ToUnicode writes glyph numbers, of which PDFium makes characters as if
they were codes. An embedded TrueType font often still says which character each glyph is.
"""

from __future__ import annotations

import ctypes
import struct
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pypdfium2.raw as raw

from colregion.core.geometry import FloatArray

_UNICODE_TABLES = ((3, 10), (0, 4), (3, 1), (0, 3))  # platform and encoding, best first
_SAME_WIDTH = 0.02  # of the type size; files round widths to thousandths
_MIN_DISTINCT = 4  # glyphs; fewer may have the widths of others by chance
_MAX_BYTE, _MAX_CODES = 0xFF, 0x10000
_NO_TABLE = b""
_TABLES = (b"cmap", b"head", b"hhea", b"hmtx")


def characters_of_glyphs(textpage: ctypes.c_void_p, guessed: Sequence[int]) -> dict[int, str]:
    """Position -> character of those of the `guessed` positions whose code in the file is the
    number of a glyph in an embedded TrueType font. It is in a font with codes of two bytes, and
    where the file gives the glyphs' own widths, not those of the characters with these codes."""
    by_font: dict[int, list[int]] = defaultdict(list)
    fonts: dict[int, ctypes.c_void_p] = {}
    for i in guessed:
        item = raw.FPDFText_GetTextObject(textpage, i)
        font = raw.FPDFTextObj_GetFont(item) if item else None
        if font:
            address = ctypes.cast(font, ctypes.c_void_p).value or 0
            fonts[address] = font
            by_font[address].append(i)
    characters: dict[int, str] = {}
    for address, places in by_font.items():
        codes = [raw.FPDFText_GetUnicode(textpage, i) for i in places]
        first = dict(zip(reversed(codes), reversed(places), strict=True))
        widths = {code: _width(textpage, i) for code, i in sorted(first.items())}
        mapping = mapping_of_glyphs(_tables(_font_file(fonts[address])), widths)
        characters.update(
            (i, mapping[code]) for i, code in zip(places, codes, strict=True) if code in mapping
        )
    return characters


def mapping_of_glyphs(tables: dict[bytes, bytes], widths: dict[int, float]) -> dict[int, str]:
    """Code -> character; {} where the codes are no glyph numbers, or that cannot be told.

    Args:
        widths: of the codes as drawn, relative to each other.
    """
    codes = np.array(list(widths), dtype=np.int64)
    advances = _advances(tables)
    if len(codes) < _MIN_DISTINCT or codes.max() >= len(advances):
        return {}
    code_of_glyph, glyph_of_code = _glyph_maps(tables.get(b"cmap", _NO_TABLE))
    if codes.max() <= _MAX_BYTE:
        drawn = np.array(list(widths.values()))
        glyphs = np.array([glyph_of_code.get(code, 0) for code in codes.tolist()])
        as_characters = advances[np.where(glyphs < len(advances), glyphs, 0)]
        if _differ(drawn, advances[codes]) or not _differ(drawn, as_characters):
            return {}
    return {code: chr(code_of_glyph[code]) for code in codes.tolist() if code in code_of_glyph}


def _differ(drawn: FloatArray, advances: FloatArray) -> bool:
    """Whether widths are not those of a font at any one size."""
    if not advances.all():
        return True
    scale = float(np.median(drawn / advances))
    return scale <= 0 or bool((np.abs(drawn / scale - advances) > _SAME_WIDTH).any())


def _width(textpage: ctypes.c_void_p, i: int) -> float:
    box = raw.FS_RECTF()
    size: float = raw.FPDFText_GetFontSize(textpage, i)
    raw.FPDFText_GetLooseCharBox(textpage, i, box)
    return (box.right - box.left) / size if size else 0.0


def _font_file(font: ctypes.c_void_p) -> bytes:
    size = ctypes.c_size_t()
    if not raw.FPDFFont_GetIsEmbedded(font) or not raw.FPDFFont_GetFontData(font, None, 0, size):
        return b""
    data = (ctypes.c_uint8 * size.value)()
    raw.FPDFFont_GetFontData(font, data, size.value, size)
    return bytes(data)


def _tables(font: bytes) -> dict[bytes, bytes]:
    """Those of `_TABLES` that a TrueType font has, by name; {} for another file."""
    if font[:4] not in (b"\0\1\0\0", b"true") or len(font) < 12:
        return {}
    n = struct.unpack_from(">H", font, 4)[0]
    entries = [font[start : start + 16] for start in range(12, 12 + 16 * n, 16)]
    places = [struct.unpack(">4s4xII", entry) for entry in entries if len(entry) == 16]
    return {name: font[at : at + length] for name, at, length in places if name in _TABLES}


def _advances(tables: dict[bytes, bytes]) -> FloatArray:
    """(G,) the width of each glyph as a share of the type size; () if the font does not say."""
    head, hhea, hmtx = (tables.get(name, _NO_TABLE) for name in (b"head", b"hhea", b"hmtx"))
    if len(head) < 20 or len(hhea) < 36:
        return np.empty(0)
    (units,), (n,) = struct.unpack_from(">H", head, 18), struct.unpack_from(">H", hhea, 34)
    own = np.frombuffer(hmtx[: 4 * n], dtype=">u2")[::2] if len(hmtx) >= 4 * n else np.empty(0)
    if not units or not len(own):
        return np.empty(0)
    rest = (len(hmtx) - 4 * n) // 2  # glyphs as wide as the last
    advances: FloatArray = np.concatenate([own, np.repeat(own[-1], rest)]) / units
    return advances


def _glyph_maps(cmap: bytes) -> tuple[dict[int, int], dict[int, int]]:
    """Glyph -> its lowest character, and character -> glyph, of a font's Unicode table of the
    common format; empty without one."""
    n = struct.unpack_from(">H", cmap, 2)[0] if len(cmap) >= 4 else 0
    entries = [cmap[start : start + 8] for start in range(4, 4 + 8 * n, 8)]
    offsets = {
        (platform, encoding): offset
        for platform, encoding, offset in (struct.unpack(">HHI", e) for e in entries if len(e) == 8)
    }
    for key in _UNICODE_TABLES:
        table = cmap[offsets[key] :] if key in offsets else b""
        if len(table) >= 14 and struct.unpack_from(">H", table)[0] == 4:
            glyph_of_code = _segments(table)
            pairs = sorted(glyph_of_code.items(), reverse=True)
            shown = [(code, glyph) for code, glyph in pairs if glyph and chr(code).isprintable()]
            return {glyph: code for code, glyph in shown}, glyph_of_code
    return {}, {}


def _segments(table: bytes) -> dict[int, int]:
    """Character -> glyph of a table of format 4 (OpenType, cmap): runs of characters, each with a
    difference to its glyphs or a list of them."""
    words = np.frombuffer(table[: len(table) // 2 * 2], dtype=">u2").astype(np.int64)
    n = int(words[3]) // 2
    if len(words) < 8 + 4 * n:
        return {}
    ends, starts, deltas, offsets = (
        words[7 + i * n + (i > 0) : 7 + (i + 1) * n + (i > 0)].tolist() for i in range(4)
    )
    if sum(max(end - start + 1, 0) for start, end in zip(starts, ends, strict=True)) > _MAX_CODES:
        return {}  # characters in several segments
    first_offset = 8 + 3 * n
    glyphs: dict[int, int] = {}
    for i, (start, end, delta, offset) in enumerate(
        zip(starts, ends, deltas, offsets, strict=True)
    ):
        for code in range(start, min(end, 0xFFFE) + 1):
            at = first_offset + i + offset // 2 + code - start
            glyph = code if offset == 0 else int(words[at]) if at < len(words) else 0
            glyphs[code] = (glyph + delta) & 0xFFFF if glyph or offset == 0 else 0
    return glyphs
