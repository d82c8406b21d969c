"""Readable text, key words and preview of a region."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import pytest

from colregion.core.documents import DocumentEntry
from colregion.core.geometry import Box
from colregion.core.quotes import Evidence
from colregion.core.regions import ParsedPage
from colregion.core.results import Hit
from colregion.export.excerpt import key_words, preview, readable
from colregion.testing import make_parsed_page

MakeHit: TypeAlias = Callable[..., Hit]

BOX = Box(0.1, 0.1, 0.6, 0.3)


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("text", "", ""),
        ("figure", " \n ", ""),
        ("figure", "2,000\n 1,500\n\nSales", "2,000\u20031,500\u2003Sales"),
        ("text", "one\ntwo\n\nthree\n", "one two\n\nthree"),
        ("list", "one\ntwo\n", "one\ntwo"),
        ("row", "Total\n3.50\n4.00", "Total\u20033.50\u20034.00"),
    ],
)
def test_line_breaks_are_kept_in_lists_and_removed_in_prose_and_rows(
    make_hit: MakeHit, kind: str, text: str, expected: str
) -> None:
    assert readable(make_hit(text, BOX, kind=kind)) == expected


@pytest.fixture
def table(make_hit: MakeHit) -> Hit:
    """A table area with a caption of two lines and two rows of two cells."""
    hit = make_hit("cells", BOX, kind="table")
    area = hit.region
    children = [
        replace(area, path=(1, 1), kind="caption", text="Table 1.\nPassengers"),
        replace(area, path=(1, 2), kind="row", text="Ilsey\n1,893"),
        replace(area, path=(1, 3), kind="row", text="Gull Point\n466"),
        replace(area, path=(1, 3, 1), kind="row", text="466"),
        replace(area, path=(2,), text="another area"),
    ]
    page = ParsedPage(hit.parsed.page, (), (area, *children))
    return replace(hit, parsed=page)


def test_table_is_read_row_by_row(table: Hit) -> None:
    assert readable(table) == "Table 1. Passengers\nIlsey\u20031,893\nGull Point\u2003466"


def test_rows_that_are_unread_have_no_lines(table: Hit) -> None:
    area, *children = table.parsed.regions
    area = replace(area, unread=True)
    unread = [replace(child, text="", unread=True) for child in children[1:4]]
    half_read = replace(
        table, parsed=ParsedPage(table.parsed.page, (), (area, children[0], *unread))
    )
    assert readable(half_read) == "Table 1. Passengers"
    nothing_read = replace(
        table, region=area, parsed=ParsedPage(table.parsed.page, (), (area, *unread))
    )
    assert readable(nothing_read) == ""


def test_row_is_one_line_even_when_its_cells_are_regions(table: Hit) -> None:
    assert readable(replace(table, region=table.parsed.regions[3])) == "Gull Point\u2003466"


def test_merged_region_is_read_without_its_children(table: Hit) -> None:
    merged = replace(table, region=replace(table.region, parts=(BOX, BOX)))
    assert readable(merged) == "cells"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\nIlsey 1,893\nGull Point 466", "Ilsey 1,893"),
        ("", ""),
        ("word " * 60, "word " * 35 + "word…"),
    ],
)
def test_hit_without_a_question_is_summed_up_by_its_first_line(
    table: Hit, text: str, expected: str
) -> None:
    assert key_words(table, text) == expected


def test_hit_is_summed_up_by_the_words_that_carry_its_evidence() -> None:
    lines = [("Ilsey 1,893", Box(0.1, 0.1, 0.9, 0.2)), ("Gull Point 466", Box(0.1, 0.3, 0.9, 0.4))]
    page = make_parsed_page(lines)
    evidence = Evidence(np.zeros(6), {"gull": 1.0})
    entry = DocumentEntry("doc", "doc.pdf", "", "")
    hit = Hit(page.whole(), page, entry, 1.0, evidence=evidence)
    assert key_words(hit, "Ilsey 1,893") == "Gull Point 466"


def test_row_of_a_table_stays_on_its_own_line_under_its_header(table: Hit) -> None:
    row = replace(table.region, kind="row", text="place | ships\nIlsey | 1,893")
    assert readable(replace(table, region=row)) == "place | ships\nIlsey | 1,893"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("a" * 659, ""),  # fewer than 60 characters would be left out
        ("word " * 200, ("word " * 119).strip()),
        ("\n".join(f"line {i}" for i in range(40)), "\n".join(f"line {i}" for i in range(9))),
    ],
)
def test_preview_is_the_start_of_a_long_text(text: str, expected: str) -> None:
    assert preview(text) == expected
