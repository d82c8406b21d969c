"""Region scores of a page: evidence, its surroundings, and whether an area is returned whole."""

from __future__ import annotations

import numpy as np
import pytest

from colregion.core.embeddings import EmbeddedPage, PageEmbedding, QueryEmbedding
from colregion.core.geometry import Box, BoxPlacement, GridPlacement
from colregion.core.regions import ParsedPage, Region, Word
from colregion.errors import InvalidInput
from colregion.retrieval.answer_types import FORM_BONUS, NOTHING, Expectation
from colregion.retrieval.evidence import default_keep, page_evidence, score_regions
from colregion.retrieval.regions import Scored
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


def by_path(found: list[Scored]) -> dict[tuple[int, ...], float]:
    return {one.region.path: one.score for one in found}


class TestColregion:
    def test_the_row_that_holds_the_evidence_stands_for_its_area(self) -> None:
        found = score_regions(embedded(), asking("date"))
        # own 1, area 1 * .25, page 1 * 3; the other row has its area and the page only
        assert by_path(found) == pytest.approx({(2, 1): 4.25, (2, 2): 3.25, (1,): 3.0 - 0.1})
        assert [one.region.path for one in found] == [(2, 1), (2, 2), (1,)]

    def test_evidence_that_is_spread_returns_the_area(self) -> None:
        found = score_regions(embedded(), asking("date", "total"))
        # The page: 1 / 3 + 1 / 6 for what is there and in the area, half of a third for the line.
        assert by_path(found) == pytest.approx({(2,): 1.25 + 2.5, (1,): 2.5 - 0.1})

    def test_weights_say_what_a_token_counts(self) -> None:
        found = by_path(score_regions(embedded(), asking("date", "shop", weights=(3.0, 1.0))))
        page = 3 * (1 / 3 + 0.75 / 6 + 0.75 / 3 + 1 / 6)
        assert found[(1,)] == pytest.approx(0.25 * 1.25 - 0.1 + page)
        assert found[(2, 1)] == pytest.approx(0.75 * 1.25 + page)

    def test_what_does_not_rise_above_the_noise_is_no_evidence(self) -> None:
        faint = asking("date")
        faint = QueryEmbedding(
            faint.vectors * np.float32(0.4), faint.tokens, faint.content, faint.weights
        )
        loud = score_regions(embedded(), faint, noise_floor=0.2)
        # (.4 - .2) / (1 - .2) = .25; of its square the frequency is .0625 * 2.2 / (.0625 + 1.2)
        page = 3 * (0.25 * 5 / 6 + 0.0625 * 2.2 / 1.2625 / 6)
        assert loud[0].score == pytest.approx(0.25 * 1.25 + page)
        quiet = score_regions(embedded(), faint, noise_floor=0.4)
        assert quiet[0].score == pytest.approx(0.0)

    def test_a_figure_is_returned_whole_unless_it_fills_the_page(self) -> None:
        small = score_regions(embedded(area_kind="figure"), asking("date"))
        assert by_path(small).keys() == {(1,), (2,)}
        large = embedded(area_kind="figure", area=Box(0.05, 0.2, 0.95, 0.9))
        assert by_path(score_regions(large, asking("date"))).keys() == {(1,), (2, 1), (2, 2)}

    def test_a_region_of_the_expected_form_is_preferred(self) -> None:
        expected = Expectation(frozenset(), frozenset(["number"]))
        found = by_path(score_regions(embedded(), asking("shop"), expected=expected))
        assert (found[(2, 1)], found[(2, 2)]) == pytest.approx((3.0 + FORM_BONUS, 3.0))

    def test_a_question_without_content_scores_all_the_same(self) -> None:
        query = asking("date")
        none = QueryEmbedding(query.vectors, query.tokens, np.zeros(1, dtype=bool), query.weights)
        assert max(one.score for one in score_regions(embedded(), none)) == 0.0

    def test_a_page_without_words_still_ranks_its_figures(self) -> None:
        page = make_page()
        figure = Region(page.id, (1,), Box(0.1, 0.1, 0.4, 0.3), "", "figure")
        empty = EmbeddedPage(
            ParsedPage(page, (), (figure,)),
            PageEmbedding(np.zeros((0, 4), dtype=np.float32), BoxPlacement(np.zeros((0, 4)))),
        )
        expected = Expectation(frozenset(["figure"]), frozenset())
        found = score_regions(empty, asking("shop"), expected=expected)
        assert by_path(found) == pytest.approx({(1,): 0.3})

    def test_a_hit_says_what_it_and_its_page_hold(self) -> None:
        best = score_regions(embedded(), asking("date", "shop"))[0]
        assert best.region.path == (2, 1)
        assert (best.own, best.page, best.together) == pytest.approx((0.5, 1.0, 1.0))
        # "42" is half there for "nowhere": a mean of .5, a geometric mean of sqrt(1 * .05)
        nowhere = asking("date", "42")
        nowhere = QueryEmbedding(
            nowhere.vectors * np.array([[1.0], [0.0]], np.float32),
            nowhere.tokens,
            nowhere.content,
            nowhere.weights,
        )
        best = score_regions(embedded(), nowhere)[0]
        assert (best.page, best.together) == pytest.approx((0.5, 0.05**0.5))


