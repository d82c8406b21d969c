"""Region scores of a page: evidence, its surroundings, and whether an area is returned whole."""

from __future__ import annotations

import numpy as np
import pytest

from colregion.errors import InvalidInput
from colregion.expectation import Expectation
from colregion.geometry import Box, BoxPlacement
from colregion.records import EmbeddedPage, PageEmbedding, ParsedPage, QueryEmbedding, Region, Word
from colregion.relevance import chosen_levels, default_keep, score_regions
from colregion.testing import make_page

# One area of two rows on a page wider than high, and a title above it. Every word is a vector of
# its own: e0 "shop" in the title, e1 "date" and e2 "42" in the first row, e3 "total" below.
WORDS = {
    "shop": Box(0.1, 0.05, 0.3, 0.10),
    "date": Box(0.1, 0.30, 0.2, 0.35),
    "42": Box(0.6, 0.30, 0.7, 0.35),
    "total": Box(0.1, 0.40, 0.2, 0.45),
}
ROWS = (Box(0.1, 0.3, 0.7, 0.35), Box(0.1, 0.4, 0.7, 0.45))


def embedded(*, area_kind: str = "text", area: Box | None = None) -> EmbeddedPage:
    area = area or Box(0.1, 0.3, 0.7, 0.45)
    page = make_page()
    regions = (
        Region(page.id, (1,), WORDS["shop"], "shop", "title"),
        Region(page.id, (2,), area, "date 42\ntotal", area_kind),
        Region(page.id, (2, 1), ROWS[0], "date 42", "row"),
        Region(page.id, (2, 2), ROWS[1], "total", "row"),
    )
    words = tuple(Word(text, box) for text, box in WORDS.items())
    placement = BoxPlacement(np.array([box.xyxy for box in WORDS.values()]))
    return EmbeddedPage(
        ParsedPage(page, words, regions), PageEmbedding(np.eye(4, dtype=np.float32), placement)
    )


def asking(*words: str, weights: tuple[float, ...] | None = None) -> QueryEmbedding:
    order = list(WORDS)
    n = len(words)
    return QueryEmbedding(
        np.eye(4, dtype=np.float32)[[order.index(word) for word in words]],
        words,
        np.ones(n, dtype=bool),
        np.array(weights or (1.0,) * n),
    )


class TestColregion:
    def test_the_row_that_holds_the_evidence_stands_for_its_area(self) -> None:
        scores = score_regions(embedded(), asking("date"), method="colregion")
        # own 1, area 1 * .25, page 1 * .3; the other row has its area and the page only
        assert scores == pytest.approx([0.3 - 0.1, -np.inf, 1.55, 0.55])

    def test_evidence_that_is_spread_returns_the_area(self) -> None:
        scores = score_regions(embedded(), asking("date", "total"), method="colregion")
        assert scores == pytest.approx([0.3 - 0.1, 1.55, -np.inf, -np.inf])

    def test_weights_say_what_a_token_counts(self) -> None:
        query = asking("date", "shop", weights=(3.0, 1.0))
        scores = score_regions(embedded(), query, method="colregion")
        # title: .25 + .25 * .25 + .3 - .1; first row: .75 * 1.25 + .3
        assert scores[[0, 2]] == pytest.approx([0.5125, 1.2375])

    def test_what_does_not_rise_above_the_noise_is_no_evidence(self) -> None:
        page = embedded()
        faint = asking("date")
        faint = QueryEmbedding(
            faint.vectors * np.float32(0.4), faint.tokens, faint.content, faint.weights
        )
        loud = score_regions(page, faint, method="colregion", noise_floor=0.2)
        assert loud.max() == pytest.approx(0.25 * 1.55)
        quiet = score_regions(page, faint, method="colregion", noise_floor=0.4)
        assert quiet[np.isfinite(quiet)].max() == pytest.approx(0.0)

    def test_a_figure_is_returned_whole_unless_it_fills_the_page(self) -> None:
        small = score_regions(embedded(area_kind="figure"), asking("date"), method="colregion")
        assert np.isfinite(small).tolist() == [True, True, False, False]
        large = embedded(area_kind="figure", area=Box(0.05, 0.2, 0.95, 0.9))
        scores = score_regions(large, asking("date"), method="colregion")
        assert np.isfinite(scores).tolist() == [True, False, True, True]

    def test_a_region_of_the_expected_form_is_preferred(self) -> None:
        expected = Expectation(frozenset(), frozenset(["number"]))
        scores = score_regions(embedded(), asking("shop"), method="colregion", expected=expected)
        assert scores[2] == pytest.approx(0.3 + 0.15)
        assert scores[3] == pytest.approx(0.3)

    def test_a_question_without_content_scores_all_the_same(self) -> None:
        query = asking("date")
        none = QueryEmbedding(query.vectors, query.tokens, np.zeros(1, dtype=bool), query.weights)
        scores = score_regions(embedded(), none, method="colregion")
        assert scores[np.isfinite(scores)].max() == 0.0

    def test_a_page_without_words_still_ranks_its_figures(self) -> None:
        page = make_page()
        figure = Region(page.id, (1,), Box(0.1, 0.1, 0.4, 0.3), "", "figure")
        empty = EmbeddedPage(
            ParsedPage(page, (), (figure,)),
            PageEmbedding(np.zeros((0, 4), dtype=np.float32), BoxPlacement(np.zeros((0, 4)))),
        )
        expected = Expectation(frozenset(["figure"]), frozenset())
        scores = score_regions(empty, asking("shop"), method="colregion", expected=expected)
        assert scores == pytest.approx([0.3])


class TestPaper:
    def test_areas_are_scored_by_any_token_at_any_word_that_touches_them(self) -> None:
        scores = score_regions(embedded(), asking("total", "42"), method="paper")
        assert scores == pytest.approx([0.0, 1.0, -np.inf, -np.inf])

    def test_its_own_threshold_is_the_upper_half_of_the_page(self) -> None:
        keep = default_keep("paper")
        assert (keep.rule, keep.value) == ("percentile", 50)
        assert default_keep("colregion").rule == "none"


def test_a_page_without_regions_has_no_scores() -> None:
    page = make_page()
    nothing = EmbeddedPage(
        ParsedPage(page, (), ()),
        PageEmbedding(np.zeros((0, 4), dtype=np.float32), BoxPlacement(np.zeros((0, 4)))),
    )
    for method in ("colregion", "paper"):
        assert score_regions(nothing, asking("shop"), method=method).shape == (0,)


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(InvalidInput, match="paper"):
        score_regions(embedded(), asking("shop"), method="magic")  # type: ignore[arg-type]


def test_an_area_of_one_block_is_not_divided() -> None:
    page = make_page()
    box = Box(0.1, 0.1, 0.5, 0.2)
    regions = (Region(page.id, (1,), box, "a"), Region(page.id, (1, 1), box, "a"))
    parsed = ParsedPage(page, (), regions)
    assert chosen_levels(parsed, np.ones(2), concentration=0.5).tolist() == [True, False]
