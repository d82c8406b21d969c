"""Regions from ALTO XML (versions 2 to 4), which libraries' and archives' OCR writes.

Boxes are HPOS, VPOS, WIDTH and HEIGHT in the file's unit (pixels, tenths of a millimetre,
1200ths of an inch), origin top-left, y down; a page's own WIDTH and HEIGHT are in the same unit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import Element

from colregion.core.geometry import Box
from colregion.core.regions import Word
from colregion.errors import UnreadableDocument
from colregion.parsers.external.found import (
    GivenPage,
    GivenRegion,
    box_around,
    line_of,
    region_of,
    word_at,
)
from colregion.parsers.external.safe_xml import number_of, read_xml
from colregion.parsers.external.source import RegionSource

_MARGINS = {"TopMargin": "header", "BottomMargin": "footer"}


class AltoRegions(RegionSource):
    """Regions of an ALTO file; its pages are those of the document, in order."""

    name = "alto"
    suffix = ".alto.xml"

    def pages(self, content: bytes, *, name: str) -> Mapping[int, GivenPage]:
        root = read_xml(content, name=name)
        pages = list(root.iter("Page"))
        if root.tag != "alto" or not pages:
            raise UnreadableDocument(f"{name} is no ALTO file with pages")
        return {i: _Page(page, name).read() for i, page in enumerate(pages, start=1)}


class _Page:
    """A page's size, by which its elements become regions."""

    def __init__(self, page: Element, name: str) -> None:
        self.page, self.name = page, name
        # Some writers give the size of the print space only.
        sized = [page, *page.iter("PrintSpace")]
        size = next((s for s in sized if s.get("WIDTH") and s.get("HEIGHT")), page)
        self.width = number_of(size, "WIDTH", name=name)
        self.height = number_of(size, "HEIGHT", name=name)
        if min(self.width, self.height) <= 0:
            raise UnreadableDocument(f"{name} has a page of no size")

    def read(self) -> GivenPage:
        areas = []
        for part in self.page:
            areas += [self.area(block, _MARGINS.get(part.tag, "text")) for block in _blocks(part)]
        return GivenPage(tuple(a for a in areas if a), size_wh=(self.width, self.height))

    def box(self, element: Element) -> Box | None:
        if element.get("HPOS") is None:
            return None
        x0, y0, width, height = (
            number_of(element, key, name=self.name) for key in ("HPOS", "VPOS", "WIDTH", "HEIGHT")
        )
        corners = [(x0, y0), (x0 + width, y0 + height)]
        return box_around(corners, width=self.width, height=self.height)

    def area(self, block: Element, kind: str) -> GivenRegion | None:
        box = self.box(block)
        if block.tag == "Illustration":
            return GivenRegion(box, kind="figure") if box else None
        lines = [line for line in map(self.line, block.iter("TextLine")) if line]
        paragraph = region_of(lines, kind=kind) if lines else None
        return region_of([paragraph], kind=kind, box=box) if paragraph else None

    def line(self, line: Element) -> GivenRegion | None:
        words = [self.word(string) for string in line.iter("String")]
        return line_of(words, box=self.box(line)) if any(words) else None

    def word(self, string: Element) -> Word | None:
        sure = number_of(string, "WC", name=self.name) if string.get("WC") else None
        return word_at(string.get("CONTENT", ""), self.box(string), sure)


def _blocks(part: Element) -> Iterator[Element]:
    """Text blocks and pictures in order, out of the blocks that are composed of them."""
    if part.tag in ("TextBlock", "Illustration"):
        yield part
        return
    for child in part:
        yield from _blocks(child)
