"""A table of two header rows, a head of a section and a row, after a paragraph."""

from __future__ import annotations

import pytest

from colregion.core.geometry import Box
from colregion.core.regions import Cell, ParsedPage, Region
from colregion.core.tables import table_header, table_of, table_rows
from colregion.testing import make_page

BOX = Box(0.1, 0.1, 0.9, 0.9)


def region(path: tuple[int, ...], kind: str, cell: Cell | None = None) -> Region:
    return Region("doc#p1", path, BOX, "text", kind, cell=cell)


def page(*regions: Region) -> ParsedPage:
    return ParsedPage(make_page(), (), regions)


PAGE = page(
    region((1,), "text"),
    region((2,), "table"),
    region((2, 1), "caption"),
    region((2, 1, 1), "caption"),
    region((2, 2), "row"),
    region((2, 2, 1), "row", Cell(0, 1, column_span=2, header=True)),
    region((2, 3), "row"),
    region((2, 3, 1), "row", Cell(1, 1, header=True)),
    region((2, 3, 2), "row", Cell(1, 2, header=True)),
    region((2, 4), "row"),
    region((2, 4, 1), "row", Cell(2, 0, header=True)),
    region((2, 5), "row"),
    region((2, 5, 1), "row", Cell(3, 0, header=True)),
    region((2, 5, 2), "row", Cell(3, 1)),
)


@pytest.mark.parametrize(("position", "table"), [(0, None), (1, 1), (3, 1), (4, 1), (13, 1)])
def test_table_of_a_region_is_the_area_around_it(position: int, table: int | None) -> None:
    assert table_of(PAGE, position) == table


def test_rows_of_a_table_are_those_with_cells() -> None:
    assert table_rows(PAGE, 1) == [4, 6, 9, 11]


def test_header_of_a_table_ends_before_the_head_of_a_section() -> None:
    assert table_header(PAGE, 1) == [4, 6]


def test_table_without_cells_has_neither_rows_nor_header() -> None:
    lone = page(region((1,), "table"), region((1, 1), "row"), region((1, 1, 1), "row"))

    assert table_rows(lone, 0) == []
    assert table_header(lone, 0) == []
