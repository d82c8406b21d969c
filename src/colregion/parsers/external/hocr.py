"""Regions from hOCR, which Tesseract, OCRopus and others write.

HTML whose elements say in `class` what they are and in `title` where: pixels of the page image,
origin top-left, y down. It is read with the standard library's HTML parser, which ignores
document types and fetches nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser

from colregion.core.geometry import Box
from colregion.errors import UnreadableDocument
from colregion.parsers.external.region_source import RegionSource
from colregion.parsers.external.regions import ExternalPage, ExternalRegion
from colregion.parsers.external.shapes import box_around, line_of, make_word, region_of

_PAGE, _PARAGRAPH = "ocr_page", "ocr_par"
_AREAS = {"ocr_carea": "text", "ocrx_block": "text", "ocr_table": "table", "ocr_float": "text"}
_FIGURES = ("ocr_photo", "ocr_image", "ocr_linedrawing")
_LINES = {
    "ocr_line": "text",
    "ocrx_line": "text",
    "ocr_header": "header",
    "ocr_footer": "footer",
    "ocr_caption": "caption",
    "ocr_textfloat": "text",
}
_WORDS = ("ocrx_word", "ocr_word")
_KNOWN = {_PAGE, _PARAGRAPH, *_AREAS, *_FIGURES, *_LINES, *_WORDS}
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
_MAX_DEPTH = 200

_NUMBER = r"[-+]?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})"
_BBOX = re.compile(rf"\bbbox\s+({_NUMBER})\s+({_NUMBER})\s+({_NUMBER})\s+({_NUMBER})")
_CONFIDENCE = re.compile(rf"\bx_wconf\s+({_NUMBER})")
_ANGLE = re.compile(rf"\btextangle\s+({_NUMBER})")


class HocrRegions(RegionSource):
    """Takes the regions of an hOCR file; its pages are those of the document, in order."""

    name = "hocr"
    suffix = ".hocr"

    def pages(self, content: bytes, *, name: str) -> Mapping[int, ExternalPage]:
        reader = _Reader(name)
        reader.feed(content.decode("utf-8", "replace"))
        reader.close()
        if not reader.pages:
            raise UnreadableDocument(f"{name} is no hOCR: it has no element of class ocr_page")
        return {i: _Page(page, name).read() for i, page in enumerate(reader.pages, start=1)}


@dataclass(eq=False)
class _Element:
    """An element of a class that hOCR defines, with those below it and its own text."""

    kind: str
    title: str
    parts: list[_Element] = field(default_factory=list)
    text: list[str] = field(default_factory=list)

    def find(self, *kinds: str) -> Iterator[_Element]:
        """The outermost elements of these kinds below, in order."""
        for part in self.parts:
            if part.kind in kinds:
                yield part
            else:
                yield from part.find(*kinds)

    def bbox(self) -> tuple[float, ...] | None:
        """(x0, y0, x1, y1) in pixels; None without one."""
        match = _BBOX.search(self.title)
        return tuple(map(float, match.groups())) if match else None

    def number(self, name: re.Pattern[str]) -> float | None:
        match = name.search(self.title)
        return float(match.group(1)) if match else None

    def all_text(self) -> str:
        return "".join([*self.text, *(part.all_text() for part in self.parts)])


class _Reader(HTMLParser):
    """Collects the elements of each page."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.pages: list[_Element] = []
        self.open: list[tuple[str, _Element | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {key: value or "" for key, value in attrs}
        kinds = [kind for kind in attributes.get("class", "").split() if kind in _KNOWN]
        element = _Element(kinds[0], attributes.get("title", "")) if kinds else None
        if element is not None and element.kind == _PAGE:
            self.pages.append(element)
        elif element is not None and (parent := self._parent()) is not None:
            parent.parts.append(element)
        if tag not in _VOID:
            self.open.append((tag, element))
        if len(self.open) > _MAX_DEPTH:
            raise UnreadableDocument(
                f"{self.name} is nested more than {_MAX_DEPTH} deep; export it again"
            )

    def handle_endtag(self, tag: str) -> None:
        tags = [name for name, _ in self.open]
        if tag in tags:
            del self.open[len(tags) - 1 - tags[::-1].index(tag) :]

    def handle_data(self, data: str) -> None:
        if (parent := self._parent()) is not None:
            parent.text.append(data)

    def _parent(self) -> _Element | None:
        return next((element for _, element in reversed(self.open) if element), None)


class _Page:
    """Converts the elements of a page, whose bbox gives its origin and size in pixels."""

    def __init__(self, element: _Element, name: str) -> None:
        bbox = element.bbox()
        if bbox is None:
            raise UnreadableDocument(f"{name} has a page without a bbox, so its size is unknown")
        self.x0, self.y0, x1, y1 = bbox
        self.width, self.height = x1 - self.x0, y1 - self.y0
        if min(self.width, self.height) <= 0:
            raise UnreadableDocument(f"{name} has a page without a size: {element.title}")
        self.element = element

    def read(self) -> ExternalPage:
        elements = self.element.find(*_AREAS, *_FIGURES, _PARAGRAPH, *_LINES)
        return ExternalPage(
            tuple(filter(None, map(self._area, elements))),
            (self.width, self.height),
            _turn(self.element),
        )

    def _box(self, element: _Element) -> Box | None:
        if (bbox := element.bbox()) is None:
            return None
        corners = [(x - self.x0, y - self.y0) for x, y in (bbox[:2], bbox[2:])]
        return box_around(corners, width=self.width, height=self.height)

    def _area(self, element: _Element) -> ExternalRegion | None:
        box = self._box(element)
        if element.kind in _FIGURES:
            return ExternalRegion(box, kind="figure") if box else None
        blocks = element.find(_PARAGRAPH, *_LINES) if element.kind in _AREAS else iter([element])
        parts = list(filter(None, map(self._block, blocks)))
        kind = _AREAS.get(element.kind, "text")
        kind = _common_kind(parts) if kind == "text" else kind
        return region_of(parts, kind=kind, box=box) if parts else None

    def _block(self, element: _Element) -> ExternalRegion | None:
        """A paragraph, or a line outside one."""
        elements = [element] if element.kind in _LINES else element.find(*_LINES)
        lines = list(filter(None, map(self._line, elements)))
        return region_of(lines, kind=_common_kind(lines))

    def _line(self, element: _Element) -> ExternalRegion | None:
        words = []
        for word in element.find(*_WORDS):
            percent = word.number(_CONFIDENCE)
            confidence = None if percent is None else percent / 100
            words.append(make_word(" ".join(word.all_text().split()), self._box(word), confidence))
        return line_of(words, kind=_LINES[element.kind], box=self._box(element))


def _common_kind(regions: list[ExternalRegion]) -> str:
    kinds = {region.kind for region in regions}
    return kinds.pop() if len(kinds) == 1 else "text"


def _turn(page: _Element) -> float:
    """The clockwise turn that makes most words upright, which is `textangle`: it counts
    counter-clockwise."""
    votes: Counter[float] = Counter()
    for line in page.find(*_LINES):
        votes[(line.number(_ANGLE) or 0.0) % 360.0] += sum(1 for _ in line.find(*_WORDS))
    return max(votes, key=lambda angle: votes[angle], default=0.0)
