"""Spreadsheets in flat OpenDocument, fitted to their texts; without LibreOffice."""

from __future__ import annotations

from xml.etree.ElementTree import Element, fromstring

import pytest

from colregion.documents.flat_odf import FO, OFFICE, STYLE, TABLE, hide_deleted, write_flat
from colregion.documents.sheets import fit_sheets
from tests.documents.office_files import ODF

STYLES = """
<office:styles><style:style style:name="Default" style:family="table-cell"/></office:styles>
<office:automatic-styles>
 <style:style style:name="big" style:family="table-cell" style:parent-style-name="Default">
  <style:text-properties fo:font-size="20pt"/></style:style>
 <style:style style:name="co1" style:family="table-column">
  <style:table-column-properties style:column-width="1in"/></style:style>
 <style:style style:name="ro1" style:family="table-row">
  <style:table-row-properties style:row-height="4pt" style:use-optimal-row-height="false"/>
 </style:style>
 <style:style style:name="ta1" style:family="table" style:master-page-name="M"/>
 <style:page-layout style:name="pm1"><style:page-layout-properties style:scale-to="50%"/>
 </style:page-layout>
</office:automatic-styles>
<office:master-styles><style:master-page style:name="M" style:page-layout-name="pm1">
 <style:header>Page</style:header></style:master-page></office:master-styles>
"""


def fitted(table: str, *, headers: bool = True) -> Element:
    sheet = f'<table:table table:style-name="ta1" table:print-ranges="A1">{table}</table:table>'
    body = f"<office:body><office:spreadsheet>{sheet}</office:spreadsheet></office:body>"
    root = fromstring(f"<office:document {ODF}>{STYLES}{body}</office:document>")
    fit_sheets(root, headers=headers)
    return root


def row(*texts: str, attributes: str = "") -> str:
    cells = "".join(
        f"<table:table-cell><text:p>{text}</text:p></table:table-cell>" for text in texts
    )
    return f'<table:table-row table:style-name="ro1"{attributes}>{cells}</table:table-row>'


def columns(count: int, attributes: str = "") -> str:
    repeated = f'table:number-columns-repeated="{count}"'
    return f'<table:table-column table:style-name="co1" {repeated}{attributes}/>'


def style_of(root: Element, element: Element) -> Element:
    styles = root.findall(f"{OFFICE}automatic-styles/{STYLE}style")
    name = element.get(f"{TABLE}style-name")
    (style,) = (style for style in styles if style.get(f"{STYLE}name") == name)
    return style


def widths(root: Element) -> list[str | None]:
    """Of the columns of the sheet that are not repeated."""
    return [
        style_of(root, column)[0].get(f"{STYLE}column-width")
        for column in root.iter(f"{TABLE}table-column")
        if column.get(f"{TABLE}number-columns-repeated") is None
    ]


def page_size(root: Element) -> tuple[str | None, str | None]:
    (table, *_) = root.iter(f"{TABLE}table")
    name = style_of(root, table).get(f"{STYLE}master-page-name")
    (layout,) = (x for x in root.iter(f"{STYLE}page-layout") if x.get(f"{STYLE}name") == name)
    assert layout[0].get(f"{STYLE}scale-to") is None
    return layout[0].get(f"{FO}page-width"), layout[0].get(f"{FO}page-height")


# A character is .65 of the font's ten points wide, a cell 18 points more than its text.
def test_columns_are_as_wide_as_their_texts_or_as_before() -> None:
    root = fitted(columns(9) + row("ab", "a" * 20, "", "a" * 100))
    assert widths(root) == ["72pt", "148pt", "72pt", "500pt"]  # 31, 148, 0, 668
    assert page_size(root) == ("864pt", "842pt")  # 792 and twice 36
    (rest,) = (x for x in root.iter(f"{TABLE}table-column") if len(x.attrib) == 2)
    assert rest.get(f"{TABLE}number-columns-repeated") == "5"
    (table,) = root.iter(f"{TABLE}table")
    assert table.get(f"{TABLE}print-ranges") is None


def test_wide_characters_and_large_fonts_need_more() -> None:
    root = fitted(
        columns(2)
        + row("測" * 20, "a" * 20).replace(
            "cell><text:p>a", 'cell table:style-name="big"><text:p>a'
        )
    )
    assert widths(root) == ["238pt", "278pt"]  # 20 * 11 + 18, 20 * 13 + 18


def test_columns_in_groups_keep_their_order() -> None:
    group = f"<table:table-column-group>{columns(1)}</table:table-column-group>"
    root = fitted(columns(1) + group + columns(1) + row("a" * 20, "a" * 30, "a" * 40))
    assert widths(root) == ["148pt", "213pt", "278pt"]


