"""PDF pages through the real PDFium, on files whose every number is known."""

from __future__ import annotations

import hashlib
import pickle
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from colregion.core.documents import Page, TextLayer
from colregion.core.geometry import FloatArray
from colregion.documents import open_document
from colregion.documents.pdf import MAX_SIDE_PX, may_declare_user_unit
from colregion.errors import InvalidInput, UnreadableDocument

MakePdf = Callable[..., bytes]
MEDIA = "/MediaBox[0 0 300 200]"
H_AT_100_150 = "BT /F 20 Tf 100 150 Td (H) Tj ET"


def first_page(data: bytes, *, password: str | None = None) -> Page:
    return next(open_document(data, doc_id="d", password=password).pages())


def characters(page: Page) -> TextLayer:
    assert page.load_text is not None
    return page.load_text()


def text(page: Page) -> str:
    return "".join(characters(page).characters)


def drawn_xyxy(page: Page, *, dpi: int = 144) -> FloatArray:
    """(4,) the box around all that is darker than white, fractions of the rendered page."""
    grey = np.asarray(page.load_image(dpi=dpi).convert("L"))
    rows, cols = np.nonzero(grey < 128)
    height, width = grey.shape
    return np.array(
        [
            cols.min() / width,
            rows.min() / height,
            (cols.max() + 1) / width,
            (rows.max() + 1) / height,
        ]
    )


def test_a_page_without_content_has_no_characters_and_is_white(make_pdf: MakePdf) -> None:
    page = first_page(make_pdf([(MEDIA, "")]))
    layer = characters(page)
    assert (layer.characters, layer.boxes_xyxy.shape, layer.image_area) == ((), (0, 4), 0.0)
    assert page.image.getextrema() == ((255, 255),) * 3


def test_a_page_has_size_label_and_number(make_pdf: MakePdf) -> None:
    labels = "/PageLabels<</Nums[0<</S/r/St 4>>1<</P(A-)/S/D>>2<<>>]>>"
    sizes = [(300, 200), (200.5, 100), (100, 100)]
    data = make_pdf([(f"/MediaBox[0 0 {w} {h}]", "") for w, h in sizes], catalog=labels)
    document = open_document(data, doc_id="d")
    pages = list(document.pages())
    assert document.page_count == 3
    assert [(p.number, p.width, p.height) for p in pages] == [
        (number, *size) for number, size in enumerate(sizes, start=1)
    ]
    assert [page.label for page in pages] == ["iv", "A-1", None]
    assert {(page.unit, page.rotation) for page in pages} == {("pt", 0)}


def test_pages_can_be_read_twice(make_pdf: MakePdf) -> None:
    data = make_pdf([(MEDIA, f"BT /F 20 Tf 9 9 Td (p{i}) Tj ET") for i in (1, 2, 3)])
    document = open_document(data)
    for _ in range(2):
        assert [text(page) for page in list(document.pages())] == ["p1", "p2", "p3"]


# The crop box is 230 x 170 points with its corner at (50, 20). The H is drawn from x = 100 over
# its advance of 14.44, so over 0.2174-0.2802 of the width; its ink from the baseline at 150 up
# to 164.36, so over 0.1508-0.2353 of the height from the top.
ALONG, ACROSS = (0.2174, 0.2802), (0.1508, 0.2353)


@pytest.mark.parametrize(
    ("rotation", "size", "axis", "along", "across"),
    [
        (0, (230, 170), 0, ALONG, ACROSS),
        (90, (170, 230), 1, ALONG, (0.7647, 0.8492)),
        (180, (230, 170), 0, (0.7198, 0.7826), (0.7647, 0.8492)),
        (270, (170, 230), 1, (0.7198, 0.7826), ACROSS),
    ],
)
def test_boxes_lie_where_the_glyph_shows_cropped_and_rotated(
    make_pdf: MakePdf,
    rotation: int,
    size: tuple[int, int],
    axis: int,
    along: tuple[float, float],
    across: tuple[float, float],
) -> None:
    entries = f"{MEDIA}/CropBox[50 20 280 190]/Rotate {rotation}"
    page = first_page(make_pdf([(entries, H_AT_100_150)]))
    assert (page.width, page.height, page.rotation) == (*size, rotation)
    (box,) = characters(page).boxes_xyxy
    assert box[[axis, axis + 2]] == pytest.approx(along, abs=1e-4)
    low, high = box[[1 - axis, 3 - axis]]
    assert low < across[0]
    assert across[1] < high
    assert high - low < 0.15
    ink = drawn_xyxy(page)
    assert ink[[1 - axis, 3 - axis]] == pytest.approx(across, abs=0.006)
    assert along[0] - 0.003 < ink[axis] < ink[axis + 2] < along[1] + 0.003


