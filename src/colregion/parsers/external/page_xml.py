"""Regions from PAGE XML (PRImA), which Transkribus, eScriptorium, Kraken and OCR-D write.

A file is one page. Outlines are lists of "x,y" in pixels of the page's picture, origin top-left,
y down.
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
from colregion.parsers.external.safe_xml import number_of, parsed_number, read_xml
from colregion.parsers.external.source import RegionSource

_TYPES = {
    "heading": "title",
    "caption": "caption",
    "header": "header",
    "footer": "footer",
    "page-number": "footer",
    "list-label": "list",
}
_REGIONS = {
    "TextRegion": "text",
    "TableRegion": "table",
    "ImageRegion": "figure",
    "GraphicRegion": "figure",
    "ChartRegion": "figure",
    "LineDrawingRegion": "figure",
    "MathsRegion": "equation",
}


class PageXmlRegions(RegionSource):
    """Regions of a PAGE XML file, which is about one page: the document's only one."""

    name = "page_xml"
    suffix = ".page.xml"

    def pages(self, content: bytes, *, name: str) -> Mapping[int, GivenPage]:
        root = read_xml(content, name=name)
        page = root.find("Page")
        if root.tag != "PcGts" or page is None:
            raise UnreadableDocument(f"{name} is no PAGE XML file with a page")
        return {1: _Page(page, name).read()}


class _Page:
    """A page's size in pixels, by which its elements become regions."""

    def __init__(self, page: Element, name: str) -> None:
        self.page, self.name = page, name
        self.width = number_of(page, "imageWidth", name=name)
        self.height = number_of(page, "imageHeight", name=name)
        if min(self.width, self.height) <= 0:
            raise UnreadableDocument(f"{name} has a page of no size")

    def read(self) -> GivenPage:
        by_id = {region.get("id", ""): region for region in self.page if region.tag in _REGIONS}
        given = self.page.find("ReadingOrder")
        order = dict.fromkeys(_reading_order(given) if given is not None else ())
        named = [by_id[name] for name in order if name in by_id]
        rest = [r for r in self.page if r.tag in _REGIONS and all(r is not n for n in named)]
        areas = [self.area(region) for region in (*named, *rest)]
        # By how much the content has to be turned clockwise.
        turn = number_of(self.page, "orientation", name=self.name, otherwise=0.0)
        return GivenPage(
            tuple(area for area in areas if area),
            size_wh=(self.width, self.height),
            degrees_clockwise=turn or None,
        )

    def box(self, element: Element) -> Box | None:
        coords = element.find("Coords")
        if coords is None:
            return None
        points = []
        for pair in coords.get("points", "").split():
            x, _, y = pair.partition(",")
            points.append((parsed_number(x, of=self.name), parsed_number(y, of=self.name)))
        return box_around(points, width=self.width, height=self.height) if points else None

    def area(self, region: Element) -> GivenRegion | None:
        kind = _TYPES.get(region.get("type", ""), _REGIONS[region.tag])
        box = self.box(region)
        if region.tag == "TableRegion":
            return region_of(list(self.rows(region)), kind=kind, box=box)
        lines = [line for line in map(self.line, region.iter("TextLine")) if line]
        if not lines:
            text = _text(region)
            return GivenRegion(box, text, kind) if box and (text or kind == "figure") else None
        block = region_of(lines, kind="text" if kind == "figure" else kind)
        return region_of([block], kind=kind, box=box) if block else None

    def rows(self, table: Element) -> Iterator[GivenRegion]:
        """The cells of a table by their rows, which their roles name."""
        rows: dict[float, list[tuple[float, GivenRegion]]] = {}
        for cell in table.findall("TextRegion"):
            role = cell.find("Roles/TableCellRole")
            row = number_of(role, "rowIndex", name=self.name) if role is not None else len(rows)
            at = number_of(role, "columnIndex", name=self.name) if role is not None else 0.0
            words = [word for line in cell.iter("TextLine") for word in self.words(line)]
            if any(words) and (made := line_of(words, kind="row", box=self.box(cell))):
                rows.setdefault(row, []).append((at, made))
        for _, cells in sorted(rows.items()):
            cells.sort(key=lambda pair: pair[0])
            if row_region := region_of([cell for _, cell in cells], kind="row"):
                yield row_region

    def line(self, line: Element) -> GivenRegion | None:
        """A line with its words; of one that is not cut into words, the whole."""
        words, box, text = self.words(line), self.box(line), _text(line)
        if any(words):
            return line_of(words, box=box)
        return GivenRegion(box, text) if box and text else None

    def words(self, line: Element) -> list[Word | None]:
        return [word_at(_text(word), self.box(word), self.sure(word)) for word in line.iter("Word")]

    def sure(self, element: Element) -> float | None:
        equivalent = element.find("TextEquiv")
        if equivalent is None or equivalent.get("conf") is None:
            return None
        return number_of(equivalent, "conf", name=self.name)


def _text(element: Element) -> str:
    found = element.find("TextEquiv/Unicode")
    return (found.text or "").strip() if found is not None else ""


def _reading_order(group: Element) -> Iterator[str]:
    """Ids of regions as ordered; groups number their members and need not list them so."""
    members = sorted(
        group, key=lambda one: int(i) if (i := one.get("index", "")).isdecimal() else 0
    )
    for member in members:
        if reference := member.get("regionRef"):
            yield reference
        yield from _reading_order(member)
