"""Spreadsheets whose printed pages show every text, from flat OpenDocument.

As LibreOffice prints them, texts are clipped where the next cell is filled, numbers are ### where
their column is narrow, and the columns of a table are apart on several pages.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from copy import deepcopy
from itertools import islice
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement

from colregion.documents.flat_odf import FO, OFFICE, STYLE, SVG, TABLE, TEXT

_NO_HEADING = {f"{TABLE}number-rows-repeated", f"{TABLE}visibility"}
_POINTS = {"in": 72.0, "cm": 72 / 2.54, "mm": 7.2 / 2.54, "pt": 1.0, "pc": 12.0}
_FONT_PT = 10.0
_COLUMN_PT = 64.0

# Widths of text are estimated from above.
_EM_PER_CHARACTER = 0.65
_EM_PER_WIDE_CHARACTER = 1.1
_CELL_PADDING_PT = 18.0
_LINE_EM = 1.35
_LOW_ROW_PT = 20.0
_WIDEST_COLUMN_PT = 500.0  # some eighty characters; longer text is wrapped

_MARGIN_PT = 36.0
_WIDEST_PAGE_PT = 4000.0  # further columns go on other pages, behind the first column
_LOWEST_PAGE_PT = 842.0
_HEIGHT_PER_WIDTH = 0.75
_HEADINGS_WITHIN = 10  # rows


def fit_sheets(root: Element, *, headers: bool = True) -> None:
    """Widen columns to their texts, up to a limit from which text is wrapped, and pages to their
    columns, with the row of column headings on each. Hidden rows, columns and sheets stay so.

    Args:
        headers: whether to print the headers and footers of pages.
    """
    _wrap_cells(root)
    if not headers:
        for master in root.iter(f"{STYLE}master-page"):
            master[:] = []
    fonts_pt, styles_pt = _font_sizes(root), _column_widths(root)
    sheets = root.findall(
        f"{OFFICE}body/{OFFICE}spreadsheet/{TABLE}table"
    )  # charts have tables too
    for number, table in enumerate(sheets, start=1):
        rows = list(_members(table, "row"))
        cells = [(row, list(_cells(row, fonts_pt))) for _, row in rows]
        widths_pt = _set_widths(root, table, _needed_widths(cells), styles_pt)
        _raise_merged_rows(root, cells, widths_pt)
        right_pt, height_pt = _extent_of_drawings(table, rows, widths_pt)
        width_pt = max(sum(widths_pt), right_pt)
        _set_page(root, table, width_pt, height_pt, name=f"colregion-{number}")
        _repeat_headings(rows, [sum(cell.repeats for cell in row) for _, row in cells])
        for key in ("print", "print-ranges"):
            table.attrib.pop(f"{TABLE}{key}", None)


def _wrap_cells(root: Element) -> None:
    for style in _styles(root, "table-cell"):
        properties = _properties(style, "table-cell")
        properties.set(f"{FO}wrap-option", "wrap")
        properties.attrib.pop(f"{STYLE}shrink-to-fit", None)
    for style in _styles(root, "table-row"):
        properties = _properties(style, "table-row")
        properties.set(f"{STYLE}use-optimal-row-height", "true")
        properties.attrib.pop(f"{STYLE}row-height", None)


def _styles(root: Element, family: str) -> Iterator[Element]:
    for kind in ("styles", "automatic-styles"):
        for style in _child(root, f"{OFFICE}{kind}"):
            if style.get(f"{STYLE}family") == family:
                yield style


def _properties(style: Element, family: str) -> Element:
    tag = f"{STYLE}{family}-properties"
    properties = style.find(tag)
    if properties is None:
        properties = Element(tag)
        style.insert(0, properties)
    return properties


def _font_sizes(root: Element) -> Mapping[str, float]:
    """Points of the font of each cell style."""
    sizes: defaultdict[str, float] = defaultdict(lambda: _FONT_PT)
    for style in _styles(root, "table-cell"):  # parents come first
        text = style.find(f"{STYLE}text-properties")
        size = text.get(f"{FO}font-size", "") if text is not None else ""
        parent = sizes[style.get(f"{STYLE}parent-style-name", "")]
        is_share = size.endswith("%")
        points = parent * float(size[:-1]) / 100 if is_share else _points(size, default=parent)
        sizes[style.get(f"{STYLE}name", "")] = points
    return sizes


def _column_widths(root: Element) -> Mapping[str, float]:
    """Points of the width of each column style."""
    return {
        style.get(f"{STYLE}name", ""): _points(
            _properties(style, "table-column").get(f"{STYLE}column-width", ""), default=_COLUMN_PT
        )
        for style in _styles(root, "table-column")
    }


def _points(length: str, *, default: float) -> float:
    match = re.fullmatch(r"([\d.]+)(in|cm|mm|pt|pc)", length)
    return float(match[1]) * _POINTS[match[2]] if match else default


def _members(parent: Element, kind: str) -> Iterator[tuple[Element, Element]]:
    """(parent, element) for each element of rows or of columns in a table, in order."""
    groups = {f"{TABLE}table-{group}" for group in (f"{kind}s", f"{kind}-group", f"header-{kind}s")}
    for child in parent:
        if child.tag == f"{TABLE}table-{kind}":
            yield parent, child
        elif child.tag in groups:
            yield from _members(child, kind)


class _Cell(NamedTuple):
    """A cell with text, or several equal ones side by side: the first column (0-based), the number
    of columns, the columns that each spans, the width of each line of text, and the font."""

    column: int
    repeats: int
    span: int
    lines_pt: list[float]
    font_pt: float


def _cells(row: Element, fonts_pt: Mapping[str, float]) -> Iterator[_Cell]:
    column = 0
    for cell in row:
        count = int(cell.get(f"{TABLE}number-columns-repeated", "1"))
        lines = ["".join(p.itertext()) for p in cell.findall(f"{TEXT}p")]
        if any(lines):
            font_pt = fonts_pt[cell.get(f"{TABLE}style-name", "")]
            lines_pt = [_text_em(line) * font_pt + _CELL_PADDING_PT for line in lines]
            span = int(cell.get(f"{TABLE}number-columns-spanned", "1"))
            yield _Cell(column, count, span, lines_pt, font_pt)
        column += count


def _text_em(text: str) -> float:
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return wide * _EM_PER_WIDE_CHARACTER + (len(text) - wide) * _EM_PER_CHARACTER


def _needed_widths(rows: list[tuple[Element, list[_Cell]]]) -> list[float]:
    """Points that each column needs for its texts, up to the last one with any."""
    needed_pt: defaultdict[int, float] = defaultdict(float)
    for row, cells in rows:
        if row.get(f"{TABLE}visibility") is None:
            for cell in cells:
                # The text of a merged cell is spread evenly over its columns.
                width_pt = min(max(cell.lines_pt) / cell.span, _WIDEST_COLUMN_PT)
                for column in range(cell.column, cell.column + cell.repeats * cell.span):
                    needed_pt[column] = max(needed_pt[column], width_pt)
    return [needed_pt[column] for column in range(max(needed_pt, default=-1) + 1)]


def _set_widths(
    root: Element, table: Element, needed_pt: list[float], styles_pt: Mapping[str, float]
) -> list[float]:
    """Give each column the width that it needs; returns the widths, 0 for hidden columns."""
    needed = iter(needed_pt)
    widths_pt: list[float] = []
    for parent, column in list(_members(table, "column")):
        before_pt = styles_pt.get(column.get(f"{TABLE}style-name", ""), _COLUMN_PT)
        count = int(column.get(f"{TABLE}number-columns-repeated", "1"))
        parts = []
        for width_pt in islice(needed, count):
            part = Element(column.tag, column.attrib)
            part.attrib.pop(f"{TABLE}number-columns-repeated", None)
            width_pt = math.ceil(max(width_pt, before_pt))
            part.set(f"{TABLE}style-name", _size_style(root, "column", "width", width_pt))
            widths_pt.append(width_pt if column.get(f"{TABLE}visibility") is None else 0)
            parts.append(part)
        if count > len(parts):
            column.set(f"{TABLE}number-columns-repeated", str(count - len(parts)))
            parts.append(column)
        at = list(parent).index(column)
        parent[at : at + 1] = parts
    if sum(widths_pt) > _WIDEST_PAGE_PT and table.find(f"{TABLE}table-header-columns") is None:
        _repeat_on_each_page(table, table.find(f"{TABLE}table-column"), "columns")
    return widths_pt


def _raise_merged_rows(
    root: Element, rows: list[tuple[Element, list[_Cell]]], widths_pt: list[float]
) -> None:
    """Give rows the height of the texts in their merged cells, which LibreOffice leaves out."""
    for row, cells in rows:
        heights_pt = [0.0]
        for cell in cells if any(cell.span > 1 for cell in cells) else ():
            room_pt = sum(widths_pt[cell.column : cell.column + cell.span]) - _CELL_PADDING_PT
            count = sum(math.ceil(line / max(room_pt, _CELL_PADDING_PT)) for line in cell.lines_pt)
            heights_pt.append(count * _LINE_EM * cell.font_pt)
        if max(heights_pt) > _LOW_ROW_PT:
            height_pt = math.ceil(max(heights_pt))
            row.set(f"{TABLE}style-name", _size_style(root, "row", "height", height_pt))


def _extent_of_drawings(
    table: Element, rows: list[tuple[Element, Element]], widths_pt: list[float]
) -> tuple[float, float]:
    """The right edge of the rightmost drawing and the height of the highest one, 0 without any."""
    shapes = table.find(f"{TABLE}shapes")
    drawings = [(0, shape) for shape in ([] if shapes is None else shapes)]
    for _, row in rows:
        column = 0
        for cell in row:
            drawings.extend((column, shape) for shape in cell)
            column += int(cell.get(f"{TABLE}number-columns-repeated", "1"))
    right_pt = height_pt = 0.0
    for column, shape in drawings:
        x, width, height = (
            _points(shape.get(f"{SVG}{key}", ""), default=0.0) for key in ("x", "width", "height")
        )
        if width > 0:  # texts have none
            left_pt = sum(widths_pt[:column]) + max(column - len(widths_pt), 0) * _COLUMN_PT
            right_pt, height_pt = max(right_pt, left_pt + x + width), max(height_pt, height)
    return right_pt, height_pt


def _size_style(root: Element, kind: str, side: str, points: int) -> str:
    """The name of the style of a row of this height, or of a column of this width."""
    name = f"colregion-{kind}-{points}"
    styles = _automatic_styles(root)
    if not any(style.get(f"{STYLE}name") == name for style in styles):
        style = SubElement(styles, f"{STYLE}style", {f"{STYLE}name": name})
        style.set(f"{STYLE}family", f"table-{kind}")
        properties = _properties(style, f"table-{kind}")
        properties.set(f"{STYLE}{kind}-{side}", f"{points}pt")
        properties.set(f"{STYLE}use-optimal-{kind}-{side}", "false")
    return name


def _set_page(
    root: Element, table: Element, width_pt: float, height_pt: float, *, name: str
) -> None:
    """Give a sheet pages of its own, for a content of this width and of at least this height."""
    styles, masters = _automatic_styles(root), _child(root, f"{OFFICE}master-styles")
    style = deepcopy(_named(styles, table.get(f"{TABLE}style-name")))
    master = deepcopy(_named(masters, style.get(f"{STYLE}master-page-name")))
    layout = deepcopy(_named(styles, master.get(f"{STYLE}page-layout-name")))
    for element in (style, master, layout):
        element.set(f"{STYLE}name", name)
    master.attrib.pop(f"{STYLE}display-name", None)
    table.set(f"{TABLE}style-name", name)
    style.set(f"{STYLE}master-page-name", name)
    master.set(f"{STYLE}page-layout-name", name)
    page_pt = min(width_pt, _WIDEST_PAGE_PT) + 2 * _MARGIN_PT
    properties = _properties(layout, "page-layout")
    for key in [key for key in properties.attrib if key.startswith(f"{STYLE}scale-to")]:
        del properties.attrib[key]
    properties.set(f"{FO}page-width", f"{page_pt:.0f}pt")
    height_pt = min(height_pt, _WIDEST_PAGE_PT) + 2 * _MARGIN_PT
    height_pt = max(height_pt, _LOWEST_PAGE_PT, _HEIGHT_PER_WIDTH * page_pt)
    properties.set(f"{FO}page-height", f"{height_pt:.0f}pt")
    for side in ("top", "bottom", "left", "right"):
        properties.set(f"{FO}margin-{side}", f"{_MARGIN_PT:.0f}pt")
    styles.extend([layout, style])
    masters.append(master)


def _repeat_headings(rows: list[tuple[Element, Element]], n_texts: list[int]) -> None:
    """Repeat on each page the first row that has texts in most columns, if no row is repeated.

    Args:
        n_texts: how many cells of each row have text.
    """
    if any(parent.tag == f"{TABLE}table-header-rows" for parent, _ in rows):
        return
    single = [
        (parent, row, count)
        for (parent, row), count in zip(rows, n_texts, strict=True)
        if row.attrib.keys().isdisjoint(_NO_HEADING)
    ]
    most = max((count for *_, count in single), default=0)
    for parent, row, count in single[:_HEADINGS_WITHIN]:
        if count >= 2 and 2 * count > most:
            _repeat_on_each_page(parent, row, "rows")
            return


def _repeat_on_each_page(parent: Element, child: Element | None, kind: str) -> None:
    if child is not None:
        headings = Element(f"{TABLE}table-header-{kind}")
        parent[list(parent).index(child)] = headings
        headings.append(child)


def _automatic_styles(root: Element) -> Element:
    return _child(root, f"{OFFICE}automatic-styles")


def _child(root: Element, tag: str) -> Element:
    child = root.find(tag)
    return SubElement(root, tag) if child is None else child


def _named(styles: Element, name: str | None) -> Element:
    return next(style for style in styles if style.get(f"{STYLE}name") == name)
