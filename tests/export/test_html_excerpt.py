from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import pytest

from colregion.core.geometry import Box
from colregion.core.regions import ParsedPage
from colregion.core.results import Hit
from colregion.export.html.excerpt import best_line, readable

MakeHit: TypeAlias = Callable[..., Hit]

BOX = Box(0.1, 0.1, 0.6, 0.3)


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("text", "", ""),
        ("figure", " \n ", ""),
        ("text", "one\ntwo\n\nthree\n", "one two\n\nthree"),
        ("list", "one\ntwo\n", "one\ntwo"),
        ("row", "Total\n3.50\n4.00", "Total\u20033.50\u20034.00"),
    ],
)
def test_lines_break_where_that_means_something(
    make_hit: MakeHit, kind: str, text: str, expected: str
) -> None:
    assert readable(make_hit(text, BOX, kind=kind)) == expected


@pytest.fixture
def table(make_hit: MakeHit) -> Hit:
    """An area of a caption in two lines and two rows of two cells."""
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


def test_a_table_reads_row_by_row(table: Hit) -> None:
    assert readable(table) == "Table 1. Passengers\nIlsey\u20031,893\nGull Point\u2003466"


def test_a_merged_region_is_read_as_it_is(table: Hit) -> None:
    merged = replace(table, region=replace(table.region, parts=(BOX, BOX)))
    assert readable(merged) == "cells"


def test_the_best_line_holds_most_of_the_question(table: Hit, make_hit: MakeHit) -> None:
    assert best_line(table, {"gull", "point", "passengers"}) == "Gull Point\u2003466"
    prose = make_hit("It rained. In June the\nsun shone. It rained in May.", BOX)
    assert best_line(prose, {"sun", "june"}) == "In June the sun shone."
    assert best_line(prose, {"snow"}) == "It rained."
    assert best_line(make_hit("", BOX), {"snow"}) == ""


def test_a_long_line_is_cut_short(make_hit: MakeHit) -> None:
    line = best_line(make_hit("word " * 60, BOX), set())
    assert line == ("word " * 36).rstrip() + "…"
