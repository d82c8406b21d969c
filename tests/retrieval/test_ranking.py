"""One order over the regions of several pages: bounds, repetitions, filters, budgets."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from colregion.core.embeddings import Candidate, EmbeddedPage
from colregion.core.filters import EVERYTHING, parse_filters
from colregion.core.geometry import Box
from colregion.core.regions import Region
from colregion.errors import InvalidInput
from colregion.retrieval.ranking import Limits, RankedRegion, rank_regions, within_area
from colregion.retrieval.scorer import ScoredPage, ScoredRegion
from colregion.testing import WordEncoder, make_parsed_page

TOP = Box(0.1, 0.1, 0.9, 0.2)
APART = Box(0.1, 0.6, 0.9, 0.7)
BELOW = Box(0.1, 0.8, 0.9, 0.9)


def scored_page(
    *regions: tuple[str, Box, float], doc_id: str = "d", number: int = 1
) -> tuple[ScoredPage, list[ScoredRegion]]:
    parsed = make_parsed_page([("x", TOP)], doc_id=doc_id, number=number)
    page = EmbeddedPage(parsed, WordEncoder().encode_pages([parsed])[0])
    scored = [
        ScoredRegion(Region(parsed.id, (i,), box, text), score)
        for i, (text, box, score) in enumerate(regions, start=1)
    ]
    return ScoredPage(Candidate.of(page, WordEncoder().encode_query("x")), 1.0), scored


def rank(
    *pages: tuple[ScoredPage, list[ScoredRegion]],
    filters: object = None,
    bounds: Sequence[float] = (),
    scored: list[int] | None = None,
) -> Iterator[RankedRegion]:
    """Regions of all pages; `scored` lists the pages whose regions were scored."""
    places = {id(page): i for i, (page, _) in enumerate(pages)}

    def score_regions(page: ScoredPage) -> list[ScoredRegion]:
        if scored is not None:
            scored.append(places[id(page)])
        return pages[places[id(page)]][1]

    return rank_regions(
        [[page for page, _ in pages]],
        score_regions,
        bound=lambda page: bounds[places[id(page)]] if bounds else math.inf,
        filters=EVERYTHING if filters is None else parse_filters(filters),  # type: ignore[arg-type]
    )


def texts(*pages: tuple[ScoredPage, list[ScoredRegion]], filters: object = None) -> list[str]:
    return [one.scored.region.text for one in rank(*pages, filters=filters)]


def test_no_pages_give_nothing() -> None:
    assert texts() == []
    assert texts(scored_page()) == []


def test_pages_are_mixed_by_score_and_ties_go_to_the_earlier_page() -> None:
    first = scored_page(("b", APART, 0.7), ("a", TOP, 0.6))
    second = scored_page(("d", APART, 0.9), ("c", TOP, 0.7), number=2)
    assert texts(first, second) == ["d", "b", "c", "a"]


def test_each_region_of_a_page_lowers_the_next_one_by_a_half() -> None:
    first = scored_page(("a", TOP, 2.0), ("b", APART, 1.9), ("c", BELOW, 1.8))
    second = scored_page(("d", TOP, 1.7), number=2)
    ranked = list(rank(first, second))
    assert [one.scored.region.text for one in ranked] == ["a", "d", "b", "c"]
    assert [one.score for one in ranked] == pytest.approx([2.0, 1.7, 1.4, 0.8])


def test_regions_of_a_later_batch_come_after_all_of_an_earlier_one() -> None:
    pages = [scored_page(("a", TOP, 0.5)), scored_page(("b", TOP, 0.9), number=2)]
    ranked = list(
        rank_regions(
            ([page] for page, _ in pages),
            lambda page: next(regions for one, regions in pages if one is page),
            bound=lambda _: math.inf,
            filters=EVERYTHING,
        )
    )
    assert [(one.scored.region.text, one.score) for one in ranked] == [("a", 0.5), ("b", 0.5)]


class TestBounds:
    PAGES = (
        scored_page(("a", TOP, 0.9), ("b", APART, 0.1)),
        scored_page(("c", TOP, 0.5), number=2),
        scored_page(("d", TOP, 0.2), number=3),
    )
    BOUNDS = (0.9, 0.6, 0.5)

    def test_page_is_scored_only_when_its_bound_exceeds_the_regions_at_hand(self) -> None:
        scored: list[int] = []
        ranked = rank(*self.PAGES, bounds=self.BOUNDS, scored=scored)
        assert next(ranked).scored.region.text == "a"
        assert scored == [0]
        assert next(ranked).scored.region.text == "c"
        assert scored == [0, 1, 2]  # a bound that equals a score may hide a tie

    def test_order_is_the_same_as_without_bounds(self) -> None:
        ranked = [one.scored.region.text for one in rank(*self.PAGES, bounds=self.BOUNDS)]
        assert ranked == texts(*self.PAGES) == ["a", "c", "d", "b"]


class TestRepetitions:
    NOTICE = "total of all four words"

    def test_long_text_is_not_returned_again_from_another_page_of_its_document(self) -> None:
        pages = [scored_page((self.NOTICE, TOP, 1.0), number=n) for n in (1, 2)]
        assert texts(*pages) == [self.NOTICE]

    def test_text_of_another_document_and_short_text_are_no_repetition(self) -> None:
        other = scored_page((self.NOTICE, TOP, 1.0), doc_id="other")
        assert len(texts(scored_page((self.NOTICE, TOP, 1.0)), other)) == 2
        short = [scored_page(("total 5", TOP, 1.0), number=n) for n in (1, 2)]
        assert len(texts(*short)) == 2


def test_filters_by_kind_and_hidden_text_apply_to_regions() -> None:
    page, _ = scored_page()
    regions = [
        ScoredRegion(Region("d#p1", (1,), TOP, "table", "table"), 1.0),
        ScoredRegion(Region("d#p1", (2,), APART, "hidden", hidden_text=("tiny",)), 0.5),
        ScoredRegion(Region("d#p1", (3,), BELOW, "plain"), 0.2),
    ]
    assert texts((page, regions), filters={"kind": "table"}) == ["table"]
    assert texts((page, regions), filters={"hidden_text": False}) == ["table", "plain"]


class TestWithinArea:
    def test_no_boxes_give_no_positions(self) -> None:
        assert within_area([], np.zeros((0, 4)), max_area=0.5) == []

    def test_box_that_would_exceed_the_budget_is_skipped_and_the_next_is_tried(self) -> None:
        boxes = np.array([[0, 0, 0.5, 0.2], [0, 0.2, 1, 0.8], [0, 0.8, 0.3, 0.9]])  # .1 .6 .03
        assert within_area(["a#p1"] * 3, boxes, max_area=0.2) == [0, 2]
        assert within_area(["a#p1"] * 3, boxes, max_area=0.05) == [2]

    def test_area_covered_twice_is_spent_once_and_pages_add_up(self) -> None:
        boxes = np.array([[0, 0, 0.5, 0.2], [0, 0, 0.6, 0.2], [0, 0, 0.5, 0.2]])
        assert within_area(["a#p1", "a#p1", "b#p1"], boxes, max_area=0.13) == [0, 1]
        assert within_area(["a#p1", "a#p1", "b#p1"], boxes, max_area=0.23) == [0, 1, 2]


@pytest.mark.parametrize("budget", [0.0, -1.0, float("nan")])
def test_area_budget_that_is_not_above_zero_is_refused(budget: float) -> None:
    with pytest.raises(InvalidInput, match="max_area must be above 0"):
        Limits(max_area=budget)
