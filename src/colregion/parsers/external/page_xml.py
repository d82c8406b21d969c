"""Regions from PAGE XML (PRImA), which Transkribus, eScriptorium, Kraken and OCR-D write.

A file is one page. Outlines are lists of "x,y" in pixels of the page image, origin top-left,
y down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import Element

from colregion.core.geometry import Box
from colregion.core.regions import Cell, Word
from colregion.errors import UnreadableDocument
from colregion.parsers.external.region_source import RegionSource
from colregion.parsers.external.regions import ExternalPage, ExternalRegion
from colregion.parsers.external.safe_xml import number_attribute, page_size, parse_number, read_xml
from colregion.parsers.external.shapes import box_around, line_of, make_word, region_of, rows_of

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
    """Takes the regions of a PAGE XML file, which describes the document's only page."""

    name = "page_xml"
    suffix = ".page.xml"

    def pages(self, content: bytes, *, name: str) -> Mapping[int, ExternalPage]:
        root = read_xml(content, name=name)
        page = root.find("Page")
        if root.tag != "PcGts" or page is None:
            raise UnreadableDocument(f"{name} is no PAGE XML file with a page")
        return {1: _Page(page, name).read()}


class _Page:
    """Converts the elements of the page."""

    def __init__(self, page: Element, name: str) -> None:
        self.page, self.name = page, name
        self.width, self.height = page_size(page, "imageWidth", "imageHeight", name=name)

    def read(self) -> ExternalPage:
        regions = [region for region in self.page if region.tag in _REGIONS]
        by_id = {region.get("id", ""): region for region in regions}
        ids = [
            name for order in self.page.findall("ReadingOrder") for name in _reading_order(order)
        ]
        ordered = dict.fromkeys([*(by_id[name] for name in ids if name in by_id), *regions])
        areas = [self._area(region) for region in ordered]
        # The clockwise turn that makes the content upright.
        turn = self._optional(self.page, "orientation")
        return ExternalPage(tuple(filter(None, areas)), (self.width, self.height), turn or None)

    def _optional(self, element: Element | None, key: str) -> float | None:
        """The number in an attribute; None without it."""
        if element is None or element.get(key) is None:
            return None
        return number_attribute(element, key, name=self.name)

    def _box(self, element: Element) -> Box | None:
        coords = element.find("Coords")
        if coords is None:
            return None
        points = []
        for pair in coords.get("points", "").split():
            x, _, y = pair.partition(",")
            points.append((parse_number(x, of=self.name), parse_number(y, of=self.name)))
        return box_around(points, width=self.width, height=self.height) if points else None

    def _area(self, region: Element) -> ExternalRegion | None:
        kind = _TYPES.get(region.get("type", ""), _REGIONS[region.tag])
        box = self._box(region)
        if region.tag == "TableRegion":
            return region_of(rows_of(self._cells(region)), kind=kind, box=box)
        lines = [line for line in map(self._line, region.iter("TextLine")) if line]
        if not lines:
            text = _text(region)
            return ExternalRegion(box, text, kind) if box and (text or kind == "figure") else None
        block = region_of(lines, kind="text" if kind == "figure" else kind)
        return region_of([block], kind=kind, box=box)

    def _cells(self, table: Element) -> Iterator[tuple[Cell, ExternalRegion]]:
        """The cells; one without a role is a row of its own, after the others."""
        rows: set[int] = set()
        for element in table.findall("TextRegion"):
            role = element.find("Roles/TableCellRole")
            cell = Cell(max(rows, default=-1) + 1, 0) if role is None else self._cell(role)
            words = [word for line in element.iter("TextLine") for word in self._words(line)]
            if region := line_of(words, kind="row", box=self._box(element)):
                rows.add(cell.row)
                yield cell, region

    def _cell(self, role: Element) -> Cell:
        def whole(name: str, *, least: int) -> int:
            number = number_attribute(role, name, name=self.name)
            if not number.is_integer() or number < least:
                raise UnreadableDocument(
                    f"{self.name}: {name} of a cell must be a whole number from {least} up, "
                    f"got {number:g}"
                )
            return int(number)

        return Cell(
            whole("rowIndex", least=0),
            whole("columnIndex", least=0),
            whole("rowSpan", least=1) if role.get("rowSpan") else 1,
            whole("colSpan", least=1) if role.get("colSpan") else 1,
            header=role.get("header") == "true",
        )

    def _line(self, line: Element) -> ExternalRegion | None:
        """A line with its words; one that is not divided into words has its text."""
        box, text = self._box(line), _text(line)
        if region := line_of(self._words(line), box=box):
            return region
        return ExternalRegion(box, text) if box and text else None

    def _words(self, line: Element) -> list[Word | None]:
        return [
            make_word(_text(word), self._box(word), self._optional(word.find("TextEquiv"), "conf"))
            for word in line.iter("Word")
        ]


def _text(element: Element) -> str:
    return (element.findtext("TextEquiv/Unicode") or "").strip()


def _reading_order(group: Element) -> Iterator[str]:
    """Region ids in order; groups number their members and need not list them by number."""

    def index(member: Element) -> int:
        text = member.get("index", "")
        return int(text) if text.isdecimal() else 0

    for member in sorted(group, key=index):
        if reference := member.get("regionRef"):
            yield reference
        yield from _reading_order(member)
