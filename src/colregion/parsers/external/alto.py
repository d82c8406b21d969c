"""Regions from ALTO XML (versions 2 to 4), which libraries' and archives' OCR software writes.

Boxes are HPOS, VPOS, WIDTH and HEIGHT in the file's unit (pixels, tenths of a millimetre,
1200ths of an inch), origin top-left, y down; a page's own WIDTH and HEIGHT are in the same unit.
A word that is broken at the end of a line is two of SUBS_TYPE HypPart1 and HypPart2; its hyphen may
be an element of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from xml.etree.ElementTree import Element

from colregion.core.geometry import Box
from colregion.core.regions import Word
from colregion.core.text import HYPHENS
from colregion.errors import UnreadableDocument
from colregion.parsers.external.region_source import RegionSource
from colregion.parsers.external.regions import ExternalPage, ExternalRegion
from colregion.parsers.external.safe_xml import number_attribute, page_size, read_xml
from colregion.parsers.external.shapes import box_around, line_of, make_word, region_of

_MARGINS = {"TopMargin": "header", "BottomMargin": "footer"}


class AltoRegions(RegionSource):
    """Takes the regions of an ALTO file; its pages are those of the document, in order."""

    name = "alto"
    suffix = ".alto.xml"

    def pages(self, content: bytes, *, name: str) -> Mapping[int, ExternalPage]:
        root = read_xml(content, name=name)
        pages = list(root.iter("Page"))
        if root.tag != "alto" or not pages:
            raise UnreadableDocument(f"{name} is no ALTO file with pages")
        return {i: _Page(page, name).read() for i, page in enumerate(pages, start=1)}


class _Page:
    """Converts the elements of a page."""

    def __init__(self, page: Element, name: str) -> None:
        self.page, self.name = page, name
        # Some writers give the size of the print space only.
        candidates = [page, *page.iter("PrintSpace")]
        sized = next((e for e in candidates if e.get("WIDTH") and e.get("HEIGHT")), page)
        self.width, self.height = page_size(sized, "WIDTH", "HEIGHT", name=name)

    def read(self) -> ExternalPage:
        areas = (
            self._area(block, _MARGINS.get(part.tag, "text"))
            for part in self.page
            for block in part.iter()
            if block.tag in ("TextBlock", "Illustration")
        )
        return ExternalPage(tuple(filter(None, areas)), (self.width, self.height))

    def _box(self, element: Element) -> Box | None:
        if element.get("HPOS") is None:
            return None
        x0, y0, width, height = (
            number_attribute(element, key, name=self.name)
            for key in ("HPOS", "VPOS", "WIDTH", "HEIGHT")
        )
        corners = [(x0, y0), (x0 + width, y0 + height)]
        return box_around(corners, width=self.width, height=self.height)

    def _area(self, block: Element, kind: str) -> ExternalRegion | None:
        box = self._box(block)
        if block.tag == "Illustration":
            return ExternalRegion(box, kind="figure") if box else None
        lines = list(filter(None, map(self._line, block.iter("TextLine"))))
        return region_of([region_of(lines, kind=kind)], kind=kind, box=box) if lines else None

    def _line(self, line: Element) -> ExternalRegion | None:
        words: list[Word | None] = []
        for element in line.iter():
            if element.tag == "String":
                words.append(self._word(element))
            elif element.tag == "HYP" and words and (last := words[-1]):
                words[-1] = _hyphenated(last, element.get("CONTENT", ""), self._box(element))
        return line_of(words, box=self._box(line))

    def _word(self, element: Element) -> Word | None:
        confidence = number_attribute(element, "WC", name=self.name) if element.get("WC") else None
        word = make_word(element.get("CONTENT", ""), self._box(element), confidence)
        is_broken = word is not None and element.get("SUBS_TYPE") == "HypPart1"
        return _hyphenated(word, "-", None) if word and is_broken else word


def _hyphenated(word: Word, hyphen: str, box: Box | None) -> Word:
    """The first part of a broken word with its hyphen, which may be in its text already."""
    stem = word.text.rstrip(HYPHENS)
    hyphen = hyphen if hyphen and hyphen in HYPHENS else "-"  # old prints have "="
    around = Box.enclosing([word.box, box]) if box else word.box
    return replace(word, text=f"{stem}{hyphen}", box=around.clip())
