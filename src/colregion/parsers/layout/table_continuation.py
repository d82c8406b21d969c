"""Tables that go on at the top of the next page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from colregion.core.geometry import Box
from colregion.core.regions import ParsedPage, Region
from colregion.core.tables import table_header, table_rows
from colregion.parsers.layout.table_pieces import is_value

_MARGIN_KINDS = ("header", "footer")
_MARGIN_LINE = 40  # characters of a line at a page's end that may be a page number or "continued"
_SAME_COLUMN = 0.5  # overlap of two columns, as a share of the narrower
_CONTINUED = ("continued", "cont.", "cont'd", "fortsetzung", "suite", "continua", "продолж", "続")


@dataclass(frozen=True, slots=True)
class _Open:
    """A table at the end of a page."""

    header: str  # its names, one row per line
    captions: frozenset[str]
    columns: list[tuple[float, float]]
    rows: int  # so far
    page: int


def carry_tables(pages: Iterable[ParsedPage]) -> Iterator[ParsedPage]:
    """The pages of a document in order, with each table that goes on from the page before marked:
    `continues` is set, and its rows count on.

    Such a table is the first thing on its page, has the columns of the last one on the page before
    and either the same header or none. In the latter case the header becomes the start of its text
    (see `ParsedPage.table_headers`). Pages that this has been done to do not change.
    """
    last: _Open | None = None
    for page in pages:
        first, bottom = _outer_tables(page)
        if last and first is not None and page.page.number == last.page + 1:
            page = _continued(page, first, last)
        yield page
        last = None if bottom is None else _open_table(page, bottom)


def _outer_tables(parsed: ParsedPage) -> tuple[int | None, int | None]:
    """Positions of the first and of the last area if these are tables with cells, None for others
    and without areas; apart from headers, footers and short lines."""
    areas = [i for i, region in enumerate(parsed.regions) if len(region.path) == 1]
    areas = [i for i in areas if not _is_margin(parsed.regions[i])]
    if not areas:
        return None, None
    first, last = areas[0], areas[-1]
    return (
        first if table_rows(parsed, first) else None,
        last if table_rows(parsed, last) else None,
    )


def _is_margin(region: Region) -> bool:
    return region.kind in _MARGIN_KINDS or (
        region.kind != "table" and "\n" not in region.text and len(region.text) <= _MARGIN_LINE
    )


def _open_table(parsed: ParsedPage, table: int) -> _Open:
    rows = table_rows(parsed, table)
    return _Open(
        parsed.table_headers.get(table, ""),
        _captions(parsed, table),
        _columns(parsed, rows),
        max(c.row + c.row_span for row in rows for c in parsed.cells_of(row)),
        parsed.page.number,
    )


def _captions(parsed: ParsedPage, table: int) -> frozenset[str]:
    rows = set(table_rows(parsed, table))
    return frozenset(parsed.regions[i].text for i in parsed.parts[table] if i not in rows)


def _columns(parsed: ParsedPage, rows: list[int]) -> list[tuple[float, float]]:
    """Where each column starts and ends along the lines, as fractions of the page."""
    is_sideways = parsed.page.quarter_turns % 2 == 1
    spans: dict[int, tuple[float, float]] = {}
    for row in rows:
        for part in parsed.parts[row]:
            region = parsed.regions[part]
            if region.cell and region.cell.column_span == 1:
                start, end = _along(region.box, is_sideways=is_sideways)
                before = spans.get(region.cell.column, (start, end))
                spans[region.cell.column] = min(start, before[0]), max(end, before[1])
    return [spans[column] for column in sorted(spans)]


def _along(box: Box, *, is_sideways: bool) -> tuple[float, float]:
    return (box.y0, box.y1) if is_sideways else (box.x0, box.x1)


def _continued(parsed: ParsedPage, table: int, last: _Open) -> ParsedPage:
    """The page with its first table as a part of the last one on the page before, if it is."""
    region = parsed.regions[table]
    rows = table_rows(parsed, table)
    if region.continues or not _same_columns(_columns(parsed, rows), last.columns):
        return parsed
    captions = _captions(parsed, table) - last.captions
    if any(not any(sign in text.lower() for sign in _CONTINUED) for text in captions):
        return parsed
    own = parsed.table_headers.get(table, "")
    is_repeated = own == last.header
    demoted = [] if is_repeated or not own else table_header(parsed, table)
    if demoted and any(_has_values(parsed, row) for row in rows):
        return parsed
    regions = list(parsed.regions)
    text = region.text if is_repeated or not last.header else f"{last.header}\n{region.text}"
    regions[table] = replace(region, continues=True, text=text)
    # A source that has the table as one has counted its rows on already.
    shift = max(last.rows - min(cell.row for row in rows for cell in parsed.cells_of(row)), 0)
    for row in rows:
        for part in parsed.parts[row]:
            if cell := parsed.regions[part].cell:
                header = cell.header and (row not in demoted or cell.column == 0)
                cell = replace(cell, row=cell.row + shift, header=header)
                regions[part] = replace(regions[part], cell=cell)
    return replace(parsed, regions=tuple(regions))


def _same_columns(columns: list[tuple[float, float]], others: list[tuple[float, float]]) -> bool:
    return len(columns) == len(others) and all(
        min(a[1], b[1]) - max(a[0], b[0]) >= _SAME_COLUMN * min(a[1] - a[0], b[1] - b[0])
        for a, b in zip(columns, others, strict=True)
    )


def _has_values(parsed: ParsedPage, row: int) -> bool:
    cells = (parsed.regions[part] for part in parsed.parts[row])
    return any(is_value(each.text) for each in cells if each.cell and each.cell.column > 0)
