"""Regions from Azure Document Intelligence: the JSON of an analysis by prebuilt-layout or
prebuilt-read, as the service sends it or as the SDK's `result.as_dict()` gives it.

Polygons are lists of x and y in the page's unit (inches of a PDF, pixels of a picture), origin
top-left, y down, clockwise from where the text begins; `angle` says by how many degrees the text
is turned clockwise. Spans, places in the content, tell which words belong to which paragraph.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
from colregion.parsers.external.json_reader import Node, read_json
from colregion.parsers.external.source import RegionSource

_ROLES = {
    "title": "title",
    "sectionHeading": "title",
    "pageHeader": "header",
    "pageFooter": "footer",
    "pageNumber": "footer",
    "formulaBlock": "equation",
}


class AzureRegions(RegionSource):
    """Regions that Azure Document Intelligence found."""

    name = "azure"
    suffix = ".azure.json"

    def pages(self, content: bytes, *, name: str) -> Mapping[int, GivenPage]:
        root = read_json(content, name=name)
        result = root["analyzeResult"] if root["analyzeResult"] else root
        if not result["pages"]:
            raise UnreadableDocument(
                f"{name} holds no analysis of Azure Document Intelligence (no analyzeResult.pages, "
                "API 2022-08-31 and later); save the whole answer"
            )
        pages = [_Page(page) for page in result["pages"].items()]
        by_number = {page.number: page for page in pages}
        for number, offset, region in _regions(result, by_number):
            by_number[number].add(offset, region)
        return {page.number: page.finished() for page in pages}


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int


def _spans(item: Node) -> list[_Span]:
    spans = [*item["spans"].items(), *([item["span"]] if item["span"] else [])]
    starts = [(span["offset"].whole(), span["length"].whole()) for span in spans]
    return [_Span(start, start + length) for start, length in starts]


@dataclass(eq=False)
class _Page:
    """A page's words and lines by their places in the content, and its regions as they come."""

    node: Node
    found: list[tuple[int, GivenRegion]] = field(default_factory=list)
    taken: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.number = self.node["pageNumber"].page_number()
        self.width, self.height = self.node["width"].length(), self.node["height"].length()
        words = [
            (span.start, word)
            for item in self.node["words"].items()
            if (word := self._word(item))
            for span in _spans(item)[:1]
        ]
        words.sort(key=lambda pair: pair[0])
        self.starts, self.words = [start for start, _ in words], [word for _, word in words]
        lines = [
            (spans[0], self.box(item))
            for item in self.node["lines"].items()
            if (spans := _spans(item))
        ]
        self.lines = sorted(lines, key=lambda pair: pair[0].start)

    def box(self, item: Node) -> Box | None:
        """Around the polygon of a word, a line or a bounding region; None without one."""
        numbers = [number.number() for number in item["polygon"].items()]
        if len(numbers) < 4 or len(numbers) % 2:
            return None
        points = zip(numbers[::2], numbers[1::2], strict=True)
        return box_around(points, width=self.width, height=self.height)

    def _word(self, item: Node) -> Word | None:
        confidence = item["confidence"].number() if item["confidence"] else None
        return word_at(item["content"].text(), self.box(item), confidence)

    def says(self, spans: Sequence[_Span]) -> bool:
        """Whether any words stand in the spans, taken or not."""
        return any(self._at(span.start) < self._at(span.end) for span in spans)

    def take(self, spans: Sequence[_Span]) -> list[Word]:
        """The words in the spans that no region has taken yet."""
        inside = [i for span in spans for i in range(self._at(span.start), self._at(span.end))]
        free = [i for i in dict.fromkeys(inside) if i not in self.taken]
        self.taken.update(free)
        return [self.words[i] for i in free]

    def _at(self, offset: int) -> int:
        return bisect_right(self.starts, offset - 1)

    def take_lines(self, spans: Sequence[_Span], *, kind: str) -> list[GivenRegion]:
        """The lines of the page that lie in the spans, each of its words that do."""
        found = []
        for line, box in self.lines:
            inside = [
                _Span(max(line.start, span.start), min(line.end, span.end))
                for span in spans
                if line.start < span.end and span.start < line.end
            ]
            words = self.take(inside)
            if words and (made := line_of(words, kind=kind, box=box if inside == [line] else None)):
                found.append(made)
        return found

    def add(self, offset: int, region: GivenRegion) -> None:
        self.found.append((offset, region))

    def finished(self) -> GivenPage:
        angle = self.node["angle"].number() if self.node["angle"] else 0.0
        regions = tuple(region for _, region in sorted(self.found, key=lambda pair: pair[0]))
        return GivenPage(
            regions,
            size_wh=(self.width, self.height),
            degrees_clockwise=-angle % 360.0,
            words=tuple(word for i, word in enumerate(self.words) if i not in self.taken),
        )


