"""Composite fonts without a usable map to characters, on PDFs written by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import ImageFont

from colregion.documents import open_document
from colregion.documents.font_maps import mapping_of_glyphs
from tests.documents.conftest import stream

MakePdf = Callable[..., bytes]
FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
TEXT = "Close the valve"
SHIFT = 29  # from a glyph of DejaVu to its character, in ASCII
GLYPHS = [ord(character) - SHIFT for character in TEXT]


def text_of(make_pdf: MakePdf, codes: list[int], *objects: str) -> str:
    """The characters of a page with these codes of two bytes. Object 6 is a composite font, and
    the objects are those after it."""
    shown = "".join(f"{code:04x}" for code in codes)
    font = "<</Type/Font/Subtype/Type0/BaseFont/A/Encoding/Identity-H/DescendantFonts[7 0 R]"
    font += "/ToUnicode 8 0 R>>" if len(objects) == 2 else ">>"
    entries = "/MediaBox[0 0 300 200]/Resources<</Font<</F 6 0 R>>>>"
    page = (entries, f"BT /F 12 Tf 20 100 Td <{shown}> Tj ET")
    (read,) = open_document(make_pdf([page], objects=[font, *objects])).pages()
    assert read.load_text is not None
    return "".join(read.load_text().characters)


def embedded_font(widths_of: str) -> list[str]:
    """DejaVu Sans as objects 7 to 9; its glyphs are as wide as these characters."""
    font = ImageFont.truetype(str(FONT), 1000, layout_engine=ImageFont.Layout.BASIC)
    pairs = dict(zip(GLYPHS, widths_of, strict=True))
    widths = " ".join(f"{glyph}[{font.getlength(as_wide):g}]" for glyph, as_wide in pairs.items())
    cid = (
        "<</Type/Font/Subtype/CIDFontType2/BaseFont/A/FontDescriptor 8 0 R/CIDToGIDMap/Identity"
        f"/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>/W[{widths}]>>"
    )
    descriptor = (
        "<</Type/FontDescriptor/FontName/A/Flags 4/FontBBox[-1000 -300 2000 1000]/ItalicAngle 0"
        "/Ascent 900/Descent -240/CapHeight 700/StemV 80/FontFile2 9 0 R>>"
    )
    return [cid, descriptor, stream(FONT.read_bytes()).decode("latin-1")]


@pytest.mark.fonts
def test_glyph_numbers_of_an_embedded_font_are_read_through_its_own_table(
    make_pdf: MakePdf,
) -> None:
    assert text_of(make_pdf, GLYPHS, *embedded_font(TEXT)) == TEXT


@pytest.mark.fonts
def test_codes_drawn_as_wide_as_the_characters_of_these_codes_stay(make_pdf: MakePdf) -> None:
    as_codes = "".join(map(chr, GLYPHS)).replace("\x03", " ")
    text = text_of(make_pdf, GLYPHS, *embedded_font(as_codes))
    assert text.replace("\ufffd", " ") == as_codes


@pytest.mark.parametrize(
    ("text", "mapped"),
    [
        ("Pure black (100)", "Pure black (100)"),
        # Chinese characters among Latin letters, which are so by right
        ("a\u4e00b\u4e00c\u4e00 words", "a\u4e00b\u4e00c\u4e00 words"),
    ],
)
def test_map_to_characters_with_swapped_bytes_is_read_in_order(
    make_pdf: MakePdf, text: str, mapped: str
) -> None:
    is_swapped = text.isascii()
    codes = list(range(1, len(text) + 1))
    order = "utf-16-le" if is_swapped else "utf-16-be"
    pairs = "".join(
        f"<{code:04x}><{character.encode(order).hex()}>\n"
        for code, character in zip(codes, text, strict=True)
    )
    cmap = (
        "/CIDInit/ProcSet findresource begin begincmap /CMapName/X def /CMapType 2 def\n"
        f"1 begincodespacerange <0000><ffff> endcodespacerange {len(codes)} beginbfchar\n{pairs}"
        "endbfchar endcmap"
    )
    cid = (
        "<</Type/Font/Subtype/CIDFontType2/BaseFont/A"
        "/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>/DW 600>>"
    )
    assert text_of(make_pdf, codes, cid, stream(cmap.encode()).decode("latin-1")) == mapped


@pytest.mark.fonts
@pytest.mark.parametrize("cut", [5, 11, 60, 300, 2000, 40_000, 700_000])
def test_damaged_font_leaves_the_codes(make_pdf: MakePdf, cut: int) -> None:
    cid, descriptor, _ = embedded_font(TEXT)
    font = stream(FONT.read_bytes()[:cut]).decode("latin-1")
    assert len(text_of(make_pdf, GLYPHS, cid, descriptor, font)) == len(TEXT)


@pytest.mark.parametrize(
    ("ends", "starts"),
    [
        pytest.param([0xFFFF] * 200, [0] * 200, id="segments of all characters"),
        pytest.param([0xFFFF, 0] * 100, [0, 0xFFFF] * 100, id="half of them end before they start"),
    ],
)
def test_damaged_tables_of_a_font_map_no_glyph(ends: list[int], starts: list[int]) -> None:
    head, hhea = b"\0" * 18 + (1000).to_bytes(2, "big"), b"\0" * 34 + (300).to_bytes(2, "big")
    overlapping = [*ends, 0, *starts, *[0] * 400]
    cmap = b"\0\0\0\1\0\3\0\1\0\0\0\x0c\0\4\0\0\0\0" + (400).to_bytes(2, "big") + b"\0" * 6
    cmap += b"".join(value.to_bytes(2, "big") for value in overlapping)
    tables = {b"head": head, b"hhea": hhea, b"hmtx": b"\1\0\0\0" * 300, b"cmap": cmap}
    assert mapping_of_glyphs(tables, dict.fromkeys(range(270, 280), 0.5)) == {}
    assert mapping_of_glyphs({}, {270: 0.5}) == {}
