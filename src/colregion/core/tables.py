"""Tables in a page's region tree: the table around a region, its rows and its header."""

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
        region = parsed.regions[position]
        if region.kind == "table" and region.level == "area":
            return position
        position = int(parsed.parents[position])
    return None


def table_rows(parsed: ParsedPage, table: int) -> list[int]:
    """Positions of the rows of the table at a position that are divided into cells, from the top;
    [] where nothing is known of its cells."""
    return [row for row in parsed.parts[table] if row_cells(parsed, row)]


def table_header(parsed: ParsedPage, table: int) -> list[int]:
    """Positions of the rows that name the columns of the table at a position; [] without any.

    These are the rows at its top that have header cells only. Below one of them, a lone cell that
    starts in the first column is the head of a section instead, as is one of that column only.
    """
    header: list[int] = []
    for row in table_rows(parsed, table):
        cells = row_cells(parsed, row)
        lone = len(cells) == 1 and cells[0].column == 0
        is_head = lone and (header or cells[0].column_span == 1)
        if is_head or not all(cell.header for cell in cells):
            break
        header.append(row)
    return header


def header_text(parsed: ParsedPage, table: int) -> str:
    """The names of the columns of the table at a position, one header row per line; "" without.

    A table that continues one of an earlier page without repeating its header has the header's
    lines at the start of its own text, and no regions for them.
    """
    header = table_header(parsed, table)
    if header:
        return "\n".join(parsed.regions[row].text for row in header)
    region = parsed.regions[table]
    own = "\n".join(parsed.regions[part].text for part in parsed.parts[table])
    return region.text.removesuffix(own).rstrip("\n") if region.continues else ""


def row_cells(parsed: ParsedPage, row: int) -> list[Cell]:
    """The cells that start in the row at a position, from the left; [] for another region."""
    cells = (parsed.regions[part].cell for part in parsed.parts[row])
    return [cell for cell in cells if cell is not None]