# A form, wider than high: two labels with their values beside and below, in rows of cells.
CELLS = {
    (1, 1, 1): ("From:", Box(0.1, 0.10, 0.2, 0.14)),
    (1, 1, 2): ("R. Lane", Box(0.3, 0.10, 0.5, 0.14)),
    (1, 2, 1): ("Paid", Box(0.1, 0.20, 0.2, 0.24)),
    (1, 3, 1): ("12.50", Box(0.1, 0.25, 0.2, 0.29)),
}


def form() -> EmbeddedPage:
    page = make_page()
    rows = {(1, 1): Box(0.1, 0.10, 0.5, 0.14), (1, 2): CELLS[1, 2, 1][1], (1, 3): CELLS[1, 3, 1][1]}
    texts = {(1, 1): "From:\nR. Lane", (1, 2): "Paid", (1, 3): "12.50"}
    regions = [Region(page.id, (1,), Box(0.1, 0.1, 0.5, 0.29), "all", "text")]
    for path, box in rows.items():
        regions.append(Region(page.id, path, box, texts[path], "row"))
        regions += [
            Region(page.id, cell, at, text, "text")
            for cell, (text, at) in CELLS.items()
            if cell[:2] == path
        ]
    words = tuple(Word(text.split()[-1], box) for text, box in CELLS.values())
    placement = BoxPlacement(np.array([box.xyxy for _, box in CELLS.values()]))
    return EmbeddedPage(
        ParsedPage(page, words, tuple(regions)),
        PageEmbedding(np.eye(4, dtype=np.float32), placement),
    )


def asking_cell(position: int) -> QueryEmbedding:
    return QueryEmbedding(
        np.eye(4, dtype=np.float32)[[position]], ("x",), np.ones(1, dtype=bool), np.ones(1)
    )


class TestLabels:
    def test_a_label_is_returned_with_the_value_beside_it(self) -> None:
        best = score_regions(form(), asking_cell(0), question="From?")[0].region
        assert best.text == "From:\nR. Lane"
        assert best.parts == (CELLS[1, 1, 1][1], CELLS[1, 1, 2][1])
        assert best.box == Box(0.1, 0.10, 0.5, 0.14)
        assert best.id.endswith("#1.1.1+1")

    def test_and_else_with_the_one_below(self) -> None:
        best = score_regions(form(), asking_cell(2), question="paid")[0].region
        assert best.text == "Paid\n12.50"
        assert best.box.xyxy == pytest.approx((0.1, 0.20, 0.2, 0.29))

    def test_what_the_question_does_not_name_is_no_label(self) -> None:
        best = score_regions(form(), asking_cell(1), question="Who is Lane?")[0].region
        assert best.text == "R. Lane"

    def test_without_values_the_line_stands_alone(self) -> None:
        best = score_regions(form(), asking_cell(0), question="From?", values=False)[0].region
        assert (best.text, best.parts) == ("From:", ())

    def test_an_expected_form_needs_no_label(self) -> None:
        expected = Expectation(frozenset(), frozenset(["amount"]))
        best = score_regions(form(), asking_cell(3), question="12.50", expected=expected)[0]
        assert best.region.text == "12.50"

    def test_a_row_is_not_split_where_an_address_is_expected(self) -> None:
        expected = Expectation(frozenset(), frozenset(["address"]))
        best = score_regions(form(), asking_cell(0), question="From?", expected=expected)[0]
        assert best.region.path == (1, 1)


def on_grid(*, words: bool) -> EmbeddedPage:
    """A page of 2 x 3 patches, wider than high; patch 4, below in the middle, knows the answer."""
    page = make_page()
    grid = GridPlacement((np.arange(6).reshape(2, 3),), n_vectors=6)
    vectors = np.zeros((6, 2), dtype=np.float32)
    vectors[:, 1] = 0.2
    vectors[4] = (0.9, 0.2)
    regions = (
        Region(page.id, (1,), Box(0.0, 0.0, 1.0, 0.4), "heading"),
        Region(page.id, (2,), Box(0.35, 0.6, 0.6, 0.9), "growth of exports"),
    )
    named = (Word("heading", Box(0.0, 0.0, 1.0, 0.4)),) if words else ()
    return EmbeddedPage(
        ParsedPage(page, named, regions if words else ()), PageEmbedding(vectors, grid)
    )