def _regions(result: Node, pages: Mapping[int, _Page]) -> list[tuple[int, int, GivenRegion]]:
    """(page number, offset in the content, region): tables and figures, and the paragraphs of
    words that stand in neither."""
    found: list[tuple[int, int, GivenRegion]] = []
    for table in result["tables"].items():
        found += _hosts(table, pages, kind="table")
    for figure in result["figures"].items():
        found += _hosts(figure, pages, kind="figure")
    for paragraph in result["paragraphs"].items():
        kind = _ROLES.get(paragraph["role"].text(), "text")
        for number, offset, block in _blocks(paragraph, pages, kind=kind):
            area = GivenRegion(block.box, "", kind, (block,)) if block.parts else block
            found.append((number, offset, area))
    return found


def _blocks(
    item: Node, pages: Mapping[int, _Page], *, kind: str
) -> list[tuple[int, int, GivenRegion]]:
    """A paragraph or a caption on each page that it stands on; none where its words are taken."""
    spans = _spans(item)
    found = []
    for place in item["boundingRegions"].items():
        page = _page_of(place, pages)
        lines = page.take_lines(spans, kind=kind)
        if page.says(spans) and not lines:
            continue
        text = "" if lines else item["content"].text()
        region = region_of(lines, kind=kind, text=text, box=page.box(place))
        if region is not None:
            found.append((page.number, spans[0].start if spans else 0, region))
    return found


def _page_of(place: Node, pages: Mapping[int, _Page]) -> _Page:
    number = place["pageNumber"].page_number()
    if number not in pages:
        raise UnreadableDocument(f"{place.where} is on page {number}, which the file does not list")
    return pages[number]


def _hosts(
    item: Node, pages: Mapping[int, _Page], *, kind: str
) -> list[tuple[int, int, GivenRegion]]:
    """A table or figure, on each page that it stands on, with what is in it and its caption."""
    spans = _spans(item)
    inner: dict[int, list[tuple[int, GivenRegion]]] = defaultdict(list)
    for number, offset, caption in _blocks(item["caption"], pages, kind="caption"):
        inner[number].append((offset, caption))
    for number, offset, part in _rows(item, pages) if kind == "table" else ():
        inner[number].append((offset, part))
    found = []
    for place in item["boundingRegions"].items():
        page = _page_of(place, pages)
        parts = [part for _, part in sorted(inner[page.number], key=lambda pair: pair[0])]
        if kind == "figure" and (lines := page.take_lines(spans, kind="text")):
            around = region_of(lines)
            parts += [around] if around else []
        region = region_of(parts, kind=kind, box=page.box(place))
        if region is not None:
            found.append((page.number, spans[0].start if spans else 0, region))
    return found


def _rows(table: Node, pages: Mapping[int, _Page]) -> list[tuple[int, int, GivenRegion]]:
    """A table's rows with their cells as lines, from the left."""
    cells: dict[tuple[int, int], list[tuple[int, int, GivenRegion]]] = defaultdict(list)
    for cell in table["cells"].items():
        row, column = cell["rowIndex"].whole(), cell["columnIndex"].whole()
        spans = _spans(cell)
        for place in cell["boundingRegions"].items():
            page = _page_of(place, pages)
            words = page.take(spans)
            if words and (line := line_of(words, kind="row", box=page.box(place))):
                cells[page.number, row].append((column, spans[0].start, line))
    found = []
    for (number, _), own in sorted(cells.items()):
        own.sort(key=lambda cell: cell[0])
        region = region_of([line for _, _, line in own], kind="row")
        if region is not None:
            found.append((number, min(offset for _, offset, _ in own), region))
    return found
