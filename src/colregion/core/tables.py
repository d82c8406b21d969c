"""Tables in a page's region tree: the table around a region, and its header."""

from __future__ import annotations

from colregion.core.regions import Cell, ParsedPage

CELL_SEPARATOR = " | "
"""Between the cells in the text of a row."""


def table_of(parsed: ParsedPage, position: int) -> int | None:
    """Position of the table in which a region is, itself if it is one; None outside tables.

    Args:
        position: of the region in `parsed.regions`.
    """
    while position >= 0:
        if parsed.regions[position].kind == "table" and len(parsed.regions[position].path) == 1:
            return position
        position = int(parsed.parents[position])
    return None


def table_rows(parsed: ParsedPage, table: int) -> list[int]:
    """Positions of a table's rows that are divided into cells, from the top; [] where nothing is
    known of its cells."""
    return [row for row in parsed.parts[table] if _cells(parsed, row)]


def table_header(parsed: ParsedPage, table: int) -> list[int]:
    """Positions of the rows that name the columns of the table at a position; [] without any.

    These are the rows at its top that have header cells only. A lone cell in the first column is
    the head of a section instead.
    """
    header = []
    for row in table_rows(parsed, table):
        cells = _cells(parsed, row)
        lone = len(cells) == 1 and cells[0].column + cells[0].column_span == 1
        if lone or not all(cell.header for cell in cells):
            break
        header.append(row)
    return header


def _cells(parsed: ParsedPage, row: int) -> list[Cell]:
    cells = (parsed.regions[part].cell for part in parsed.parts[row])
    return [cell for cell in cells if cell is not None]