@pytest.mark.parametrize(
    ("crop", "rotation", "size"),
    [
        ("700 900 800 1000", 0, (300, 200)),  # outside the MediaBox
        ("-90 -80 -10 -20", 90, (200, 300)),
        ("300 0 400 200", 180, (300, 200)),  # beside it
        ("299.99995 0 400 200", 0, (300, 200)),  # a sliver of it
        ("100 100 100 100", 270, (200, 300)),  # a point
    ],
)
def test_a_page_whose_crop_box_leaves_nothing_is_shown_at_its_media_box(
    make_pdf: MakePdf, crop: str, rotation: int, size: tuple[int, int]
) -> None:
    entries = f"{MEDIA}/CropBox[{crop}]/Rotate {rotation}"
    page = first_page(make_pdf([(entries, H_AT_100_150)]))
    assert (page.width, page.height, text(page)) == (*size, "H")
    turned = 0 if rotation in (0, 180) else 1
    assert drawn_xyxy(page)[turned] == pytest.approx(
        {0: 100 / 300, 90: 100 / 300, 180: 1 - 114.4 / 300, 270: 1 - 114.4 / 300}[rotation],
        abs=0.01,
    )


def test_a_page_of_no_size_costs_only_itself(make_pdf: MakePdf) -> None:
    data = make_pdf([(MEDIA, H_AT_100_150), ("/MediaBox[0 0 0.01 0.01]", ""), (MEDIA, "")])
    document = open_document(data)
    with pytest.raises(UnreadableDocument, match=r"page 2 of .*its MediaBox is 0\.01 x 0\.01 pt"):
        next(document.alone(2).pages())
    assert [next(document.alone(number).pages()).width for number in (1, 3)] == [300, 300]


def test_an_inherited_rotation_beyond_a_full_turn_is_applied(make_pdf: MakePdf) -> None:
    data = make_pdf([("", H_AT_100_150)], inherited=f"{MEDIA}/Rotate 450")
    page = first_page(data)
    assert (page.width, page.height, page.rotation) == (200, 300, 90)


def test_a_user_unit_scales_size_and_image_but_no_fractions(make_pdf: MakePdf) -> None:
    plain, large = (
        first_page(make_pdf([(MEDIA + unit, H_AT_100_150)])) for unit in ("", "/UserUnit 2.5")
    )
    assert (large.width, large.height) == (750, 500)
    assert (plain.load_image(dpi=72).size, large.load_image(dpi=72).size) == (
        (300, 200),
        (750, 500),
    )
    assert characters(large).boxes_xyxy.tolist() == characters(plain).boxes_xyxy.tolist()


def test_only_the_page_that_declares_a_user_unit_has_it(make_pdf: MakePdf) -> None:
    data = make_pdf([(MEDIA, ""), (MEDIA + "/UserUnit 10", ""), (MEDIA, "")])
    assert [page.width for page in open_document(data).pages()] == [300, 3000, 300]


def object_stream(content: bytes) -> bytes:
    return b"7 0 obj <</Type/ObjStm/N 1>>stream\n" + content + b"\nendstream endobj"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", False),
        (b"<</Type/Page/UserUnit 2>>", True),
        (object_stream(zlib.compress(b"<</Type/Page>>")), False),
        (object_stream(zlib.compress(b"<</Type/Page/UserUnit 2>>")), True),
        (object_stream(b"encrypted"), True),
    ],
)
def test_user_units_are_looked_for_in_packed_objects_too(data: bytes, expected: bool) -> None:
    assert may_declare_user_unit(data) is expected


