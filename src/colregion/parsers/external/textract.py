"""Regions from Amazon Textract: the JSON of DetectDocumentText or AnalyzeDocument, of one answer
or of all the answers of an asynchronous job in a list.

Geometry is in fractions of the page, origin top-left, y down; a polygon begins where its text
does. Blocks refer to each other by id: LAYOUT_* to lines, tables to cells, both to words.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

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
from colregion.parsers.external.polygons import quarter_turn
from colregion.parsers.external.source import RegionSource

_LAYOUT = {
    "LAYOUT_TITLE": "title",
    "LAYOUT_SECTION_HEADER": "title",
    "LAYOUT_HEADER": "header",
    "LAYOUT_FOOTER": "footer",
    "LAYOUT_PAGE_NUMBER": "footer",
    "LAYOUT_LIST": "list",
    "LAYOUT_FIGURE": "figure",
    "LAYOUT_TABLE": "table",
    "LAYOUT_KEY_VALUE": "text",
    "LAYOUT_TEXT": "text",
}
_SAME_PLACE = 0.5  # share of the smaller of two boxes that the other covers


class TextractRegions(RegionSource):
    """Regions that Amazon Textract found."""

    name = "textract"
    suffix = ".textract.json"

    def pages(self, content: bytes, *, name: str) -> Mapping[int, GivenPage]:
        root = read_json(content, name=name)
        answers = list(root.items()) if isinstance(root.value, list) else [root]
        blocks = [block for answer in answers for block in answer["Blocks"].items()]
        if not blocks:
            raise UnreadableDocument(f"{name} holds no Blocks of Textract; save the whole answer")
        by_id = {block["Id"].text(): block for block in blocks}
        by_page: dict[int, list[Node]] = defaultdict(list)
        for block in blocks:
            # An answer about a single picture leaves the number out.
            number = block["Page"].page_number() if block["Page"] else 1
            by_page[number].append(block)
        return {number: _Page(own, by_id).read() for number, own in by_page.items()}


class _Page:
    """The blocks of one page."""

    def __init__(self, blocks: Sequence[Node], by_id: Mapping[str, Node]) -> None:
        self.by_id = by_id
        self.taken: set[str] = set()
        self.of_type: dict[str, list[Node]] = defaultdict(list)
        for block in blocks:
            self.of_type[block["BlockType"].text()].append(block)
        self.layout = [block for block in blocks if block["BlockType"].text() in _LAYOUT]

    def read(self) -> GivenPage:
        lines = self.of_type["LINE"]
        turn = quarter_turn(_corners(line) for line in lines)
        tables = [made for block in self.of_type["TABLE"] if (made := self._table(block))]
        if self.layout:
            regions = tuple(self._areas(tables))
        else:
            regions = tuple(self._lines_and(tables)) if tables else ()
        loose = [word for line in lines for word in self._words(line)]
        return GivenPage(regions, degrees_clockwise=turn, words=tuple(loose))

    def _areas(self, tables: Sequence[GivenRegion]) -> Iterator[GivenRegion]:
        """The layout in its order, tables with cells in place of what it has where they stand. A
        list's items are named again beside it; they count once."""
        waiting = list(tables)
        inside = {
            child["Id"].text()
            for block in self.layout
            for child in self._children(block)
            if child["BlockType"].text() in _LAYOUT
        }
        for block in self.layout:
            if block["Id"].text() in inside:
                continue
            kind, box = _LAYOUT[block["BlockType"].text()], _box(block)
            yield from _taken_at(box, waiting)
            parts = [part for part in self._parts(block, kind) if part]
            if (parts or kind == "figure") and (region := region_of(parts, kind=kind, box=box)):
                yield region
        yield from waiting

    def _parts(self, block: Node, kind: str) -> Iterator[GivenRegion | None]:
        """Blocks of an area: the items of a list, and all of its own lines as one."""
        lines: list[GivenRegion] = []
        for child in self._children(block):
            if child["BlockType"].text() in _LAYOUT:
                if item := self._lines(child, kind):
                    yield region_of(item, kind=kind, box=_box(child))
            elif child["BlockType"].text() == "LINE" and (line := self._line(child, kind)):
                lines.append(line)
        yield region_of(lines, kind="text" if kind == "figure" else kind)

    def _lines_and(self, tables: Sequence[GivenRegion]) -> Iterator[GivenRegion]:
        """Tables, and every line outside them as an area, in the order of the lines."""
        waiting = list(tables)
        for block in self.of_type["LINE"]:
            yield from _taken_at(_box(block), waiting)
            if line := self._line(block, "text"):
                yield GivenRegion(line.box, parts=(GivenRegion(line.box, parts=(line,)),))
        yield from waiting

    def _table(self, table: Node) -> GivenRegion | None:
        rows: dict[int, list[tuple[int, GivenRegion]]] = defaultdict(list)
        for cell in self._children(table):
            if cell["BlockType"].text() != "CELL":
                continue
            words = self._words(cell)
            if words and (line := line_of(words, kind="row", box=_box(cell))):
                rows[cell["RowIndex"].whole()].append((cell["ColumnIndex"].whole(), line))
        parts = [
            region_of([line for _, line in sorted(own, key=lambda pair: pair[0])], kind="row")
            for _, own in sorted(rows.items())
        ]
        titles = [
            region_of([line], kind="caption")
            for title in self._children(table, kind="TABLE_TITLE")
            if (line := line_of(self._words(title), kind="caption", box=_box(title)))
        ]
        there = [part for part in (*titles, *parts) if part]
        return region_of(there, kind="table", box=_box(table))

    def _lines(self, block: Node, kind: str) -> list[GivenRegion]:
        children = self._children(block)
        found = [self._line(child, kind) for child in children if _is(child, "LINE")]
        return [line for line in found if line]

    def _line(self, line: Node, kind: str) -> GivenRegion | None:
        words = self._words(line)
        return line_of(words, kind=kind, box=_box(line)) if words else None

    def _words(self, block: Node) -> list[Word]:
        """The block's words that no region has taken yet."""
        children = [child for child in self._children(block) if _is(child, "WORD")]
        free = [child for child in children if child["Id"].text() not in self.taken]
        self.taken.update(child["Id"].text() for child in free)
        found = (
            word_at(
                child["Text"].text(),
                _box(child),
                child["Confidence"].number() / 100 if child["Confidence"] else None,
            )
            for child in free
        )
        return [word for word in found if word]

    def _children(self, block: Node, *, kind: str = "CHILD") -> list[Node]:
        return [
            self.by_id[name.text()]
            for relation in block["Relationships"].items()
            if relation["Type"].text() == kind
            for name in relation["Ids"].items()
            if name.text() in self.by_id
        ]


def _is(block: Node, kind: str) -> bool:
    return block["BlockType"].text() == kind


def _corners(block: Node) -> list[tuple[float, float]]:
    points = block["Geometry"]["Polygon"].items()
    return [(point["X"].number(), point["Y"].number()) for point in points]


def _box(block: Node) -> Box | None:
    around = block["Geometry"]["BoundingBox"]
    if not around:
        return None
    left, top = around["Left"].number(), around["Top"].number()
    right, bottom = left + around["Width"].number(), top + around["Height"].number()
    return box_around([(left, top), (right, bottom)], width=1.0, height=1.0)


def _taken_at(box: Box | None, waiting: list[GivenRegion]) -> list[GivenRegion]:
    """The tables that stand where this box does, taken out of those that wait."""
    if box is None:
        return []
    here = [
        table
        for table in waiting
        if table.box.overlap(box) >= _SAME_PLACE * min(table.box.area, box.area)
    ]
    waiting[:] = [table for table in waiting if table not in here]
    return here
