"""Tables in a page's region tree: the table around a region, its rows and its header."""

from __future__ import annotations

from colregion.core.regions import ParsedPage

CELL_SEPARATOR = " | "
"""Between the cells in the text of a row."""


def table_of(parsed: ParsedPage, position: int) -> int | None:
    """Position of the table in which a region is, itself if it is one; None outside tables.

    Args:
        position: of the region in `parsed.regions`.
    """
    while position >= 0:
        region = parsed.regions[position]
        if region.kind == "table" and region.level == "area":
            return position
        position = int(parsed.parents[position])
    return None


def table_rows(parsed: ParsedPage, table: int) -> list[int]:
    """Positions of a table's rows that are divided into cells, from the top; [] where nothing is
    known of its cells."""
    return [row for row in parsed.parts[table] if parsed.cells_of(row)]


def table_header(parsed: ParsedPage, table: int) -> list[int]:
    """Positions of the rows that name the columns of the table at a position, see
    `ParsedPage.is_header`; [] without any."""
    return [row for row in parsed.parts[table] if parsed.is_header[row]]
