from __future__ import annotations

from collections.abc import Callable

import pytest

from colregion.core.documents import Document
from colregion.core.geometry import Upright
from colregion.core.interfaces import Parser
from colregion.core.regions import ParsedPage
from colregion.errors import UnreadableDocument
from colregion.parsers import PageXmlRegions
from colregion.testing import ParserContract

Outline = Callable[[ParsedPage], list[tuple[str, str, str, tuple[float, ...]]]]
MakeDocument = Callable[..., Document]

HEAD = (
    '<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15">'
    '<Page imageWidth="200" imageHeight="400"{}>'
)
BODY = """
<ReadingOrder><OrderedGroup id="g"><RegionRefIndexed index="1" regionRef="r1"/>
<RegionRefIndexed index="0" regionRef="r2"/></OrderedGroup></ReadingOrder>
<TextRegion id="r1" type="paragraph"><Coords points="20,40 180,40 180,80 20,80"/>
 <TextLine id="l1"><Coords points="20,40 180,44 180,64 20,60"/>
  <Word id="w1"><Coords points="20,40 60,40 60,60 20,60"/>
   <TextEquiv conf="0.8"><Unicode>Anno</Unicode></TextEquiv></Word>
  <Word id="w2"><Coords points="70,40 120,40 120,60 70,60"/>
   <TextEquiv><Unicode>1723</Unicode></TextEquiv></Word>
  <TextEquiv><Unicode>Anno 1723</Unicode></TextEquiv></TextLine>
 <TextLine id="l2"><Coords points="20,60 180,60 180,80 20,80"/>
  <TextEquiv><Unicode>den 3. May</Unicode></TextEquiv></TextLine></TextRegion>
<TextRegion id="r2" type="heading"><Coords points="20,20 100,20 100,36 20,36"/>
 <TextEquiv><Unicode>Chronik</Unicode></TextEquiv></TextRegion>
<ImageRegion id="r3"><Coords points="20,200 180,200 180,300 20,300"/></ImageRegion>
<TableRegion id="r4"><Coords points="20,320 180,320 180,360 20,360"/>
 <TextRegion id="c2"><Coords points="100,320 180,320 180,340 100,340"/>
  <Roles><TableCellRole rowIndex="0" columnIndex="1"/></Roles><TextLine id="l4">
  <Coords points="100,320 140,320 140,340 100,340"/><Word id="w4">
  <Coords points="100,320 140,320 140,340 100,340"/><TextEquiv><Unicode>7 fl</Unicode></TextEquiv>
  </Word></TextLine></TextRegion>
 <TextRegion id="c1"><Coords points="20,320 100,320 100,340 20,340"/>
  <Roles><TableCellRole rowIndex="0" columnIndex="0"/></Roles><TextLine id="l3">
  <Coords points="20,320 60,320 60,340 20,340"/><Word id="w3">
  <Coords points="20,320 60,320 60,340 20,340"/><TextEquiv><Unicode>Zins</Unicode></TextEquiv>
  </Word></TextLine></TextRegion></TableRegion>
</Page></PcGts>"""


def content(attributes: str = "") -> bytes:
    return (HEAD.format(attributes) + BODY).encode()


def test_regions_are_in_the_reading_order_of_the_file(
    make_document: MakeDocument, outline: Outline
) -> None:
    (page,) = PageXmlRegions(content()).parse(make_document((200, 400), unit="px"))
    assert outline(page) == [
        ("1", "title", "Chronik", (0.1, 0.05, 0.5, 0.09)),
        ("2", "text", "Anno 1723\nden 3. May", (0.1, 0.1, 0.9, 0.2)),
        ("2.1", "text", "Anno 1723\nden 3. May", (0.1, 0.1, 0.9, 0.2)),
        ("2.1.1", "text", "Anno 1723", (0.1, 0.1, 0.9, 0.16)),
        ("2.1.2", "text", "den 3. May", (0.1, 0.15, 0.9, 0.2)),
        ("3", "figure", "", (0.1, 0.5, 0.9, 0.75)),
        ("4", "table", "Zins | 7 fl", (0.1, 0.8, 0.9, 0.9)),
        ("4.1", "row", "Zins | 7 fl", (0.1, 0.8, 0.9, 0.85)),
        ("4.1.1", "row", "Zins", (0.1, 0.8, 0.5, 0.85)),
        ("4.1.2", "row", "7 fl", (0.5, 0.8, 0.9, 0.85)),
    ]
    assert page.words[1].confidence == 0.8


def test_orientation_of_the_file_becomes_upright(
    make_document: MakeDocument,
) -> None:
    data = content(' orientation="-90"')
    (page,) = PageXmlRegions(data).parse(make_document((200, 400), unit="px"))
    assert page.page.upright == Upright(270.0, 200, 400)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"<PcGts/>", "no PAGE XML file with a page"),
        (b"<PcGts><Page imageWidth='0' imageHeight='1'/></PcGts>", "a page without a size"),
        (b"<PcGts><Page imageWidth='1e99' imageHeight='1'/></PcGts>", "imageWidth of Page must be"),
        (
            content().replace(b"20,200", b"20;200"),
            "a number of a page's size, got '20;200'",
        ),
    ],
)
def test_invalid_file_is_refused_with_what_is_wrong_in_it(
    make_document: MakeDocument, data: bytes, complaint: str
) -> None:
    with pytest.raises(UnreadableDocument, match=complaint):
        list(PageXmlRegions(data).parse(make_document((200, 400), unit="px")))


class TestPageXmlContract(ParserContract):
    @pytest.fixture
    def parser(self) -> Parser:
        return PageXmlRegions(content())

    @pytest.fixture
    def document(self, make_document: MakeDocument) -> Document:
        return make_document((200, 400), unit="px")
