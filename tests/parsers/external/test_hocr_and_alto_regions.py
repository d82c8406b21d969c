"""On what the real Tesseract writes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytesseract
import pytest
from PIL import Image, ImageDraw, ImageFont

from colregion.core.documents import Document
from colregion.core.geometry import Box
from colregion.core.interfaces import Parser
from colregion.core.regions import ParsedPage, Word
from colregion.core.text import terms
from colregion.encoders.static.joined_words import joined_terms
from colregion.errors import UnreadableDocument
from colregion.parsers import AltoRegions, HocrRegions, RegionSource
from colregion.testing import ParserContract

Outline = Callable[[ParsedPage], list[tuple[str, str, str, tuple[float, ...]]]]
MakeDocument = Callable[..., Document]

SIZE = (900, 600)
LETTER = (
    "Delivery note for the orchard",
    "We send you seven crates of apples",
    "and three small baskets of pears.",
    "Please count them when they arrive",
    "and sign the copy of this letter.",
    "Payment is due within thirty days",
    "of the date that is given above.",
)
TYPE = ImageFont.load_default(size=30)


@pytest.fixture(scope="module")
def sheet() -> Image.Image:
    """The letter, long enough for Tesseract to tell which way up it is."""
    image = Image.new("L", SIZE, "white")
    draw = ImageDraw.Draw(image)
    for i, line in enumerate(LETTER):
        draw.text((80, 60 + 70 * i), line, fill="black", font=TYPE)
    return image


def written_box(text: str) -> Box:
    """The place of the first word of a line."""
    (at,) = (i for i, line in enumerate(LETTER) if line.split()[0] == text)
    x0, y0, x1, y1 = TYPE.getbbox(text)
    corners = (80 + x0, 60 + 70 * at + y0, 80 + x1, 60 + 70 * at + y1)
    return Box.from_pixels(corners, width_px=SIZE[0], height_px=SIZE[1])


def turned(box: Box, quarters: int) -> Box:
    """Where the box lies after the sheet was turned clockwise."""
    for _ in range(quarters):
        box = Box(1 - box.y1, box.x0, 1 - box.y0, box.x1)
    return box


def hocr(image: Image.Image, *, psm: int = 3) -> bytes:
    return tesseract_output("hocr", image.tobytes(), image.size, psm)


def alto(image: Image.Image, *, psm: int = 3) -> bytes:
    return tesseract_output("alto", image.tobytes(), image.size, psm)


@cache
def tesseract_output(kind: str, pixels: bytes, size: tuple[int, int], psm: int) -> bytes:
    image, config = Image.frombytes("L", size, pixels), f"--psm {psm} --dpi 100"
    if kind == "alto":
        return bytes(pytesseract.image_to_alto_xml(image, config=config))
    return bytes(pytesseract.image_to_pdf_or_hocr(image, extension="hocr", config=config))


FORMATS = [(HocrRegions, hocr), (AltoRegions, alto)]


def find(parsed: ParsedPage, text: str) -> Word:
    (word,) = (word for word in parsed.words if word.text.strip(".,") == text)
    return word


@pytest.mark.ocr
@pytest.mark.parametrize(("source", "write"), FORMATS)
def test_blank_page_has_no_regions(
    make_document: MakeDocument, source: type[RegionSource], write: Callable[..., bytes]
) -> None:
    blank = write(Image.new("L", (90, 60), "white"))
    (page,) = source(blank).parse(make_document((90, 60), unit="px"))
    assert page.regions == ()


@pytest.mark.ocr
@pytest.mark.parametrize(("source", "write"), FORMATS)
def test_words_are_at_their_boxes_in_the_file(
    make_document: MakeDocument,
    sheet: Image.Image,
    source: type[RegionSource],
    write: Callable[..., bytes],
) -> None:
    (page,) = source(write(sheet)).parse(make_document(SIZE, unit="px"))
    for text in ("Delivery", "Please"):
        word = find(page, text)
        assert word.box.iou(written_box(text)) > 0.8
        assert word.confidence is not None
        assert word.confidence > 0.7
    lines = [region.text for region in page.regions if region.level == "line"]
    assert lines == list(LETTER)
    assert page.page.upright is None


@pytest.mark.ocr
@pytest.mark.parametrize(
    "quarters", [1, *(pytest.param(more, marks=pytest.mark.slow) for more in (2, 3))]
)
def test_boxes_of_a_sideways_page_are_as_displayed(
    make_document: MakeDocument, sheet: Image.Image, quarters: int
) -> None:
    clockwise = {
        1: Image.Transpose.ROTATE_270,
        2: Image.Transpose.ROTATE_180,
        3: Image.Transpose.ROTATE_90,
    }
    lying = sheet.transpose(clockwise[quarters])
    # Tesseract finds the orientation itself in this mode, and writes it down as `textangle`.
    (page,) = HocrRegions(hocr(lying, psm=1)).parse(make_document(lying.size, unit="px"))
    for text in ("Delivery", "Please"):
        assert find(page, text).box.iou(turned(written_box(text), quarters)) > 0.7
    assert page.page.upright is not None
    assert page.page.upright.degrees_clockwise == 360 - 90 * quarters


def test_hocr_areas_paragraphs_and_lines_make_the_tree(
    make_document: MakeDocument, outline: Outline
) -> None:
    content = b"""<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "x.dtd">
    <html><body><div class='ocr_page' title='image "a"; bbox 10 20 210 420; ppageno 0'>
     <div class='ocr_carea' title="bbox 30 40 110 80">
      <p class='ocr_par' title="bbox 30 40 110 80">
       <span class='ocr_header' title="bbox 30 40 110 60; baseline 0 0">
        <span class='ocrx_word' title='bbox 30 40 50 60; x_wconf 96'>Net<br/> &amp;</span>
        <span class='ocrx_word' title='bbox 60 40 110 60; x_wconf 104'><strong>sum</strong></span>
        <span class='ocrx_word' title='bbox 60 40 60 60; x_wconf 10'>thin</span>
       </span></p></div>
     <div class='ocr_photo' title='bbox 30 220 110 320'></div>
     <span class='ocr_line' title='bbox 30 330 50 340'><span class='ocrx_word'
       title='bbox 30 330 50 340'>alone</span></span>
    </div></body></html>"""
    (page,) = HocrRegions(content).parse(make_document((200, 400), unit="px"))
    assert outline(page) == [
        ("1", "header", "Net & sum", (0.1, 0.05, 0.5, 0.15)),
        ("1.1", "header", "Net & sum", (0.1, 0.05, 0.5, 0.1)),
        ("1.1.1", "header", "Net & sum", (0.1, 0.05, 0.5, 0.1)),
        ("2", "figure", "", (0.1, 0.5, 0.5, 0.75)),
        ("3", "text", "alone", (0.1, 0.775, 0.2, 0.8)),
        ("3.1", "text", "alone", (0.1, 0.775, 0.2, 0.8)),
        ("3.1.1", "text", "alone", (0.1, 0.775, 0.2, 0.8)),
    ]
    assert [word.confidence for word in page.words] == [0.96, 1.0, None]


def test_alto_in_tenths_of_millimetres_with_margins(
    make_document: MakeDocument, outline: Outline
) -> None:
    content = b"""<?xml version="1.0"?><alto xmlns="http://www.loc.gov/standards/alto/ns-v4#">
    <Description><MeasurementUnit>mm10</MeasurementUnit></Description><Layout>
    <Page WIDTH="1000" HEIGHT="2000"><TopMargin><TextBlock HPOS="100" VPOS="20" WIDTH="300"
     HEIGHT="60"><TextLine HPOS="100" VPOS="20" WIDTH="300" HEIGHT="60"><String HPOS="100"
     VPOS="20" WIDTH="300" HEIGHT="60" CONTENT="Gazette" WC="0.5"/></TextLine></TextBlock>
    </TopMargin><PrintSpace><ComposedBlock><Illustration HPOS="100" VPOS="200" WIDTH="500"
     HEIGHT="500"/></ComposedBlock></PrintSpace></Page></Layout></alto>"""
    (page,) = AltoRegions(content).parse(make_document((500, 1000), unit="px"))
    assert outline(page) == [
        ("1", "header", "Gazette", (0.1, 0.01, 0.4, 0.04)),
        ("1.1", "header", "Gazette", (0.1, 0.01, 0.4, 0.04)),
        ("1.1.1", "text", "Gazette", (0.1, 0.01, 0.4, 0.04)),
        ("2", "figure", "", (0.1, 0.1, 0.6, 0.35)),
    ]


def broken_alto(first: str) -> bytes:
    """A paragraph of "der Durchmesser ist" that breaks a word between its two lines, with the XML
    of the first line's end; each line has the page's width and half its height."""
    return f"""<alto><Layout><Page WIDTH="100" HEIGHT="100"><PrintSpace><TextBlock>
     <TextLine><String HPOS="0" VPOS="0" WIDTH="30" HEIGHT="40" CONTENT="der"/>{first}</TextLine>
     <TextLine><String HPOS="0" VPOS="50" WIDTH="50" HEIGHT="40" CONTENT="messer"
      SUBS_TYPE="HypPart2" SUBS_CONTENT="Durchmesser"/><SP/>
      <String HPOS="60" VPOS="50" WIDTH="30" HEIGHT="40" CONTENT="ist"/></TextLine>
    </TextBlock></PrintSpace></Page></Layout></alto>""".encode()


PART = 'HPOS="40" VPOS="0" WIDTH="50" HEIGHT="40" SUBS_TYPE="HypPart1" SUBS_CONTENT="Durchmesser"'


@pytest.mark.parametrize(
    ("first", "text", "right"),
    [
        (f'<String {PART} CONTENT="Durch"/><HYP CONTENT="-"/>', "Durch-", 0.9),
        (
            f'<String {PART} CONTENT="Durch"/><HYP HPOS="90" VPOS="0" WIDTH="10" HEIGHT="40"'
            ' CONTENT="&#xAC;"/>',
            "Durch\u00ac",
            1.0,
        ),
        (f'<String {PART} CONTENT="Durch"/><HYP CONTENT="="/>', "Durch-", 0.9),
        (f'<String {PART} CONTENT="Durch"/>', "Durch-", 0.9),
        (f'<String {PART} CONTENT="Durch-"/><HYP CONTENT="-"/>', "Durch-", 0.9),
    ],
)
def test_alto_word_broken_at_the_end_of_a_line_keeps_its_hyphen_and_is_one_term(
    make_document: MakeDocument, first: str, text: str, right: float
) -> None:
    (page,) = AltoRegions(broken_alto(first)).parse(make_document((100, 100), unit="px"))
    assert page.text == f"der {text}\nmesser ist"
    assert page.words[1].box.xyxy == pytest.approx((0.4, 0, right, 0.4))
    assert "durchmesser" in terms(page.text)
    (joined,) = joined_terms(page)
    assert (joined.text, joined.first, joined.last) == ("durchmesser", 1, 2)


@pytest.mark.parametrize(
    ("source", "content", "complaint"),
    [
        (HocrRegions, b"", "no element of class ocr_page"),
        (HocrRegions, b"<p class=ocr_page>", "without a bbox"),
        (HocrRegions, b"<p class=ocr_page title='bbox 0 0 0 9'>", "a page without a size"),
        (HocrRegions, b"<b>" * 300, "nested more than 200 deep"),
        (AltoRegions, b"", "no XML"),
        (AltoRegions, b"<alto/>", "no ALTO file with pages"),
        (AltoRegions, b"<alto><Page/></alto>", "WIDTH of Page must be a number"),
        (AltoRegions, b"<a>" * 300, "nested more than 100 deep"),
        (AltoRegions, b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "declares a document type"),
        (AltoRegions, b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "declares a document type"),
        (AltoRegions, b"<a>&b;</a>", "no XML"),
    ],
)
def test_file_of_another_format_is_refused(
    make_document: MakeDocument, source: type[RegionSource], content: bytes, complaint: str
) -> None:
    with pytest.raises(UnreadableDocument, match=complaint):
        list(source(content).parse(make_document((90, 60), unit="px")))


@pytest.mark.ocr
class TestHocrContract(ParserContract):
    @pytest.fixture
    def parser(self, tmp_path: Path, sheet: Image.Image) -> Parser:
        (tmp_path / "doc.hocr").write_bytes(hocr(sheet))
        return HocrRegions()

    @pytest.fixture
    def document(self, make_document: MakeDocument, tmp_path: Path) -> Document:
        return make_document(SIZE, unit="px", source=str(tmp_path / "doc.png"))
