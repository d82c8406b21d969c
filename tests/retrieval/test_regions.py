"""Which regions represent a page, which value belongs to which label, and ids of regions."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from colregion.core.embeddings import Candidate, EmbeddedPage, PageEmbedding, QueryEmbedding
from colregion.core.geometry import Box, BoxPlacement, GridPlacement
from colregion.core.regions import Cell, ParsedPage, Region, Word
from colregion.retrieval import answer_types
from colregion.retrieval.answer_types import FORM_BONUS, AnswerTypes
from colregion.retrieval.question import Question
from colregion.retrieval.regions import (
    RegionScorer,
    is_running_text,
    lexical_share,
    select_levels,
    separable_lines,
    without_covered,
)
from colregion.retrieval.scorer import ScoredRegion
from colregion.testing import make_page

NO_TYPES = AnswerTypes()


def select(
    page: EmbeddedPage,
    query: QueryEmbedding,
    *,
    text: str = "x",
    types: AnswerTypes = NO_TYPES,
) -> list[ScoredRegion]:
    """The regions that represent a page, best first."""
    question = replace(Question.of(text, query), answer_types=types)
    scorer = RegionScorer(noise_floor=0.0)
    (evidence,) = scorer.score_pages(question, [Candidate.of(page, query)])
    return list(scorer.score_regions(question, evidence))


def by_path(selected: list[ScoredRegion]) -> dict[tuple[int, ...], float]:
    return {one.region.path: one.score for one in selected}


def unit_query(*positions: int, dim: int = 4, weights: tuple[float, ...] = ()) -> QueryEmbedding:
    n = len(positions)
    return QueryEmbedding(
        np.eye(dim, dtype=np.float32)[list(positions)],
        ("x",) * n,
        np.ones(n, dtype=bool),
        np.array(weights or (1.0,) * n),
    )


# One area of two rows on a page wider than high, and a title above it. Every word is a vector of
# its own: e0 "shop" in the title, e1 "date" and e2 "42" in the first row, e3 "total" below.
SHOP, DATE, NUMBER, TOTAL = range(4)
WORDS = {
    "shop": Box(0.1, 0.05, 0.3, 0.10),
    "date": Box(0.1, 0.30, 0.2, 0.35),
    "42": Box(0.6, 0.30, 0.7, 0.35),
    "total": Box(0.1, 0.40, 0.2, 0.45),
}


def report(*, area_kind: str = "text", area: Box | None = None) -> EmbeddedPage:
    page = make_page()
    regions = (
        Region(page.id, (1,), WORDS["shop"], "shop", "title"),
        Region(page.id, (2,), area or Box(0.1, 0.3, 0.7, 0.45), "date 42\ntotal", area_kind),
        Region(page.id, (2, 1), Box(0.1, 0.3, 0.7, 0.35), "date 42", "row"),
        Region(page.id, (2, 2), Box(0.1, 0.4, 0.7, 0.45), "total", "row"),
    )
    words = tuple(Word(text, box) for text, box in WORDS.items())
    placement = BoxPlacement(np.array([box.xyxy for box in WORDS.values()]))
    return EmbeddedPage(
        ParsedPage(page, words, regions), PageEmbedding(np.eye(4, dtype=np.float32), placement)
    )


class TestSelection:
    def test_row_that_holds_the_evidence_stands_for_its_area(self) -> None:
        selected = select(report(), unit_query(DATE))
        # own 1, area 1 * .25, page 1 * 36; the other row has its area and the page only
        assert by_path(selected) == pytest.approx({(2, 1): 37.25, (2, 2): 36.25, (1,): 36 - 0.1})
        assert [one.region.path for one in selected] == [(2, 1), (2, 2), (1,)]

    def test_evidence_spread_over_rows_returns_the_area(self) -> None:
        selected = select(report(), unit_query(DATE, TOTAL))
        assert by_path(selected) == pytest.approx({(2,): 1.25 + 36, (1,): 36 - 0.1})

    def test_tokens_count_by_their_weight(self) -> None:
        selected = by_path(select(report(), unit_query(DATE, SHOP, weights=(3.0, 1.0))))
        assert selected[(1,)] == pytest.approx(0.25 * 1.25 - 0.1 + 36)
        assert selected[(2, 1)] == pytest.approx(0.75 * 1.25 + 36)

    def test_figure_is_returned_whole_unless_it_fills_the_page(self) -> None:
        small = select(report(area_kind="figure"), unit_query(DATE))
        assert by_path(small).keys() == {(1,), (2,)}
        large = report(area_kind="figure", area=Box(0.05, 0.2, 0.95, 0.9))
        assert by_path(select(large, unit_query(DATE))).keys() == {(1,), (2, 1), (2, 2)}

    def test_region_of_an_expected_form_is_preferred(self) -> None:
        number = AnswerTypes(forms=frozenset(["number"]))
        selected = by_path(select(report(), unit_query(SHOP), types=number))
        assert (selected[(2, 1)], selected[(2, 2)]) == pytest.approx((36 + FORM_BONUS, 36))

    @pytest.mark.parametrize(("form", "gain"), [("number", 1), ("digits", 4)])
    def test_expected_form_counts_more_where_words_of_a_heading_count_less_but_for_numbers(
        self, monkeypatch: pytest.MonkeyPatch, form: str, gain: float
    ) -> None:
        monkeypatch.setitem(answer_types._FORMS, "digits", re.compile(r"\d"))
        query = unit_query(SHOP)
        types = AnswerTypes(forms=frozenset([form]))
        question = replace(Question.of("x", query), answer_types=types)
        scorer = RegionScorer(noise_floor=0.01)
        (page,) = scorer.score_pages(question, [Candidate.of(report(), query)])
        selected = by_path(list(scorer.score_regions(question, page)))
        assert page.weight_left == pytest.approx(0.2)  # a fifth of "shop", which is in the title
        bonus = selected[(2, 1)] - 36 * page.relevance
        assert bonus == pytest.approx(gain * FORM_BONUS)

    def test_scored_region_carries_what_it_and_its_page_hold(self) -> None:
        best = select(report(), unit_query(DATE, SHOP))[0]
        assert best.region.path == (2, 1)
        assert (best.maxsim, best.page_mean, best.page_geometric_mean) == (
            pytest.approx((0.5, 1.0, 1.0))
        )

    def test_page_without_vectors_still_ranks_its_figures(self) -> None:
        page = make_page()
        figure = Region(page.id, (1,), Box(0.1, 0.1, 0.4, 0.3), "", "figure")
        empty = EmbeddedPage(
            ParsedPage(page, (), (figure,)),
            PageEmbedding(np.zeros((0, 4), dtype=np.float32), BoxPlacement(np.zeros((0, 4)))),
        )
        types = AnswerTypes(kinds=frozenset(["figure"]))
        assert by_path(select(empty, unit_query(SHOP), types=types)) == pytest.approx({(1,): 0.3})

    def test_page_without_regions_gives_none(self) -> None:
        nothing = EmbeddedPage(
            ParsedPage(make_page(), (), ()),
            PageEmbedding(np.zeros((0, 4), dtype=np.float32), BoxPlacement(np.zeros((0, 4)))),
        )
        assert select(nothing, unit_query(SHOP)) == []

    def test_one_region_that_covers_the_page_is_returned(self) -> None:
        page = make_page()
        whole = (Region(page.id, (1,), Box(0, 0, 1, 1), "date"),)
        words = (Word("date", WORDS["date"]),)
        placement = BoxPlacement(np.array([WORDS["date"].xyxy]))
        vectors = np.eye(4, dtype=np.float32)[[DATE]]
        covered = EmbeddedPage(ParsedPage(page, words, whole), PageEmbedding(vectors, placement))
        assert by_path(select(covered, unit_query(DATE))) == pytest.approx({(1,): 37.25})


class TestWithoutCovered:
    WHOLE, TOP = Box(0.1, 0.1, 0.9, 0.5), Box(0.1, 0.1, 0.9, 0.2)
    APART = Box(0.1, 0.6, 0.9, 0.7)

    def remaining(self, *regions: tuple[str, Box, float]) -> list[str]:
        scored = [
            ScoredRegion(Region("d#p1", (i,), box, text), score)
            for i, (text, box, score) in enumerate(regions, start=1)
        ]
        return [one.region.text for one in without_covered(scored)]

    def test_no_regions_stay_none(self) -> None:
        assert self.remaining() == []

    def test_ties_go_by_reading_order(self) -> None:
        assert self.remaining(("a", self.APART, 0.5), ("b", self.TOP, 0.5)) == ["a", "b"]

    def test_line_does_not_follow_its_paragraph_but_the_paragraph_its_line(self) -> None:
        apart = ("c", self.APART, 0.0)
        assert self.remaining(("all", self.WHOLE, 2), ("line", self.TOP, 1), apart) == ["all", "c"]
        assert self.remaining(("all", self.WHOLE, 1), ("line", self.TOP, 2)) == ["line", "all"]

    def test_region_of_which_less_than_90_percent_is_covered_stays(self) -> None:
        upper, lower = Box(0.0, 0.0, 1.0, 0.5), Box(0.0, 0.42, 1.0, 0.52)  # .08 of .10 inside
        assert self.remaining(("upper", upper, 2), ("lower", lower, 1)) == ["upper", "lower"]
        inner = Box(0.0, 0.405, 1.0, 0.505)  # .095 of .10
        assert self.remaining(("upper", upper, 2), ("inner", inner, 1)) == ["upper"]

    def test_two_regions_together_do_not_cover_a_third(self) -> None:
        left, right, both = Box(0, 0, 0.5, 0.2), Box(0.5, 0, 1, 0.2), Box(0, 0, 1, 0.2)
        regions = (("l", left, 3), ("r", right, 2), ("both", both, 1))
        assert self.remaining(*regions) == ["l", "r", "both"]

    def test_text_in_two_columns_does_not_cover_what_stands_between(self) -> None:
        pieces = (Box(0, 0.8, 0.4, 0.9), Box(0.6, 0.1, 1, 0.2))
        both = Region("d#p1", (1,), Box.enclosing(pieces), "a", parts=pieces)
        between = Region("d#p1", (2,), Box(0, 0.3, 0.4, 0.7), "b")
        inside = Region("d#p1", (3,), pieces[1], "c")
        scored = [ScoredRegion(one, 3.0 - i) for i, one in enumerate((both, between, inside))]
        assert [one.region.text for one in without_covered(scored)] == ["a", "b"]


class TestBound:
    TYPES = AnswerTypes(kinds=frozenset(["title"]), forms=frozenset(["number", "amount"]))

    @pytest.mark.parametrize("types", [NO_TYPES, TYPES])
    @pytest.mark.parametrize("tokens", [(DATE,), (DATE, TOTAL), (SHOP, NUMBER, TOTAL)])
    @pytest.mark.parametrize(
        "make", [lambda: report(), lambda: report(area_kind="figure"), lambda: form()]
    )
    def test_no_region_exceeds_the_bound_of_its_page(
        self, make: Callable[[], EmbeddedPage], tokens: tuple[int, ...], types: AnswerTypes
    ) -> None:
        page, query = make(), unit_query(*tokens)
        question = replace(Question.of("date total 12.50", query), answer_types=types)
        scorer = RegionScorer(noise_floor=0.0)
        (evidence,) = scorer.score_pages(question, [Candidate.of(page, query)])
        scores = [one.score for one in scorer.score_regions(question, evidence)]
        assert max(scores) <= scorer.bound(question, evidence)
        if not types.largest_bonus():
            assert scorer.bound(question, evidence) < max(scores) + 1.25

    def test_bound_of_a_page_in_patches_allows_for_its_words(self) -> None:
        page, query = growth_page(), unit_query(0, dim=2)
        question = Question.of("growth of exports", query)
        scorer = RegionScorer(noise_floor=0.0)
        (evidence,) = scorer.score_pages(question, [Candidate.of(page, query)])
        scores = [one.score for one in scorer.score_regions(question, evidence)]
        assert max(scores) == pytest.approx(scorer.bound(question, evidence), abs=1e-4)


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


class TestLabels:
    def test_label_is_returned_with_the_value_beside_it(self) -> None:
        best = select(form(), unit_query(0), text="From?")[0].region
        assert best.text == "From:\nR. Lane"
        assert best.parts == (CELLS[1, 1, 1][1], CELLS[1, 1, 2][1])
        assert best.box == Box(0.1, 0.10, 0.5, 0.14)
        assert best.id.endswith("#1.1.1+1")

    def test_label_with_nothing_beside_it_is_returned_with_the_value_below(self) -> None:
        best = select(form(), unit_query(2), text="paid")[0].region
        assert best.text == "Paid\n12.50"
        assert best.box.xyxy == pytest.approx((0.1, 0.20, 0.2, 0.29))

    def test_line_that_the_question_does_not_name_is_no_label(self) -> None:
        best = select(form(), unit_query(1), text="Who is Lane?")[0].region
        assert best.text == "R. Lane"

    def test_line_of_an_expected_form_needs_no_value(self) -> None:
        amount = AnswerTypes(forms=frozenset(["amount"]))
        best = select(form(), unit_query(3), text="12.50", types=amount)[0]
        assert best.region.text == "12.50"

    def test_row_is_not_divided_where_an_address_is_expected(self) -> None:
        address = AnswerTypes(forms=frozenset(["address"]))
        best = select(form(), unit_query(0), text="From?", types=address)[0]
        assert best.region.path == (1, 1)


def growth_page() -> EmbeddedPage:
    """2 x 3 patches; patch 4, below in the middle, knows the answer."""
    page = make_page()
    vectors = np.full((6, 2), 0.2, dtype=np.float32)
    vectors[:, 0] = 0
    vectors[4] = (0.9, 0.2)
    regions = (
        Region(page.id, (1,), Box(0.0, 0.0, 1.0, 0.4), "heading"),
        Region(page.id, (2,), Box(0.35, 0.6, 0.6, 0.9), "growth of exports"),
    )
    words = (Word("heading", Box(0.0, 0.0, 1.0, 0.4)),)
    return EmbeddedPage(
        ParsedPage(page, words, regions),
        PageEmbedding(vectors, GridPlacement((np.arange(6).reshape(2, 3),), n_vectors=6)),
    )


def test_words_in_a_region_count_beside_patches_that_saw_them() -> None:
    on_grid, query = growth_page(), unit_query(0, dim=2)
    term_page = 36 * 0.9
    named = by_path(select(on_grid, query, text="growth"))
    # own .9 and half for the word, a quarter of both for its area, which it is
    assert named[(2,)] == pytest.approx((0.9 + 0.5) * 1.25 + term_page)
    silent = by_path(select(on_grid, query, text="decline"))
    assert silent[(2,)] == pytest.approx(0.9 * 1.25 + term_page)


def test_lexical_share_counts_the_terms_of_the_question_in_each_text() -> None:
    regions = [region((1,), FULL, "Growth of exports"), region((2,), FULL, "")]
    assert lexical_share(regions, frozenset({"growth", "rate"})).tolist() == [0.5, 0.0]
    assert lexical_share(regions, frozenset()).tolist() == [0.0, 0.0]


def region(path: tuple[int, ...], box: Box, text: str = "a", kind: str = "text") -> Region:
    return Region(make_page().id, path, box, text, kind)


def page_of(*regions: Region) -> ParsedPage:
    return ParsedPage(make_page(), (), regions)


FULL = Box(0.1, 0.1, 0.9, 0.14)
PROSE = "one two three four five six"


class TestSelectLevels:
    def test_no_regions_select_nothing(self) -> None:
        assert select_levels(page_of(), np.zeros(0)).tolist() == []

    def test_area_of_one_block_is_not_divided(self) -> None:
        parsed = page_of(region((1,), FULL), region((1, 1), FULL))
        assert select_levels(parsed, np.ones(2)).tolist() == [True, False]

    @pytest.mark.parametrize(("kind", "least"), [("text", 0.7), ("list", 0.7), ("caption", 0.94)])
    def test_blocks_stand_for_their_area_when_one_has_most_of_its_worth(
        self, kind: str, least: float
    ) -> None:
        parsed = page_of(region((1,), FULL, kind=kind), region((1, 1), FULL), region((1, 2), FULL))
        nearly, hardly = np.array([1.0, least, 0.5]), np.array([1.0, least - 0.01, 0.5])
        assert select_levels(parsed, nearly).tolist() == [False, True, True]
        assert select_levels(parsed, hardly).tolist() == [True, False, False]

    @pytest.mark.parametrize(
        ("n_words", "columns", "header", "rows"),
        [
            (40, 4, True, True),
            (41, 4, True, False),
            (41, 3, True, True),
            (400, 4, True, False),
            (401, 4, True, True),
            (41, 4, False, True),
        ],
    )
    def test_tables_with_named_columns_are_whole_unless_they_are_small_narrow_or_very_long(
        self, n_words: int, columns: int, header: bool, rows: bool
    ) -> None:
        cell = Cell(0, 0, column_span=columns, header=header)
        parsed = page_of(
            region((1,), FULL, "w " * n_words, "table"),
            region((1, 1), FULL, kind="row"),
            replace(region((1, 1, 1), FULL, kind="row"), cell=cell),
            region((1, 2), FULL, kind="row"),
        )
        worth = np.array([1.0, 0.2, 0.2, 0.95])
        assert select_levels(parsed, worth).tolist() == (
            [False, True, False, True] if rows else [True, False, False, False]
        )


class TestRunningText:
    @pytest.mark.parametrize(
        ("widths", "text", "running"),
        [
            ((0.8, 0.8, 0.3), PROSE, True),  # the last line may end early
            ((0.8, 0.4, 0.8), PROSE, False),  # one of two is full
            ((0.8, 0.8, 0.8), "one two", False),  # cells, not sentences
            ((0.8,), "one two three", False),
            ((0.8,), f"{PROSE} seven eight nine", True),
        ],
    )
    def test_running_text_is_lines_of_one_width_with_enough_words(
        self, widths: tuple[float, ...], text: str, running: bool
    ) -> None:
        lines = [
            region((1, 1, i), Box(0.1, i / 10, 0.1 + width, i / 10 + 0.05), text)
            for i, width in enumerate(widths, start=1)
        ]
        assert is_running_text(lines) is running


class TestSeparableLines:
    def lines(self, parsed: ParsedPage, position: int) -> list[int]:
        return list(separable_lines(parsed, position))

    def test_undivided_region_is_its_own_line(self) -> None:
        assert self.lines(page_of(region((1,), FULL)), 0) == [0]

    def test_lines_of_a_row_are_separable_and_those_of_a_table_are_not(self) -> None:
        cells = (region((1, 1, 1), FULL), region((1, 1, 2), FULL))
        row = page_of(region((1,), FULL), region((1, 1), FULL, kind="row"), *cells)
        assert self.lines(row, 1) == [2, 3]
        table = page_of(region((1,), FULL), region((1, 1), FULL, kind="table"), *cells)
        assert self.lines(table, 1) == []

    def test_area_of_several_blocks_has_no_separable_lines(self) -> None:
        parsed = page_of(region((1,), FULL), region((1, 1), FULL), region((1, 2), FULL))
        assert self.lines(parsed, 0) == []
