"""Regions from hOCR, which Tesseract, OCRopus and others write.

HTML whose elements say in their `class` what they are and in their `title` where: pixels of the
page's picture, origin top-left, y down. It is read with the standard library's HTML parser, which
knows no document types of its own and fetches nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser

from colregion.core.geometry import Box
from colregion.errors import UnreadableDocument
from colregion.parsers.external.found import (
    GivenPage,
    GivenRegion,
    box_around,
    line_of,
    region_of,
    word_at,
)
from colregion.parsers.external.source import RegionSource

_PAGE = "ocr_page"
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
_PARAGRAPHS = ("ocr_par",)
_WORDS = ("ocrx_word", "ocr_word")
_KNOWN = {_PAGE, *_AREAS, *_FIGURES, *_LINES, *_PARAGRAPHS, *_WORDS}
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
_MOST_NESTED = 200

_NUMBER = r"[-+]?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})"
_BBOX = re.compile(rf"\bbbox\s+({_NUMBER})\s+({_NUMBER})\s+({_NUMBER})\s+({_NUMBER})")
_CONFIDENCE = re.compile(rf"\bx_wconf\s+({_NUMBER})")
_ANGLE = re.compile(rf"\btextangle\s+({_NUMBER})")


class HocrRegions(RegionSource):
    """Regions of an hOCR file; its pages are those of the document, in order."""

    name = "hocr"
    suffix = ".hocr"

    def pages(self, content: bytes, *, name: str) -> Mapping[int, GivenPage]:
        reader = _Reader(name)
        reader.feed(content.decode("utf-8", "replace"))
        reader.close()
        if not reader.pages:
            raise UnreadableDocument(f"{name} is no hOCR: it has no element of class ocr_page")
        return {i: _page(element, name) for i, element in enumerate(reader.pages, start=1)}


@dataclass(eq=False)
class _Element:
    """An element of a class that hOCR defines; those between are left out."""

    kind: str
    title: str
    parts: list[_Element] = field(default_factory=list)
    text: list[str] = field(default_factory=list)

    def inside(self, *kinds: str) -> Iterator[_Element]:
        """The elements of these kinds below, not looking into them, in order."""
        for part in self.parts:
            if part.kind in kinds:
                yield part
            else:
                yield from part.inside(*kinds)


class _Reader(HTMLParser):
    """Collects the elements of each page."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.pages: list[_Element] = []
        self.open: list[tuple[str, _Element | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        kinds = [kind for kind in given.get("class", "").split() if kind in _KNOWN]
        element = _Element(kinds[0], given.get("title", "")) if kinds else None
        if element is not None:
            around = self._around()
            if element.kind == _PAGE:
                self.pages.append(element)
            elif around is not None:
                around.parts.append(element)
        if tag not in _VOID:
            self.open.append((tag, element))
            if len(self.open) > _MOST_NESTED:
                raise UnreadableDocument(f"{self.name} is nested without end; export it again")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        for i in range(len(self.open) - 1, -1, -1):
            if self.open[i][0] == tag:
                del self.open[i:]
                return

    def handle_data(self, data: str) -> None:
        around = self._around()
        if around is not None:
            around.text.append(data)

    def _around(self) -> _Element | None:
        return next((element for _, element in reversed(self.open) if element), None)


def _page(element: _Element, name: str) -> GivenPage:
    found = _BBOX.search(element.title)
    if found is None:
        raise UnreadableDocument(f"{name} has a page without a bbox, so its size is unknown")
    x0, y0, x1, y1 = map(float, found.groups())
    if x1 <= x0 or y1 <= y0:
        raise UnreadableDocument(f"{name} has a page of no size: {found.group()}")
    page = _Places(x0, y0, x1 - x0, y1 - y0)
    areas = (page.area(area) for area in element.inside(*_AREAS, *_FIGURES, *_PARAGRAPHS, *_LINES))
    return GivenPage(
        tuple(area for area in areas if area),
        size_wh=(page.width, page.height),
        degrees_clockwise=_turn(element),
    )


@dataclass(frozen=True, slots=True)
class _Places:
    """A page's origin and size in pixels, by which its elements become regions."""

    x0: float
    y0: float
    width: float
    height: float

    def box(self, element: _Element) -> Box | None:
        found = _BBOX.search(element.title)
        if found is None:
            return None
        x0, y0, x1, y1 = map(float, found.groups())
        corners = [(x0 - self.x0, y0 - self.y0), (x1 - self.x0, y1 - self.y0)]
        return box_around(corners, width=self.width, height=self.height)

    def area(self, element: _Element) -> GivenRegion | None:
        box = self.box(element)
        if element.kind in _FIGURES:
            return GivenRegion(box, kind="figure") if box else None
        if element.kind in _AREAS:
            blocks = [self.block(part) for part in element.inside(*_PARAGRAPHS, *_LINES)]
        else:
            blocks = [self.block(element)]
        parts = [block for block in blocks if block]
        kinds = {part.kind for part in parts}
        kind = _AREAS.get(element.kind, "text")
        kind = kinds.pop() if kind == "text" and len(kinds) == 1 else kind
        return region_of(parts, kind=kind, box=box) if parts else None

    def block(self, element: _Element) -> GivenRegion | None:
        """A paragraph, or a line that stands in none."""
        lines = [element] if element.kind in _LINES else list(element.inside(*_LINES))
        made = [line for line in map(self.line, lines) if line]
        kinds = {line.kind for line in made}
        return region_of(made, kind=kinds.pop() if len(kinds) == 1 else "text") if made else None

    def line(self, element: _Element) -> GivenRegion | None:
        words = []
        for part in element.inside(*_WORDS):
            sure = _CONFIDENCE.search(part.title)
            text = "".join(_all_text(part))
            confidence = float(sure.group(1)) / 100 if sure else None
            words.append(word_at(" ".join(text.split()), self.box(part), confidence))
        if not any(words):
            return None
        return line_of(words, kind=_LINES[element.kind], box=self.box(element))


def _all_text(element: _Element) -> Iterator[str]:
    yield from element.text
    for part in element.parts:
        yield from _all_text(part)


def _turn(page: _Element) -> float:
    """The turn that makes most lines upright. `textangle` counts counter-clockwise, so it is at
    the same time the turn clockwise that undoes it."""
    votes: dict[float, int] = {}
    for line in page.inside(*_LINES):
        found = _ANGLE.search(line.title)
        angle = float(found.group(1)) % 360.0 if found else 0.0
        votes[angle] = votes.get(angle, 0) + sum(1 for _ in line.inside(*_WORDS))
    return max(votes, key=lambda angle: votes[angle], default=0.0)