def asking_grid(*vector: float) -> QueryEmbedding:
    return QueryEmbedding(
        np.array([vector], dtype=np.float32), ("growth",), np.ones(1, dtype=bool), np.ones(1)
    )


class TestVisualModels:
    def test_words_in_a_region_count_beside_its_patches(self) -> None:
        page, query = on_grid(words=True), asking_grid(1.0, 0.0)
        found = by_path(score_regions(page, query, question="growth", page_weight=0.0))
        # own .9 and half for the word, a quarter of both for its area, which it is
        assert found[(2,)] == pytest.approx((0.9 + 0.5) * 1.25)
        silent = by_path(
            score_regions(page, query, question="growth", lexical=0.0, page_weight=0.0)
        )
        assert silent[(2,)] == pytest.approx(0.9 * 1.25)

    def test_what_every_question_lights_up_can_be_taken_off(self) -> None:
        page, query = on_grid(words=True), asking_grid(0.0, 1.0)
        background = np.array([0.2, 0.2, 0.2, 0.2, 0.0, 0.2])
        found = by_path(score_regions(page, query, background=background, page_weight=0.0))
        assert found == pytest.approx({(2,): 0.25, (1,): 0.0}, abs=1e-6)

    def test_blank_patches_count_for_no_region(self) -> None:
        blank = np.array([False, False, False, False, True, False])
        found = score_regions(on_grid(words=True), asking_grid(1.0, 0.0), blank=blank)
        assert {one.score for one in found} == {0.0}

    def test_a_page_without_words_gives_the_patches_that_are_lit(self) -> None:
        best = score_regions(on_grid(words=False), asking_grid(1.0, 0.0))[0].region
        assert best.kind == "patch"
        assert best.box.xyxy == pytest.approx((1 / 3, 0.5, 2 / 3, 1.0))


def page_weight(*words: str, usual_length: float | None = None) -> float:
    page = embedded()
    length = usual_length or len(page.embedding.vectors)
    return page_evidence(page, asking(*words), noise_floor=0.0, usual_length=length)


def test_scattered_words_make_a_page_weigh_less_than_words_together() -> None:
    together, scattered = page_weight("date", "42"), page_weight("date", "shop")
    # Every word stands there once, on a page of usual length: a frequency of 2.2 / (1 + 1.2).
    assert (together, scattered) == pytest.approx((1.0, 1 / 3 + 0.5 / 6 + 0.5 / 3 + 1 / 6))


def test_a_page_longer_than_usual_weighs_less() -> None:
    half = len(embedded().embedding.vectors) / 2
    assert page_weight("date", "42", usual_length=half) == pytest.approx(
        5 / 6 + 2.2 / (1 + 1.2 * 1.75) / 6
    )


class TestPaper:
    def test_areas_are_scored_by_any_token_at_any_word_that_touches_them(self) -> None:
        found = score_regions(embedded(), asking("total", "42"), method="paper")
        assert by_path(found) == pytest.approx({(2,): 1.0, (1,): 0.0})

    def test_its_own_threshold_is_the_upper_half_of_the_page(self) -> None:
        keep = default_keep("paper")
        assert (keep.rule, keep.value) == ("percentile", 50)
        assert default_keep("colregion").rule == "none"


@pytest.mark.parametrize("method", ["colregion", "paper"])
def test_a_page_without_regions_gives_nothing(method: str) -> None:
    page = make_page()
    nothing = EmbeddedPage(
        ParsedPage(page, (), ()),
        PageEmbedding(np.zeros((0, 4), dtype=np.float32), BoxPlacement(np.zeros((0, 4)))),
    )
    found = score_regions(nothing, asking("shop"), method=method, expected=NOTHING)  # type: ignore[arg-type]
    assert found == []


def test_one_region_that_covers_the_page_is_returned() -> None:
    page = make_page()
    whole = (Region(page.id, (1,), Box(0, 0, 1, 1), "date"),)
    words = (Word("date", WORDS["date"]),)
    placement = BoxPlacement(np.array([WORDS["date"].xyxy]))
    vectors = np.eye(4, dtype=np.float32)[[1]]
    embedded_page = EmbeddedPage(ParsedPage(page, words, whole), PageEmbedding(vectors, placement))
    assert by_path(score_regions(embedded_page, asking("date"))) == pytest.approx({(1,): 4.25})


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(InvalidInput, match="paper"):
        score_regions(embedded(), asking("shop"), method="magic")  # type: ignore[arg-type]
