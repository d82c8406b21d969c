"""Regions from Azure Document Intelligence: the JSON of an analysis by prebuilt-layout or
prebuilt-read, as the service sends it or as the SDK's `result.as_dict()` returns it.

Polygons are lists of x and y in the page's unit (inches for a PDF, pixels for an image), origin
top-left, y down, clockwise from where the text starts; `angle` is the clockwise rotation of the
text in degrees. Spans are ranges of the content; by them words belong to paragraphs. Check boxes
are ":selected:" and ":unselected:" in the content, often in a paragraph of their own.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from colregion.core.geometry import Box
from colregion.core.regions import Cell, Word
from colregion.errors import UnreadableDocument
from colregion.parsers.external.check_marks import (
    SELECTED,
    UNSELECTED,
    insert_marks,
    mark_of,
    nearest_in_row,
)
from colregion.parsers.external.json_reader import Node, read_json
from colregion.parsers.external.region_source import RegionSource
from colregion.parsers.external.regions import ExternalPage, ExternalRegion
from colregion.parsers.external.shapes import box_around, line_of, make_word, region_of, rows_of

_ROLES = {
    "title": "title",
    "sectionHeading": "title",
    "pageHeader": "header",
    "pageFooter": "footer",
    "pageNumber": "footer",
    "formulaBlock": "equation",
}

_STATE = re.compile(":(un)?selected:")

_Span: TypeAlias = tuple[int, int]
"""(start, end) in the content."""
_Placed: TypeAlias = tuple[int, int, ExternalRegion]
"""Page number, offset in the content, region."""


class AzureRegions(RegionSource):
    """Takes the regions of Azure Document Intelligence."""

    name = "azure"
    suffix = ".azure.json"

    def pages(self, content: bytes, *, name: str) -> Mapping[int, ExternalPage]:
        root = read_json(content, name=name)
        result = root["analyzeResult"] if root["analyzeResult"] else root
        if not result["pages"]:
            raise UnreadableDocument(
                f"{name} has no analysis of Azure Document Intelligence (no analyzeResult.pages, "
                "API 2022-08-31 and later); save the whole response"
            )
        cells = [cell for table in result["tables"].items() for cell in table["cells"].items()]
        in_cells = sorted(span for cell in cells for span in _spans(cell))
        reader = _Reader(_Page(page, in_cells) for page in result["pages"].items())
        regions: dict[int, list[ExternalRegion]] = defaultdict(list)
        for number, _, region in sorted(reader.read(result), key=lambda placed: placed[1]):
            regions[number].append(region)
        return {number: page.external(regions[number]) for number, page in reader.pages.items()}


def _spans(item: Node) -> list[_Span]:
    spans = [*item["spans"].items(), *([item["span"]] if item["span"] else [])]
    starts = [(span["offset"].whole(), span["length"].whole()) for span in spans]
    return [(start, start + length) for start, length in starts]


def _mark(state: re.Match[str]) -> str:
    return UNSELECTED if state[1] else SELECTED


def _contains(spans: Sequence[_Span], offset: int) -> bool:
    """Whether one of the sorted spans contains the offset."""
    i = bisect_right(spans, (offset, math.inf)) - 1
    return i >= 0 and offset < spans[i][1]


class _Page:
    """A page's words, check boxes among them, and lines by their offsets in the content."""

    def __init__(self, node: Node, in_cells: Sequence[_Span]) -> None:
        self.node = node
        self.number = node["pageNumber"].page_number()
        self.width, self.height = node["width"].length(), node["height"].length()
        self.angle = node["angle"].number() if node["angle"] else 0.0
        lines = [
            (spans[0], self.box(item)) for item in node["lines"].items() if (spans := _spans(item))
        ]
        self.lines = sorted(lines, key=lambda pair: pair[0][0])
        words: list[tuple[float, Word]] = [
            (spans[0][0], word)
            for item in node["words"].items()
            if (word := self._word(item)) and (spans := _spans(item))
        ]
        words.sort(key=lambda pair: pair[0])
        self.offsets, self.words = [at for at, _ in words], [word for _, word in words]
        marks = list(self._marks(in_cells))
        words = sorted([*marks, *words], key=lambda pair: pair[0])
        self.offsets, self.words = [at for at, _ in words], [word for _, word in words]
        self.used: set[int] = set()

    def _marks(self, in_cells: Sequence[_Span]) -> Iterator[tuple[float, Word]]:
        """Check boxes, each at the offset of the word that it stands before on its line, or a
        little later than the line's last. In cells, and beside no line, they are at their own."""
        boxes = {i: box for i, (_, box) in enumerate(self.lines) if box}
        turned = 45 < abs(self.angle) % 180 < 135
        for item in self.node["selectionMarks"].items():
            is_selected = item["state"].text() == "selected"
            confidence = item["confidence"].confidence()
            mark = mark_of(self.box(item), selected=is_selected, confidence=confidence)
            spans = _spans(item)
            if mark is None or not spans:
                continue
            offset: float = spans[0][0]
            line = nearest_in_row(mark.box, boxes, turned=turned)
            if line is not None and not _contains(in_cells, spans[0][0]):
                places = self.words_inside([self.lines[line][0]])
                at = insert_marks([self.words[i] for i in places], [mark]).index(mark)
                after = self.lines[line][0][0] + 0.5
                after = self.offsets[places[-1]] + 0.5 if places else after
                offset = self.offsets[places[at]] if at < len(places) else after
            yield offset, mark

    def box(self, item: Node) -> Box | None:
        """Around the polygon of a word, a line or a bounding region; None without one."""
        numbers = [number.number() for number in item["polygon"].items()]
        if len(numbers) < 4 or len(numbers) % 2:
            return None
        points = zip(numbers[::2], numbers[1::2], strict=True)
        return box_around(points, width=self.width, height=self.height)

    def _word(self, item: Node) -> Word | None:
        return make_word(item["content"].text(), self.box(item), item["confidence"].confidence())

    def words_inside(self, spans: Sequence[_Span]) -> list[int]:
        """Positions of the words in the spans, used or not."""
        bounds = [(bisect_left(self.offsets, a), bisect_left(self.offsets, b)) for a, b in spans]
        return list(dict.fromkeys(i for start, end in bounds for i in range(start, end)))

    def take_words(self, spans: Sequence[_Span]) -> list[Word]:
        """The words in the spans that no region has used yet."""
        free = [i for i in self.words_inside(spans) if i not in self.used]
        self.used.update(free)
        return [self.words[i] for i in free]

    def take_lines(self, spans: Sequence[_Span], *, kind: str) -> list[ExternalRegion]:
        """The page's lines in the spans, each with its unused words there."""
        regions = []
        for (start, end), box in self.lines:
            inside = [(max(start, a), min(end, b)) for a, b in spans if start < b and a < end]
            whole = inside == [(start, end)]
            regions.append(line_of(self.take_words(inside), kind=kind, box=box if whole else None))
        return [region for region in regions if region]

    def external(self, regions: Sequence[ExternalRegion]) -> ExternalPage:
        """The page with these regions and the words that none of them uses."""
        words = tuple(word for i, word in enumerate(self.words) if i not in self.used)
        return ExternalPage(tuple(regions), (self.width, self.height), -self.angle % 360.0, words)


