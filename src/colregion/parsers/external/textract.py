"""Regions from Amazon Textract: the JSON of DetectDocumentText or AnalyzeDocument, as one
response or a list of all responses of an asynchronous job.

Geometry is in fractions of the page, origin top-left, y down; a polygon starts where its text
does. Blocks refer to each other by id: LAYOUT_* to lines, tables to cells, both to words. Only
cells and values of keys refer to check boxes (SELECTION_ELEMENT).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from colregion.core.geometry import Box
from colregion.core.regions import Cell, Word
from colregion.errors import UnreadableDocument
from colregion.parsers.external.check_marks import insert_marks, mark_of, nearest_in_row
from colregion.parsers.external.json_reader import Node, read_json
from colregion.parsers.external.region_source import RegionSource
from colregion.parsers.external.regions import ExternalPage, ExternalRegion
from colregion.parsers.external.shapes import box_around, line_of, make_word, region_of, rows_of

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
_SAME_PLACE = 0.5  # overlap, as a share of the smaller of two boxes


class TextractRegions(RegionSource):
    """Takes the regions of Amazon Textract."""

    name = "textract"
    suffix = ".textract.json"

    def pages(self, content: bytes, *, name: str) -> Mapping[int, ExternalPage]:
        root = read_json(content, name=name)
        responses = list(root.items()) if isinstance(root.value, list) else [root]
        blocks = [block for response in responses for block in response["Blocks"].items()]
        if not blocks:
            raise UnreadableDocument(f"{name} has no Blocks of Textract; save the whole response")
        by_id = {block["Id"].text(): block for block in blocks}
        by_page: dict[int, list[Node]] = defaultdict(list)
        for block in blocks:
            # The response about a single image has no page number.
            number = block["Page"].page_number() if block["Page"] else 1
            by_page[number].append(block)
        return {number: _Page(own, by_id).read() for number, own in by_page.items()}


class _Page:
    """Converts the blocks of one page."""

    def __init__(self, blocks: Sequence[Node], by_id: Mapping[str, Node]) -> None:
        self.by_id = by_id
        self.used_words: set[str] = set()
        self.marks: dict[str, list[Node]] = {}
        self.of_type: dict[str, list[Node]] = defaultdict(list)
        for block in blocks:
            self.of_type[block["BlockType"].text()].append(block)
        self.layout = [block for block in blocks if block["BlockType"].text() in _LAYOUT]

    def read(self) -> ExternalPage:
        lines = self.of_type["LINE"]
        turn = _quarter_turn(lines)
        self.marks = self._marks_by_line(turned=turn in (90.0, 270.0))
        tables = [table for block in self.of_type["TABLE"] if (table := self._table(block))]
        regions: Iterable[ExternalRegion] = ()
        if self.layout:
            regions = self._areas(tables)
        elif tables:
            regions = self._lines_and_tables(tables)
        areas = tuple(regions)  # which use their words
        loose = tuple(word for line in lines for word in self._words(line))
        loose += tuple(self._unused(self.of_type["SELECTION_ELEMENT"]))
        return ExternalPage(areas, degrees_clockwise=turn, words=loose)

    def _areas(self, tables: list[ExternalRegion]) -> Iterator[ExternalRegion]:
        """The layout in its order, tables with cells in place of the layout's. The items of a
        list are listed a second time beside it and count once."""
        nested = {
            child["Id"].text()
            for block in self.layout
            for child in self._children(block)
            if child["BlockType"].text() in _LAYOUT
        }
        for block in self.layout:
            if block["Id"].text() in nested:
                continue
            kind, box = _LAYOUT[block["BlockType"].text()], _box(block)
            yield from _pop_tables_at(box, tables)
            parts = [part for part in self._parts(block, kind) if part]
            if (parts or kind == "figure") and (region := region_of(parts, kind=kind, box=box)):
                yield region
        yield from tables

    def _parts(self, block: Node, kind: str) -> Iterator[ExternalRegion | None]:
        """Blocks of an area: the items of a list, and its own lines as one block."""
        lines = []
        for child in self._children(block):
            if child["BlockType"].text() in _LAYOUT:
                items = [self._line(line, kind) for line in self._children(child, "LINE")]
                if any(items):
                    yield region_of(items, kind=kind, box=_box(child))
            elif child["BlockType"].text() == "LINE":
                lines.append(self._line(child, kind))
        yield region_of(lines, kind="text" if kind == "figure" else kind)

    def _lines_and_tables(self, tables: list[ExternalRegion]) -> Iterator[ExternalRegion]:
        """Tables, and each line outside them as an area, in the order of the lines."""
        for block in self.of_type["LINE"]:
            yield from _pop_tables_at(_box(block), tables)
            if line := self._line(block, "text"):
                yield ExternalRegion(line.box, parts=(ExternalRegion(line.box, parts=(line,)),))
        yield from tables

    def _table(self, table: Node) -> ExternalRegion | None:
        merged = {
            child["Id"].text(): cell
            for cell in self._children(table, relation="MERGED_CELL")
            for child in self._children(cell, "CELL")
        }
        lines: dict[str, tuple[Cell, list[Word]]] = {}
        for part in self._children(table, "CELL"):
            whole = merged.get(part["Id"].text(), part)
            _, words = lines.setdefault(whole["Id"].text(), (_cell(whole, part), []))
            words += self._words(part)
        cells = [
            (cell, line)
            for name, (cell, words) in lines.items()
            if (line := line_of(words, kind="row", box=_box(self.by_id[name])))
        ]
        titles = [
            region_of([line], kind="caption")
            for title in self._children(table, relation="TABLE_TITLE")
            if (line := self._line(title, "caption"))
        ]
        return region_of([*titles, *rows_of(cells)], kind="table", box=_box(table))

    def _line(self, block: Node, kind: str) -> ExternalRegion | None:
        return line_of(self._words(block), kind=kind, box=_box(block))

    def _words(self, block: Node) -> list[Word]:
        """The block's words and check boxes that are in no region yet."""
        own = self._children(block, "SELECTION_ELEMENT")
        marks = self._unused([*own, *self.marks.get(block["Id"].text(), ())])
        return insert_marks(self._unused(self._children(block, "WORD")), marks)

    def _unused(self, blocks: Iterable[Node]) -> list[Word]:
        """The words and check boxes that are in no region yet; they are from now on."""
        words = []
        for block in blocks:
            if (name := block["Id"].text()) in self.used_words:
                continue
            self.used_words.add(name)
            confidence = block["Confidence"].confidence(scale=100)
            if block["BlockType"].text() == "WORD":
                words.append(make_word(block["Text"].text(), _box(block), confidence))
            else:
                is_selected = block["SelectionStatus"].text() == "SELECTED"
                words.append(mark_of(_box(block), selected=is_selected, confidence=confidence))
        return [word for word in words if word]

    def _marks_by_line(self, *, turned: bool) -> dict[str, list[Node]]:
        """The check boxes beside each line: those that are the value of a key in it, and others
        by their place."""
        lines = {line["Id"].text(): line for line in self.of_type["LINE"]}
        boxes = {name: box for name, line in lines.items() if (box := _box(line))}
        line_of_word = {
            word["Id"].text(): name for name in lines for word in self._children(lines[name])
        }
        line_of_mark: dict[str, str] = {}
        for key in self.of_type["KEY_VALUE_SET"]:
            named = [line_of_word.get(word["Id"].text()) for word in self._children(key, "WORD")]
            for value in self._children(key, relation="VALUE"):
                content = [part["Id"].text() for part in self._children(value)]
                # Beside words of the value a mark belongs to these.
                if len(content) == 1 and named and named[0]:
                    line_of_mark[content[0]] = named[0]
        marks: dict[str, list[Node]] = defaultdict(list)
        for mark in self.of_type["SELECTION_ELEMENT"]:
            line = line_of_mark.get(mark["Id"].text())
            if line is None and (box := _box(mark)):
                line = nearest_in_row(box, boxes, turned=turned)
            if line is not None:
                marks[line].append(mark)
        return marks

    def _children(
        self, block: Node, block_type: str | None = None, *, relation: str = "CHILD"
    ) -> list[Node]:
        children = [
            self.by_id[name.text()]
            for related in block["Relationships"].items()
            if related["Type"].text() == relation
            for name in related["Ids"].items()
            if name.text() in self.by_id
        ]
        return [c for c in children if block_type in (None, c["BlockType"].text())]


