"""Regions from docling, which names blocks but no lines: a `DoclingDocument` or its JSON."""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from colregion.core.geometry import Box
from colregion.core.regions import Cell
from colregion.core.tables import CELL_SEPARATOR
from colregion.errors import InvalidInput, UnreadableDocument, require
from colregion.parsers.auto_reader import WordsFrom
from colregion.parsers.external.check_marks import marked_region, with_labels
from colregion.parsers.external.docling_cells import IS_SELECTED, CellContent, TableCells
from colregion.parsers.external.region_source import RegionSource, SourceData
from colregion.parsers.external.regions import ExternalPage, ExternalRegion
from colregion.parsers.external.shapes import box_around, region_of, rows_of

if TYPE_CHECKING:
    from docling_core.types.doc import BoundingBox, DoclingDocument, NodeItem, RefItem, document

_KINDS = {
    "title": "title",
    "section_header": "title",
    "list_item": "list",
    "caption": "caption",
    "formula": "equation",
    "page_header": "header",
    "page_footer": "footer",
    "picture": "figure",
    "chart": "figure",
    "table": "table",
    "document_index": "table",
}

_Placed: TypeAlias = tuple[int, ExternalRegion]
"""A page number and a region of that page."""
_ByPage: TypeAlias = dict[int, list[ExternalRegion]]


class DoclingRegions(RegionSource):
    """Takes the regions of a docling document. `source` may also be a `DoclingDocument`; see
    `RegionSource`."""

    name = "docling"
    suffix = ".docling.json"

    def __init__(
        self, source: SourceData | DoclingDocument | None = None, *, words: WordsFrom = "auto"
    ) -> None:
        to_json = getattr(source, "model_dump_json", None)
        data: Any = to_json(by_alias=True).encode() if to_json else source
        super().__init__(data, words=words)

    def pages(self, content: bytes, *, name: str) -> Mapping[int, ExternalPage]:
        package = require("docling_core.types.doc", extra="docling")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # boxes that were clipped to the page
                document = package.DoclingDocument.model_validate_json(content)
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as cause:
            raise UnreadableDocument(
                f"{name} is no DoclingDocument that docling-core can read ({_first_error(cause)}); "
                "save it with save_as_json, or update docling-core"
            ) from cause
        reader = _Reader(document, name=name)
        regions = reader.read()
        if not regions and any(item.text for item in document.texts):
            raise UnreadableDocument(
                f"{name} gives no places on pages, like a document converted from DOCX or HTML; "
                "convert it to PDF first"
            )
        return {
            number: ExternalPage(tuple(with_labels(regions.get(number, ()))), size_wh=size)
            for number, size in reader.sizes.items()
        }


def _first_error(error: Exception) -> str:
    """On one line, with the place in the file where pydantic names one."""
    errors: Any = getattr(error, "errors", None)
    if errors is None:
        return f"{type(error).__name__}: {error}"
    # Of a union, every member that the label rules out complains about the label first.
    first = min(errors(include_url=False), key=lambda each: each["type"] == "literal_error")
    return ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"])))


