"""A context stays within its budget and gives each region its mark."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from colregion.citations.context import build_context
from colregion.core.documents import DocumentEntry
from colregion.core.geometry import Box
from colregion.core.quotes import Evidence
from colregion.core.regions import Cell, ParsedPage, Region
from colregion.core.results import Hit
from colregion.errors import InvalidInput
from colregion.testing import make_parsed_page

PAGE = make_parsed_page(
    [
        ("alpha beta", Box(0.1, 0.1, 0.9, 0.2)),
        ("gamma delta epsilon zeta", Box(0.1, 0.3, 0.9, 0.4)),
        ("eta", Box(0.1, 0.5, 0.9, 0.6)),
    ],
    doc_id="acme",
    number=3,
)
ENTRY = DocumentEntry("acme", "acme.pdf", "", "")


def count(text: str) -> int:
    return len(text.split())


def hits(*areas: int) -> list[Hit]:
    at = {region.path: region for region in PAGE.regions}
    return [Hit(at[area,], PAGE, ENTRY, 1.0 / i) for i, area in enumerate(areas, start=1)]


def test_no_hits_give_no_text() -> None:
    empty = build_context([], max_tokens=10, count_tokens=count)
    assert (empty.text, dict(empty.citations), empty.tokens) == ("", {}, 0)
    assert empty.reason == "nothing in the documents is similar to the question"


def test_regions_are_in_reading_order_with_their_rank_in_the_mark() -> None:
    context = build_context(hits(3, 1), max_tokens=100, count_tokens=count)
    assert context.text == "[acme p.3 r2]\nalpha beta\n\n[acme p.3 r1]\neta"
    assert context.citations["[acme p.3 r1]"].text == "eta"
    assert context.tokens == count(context.text) == 9


def test_hits_that_exceed_the_budget_are_skipped() -> None:
    context = build_context(hits(1, 2, 3), max_tokens=9, count_tokens=count)
    assert list(context.citations) == ["[acme p.3 r1]", "[acme p.3 r3]"]
    assert context.tokens <= 9


def test_the_best_hit_is_cut_when_no_hit_fits_whole() -> None:
    context = build_context(hits(2), max_tokens=5, count_tokens=count)
    assert context.text == "[acme p.3 r1]\ngamma delta"
    assert list(context.citations) == ["[acme p.3 r1]"]


def test_a_budget_too_small_for_a_word_gives_no_text() -> None:
    context = build_context(hits(2), max_tokens=3, count_tokens=count)
    assert context.text == ""
    assert context.reason == "the first words of the best region need over 3 tokens"


def test_a_budget_below_one_is_refused() -> None:
    with pytest.raises(InvalidInput, match="max_tokens"):
        build_context(hits(1), max_tokens=0, count_tokens=count)


def test_brackets_in_the_document_id_become_round_in_the_mark() -> None:
    page = make_parsed_page([("alpha", Box(0.1, 0.1, 0.9, 0.2))], doc_id="a [b]\n;c", number=3)
    hit = Hit(page.regions[0], page, DocumentEntry("a [b]\n;c", "a.pdf", "", ""), 1.0)
    context = build_context([hit], max_tokens=100, count_tokens=count)
    assert context.text == "[a (b) ,c p.3 r1]\nalpha"


def with_confidences(*confidences: float) -> list[Hit]:
    return [
        replace(hit, confidence=one) for hit, one in zip(hits(1, 2, 3), confidences, strict=True)
    ]


def test_text_ends_where_the_confidence_falls_below_the_least() -> None:
    likely = with_confidences(0.6, 0.2, 0.05)
    by_default = build_context(likely, max_tokens=100, count_tokens=count)
    strict = build_context(likely, max_tokens=100, count_tokens=count, min_confidence=0.5)
    every = build_context(likely, max_tokens=100, count_tokens=count, min_confidence=0)
    assert [len(one.citations) for one in (by_default, strict, every)] == [2, 1, 3]


def test_text_is_empty_with_the_reason_where_nothing_is_likely_enough() -> None:
    context = build_context(with_confidences(0.04, 0.02, 0.01), max_tokens=100, count_tokens=count)
    assert (context.text, dict(context.citations)) == ("", {})
    assert context.reason == (
        "perhaps nothing in the documents answers: the best region is 4% likely right, and 10% is "
        "the least that counts; lower min_confidence to see it"
    )


def price_list() -> ParsedPage:
    """A table of a header and three rows, and a footer."""
    page = PAGE.page
    regions = [
        Region(page.id, (1,), Box(0, 0, 1, 0.5), "part | price\nA | 9\nB | 8\nC | 7", "table")
    ]
    for row, (part, price) in enumerate(
        [("part", "price"), ("A", "9"), ("B", "8"), ("C", "7")], start=1
    ):
        box = Box(0, (row - 1) / 8, 1, row / 8)
        regions.append(Region(page.id, (1, row), box, f"{part} | {price}", "row"))
        cell = Cell(row - 1, 0, column_span=2, header=row == 1)
        regions.append(Region(page.id, (1, row, 1), box, part, "row", cell=cell))
    footer = Region(page.id, (2,), Box(0, 0.9, 1, 1), "Acme annual report", "footer")
    return ParsedPage(page, (), (*regions, footer))


def table_hits(*positions: int) -> list[Hit]:
    """Hits of the price list; row B (position 5) matches best, then row C (7)."""
    table = price_list()
    evidence = Evidence(np.array([1.0, 0.5, 0.5, 0.5, 0, 0.9, 0.4, 0.8, 0.3, 0.1]), {})
    return [
        Hit(table.regions[i], table, ENTRY, 1.0 / rank, evidence=evidence)
        for rank, i in enumerate(positions, start=1)
    ]


def test_table_over_the_budget_is_cut_to_its_header_and_best_rows() -> None:
    one = build_context(table_hits(0), max_tokens=9, count_tokens=count)
    two = build_context(table_hits(0), max_tokens=12, count_tokens=count)
    assert one.text == "[acme p.3 r1]\npart | price\nB | 8"
    assert two.text == "[acme p.3 r1]\npart | price\nB | 8\nC | 7"
    assert one.citations["[acme p.3 r1]"].box == Box(0, 0.25, 1, 0.375)


def test_rows_of_a_table_are_one_entry_in_order_under_one_header() -> None:
    context = build_context(table_hits(7, 3), max_tokens=100, count_tokens=count)
    assert context.text == "[acme p.3 r1]\npart | price\nA | 9\nC | 7"
    (hit,) = context.citations.values()
    assert hit.region.boxes == (Box(0, 0.125, 1, 0.25), Box(0, 0.375, 1, 0.5))


def test_row_inside_its_table_is_not_written_twice() -> None:
    context = build_context(table_hits(7, 0), max_tokens=100, count_tokens=count)
    assert context.text == "[acme p.3 r1]\npart | price\nA | 9\nB | 8\nC | 7"


def test_running_heads_are_left_out() -> None:
    assert list(build_context(table_hits(9, 5), max_tokens=99, count_tokens=count).citations) == [
        "[acme p.3 r2]"
    ]
    only = build_context(table_hits(9), max_tokens=99, count_tokens=count)
    assert only.reason == "the regions that match have no text: figures, or running heads"
