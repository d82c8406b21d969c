"""A context stays within its budget and gives each region its mark."""

from __future__ import annotations

import pytest

from colregion.citations.context import build_context
from colregion.core.documents import DocumentEntry
from colregion.core.geometry import Box
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
    assert build_context(hits(2), max_tokens=3, count_tokens=count).text == ""


def test_a_budget_below_one_is_refused() -> None:
    with pytest.raises(InvalidInput, match="max_tokens"):
        build_context(hits(1), max_tokens=0, count_tokens=count)


def test_brackets_in_the_document_id_become_round_in_the_mark() -> None:
    page = make_parsed_page([("alpha", Box(0.1, 0.1, 0.9, 0.2))], doc_id="a [b]\n;c", number=3)
    hit = Hit(page.regions[0], page, DocumentEntry("a [b]\n;c", "a.pdf", "", ""), 1.0)
    context = build_context([hit], max_tokens=100, count_tokens=count)
    assert context.text == "[a (b) ,c p.3 r1]\nalpha"
