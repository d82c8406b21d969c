"""Cells of docling's tables: their places, and the items in them, check boxes above all.

Docling lists a check box as an item of its own, below the table or beside it, and leaves the text
of its cell empty. A cell of several items ("rich") refers to them and may have no box.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from colregion.core.geometry import Box
from colregion.core.regions import Word
from colregion.parsers.external.check_marks import mark_at, text_with_marks
from colregion.parsers.layout.areas import smallest_containers

if TYPE_CHECKING:
    from docling_core.types.doc import BoundingBox, DoclingDocument
    from docling_core.types.doc.document import TableCell, TableItem

IS_SELECTED: Mapping[str, bool] = {"checkbox_selected": True, "checkbox_unselected": False}
"""State of the items with these labels; others are no check boxes."""


@dataclass(frozen=True, slots=True)
class CellContent:
    """What a cell has.

    Args:
        marks: its check boxes; the text has them too unless there is one only.
    """

    cell: TableCell
    box: Box
    text: str
    marks: tuple[Word, ...] = ()


class TableCells:
    """Reads the cells of tables.

    Args:
        box_of: converts a box on a page; None for one without an area.
        aspects: width over height of each page.
    """

    def __init__(
        self,
        document: DoclingDocument,
        *,
        box_of: Callable[[BoundingBox, int], Box | None],
        aspects: Mapping[int, float],
    ) -> None:
        self.document = document
        self.box_of = box_of
        self.aspects = aspects
        self.checks: dict[int, list[tuple[Any, Box]]] = defaultdict(list)
        for item in document.texts:
            if item.label.value in IS_SELECTED and item.prov:
                number = item.prov[0].page_no
                if box := box_of(item.prov[0].bbox, number):
                    self.checks[number].append((item, box))

    def read(self, table: TableItem) -> tuple[list[CellContent], set[str]]:
        """The cells with a box, and what refers to the items in them; none for a table without a
        place."""
        if not table.prov:
            return [], set()
        number = table.prov[0].page_no
        cells = table.data.table_cells
        inner = [list(self._texts_below(cell)) for cell in cells]
        boxes = self._boxes(cells, inner, number)
        placed = [(i, box) for i, box in enumerate(boxes) if box]
        checks = self.checks.get(number, [])
        owners = smallest_containers([box for _, box in checks], [box for _, box in placed])
        own: dict[int, list[tuple[Any, Box]]] = defaultdict(list)
        for check, owner in zip(checks, owners, strict=True):
            if owner >= 0:
                own[placed[owner][0]].append(check)
        items = [item for i, _ in placed for item in (*inner[i], *(item for item, _ in own[i]))]
        contents = [self._content(cells[i], box, inner[i], own[i], number) for i, box in placed]
        return contents, {item.self_ref for item in items}

    def _content(
        self,
        cell: TableCell,
        box: Box,
        inner: Sequence[Any],
        checks: Sequence[tuple[Any, Box]],
        number: int,
    ) -> CellContent:
        text = cell.text.strip() or " ".join(filter(None, (item.text.strip() for item in inner)))
        aspect = self.aspects[number]
        pairs = [
            (mark, item.text)
            for item, place in checks
            if (mark := mark_at(place, selected=IS_SELECTED[item.label.value], aspect=aspect))
        ]
        if pairs:
            text = text_with_marks(text, pairs)
        return CellContent(cell, box, text, tuple(mark for mark, _ in pairs))

    def _texts_below(self, cell: TableCell) -> Iterator[Any]:
        """The texts that a rich cell refers to, in order."""
        pending = [ref] if (ref := getattr(cell, "ref", None)) else []
        visited: set[str] = set()
        while pending:
            ref = pending.pop()
            if ref.cref in visited:
                continue
            visited.add(ref.cref)
            node = ref.resolve(self.document)
            if "/texts/" in node.self_ref:
                yield node
            pending += reversed(node.children)

    def _boxes(
        self, cells: Sequence[TableCell], inner: Sequence[Sequence[Any]], number: int
    ) -> list[Box | None]:
        """The box of each cell: docling's, else around its items, else where its row and its
        column cross; None where none is known."""
        boxes = [
            (cell.bbox and self.box_of(cell.bbox, number)) or self._around(items, number)
            for cell, items in zip(cells, inner, strict=True)
        ]
        rows: dict[int, list[Box]] = defaultdict(list)
        columns: dict[int, list[Box]] = defaultdict(list)
        for cell, box in zip(cells, boxes, strict=True):
            if box and cell.row_span == 1:
                rows[cell.start_row_offset_idx].append(box)
            if box and cell.col_span == 1:
                columns[cell.start_col_offset_idx].append(box)
        return [
            box or _crossing(rows[cell.start_row_offset_idx], columns[cell.start_col_offset_idx])
            for cell, box in zip(cells, boxes, strict=True)
        ]

    def _around(self, items: Sequence[Any], number: int) -> Box | None:
        places = [prov for item in items for prov in item.prov if prov.page_no == number]
        boxes = [box for prov in places if (box := self.box_of(prov.bbox, number))]
        return Box.enclosing(boxes) if boxes else None


def _crossing(row: Sequence[Box], column: Sequence[Box]) -> Box | None:
    if not row or not column:
        return None
    across, down = Box.enclosing(row), Box.enclosing(column)
    return Box(down.x0, across.y0, down.x1, across.y1)
