"""Tables whose cells cover several rows and columns, with markup in their texts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from colregion.core.geometry import Box
from colregion.core.regions import Cell, ParsedPage, Region
from colregion.core.table_formats import to_html, to_markdown
from colregion.testing import make_page

Row = list[tuple[str, Cell]]


def parsed(*rows: Row, caption: str = "", continues: bool = False, names: str = "") -> ParsedPage:
    """A page with a table, a row of which is a twentieth of the page high, below a caption."""
    parts: list[Region] = []
    texts: list[str] = []
    number = 0
    if caption:
        number += 1
        texts.append(caption)
        parts.append(Region("doc#p1", (1, 1), Box(0, 0, 1, 0.05), caption, "caption"))
    for row in rows:
        number += 1
        box = Box(0, 0.05 * number, 1, 0.05 * number + 0.05)
        text = " | ".join(each for each, _ in row)
        texts.append(text)
        parts.append(Region("doc#p1", (1, number), box, text, "row"))
        parts += [
            Region("doc#p1", (1, number, i), box, each, "row", cell=cell)
            for i, (each, cell) in enumerate(row, start=1)
        ]
    text = "\n".join([*([names] if names else []), *texts])
    table = Region("doc#p1", (1,), Box(0, 0, 1, 1), text, "table", continues=continues)
    return ParsedPage(make_page(), (), (table, *parts))


def name(text: str, row: int, column: int, rows: int = 1, columns: int = 1) -> tuple[str, Cell]:
    return text, Cell(row, column, rows, columns, header=True)


def value(text: str, row: int, column: int, rows: int = 1, columns: int = 1) -> tuple[str, Cell]:
    return text, Cell(row, column, rows, columns)


SALES = parsed(
    [name("Region", 0, 0, rows=2), name("Sales", 0, 1, columns=2)],
    [name("2020", 1, 1), name("2021", 1, 2)],
    [name("North|East", 2, 0, rows=2), value("4.10", 2, 1), value("a<b & *c*", 2, 2)],
    [value("3.15", 3, 1)],
    caption="Table 1. Sales_by_year",
)


def test_markdown_of_a_table_repeats_cells_and_joins_the_rows_of_its_header() -> None:
    assert to_markdown(SALES, SALES.regions[0]) == (
        "Table 1. Sales_by_year\n\n"
        "| Region | Sales 2020 | Sales 2021 |\n"
        "| --- | --- | --- |\n"
        r"| North\|East | 4.10 | a\<b & \*c\* |" + "\n"
        r"| North\|East | 3.15 |  |"
    )


def test_html_of_a_table_has_spans_and_escaped_texts() -> None:
    assert to_html(SALES, SALES.regions[0]) == (
        "<p>Table 1. Sales_by_year</p>\n"
        '<table><thead><tr><th rowspan="2">Region</th><th colspan="2">Sales</th></tr>'
        "<tr><th>2020</th><th>2021</th></tr></thead>"
        '<tbody><tr><th rowspan="2">North|East</th><td>4.10</td><td>a&lt;b &amp; *c*</td></tr>'
        "<tr><td>3.15</td><td></td></tr></tbody></table>"
    )


def test_row_is_shown_with_the_header_and_the_cells_that_reach_into_it() -> None:
    (row,) = [region for region in SALES.regions if region.text == "3.15" and not region.cell]

    assert to_markdown(SALES, row) == (
        "| Region | Sales 2020 | Sales 2021 |\n| --- | --- | --- |\n" r"| North\|East | 3.15 |  |"
    )
    assert to_html(SALES, row).endswith(
        "<tbody><tr><th>North|East</th><td>3.15</td><td></td></tr></tbody></table>"
    )


def test_merged_rows_are_shown_with_the_header_once() -> None:
    first, second = [r for r in SALES.regions if r.kind == "row" and not r.cell][2:]
    merged = replace(first, box=Box(0, 0.15, 1, 0.25), parts=(first.box, second.box))

    assert to_markdown(SALES, merged) == to_markdown(SALES, SALES.regions[0]).split("\n\n")[1]


def test_table_without_header_has_blank_names() -> None:
    page = parsed([value("4", 0, 0), value("5", 0, 1)])

    assert to_markdown(page, page.regions[0]) == "|  |  |\n| --- | --- |\n| 4 | 5 |"
    assert to_html(page, page.regions[0]) == (
        "<table><tbody><tr><td>4</td><td>5</td></tr></tbody></table>"
    )


def test_table_that_continues_another_has_the_names_of_its_text() -> None:
    page = parsed([value("4", 7, 0), value("5", 7, 1)], continues=True, names="Stock | Price")

    assert to_markdown(page, page.regions[0]) == "| Stock | Price |\n| --- | --- |\n| 4 | 5 |"


def test_header_rows_of_the_text_may_have_different_numbers_of_names() -> None:
    values = [value("4", 7, 0), value("5", 7, 1), value("6", 7, 2)]
    page = parsed(values, continues=True, names="Stock | Price | Sales\nper lot | 2024")

    assert to_html(page, page.regions[0]) == (
        "<table><thead><tr><th>Stock</th><th>Price</th><th>Sales</th></tr>"
        "<tr><th>per lot</th><th>2024</th></tr></thead>"
        "<tbody><tr><td>4</td><td>5</td><td>6</td></tr></tbody></table>"
    )
    assert to_markdown(page, page.regions[0]).startswith("| Stock per lot | Price 2024 | Sales |")


def test_two_cells_at_one_place_are_joined() -> None:
    page = parsed([value("4", 0, 0), value("5", 0, 0)])

    assert to_html(page, page.regions[0]) == ("<table><tbody><tr><td>4 5</td></tr></tbody></table>")


@pytest.mark.parametrize(
    ("text", "markdown", "html"),
    [
        ("", "", ""),
        ("one\n\ntwo", "one\n\ntwo", "<p>one</p>\n<p>two</p>"),
        ("# 1 <b>", r"\# 1 \<b\>", "<p># 1 &lt;b&gt;</p>"),
        ("2. snake_case *x*", r"2\. snake_case \*x\*", "<p>2. snake_case *x*</p>"),
        ("- a\n+ b", r"\- a" + "\n" + r"\+ b", "<p>- a<br>+ b</p>"),
    ],
)
def test_other_regions_are_escaped_paragraphs(text: str, markdown: str, html: str) -> None:
    region = Region("doc#p1", (1,), Box(0, 0, 1, 1), text)
    page = ParsedPage(SALES.page, (), (region,))

    assert to_markdown(page, region) == markdown
    assert to_html(page, region) == html
