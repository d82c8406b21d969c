"""Tables of two columns on pages of one column; a row is a tenth of the page high."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from PIL import Image

from colregion.core.documents import Page
from colregion.core.geometry import Box
from colregion.core.regions import Cell, ParsedPage, Region
from colregion.core.tables import table_header
from colregion.parsers.layout.table_continuation import carry_tables

NAMES, VALUES = ("Part", "Price"), [("Bolt", "4.10"), ("Hose", "7.00")]


def page(
    number: int,
    rows: Sequence[tuple[str, str]],
    *,
    n_header: int = 0,
    others: Sequence[tuple[str, str]] = (),
    xs: tuple[float, float] = (0.1, 0.6),
) -> ParsedPage:
    """A page with a table between areas of (kind, text): those before "table", and after it."""
    doc_page = f"doc#p{number}"
    regions: list[Region] = []
    areas = list(others) if ("table", "") in others else [*others, ("table", "")]
    for at, (kind, text) in enumerate(areas, start=1):
        if kind != "table":
            regions.append(Region(doc_page, (at,), Box(0, 0, 1, 0.1), text, kind))
            continue
        table = "\n".join(" | ".join(row) for row in rows)
        regions.append(Region(doc_page, (at,), Box(0, 0, 1, 1), table, "table"))
        for i, row in enumerate(rows):
            line = Box(0, 0.1 * i, 1, 0.1 * i + 0.1)
            regions.append(Region(doc_page, (at, i + 1), line, " | ".join(row), "row"))
            for j, cell in enumerate(row):
                box = Box(xs[j], line.y0, xs[j] + 0.2, line.y1)
                place = Cell(i, j, header=i < n_header or j == 0)
                regions.append(Region(doc_page, (at, i + 1, j + 1), box, cell, "row", cell=place))
    loaded = Page("doc", number, 10, 10, "px", lambda dpi=None: Image.new("RGB", (10, 10)))  # noqa: ARG005
    return ParsedPage(loaded, (), tuple(regions))


def table_of(parsed: ParsedPage) -> int:
    return next(i for i, region in enumerate(parsed.regions) if region.kind == "table")


def rows_of(parsed: ParsedPage) -> list[int]:
    return sorted({region.cell.row for region in parsed.regions if region.cell})


FIRST = page(1, [NAMES, *VALUES], n_header=1)


def test_table_without_header_goes_on_with_the_header_and_the_rows_of_the_page_before() -> None:
    first, second, third = carry_tables([FIRST, page(2, VALUES), page(3, VALUES)])

    assert first is FIRST
    for following, rows in ((second, [3, 4]), (third, [5, 6])):
        table = table_of(following)
        assert following.regions[table].continues
        assert following.regions[table].text == "Part | Price\nBolt | 4.10\nHose | 7.00"
        assert following.table_headers[table] == "Part | Price"
        assert table_header(following, table) == []
        assert rows_of(following) == rows


def test_table_that_repeats_its_header_keeps_its_text() -> None:
    _, second = carry_tables([FIRST, page(2, [NAMES, *VALUES], n_header=1)])

    table = table_of(second)
    assert second.regions[table].continues
    assert second.regions[table].text == "Part | Price\nBolt | 4.10\nHose | 7.00"
    assert second.table_headers[table] == "Part | Price"
    assert rows_of(second) == [3, 4, 5]


def test_rows_that_the_source_has_counted_on_keep_their_numbers() -> None:
    second = page(2, VALUES)
    regions = [
        replace(r, cell=replace(r.cell, row=r.cell.row + 3)) if r.cell else r
        for r in second.regions
    ]

    _, after = carry_tables([FIRST, replace(second, regions=tuple(regions))])

    assert rows_of(after) == [3, 4]


def test_pages_whose_tables_are_joined_already_do_not_change() -> None:
    once = list(carry_tables([FIRST, page(2, VALUES), page(3, VALUES)]))

    assert all(a is b for a, b in zip(once, carry_tables(once), strict=True))


def test_header_page_number_and_a_line_that_says_continued_may_be_between() -> None:
    before = page(1, [NAMES, *VALUES], n_header=1, others=[("table", ""), ("footer", "12 of 40")])
    after = page(2, VALUES, others=[("header", "Report"), ("text", "Prices (continued)")])

    assert next(reversed(list(carry_tables([before, after])))).regions[2].continues


@pytest.mark.parametrize(
    "second",
    [
        page(2, [("Part", "Weight"), *VALUES], n_header=1),  # another table with a header
        page(2, VALUES, others=[("text", "A paragraph of running text " * 3)]),
        page(2, VALUES, xs=(0.1, 0.8)),  # other columns
        page(3, VALUES),  # a page is missing
        page(2, []),
    ],
    ids=["other header", "text before it", "other columns", "not the next page", "no rows"],
)
def test_other_tables_are_not_joined(second: ParsedPage) -> None:
    first, after = carry_tables([FIRST, second])

    assert (first, after) == (FIRST, second)


def test_first_row_of_a_table_of_words_on_the_next_page_is_no_header() -> None:
    words = [("Bolt", "steel"), ("Hose", "rubber"), ("Seal", "brass")]
    first = page(1, [("Part", "Made of"), *words], n_header=1)

    _, second = carry_tables([first, page(2, words, n_header=1)])

    assert second.table_headers[table_of(second)] == "Part | Made of"
    assert [r.cell.header for r in second.regions if r.cell and r.cell.column] == [False] * 3