def _cell(item: Node) -> Cell:
    return Cell(
        item["rowIndex"].count(0),
        item["columnIndex"].count(0),
        item["rowSpan"].count(1) if item["rowSpan"] else 1,
        item["columnSpan"].count(1) if item["columnSpan"] else 1,
        header=item["kind"].text() in ("columnHeader", "rowHeader", "stubHead"),
    )


class _Reader:
    """Converts the tables, figures and paragraphs of a result to regions."""

    def __init__(self, pages: Iterable[_Page]) -> None:
        self.pages = {page.number: page for page in pages}

    def read(self, result: Node) -> Iterator[_Placed]:
        """Tables and figures first, then the paragraphs whose words are in neither."""
        for table in result["tables"].items():
            yield from self._host(table, kind="table")
        for figure in result["figures"].items():
            yield from self._host(figure, kind="figure")
        for paragraph in result["paragraphs"].items():
            kind = _ROLES.get(paragraph["role"].text(), "text")
            for number, offset, block in self._blocks(paragraph, kind=kind):
                area = ExternalRegion(block.box, "", kind, (block,)) if block.parts else block
                yield number, offset, area

    def _page(self, place: Node) -> _Page:
        number = place["pageNumber"].page_number()
        if number not in self.pages:
            raise UnreadableDocument(
                f"{place.where} is on page {number}, which the file does not list"
            )
        return self.pages[number]

    def _blocks(self, item: Node, *, kind: str) -> Iterator[_Placed]:
        """A paragraph or caption on each of its pages, unless its words are already used."""
        spans = _spans(item)
        for place in item["boundingRegions"].items():
            page = self._page(place)
            lines = page.take_lines(spans, kind=kind)
            content = item["content"].text()
            only_marks = bool(content) and not _STATE.sub("", content).strip()
            if not lines and (only_marks or page.words_inside(spans)):
                continue
            text = "" if lines else _STATE.sub(_mark, content)
            if region := region_of(lines, kind=kind, text=text, box=page.box(place)):
                yield page.number, spans[0][0] if spans else 0, region

    def _host(self, item: Node, *, kind: str) -> Iterator[_Placed]:
        """A table or figure on each of its pages, with its content and caption."""
        spans = _spans(item)
        inner = [*self._blocks(item["caption"], kind="caption")]
        inner += self._rows(item) if kind == "table" else ()
        inner.sort(key=lambda placed: placed[1])
        for place in item["boundingRegions"].items():
            page = self._page(place)
            parts = [part for number, _, part in inner if number == page.number]
            if kind == "figure" and (lines := page.take_lines(spans, kind="text")):
                parts += filter(None, [region_of(lines)])
            if region := region_of(parts, kind=kind, box=page.box(place)):
                yield page.number, spans[0][0] if spans else 0, region

    def _rows(self, table: Node) -> Iterator[_Placed]:
        """A table's rows with their cells as lines, from the left."""
        cells: dict[int, list[tuple[Cell, ExternalRegion]]] = defaultdict(list)
        offsets: dict[tuple[int, int], list[int]] = defaultdict(list)
        for item in table["cells"].items():
            cell, spans = _cell(item), _spans(item)
            for place in item["boundingRegions"].items():
                page = self._page(place)
                if line := line_of(page.take_words(spans), kind="row", box=page.box(place)):
                    cells[page.number].append((cell, line))
                    offsets[page.number, cell.row].append(spans[0][0])
        for number, own in sorted(cells.items()):
            for region in rows_of(own):
                row = region.parts[0].cell.row if region.parts[0].cell else 0
                yield number, min(offsets[number, row]), region