def _cell(block: Node, part: Node) -> Cell:
    """The place of a cell, which is a header if the part of it that comes first is one."""
    return Cell(
        block["RowIndex"].count(1) - 1,
        block["ColumnIndex"].count(1) - 1,
        block["RowSpan"].count(1) if block["RowSpan"] else 1,
        block["ColumnSpan"].count(1) if block["ColumnSpan"] else 1,
        header="COLUMN_HEADER" in [entity.text() for entity in part["EntityTypes"].items()],
    )


def _quarter_turn(lines: Iterable[Node]) -> float:
    """Degrees clockwise (0, 90, 180, 270) that make most text upright, lines weighted by their
    length; 0 for no lines."""
    votes = {0.0: 0.0, 90.0: 0.0, 180.0: 0.0, 270.0: 0.0}
    for line in lines:
        points = line["Geometry"]["Polygon"].items()
        corners = [(point["X"].number(), point["Y"].number()) for point in points]
        if len(corners) < 2:
            continue
        dx, dy = corners[1][0] - corners[0][0], corners[1][1] - corners[0][1]
        if abs(dx) >= abs(dy):
            votes[0.0 if dx >= 0 else 180.0] += abs(dx)
        else:  # text that runs down the page needs one turn counter-clockwise
            votes[270.0 if dy > 0 else 90.0] += abs(dy)
    return max(votes, key=lambda turn: votes[turn])


def _box(block: Node) -> Box | None:
    around = block["Geometry"]["BoundingBox"]
    if not around:
        return None
    left, top = around["Left"].number(), around["Top"].number()
    right, bottom = left + around["Width"].number(), top + around["Height"].number()
    return box_around([(left, top), (right, bottom)], width=1.0, height=1.0)


def _pop_tables_at(box: Box | None, tables: list[ExternalRegion]) -> list[ExternalRegion]:
    """Remove and return the tables at the place of a box."""
    here = [
        table
        for table in tables
        if box and table.box.overlap(box) >= _SAME_PLACE * min(table.box.area, box.area)
    ]
    tables[:] = [table for table in tables if table not in here]
    return here
