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

from colregion.documents.flat_odf import FO, OFFICE, STYLE, TABLE, TEXT

_ROW_GROUPS = {f"{TABLE}table-{kind}" for kind in ("rows", "row-group", "header-rows")}
_NO_HEADING = {f"{TABLE}number-rows-repeated", f"{TABLE}visibility"}
_POINTS = {"in": 72.0, "cm": 72 / 2.54, "mm": 7.2 / 2.54, "pt": 1.0, "pc": 12.0}
_FONT_PT = 10.0
_COLUMN_PT = 64.0

# Widths of text are estimated from above.
_EM_PER_CHARACTER = 0.65
_EM_PER_WIDE_CHARACTER = 1.1
_CELL_PADDING_PT = 18.0
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
    fonts_pt, widths_pt = _font_sizes(root), _column_widths(root)
    for number, table in enumerate(root.iter(f"{TABLE}table"), start=1):
        rows = list(_rows(table))
        needed_pt = _needed_widths([row for _, row in rows], fonts_pt)
        width_pt = _set_widths(root, table, needed_pt, widths_pt)
        _set_page(root, table, width_pt, name=f"colregion-{number}")
        _repeat_headings(table, rows)
        table.attrib.pop(f"{TABLE}print-ranges", None)


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
    for kind in ("default-style", "style"):
        for style in root.iter(f"{STYLE}{kind}"):
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


def _rows(table: Element) -> Iterator[tuple[Element, Element]]:
    """(parent, row) for each element of rows, in order."""
    for child in table:
        if child.tag == f"{TABLE}table-row":
            yield table, child
        elif child.tag in _ROW_GROUPS:
            yield from _rows(child)


class _Cell(NamedTuple):
    """A cell, or several equal ones side by side: its first column (0-based), the number of
    columns, the columns that each spans, and the width of its text."""

    column: int
    count: int
    span: int
    width_pt: float


def _cells(row: Element, fonts_pt: Mapping[str, float]) -> Iterator[_Cell]:
    """The cells with text."""
    column = 0
    for cell in row:
        count = int(cell.get(f"{TABLE}number-columns-repeated", "1"))
        lines = ["".join(p.itertext()) for p in cell.findall(f"{TEXT}p")]
        if any(lines):
            em = max(map(_text_em, lines))
            width_pt = em * fonts_pt[cell.get(f"{TABLE}style-name", "")] + _CELL_PADDING_PT
            span = int(cell.get(f"{TABLE}number-columns-spanned", "1"))
            yield _Cell(column, count, span, width_pt)
        column += count


def _text_em(text: str) -> float:
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return wide * _EM_PER_WIDE_CHARACTER + (len(text) - wide) * _EM_PER_CHARACTER


def _needed_widths(rows: list[Element], fonts_pt: Mapping[str, float]) -> list[float]:
    """Points that each column needs for its texts, up to the last one with any."""
    needed_pt: defaultdict[int, float] = defaultdict(float)
    for row in rows:
        if row.get(f"{TABLE}visibility") is None:
            for cell in _cells(row, fonts_pt):
                # The text of a merged cell is spread evenly over its columns.
                width_pt = min(cell.width_pt / cell.span, _WIDEST_COLUMN_PT)
                for column in range(cell.column, cell.column + cell.count * cell.span):
                    needed_pt[column] = max(needed_pt[column], width_pt)
    return [needed_pt[column] for column in range(max(needed_pt, default=-1) + 1)]


def _set_widths(
    root: Element, table: Element, needed_pt: list[float], widths_pt: Mapping[str, float]
) -> float:
    """Give each column its width; returns the sum over those that are visible."""
    needed = iter(needed_pt)
    total_pt = 0.0
    for parent in list(table.iter()):
        children = list(parent)
        if not any(child.tag == f"{TABLE}table-column" for child in children):
            continue
        parent[:] = []
        for child in children:
            if child.tag != f"{TABLE}table-column":
                parent.append(child)
                continue
            before_pt = widths_pt.get(child.get(f"{TABLE}style-name", ""), _COLUMN_PT)
            count = int(child.get(f"{TABLE}number-columns-repeated", "1"))
            for width_pt in islice(needed, count):
                count -= 1
                width_pt = math.ceil(max(width_pt, before_pt))
                one = SubElement(parent, child.tag, child.attrib)
                one.attrib.pop(f"{TABLE}number-columns-repeated", None)
                one.set(f"{TABLE}style-name", _column_style(root, width_pt))
                total_pt += width_pt if child.get(f"{TABLE}visibility") is None else 0
            if count:
                child.set(f"{TABLE}number-columns-repeated", str(count))
                parent.append(child)
    if total_pt > _WIDEST_PAGE_PT and table.find(f".//{TABLE}table-header-columns") is None:
        _repeat_on_each_page(table, table.find(f"{TABLE}table-column"), "columns")
    return total_pt


def _column_style(root: Element, width_pt: int) -> str:
    name = f"colregion-column-{width_pt}"
    styles = _automatic_styles(root)
    if not any(style.get(f"{STYLE}name") == name for style in styles):
        style = SubElement(styles, f"{STYLE}style", {f"{STYLE}name": name})
        style.set(f"{STYLE}family", "table-column")
        _properties(style, "table-column").set(f"{STYLE}column-width", f"{width_pt}pt")
    return name


def _set_page(root: Element, table: Element, width_pt: float, *, name: str) -> None:
    """Give a sheet a page of its own that is as wide as its columns."""
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
    height_pt = max(_LOWEST_PAGE_PT, _HEIGHT_PER_WIDTH * page_pt)
    properties.set(f"{FO}page-height", f"{height_pt:.0f}pt")
    for side in ("top", "bottom", "left", "right"):
        properties.set(f"{FO}margin-{side}", f"{_MARGIN_PT:.0f}pt")
    styles.extend([layout, style])
    masters.append(master)


def _repeat_headings(table: Element, rows: list[tuple[Element, Element]]) -> None:
    """Repeat on each page the first row that has texts in most columns, if no row is repeated."""
    if table.find(f".//{TABLE}table-header-rows") is not None:
        return
    single = [one for one in rows if one[1].attrib.keys().isdisjoint(_NO_HEADING)]
    counts = [sum(cell.count for cell in _cells(row, defaultdict(float))) for _, row in single]
    for (parent, row), count in islice(zip(single, counts, strict=True), _HEADINGS_WITHIN):
        if count >= 2 and 2 * count > max(counts):
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