@pytest.mark.parametrize(
    ("dpi", "size"), [(None, (625, 417)), (72, (300, 200)), (144, (600, 400)), (10, (42, 28))]
)
def test_the_resolution_gives_the_size(
    make_pdf: MakePdf, dpi: int | None, size: tuple[int, int]
) -> None:
    assert first_page(make_pdf([(MEDIA, "")])).load_image(dpi=dpi).size == size


def test_a_resolution_below_one_is_invalid(make_pdf: MakePdf) -> None:
    with pytest.raises(InvalidInput, match="dpi"):
        first_page(make_pdf([(MEDIA, "")])).load_image(dpi=0)


def test_a_page_of_kilometres_is_rendered_within_bounds(make_pdf: MakePdf) -> None:
    page = first_page(make_pdf([("/MediaBox[0 0 14400 7200]/UserUnit 1000", "")]))
    assert (page.width, page.image.size) == (14_400_000, (MAX_SIDE_PX, MAX_SIDE_PX // 2))


@pytest.mark.parametrize("hidden", ["3 Tr", "/G gs"])
def test_characters_drawn_without_ink_are_not_visible(make_pdf: MakePdf, hidden: str) -> None:
    entries = f"{MEDIA}/Resources<</Font<</F 3 0 R>>/ExtGState<</G<</ca 0>>>>>>"
    drawn, undrawn = (
        "BT /F 20 Tf 9 99 Td (ab) Tj ET ",
        f"q BT {hidden} /F 20 Tf 9 9 Td (xyz) Tj ET Q",
    )
    both = characters(first_page(make_pdf([(entries, drawn + undrawn)])))
    shown = "".join(c for c, seen in zip(both.characters, both.visible, strict=True) if seen)
    assert ("".join(both.characters).split(), shown.split()) == (["ab", "xyz"], ["ab"])
    alone = characters(first_page(make_pdf([(entries, undrawn)])))
    assert alone.characters == ("x", "y", "z")
    assert not alone.visible.any()


IMAGE = (
    "<</Type/XObject/Subtype/Image/Width 1/Height 1/BitsPerComponent 8/ColorSpace/DeviceGray"
    "/Length 1>>stream\nA\nendstream"
)


def test_the_image_area_counts_overlaps_once(make_pdf: MakePdf) -> None:
    entries = f"{MEDIA}/Resources<</XObject<</I 6 0 R>>>>"
    quarter, eighth = "q 150 0 0 100 0 0 cm /I Do Q ", "q 75 0 0 100 75 0 cm /I Do Q "
    for content, expected in (("", 0), (quarter, 0.25), (eighth, 0.125), (quarter + eighth, 0.25)):
        page = first_page(make_pdf([(entries, content)], objects=[IMAGE]))
        assert characters(page).image_area == pytest.approx(expected, abs=0.01)


def test_an_image_within_a_form_is_counted_where_it_lies(make_pdf: MakePdf) -> None:
    form = (
        "<</Type/XObject/Subtype/Form/BBox[0 0 1 1]/Matrix[1 0 0 1 0 0]"
        "/Resources<</XObject<</I 6 0 R>>>>/Length 5>>stream\n/I Do\nendstream"
    )
    entries = f"{MEDIA}/CropBox[150 100 300 200]/Resources<</XObject<</X 7 0 R>>>>"
    content = "q 0 75 -100 0 250 100 cm /X Do Q"  # turned: x 150-250, y 100-175
    page = first_page(make_pdf([(entries, content)], objects=[IMAGE, form]))
    assert characters(page).image_area == pytest.approx(0.5, abs=0.02)


def to_unicode(*mappings: str) -> str:
    cmap = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def "
        "/CMapType 2 def 1 begincodespacerange <00> <FF> endcodespacerange "
        f"{len(mappings)} beginbfchar {' '.join(mappings)} endbfchar endcmap end end"
    )
    return f"<</Length {len(cmap)}>>stream\n{cmap}\nendstream"


def test_a_character_beyond_the_basic_plane_is_one_character(make_pdf: MakePdf) -> None:
    font = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 7 0 R>>"
    entries = f"{MEDIA}/Resources<</Font<</F 6 0 R>>>>"
    data = make_pdf(
        [(entries, "BT /F 20 Tf 100 150 Td (AB) Tj ET")],
        objects=[font, to_unicode("<41> <D83DDE00>", "<42> <00660069>")],
    )
    layer = characters(first_page(data))
    assert layer.characters == ("\U0001f600", "f", "i")
    assert (layer.boxes_xyxy[1] == layer.boxes_xyxy[2]).all()


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        pytest.param("\x01\x01", "\ufffd\ufffd", id="numbers"),
        pytest.param("Hi", "Hi", id="letters"),
    ],
)
def test_glyphs_that_the_file_does_not_name_are_read_as_their_codes_if_these_are_letters(
    make_pdf: MakePdf, codes: str, expected: str
) -> None:
    font = (
        "<</Type/Font/Subtype/Type3/FontBBox[0 0 10 10]/FontMatrix[.1 0 0 .1 0 0]"
        "/CharProcs<</g1 7 0 R>>/Encoding<</Type/Encoding/Differences[1/g1 72/g1 105/g1]>>"
        f"/FirstChar 1/LastChar 105/Widths[{'10 ' * 105}]>>"
    )
    glyph = "10 0 0 0 10 10 d1 0 0 8 8 re f"
    entries = f"{MEDIA}/Resources<</Font<</F 6 0 R>>>>"
    data = make_pdf(
        [(entries, f"BT /F 20 Tf 100 150 Td ({codes}) Tj ET")],
        objects=[font, f"<</Length {len(glyph)}>>stream\n{glyph}\nendstream"],
    )
    assert text(first_page(data)) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("Договоры".encode() + b"\0!", "Договоры!", id="two bytes of UTF-8 each"),
        pytest.param("계약서는 두 부".encode("utf-16-be"), "계약서는 두 부", id="Korean"),
    ],
)
def test_codes_of_a_font_without_names_are_read_as_utf8_where_all_are(
    make_pdf: MakePdf, written: bytes, expected: str
) -> None:
    descendant = (
        "<</Type/Font/Subtype/CIDFontType2/BaseFont/Helvetica/CIDSystemInfo"
        "<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>/DW 1000>>"
    )
    font = (
        "<</Type/Font/Subtype/Type0/BaseFont/Helvetica/Encoding/Identity-H/DescendantFonts[7 0 R]>>"
    )
    entries = f"{MEDIA}/Resources<</Font<</F 6 0 R>>>>"
    content = f"BT /F 20 Tf 20 150 Td <{written.hex()}> Tj ET"
    assert text(first_page(make_pdf([(entries, content)], objects=[font, descendant]))) == expected


