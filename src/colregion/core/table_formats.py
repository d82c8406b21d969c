"""Regions as Markdown and HTML: tables as tables, a row with its header, others as paragraphs."""

from __future__ import annotations

import html
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, takewhile
from typing import TypeAlias

from colregion.core.regions import ParsedPage, Region
from colregion.core.tables import (
    CELL_SEPARATOR,
    table_header,
    table_of,
    table_rows,
)

_MARKUP = re.compile(r"[\\`*\[\]<>|~]|(?<![^\W_])_|_(?![^\W_])|^(?:#|[-+=>](?=\s))")
_ITEM = re.compile(r"^(\d+)([.)])(?=\s)")


def to_markdown(parsed: ParsedPage, region: Region) -> str:
    """A region of the page as GitHub's Markdown, with markup in its text escaped.

    A table becomes a table, a row of it (or several, merged) a table of its header and that, any
    other region paragraphs. Cells that cover several rows or columns are repeated in each of them;
    rows of the header are joined. Titles, captions and notes of a table are paragraphs.
    """
    return "\n\n".join(
        _escaped(part) if isinstance(part, str) else _markdown_table(part)
        for part in _parts(parsed, region)
    )


def to_html(parsed: ParsedPage, region: Region) -> str:
    """A region of the page as HTML, with markup in its text escaped; as `to_markdown`, with the
    spans of its cells as colspan and rowspan."""
    return "\n".join(
        f"<p>{_markup(part)}</p>" if isinstance(part, str) else _html_table(part)
        for part in _parts(parsed, region)
    )


def paragraphs_and_tables(parsed: ParsedPage, region: Region) -> Iterator[str | list[list[str]]]:
    """The paragraphs of a region, and its table as the texts of its rows, all of one length: first
    the names of the columns, "" where there are none. In reading order, divided as `to_markdown`
    divides it."""
    for part in _parts(parsed, region):
        yield part if isinstance(part, str) else _texts(part)


@dataclass(frozen=True, eq=False)
class _Cell:
    text: str
    header: bool


_Row: TypeAlias = list[_Cell | None]
"""The cell in each column, None for a blank one."""


@dataclass(frozen=True, eq=False)
class _Table:
    header: list[_Row]
    body: list[_Row]


def _parts(parsed: ParsedPage, region: Region) -> Iterator[str | _Table]:
    """The paragraphs and the table of a region, in reading order."""
    position = parsed.positions.get(region.path)
    table = None if position is None else table_of(parsed, position)
    rows = [] if table is None else table_rows(parsed, table)
    own_rows = rows if position == table and not region.parts else _own_rows(parsed, region, rows)
    if table is None or not own_rows:
        yield from filter(None, region.text.split("\n\n"))
        return
    grid = dict(zip(rows, _grid(parsed, rows), strict=True))
    header = table_header(parsed, table)
    named = [grid[row] for row in header] or _names(parsed.table_headers.get(table, ""))
    whole = _Table(named, [grid[row] for row in own_rows if row not in header])
    for is_row, parts in groupby(parsed.parts[table], key=grid.__contains__):
        if is_row:
            yield whole
        elif own_rows == rows:
            yield from filter(None, (parsed.regions[part].text for part in parts))


def _own_rows(parsed: ParsedPage, region: Region, rows: Sequence[int]) -> list[int]:
    """The rows that a region is, or is merged of; [] if it is anything else."""
    own = [row for row in rows if parsed.regions[row].box in region.boxes]
    return own if len(own) == len(region.boxes) else []


def _grid(parsed: ParsedPage, rows: Sequence[int]) -> list[_Row]:
    """The rows of a table, without columns in which no cell starts or ends. A cell at a place that
    is taken is joined to the one there."""
    placed = [
        (cell, parsed.regions[part].text)
        for row in rows
        for part in parsed.parts[row]
        if (cell := parsed.regions[part].cell)
    ]
    edges = sorted({x for c, _ in placed for x in (c.column, c.column + c.column_span)})
    column_of = {edge: i for i, edge in enumerate(edges)}
    numbers = [min(cell.row for cell in parsed.cells_of(row)) for row in rows]
    grid: list[_Row] = [[None] * (len(edges) - 1) for _ in rows]
    for cell, text in placed:
        first, last = (column_of[x] for x in (cell.column, cell.column + cell.column_span))
        top = bisect_left(numbers, cell.row)
        taken = grid[top][first]
        content = _Cell(f"{taken.text} {text}" if taken else text, cell.header)
        for line in grid[top : bisect_left(numbers, cell.row + cell.row_span)]:
            line[first:last] = [
                content if there is taken or there is None else there for there in line[first:last]
            ]
    return grid


def _names(text: str) -> list[_Row]:
    """Header rows of a table that has them only as text."""
    return [
        [_Cell(name, header=True) for name in line.split(CELL_SEPARATOR)]
        for line in text.splitlines()
    ]


def _escaped(text: str) -> str:
    lines = (_MARKUP.sub(r"\\\g<0>", line.strip()) for line in text.splitlines())
    return "\n".join(_ITEM.sub(r"\1\\\2", line) for line in lines)


def _markdown_table(table: _Table) -> str:
    names, *body = ([_escaped(text).replace("\n", " ") for text in row] for row in _texts(table))
    lines = [names, ["---"] * len(names), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _texts(table: _Table) -> list[list[str]]:
    width = max(map(len, (*table.header, *table.body)))
    names = []
    for column in range(width):
        cells = [row[column] for row in table.header if column < len(row)]
        names.append(" ".join(dict.fromkeys(cell.text for cell in cells if cell)))
    body = [[cell.text if cell else "" for cell in row] for row in table.body]
    return [[*row, *[""] * (width - len(row))] for row in (names, *body)]


def _markup(text: str) -> str:
    return html.escape(text).replace("\n", "<br>")


def _html_table(table: _Table) -> str:
    head, body = _html_rows(table.header), _html_rows(table.body)
    thead = f"<thead>{head}</thead>" if head else ""
    return f"<table>{thead}<tbody>{body}</tbody></table>"


def _html_rows(rows: Sequence[_Row]) -> str:
    shown = []
    for at, row in enumerate(rows):
        above = rows[at - 1] if at else []
        cells = []
        column = 0
        while column < len(row):
            cell = row[column]
            n_columns = _run(cell, row[column:]) if cell else 1
            if cell is None:
                cells.append("<td></td>")
            elif not (column < len(above) and above[column] is cell):
                # Header rows that are known as text only differ in length.
                below = (line[column] if column < len(line) else None for line in rows[at:])
                cells.append(_html_cell(cell, rows=_run(cell, below), columns=n_columns))
            column += n_columns
        shown.append(f"<tr>{''.join(cells)}</tr>")
    return "".join(shown)


def _run(cell: _Cell, cells: Iterable[_Cell | None]) -> int:
    """How many of the first cells are this one."""
    return sum(1 for _ in takewhile(lambda one: one is cell, cells))


def _html_cell(cell: _Cell, *, rows: int, columns: int) -> str:
    tag = "th" if cell.header else "td"
    spans = (f' rowspan="{rows}"' if rows > 1 else "") + (
        f' colspan="{columns}"' if columns > 1 else ""
    )
    return f"<{tag}{spans}>{_markup(cell.text)}</{tag}>"