def test_hidden_columns_and_rows_do_not_count() -> None:
    hidden = ' table:visibility="collapse"'
    long = row("a" * 90, attributes=hidden)
    root = fitted(columns(1) + columns(1, hidden) + row("ab", "a" * 90) + long)
    assert page_size(root) == ("144pt", "842pt")  # one inch and the margins


def test_every_cell_wraps_and_every_row_takes_the_height_of_its_text() -> None:
    root = fitted(columns(1) + row("a"))
    cells = [x.get(f"{FO}wrap-option") for x in root.iter(f"{STYLE}table-cell-properties")]
    assert cells == ["wrap", "wrap"]
    (height,) = root.iter(f"{STYLE}table-row-properties")
    assert height.attrib == {f"{STYLE}use-optimal-row-height": "true"}


def test_a_row_is_as_high_as_the_text_of_its_merged_cells() -> None:
    merged = row("a" * 400).replace("-cell>", '-cell table:number-columns-spanned="2">', 1)
    root = fitted(columns(2) + merged + row("b", "c"))
    assert widths(root) == ["500pt", "500pt"]
    (first, second) = root.iter(f"{TABLE}table-row")
    # 400 * 6.5 + 18 points in lines of 982 are three lines of 13.5.
    assert style_of(root, first)[0].get(f"{STYLE}row-height") == "41pt"
    assert second.get(f"{TABLE}style-name") == "ro1"


@pytest.mark.parametrize("place", ["cell", "sheet"])
def test_a_page_is_as_large_as_the_drawings_on_it(place: str) -> None:
    frame = '<draw:frame svg:x="100pt" svg:y="0pt" svg:width="1500pt" svg:height="2000pt"/>'
    if place == "sheet":
        root = fitted(f"<table:shapes>{frame}</table:shapes>" + columns(3) + row("a", "b", "c"))
        assert page_size(root) == ("1672pt", "2072pt")
    else:
        cell = f"<table:table-cell>{frame}</table:table-cell></table:table-row>"
        root = fitted(columns(3) + row("a", "b").replace("</table:table-row>", cell))
        assert page_size(root) == ("1816pt", "2072pt")  # behind two columns of an inch


def test_the_table_of_a_chart_is_no_sheet() -> None:
    chart = (
        "<table:shapes><draw:frame><draw:object><office:document><table:table><table:table-header-rows>"
        f"{row('x')}</table:table-header-rows></table:table></office:document></draw:object>"
        "</draw:frame></table:shapes>"
    )
    root = fitted(chart + columns(2) + row("Name", "Price") + row("a", "1"))
    headings = list(root.iter(f"{TABLE}table-header-rows"))
    assert ["".join(one.itertext()) for one in headings] == ["x", "NamePrice"]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("Stock",), ("Name", "Price"), ("a", "1")], ["NamePrice"]),
        ([("a",), ("b",)], []),
        ([*[("x",)] * 10, ("Name", "Price")], []),
    ],
)
def test_the_first_row_with_most_columns_is_repeated(
    rows: list[tuple[str, ...]], expected: list[str]
) -> None:
    root = fitted(columns(2) + "".join(row(*texts) for texts in rows))
    headings = root.iter(f"{TABLE}table-header-rows")
    assert ["".join(one.itertext()) for one in headings] == expected


def test_headings_that_the_author_repeats_stay() -> None:
    own = f"<table:table-header-rows>{row('Stock')}</table:table-header-rows>"
    root = fitted(columns(2) + own + row("Name", "Price") + row("a", "1"))
    headings = root.iter(f"{TABLE}table-header-rows")
    assert ["".join(one.itertext()) for one in headings] == ["Stock"]


def test_the_first_column_of_a_very_wide_sheet_is_repeated() -> None:
    root = fitted(columns(60) + row(*["a" * 20] * 60))
    (repeated,) = root.iter(f"{TABLE}table-header-columns")
    assert len(repeated) == 1
    assert page_size(root) == ("4072pt", "3054pt")


def test_headers_of_pages_can_be_left_out() -> None:
    assert [len(x) for x in fitted(row("a")).iter(f"{STYLE}master-page")] == [1, 1]
    assert [len(x) for x in fitted(row("a"), headers=False).iter(f"{STYLE}master-page")] == [0, 0]


def test_what_was_deleted_with_changes_tracked_is_hidden() -> None:
    item = '<config:config-item config:name="{}">true</config:config-item>'
    settings = item.format("ShowRedlineChanges") + item.format("Other")
    root = fromstring(f"<office:document {ODF}>{settings}</office:document>")
    hide_deleted(root)
    assert [item.text for item in root] == ["false", "true"]
    assert b"ShowRedlineChanges" in write_flat(root)