def test_a_hyphen_at_a_line_end_stays_a_hyphen(make_pdf: MakePdf) -> None:
    content = "BT /F 20 Tf 24 TL 20 150 Td (the exam-) Tj T* (ple ends) Tj ET"
    assert "exam-ple" in "".join(text(first_page(make_pdf([(MEDIA, content)]))).split())


def test_a_filled_field_is_drawn_and_read(make_pdf: MakePdf) -> None:
    field = (
        "<</Type/Annot/Subtype/Widget/FT/Tx/T(n)/V(Smith)/Rect[180 45 290 75]/F 4/P 4 0 R"
        "/DA(/F 14 Tf 0 g)>>"
    )
    data = make_pdf(
        [("/Rotate 90/Annots[6 0 R]", "BT /F 14 Tf 20 55 Td (Name) Tj ET")],
        objects=[field],
        inherited=MEDIA,
        catalog="/AcroForm<</Fields[6 0 R]/DR<</Font<</F 3 0 R>>>>/NeedAppearances true>>",
    )
    page = first_page(data)
    assert (page.width, page.height) == (200, 300)
    layer = characters(page)
    assert "".join(layer.characters).split() == ["Name", "Smith"]
    first_of_smith = layer.boxes_xyxy[layer.characters.index("S")]
    assert 0.6 < first_of_smith[1] < 0.63  # 180 of 300 points down the page, and the padding
    assert drawn_xyxy(page)[3] > 0.65