class _Reader:
    """Converts the items of a document to regions."""

    def __init__(self, document: DoclingDocument, *, name: str) -> None:
        self.document = document
        self.name = name
        self.sizes: dict[int, tuple[float, float]] = {}
        for number, page in document.pages.items():
            width, height = page.size.width, page.size.height
            if not (0 < width < math.inf and 0 < height < math.inf):
                raise UnreadableDocument(f"{name}: page {number} has no size: {page.size}")
            self.sizes[number] = width, height
        hosts = [*document.tables, *document.pictures]
        self.captions = {ref.cref for host in hosts for ref in host.captions}
        self.done: set[str] = set()
        self.aspects = {number: width / height for number, (width, height) in self.sizes.items()}
        tables = TableCells(document, box_of=self._box, aspects=self.aspects)
        self.cells: dict[str, list[CellContent]] = {}
        for table in document.tables:
            # What is in cells may be listed before its table.
            self.cells[table.self_ref], inner = tables.read(table)
            self.done |= inner

    def read(self) -> _ByPage:
        """Regions by page, in reading order; headers and footers of older files, which are not
        in the body, come last."""
        roots = (self.document.body, dict(self.document)["furniture"])  # a deprecated attribute
        return _by_page(placed for root in roots for placed in self._below(root))

    def _below(self, root: NodeItem) -> Iterator[_Placed]:
        stack, visited = [root], {root.self_ref}
        while stack:  # no recursion: items may be nested deeply
            node = stack.pop()
            children = [ref.resolve(self.document) for ref in node.children]
            children = [child for child in children if child.self_ref not in visited]
            visited.update(child.self_ref for child in children)
            stack += reversed(children)
            if node.self_ref not in self.done and node.self_ref not in self.captions:
                yield from self._convert(node)

    def _convert(self, node: Any) -> Iterator[_Placed]:
        label = node.label.value
        if label in ("list", "ordered_list"):
            for number, items in self._texts(node.children).items():
                if region := region_of(items, kind="list"):
                    yield number, region
        elif "/tables/" in node.self_ref:
            yield from self._host(node, "table", self._rows(node))
        elif "/pictures/" in node.self_ref:
            yield from self._host(node, "figure", self._texts(node.children))
        elif "/texts/" in node.self_ref:
            yield from self._places(node, _KINDS.get(label, "text"))

    def _texts(self, refs: Iterable[RefItem], *, captions: bool = False) -> _ByPage:
        """Those of the items that are texts and, or are not, captions; each is taken once."""
        placed: list[_Placed] = []
        for ref in refs:
            is_new = "/texts/" in ref.cref and ref.cref not in self.done
            if is_new and (ref.cref in self.captions) == captions:
                self.done.add(ref.cref)
                item = ref.resolve(self.document)
                kind = "caption" if captions else _KINDS.get(item.label.value, "text")
                placed += self._places(item, kind)
        return _by_page(placed)

    def _host(self, host: document.FloatingItem, kind: str, parts: _ByPage) -> Iterator[_Placed]:
        """A table or picture with its parts and captions; captions above it come first."""
        captions = self._texts(host.captions, captions=True)
        own = {number: regions[0] for number, regions in _by_page(self._places(host, kind)).items()}
        for number in sorted({*own, *captions}):
            beside = captions.get(number, [])
            if number not in own:
                yield from ((number, caption) for caption in beside)
                continue
            box, inner = own[number].box, parts.get(number, [])
            above = [caption for caption in beside if caption.box.center[1] < box.center[1]]
            below = [caption for caption in beside if caption not in above]
            text = "" if inner else own[number].text
            if region := region_of([*above, *inner, *below], kind=kind, text=text, box=box):
                yield number, region

    def _rows(self, table: document.TableItem) -> _ByPage:
        """The rows of a table whose cells have boxes, on the table's page."""
        cells = (
            (self._cell(one.cell), ExternalRegion(one.box, one.text, "row", marks=one.marks))
            for one in self.cells[table.self_ref]
            if one.text or one.marks
        )
        return {table.prov[0].page_no: rows_of(cells)} if table.prov else {}

    def _cell(self, cell: document.TableCell) -> Cell:
        row, column = cell.start_row_offset_idx, cell.start_col_offset_idx
        try:
            header = cell.column_header or cell.row_header or cell.row_section
            return Cell(row, column, cell.row_span, cell.col_span, header=header)
        except InvalidInput as cause:
            raise UnreadableDocument(
                f"{self.name}: a cell of a table has no place: {cause}"
            ) from cause

    def _places(self, item: document.DocItem, kind: str) -> Iterator[_Placed]:
        """The item on each of its pages, with its share of the text."""
        is_table = "/tables/" in item.self_ref
        text: str = _cells_text(item) if is_table else getattr(item, "text", "")
        selected = IS_SELECTED.get(item.label.value)
        if not text and selected is None and kind not in ("figure", "table"):
            return
        for prov in item.prov:
            start, end = prov.charspan
            share = text[start:end] if len(item.prov) > 1 and min(start, end) >= 0 else text
            if (box := self._box(prov.bbox, prov.page_no)) is None:
                continue
            if selected is None:
                yield prov.page_no, ExternalRegion(box, share, kind)
                continue
            aspect = self.aspects[prov.page_no]
            yield prov.page_no, marked_region(box, share, kind, selected=selected, aspect=aspect)

    def _box(self, bbox: BoundingBox, number: int) -> Box | None:
        if number not in self.sizes:
            raise UnreadableDocument(
                f"{self.name}: an item is on page {number}, which the file does not list; "
                "export it again"
            )
        width, height = self.sizes[number]
        if not all(map(math.isfinite, bbox.as_tuple())):
            raise UnreadableDocument(f"{self.name}: a box on page {number} is not finite: {bbox}")
        corners = bbox.to_top_left_origin(page_height=height)
        points = [(corners.l, corners.t), (corners.r, corners.b)]
        return box_around(points, width=width, height=height)


def _cells_text(table: Any) -> str:
    """A table's text where its cells have no boxes: one line per row."""
    rows: dict[int, list[str]] = defaultdict(list)
    for cell in table.data.table_cells:
        rows[cell.start_row_offset_idx].append(cell.text.strip())
    return "\n".join(CELL_SEPARATOR.join(cells) for _, cells in sorted(rows.items()))


def _by_page(placed: Iterable[_Placed]) -> _ByPage:
    pages: _ByPage = defaultdict(list)
    for number, region in placed:
        pages[number].append(region)
    return pages