def test_a_pickled_page_reads_itself_again(make_pdf: MakePdf, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(make_pdf([(MEDIA, H_AT_100_150)]))
    page = next(open_document(path).pages())
    assert text(page) == "H"
    copy = pickle.loads(pickle.dumps(page))
    assert (text(copy), copy.image.size) == ("H", page.image.size)


def test_a_long_file_gives_every_page_its_own_text_in_order(make_pdf: MakePdf) -> None:
    data = make_pdf([(MEDIA, f"BT /F 20 Tf 9 9 Td (p{i}) Tj ET") for i in range(1, 131)])
    for page in open_document(data).pages():
        assert text(page) == f"p{page.number}"


def test_pages_read_from_several_threads_are_the_same(make_pdf: MakePdf) -> None:
    data = make_pdf([(MEDIA, f"BT /F 20 Tf 9 {9 * i} Td (p{i}) Tj ET") for i in range(1, 13)])

    def read(page: Page) -> tuple[str, str]:
        return text(page), hashlib.sha256(page.load_image(dpi=36).tobytes()).hexdigest()

    alone = [read(page) for page in open_document(data).pages()]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(read, list(open_document(data).pages())))
    assert together == alone
    assert len(set(alone)) == 12


def test_a_pdf_without_pages_is_unreadable(make_pdf: MakePdf) -> None:
    with pytest.raises(UnreadableDocument, match=r"no pages|damaged"):
        open_document(make_pdf([]))


def test_a_page_that_is_not_there_is_unreadable(make_pdf: MakePdf) -> None:
    data = make_pdf([(MEDIA, ""), (MEDIA, "")]).replace(
        b"6 0 obj\n<</Type/Page/", b"6 0 obj\n<</Type/Gone/"
    )
    with pytest.raises(UnreadableDocument, match="page 2"):
        list(open_document(data).pages())


PAD = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")


def rc4(key: bytes, data: bytes) -> bytes:
    state, j, written = list(range(256)), 0, bytearray()
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    i = j = 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        written.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(written)


def locked(make_pdf: MakePdf, password: str) -> bytes:
    """By the standard handler, revision 2 (PDF 1.7, 7.6.3), 40 bits."""
    user = (password.encode() + PAD)[:32]
    owner = rc4(hashlib.md5(user).digest()[:5], user)
    key = hashlib.md5(user + owner + b"\xfc\xff\xff\xff" + b"0123456789abcdef").digest()[:5]

    def encrypt(number: int, data: bytes) -> bytes:
        salted = key + number.to_bytes(3, "little") + b"\0\0"
        return rc4(hashlib.md5(salted).digest()[:10], data)

    trailer = (
        f"/ID[<{b'0123456789abcdef'.hex()}><{b'0123456789abcdef'.hex()}>]/Encrypt<</Filter/Standard"
        f"/V 1/R 2/P -4/O<{owner.hex()}>/U<{rc4(key, PAD).hex()}>>>"
    )
    return make_pdf([(MEDIA, H_AT_100_150)], trailer=trailer, encrypt=encrypt)


def test_a_locked_pdf_asks_for_its_password(make_pdf: MakePdf) -> None:
    data = locked(make_pdf, "sesame")
    with pytest.raises(UnreadableDocument, match="pass password="):
        open_document(data)
    with pytest.raises(UnreadableDocument, match="given password"):
        open_document(data, password="open")
    assert text(first_page(data, password="sesame")) == "H"


def test_a_pdf_locked_with_an_empty_password_opens(make_pdf: MakePdf) -> None:
    assert text(first_page(locked(make_pdf, ""))) == "H"
