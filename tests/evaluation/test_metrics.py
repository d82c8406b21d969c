from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colregion.core.geometry import FloatArray
from colregion.evaluation.cases import BoxMode
from colregion.evaluation.metrics import (
    NO_BOXES,
    answer_end,
    answer_in_tokens,
    any_at,
    best_iou,
    bootstrap_ci,
    evidence_recall_at_area,
    fits_or_contains,
    fits_or_meets_centre,
    hit_at,
    mean_figures,
    miou_at_1,
    reciprocal_rank,
)


def array(*boxes: tuple[float, float, float, float]) -> FloatArray:
    return np.array(boxes, dtype=np.float64).reshape(-1, 4)


# Evidence of 0.2 x 0.4 = 0.08 of the page, its right half (0.04) inside the second region.
EVIDENCE = array((0.1, 0.2, 0.3, 0.6))
BESIDE = (0.5, 0.7, 0.9, 0.8)  # 0.04, no evidence
RIGHT_HALF = (0.2, 0.2, 0.4, 0.6)  # 0.08, half of it evidence


class TestEvidenceRecall:
    def test_recall_of_no_regions_is_zero(self) -> None:
        assert evidence_recall_at_area(NO_BOXES, EVIDENCE, [0.0, 0.5]).tolist() == [0.0, 0.0]

    def test_recall_grows_linearly_inside_the_region_that_crosses_the_budget(self) -> None:
        recall = evidence_recall_at_area(
            array(BESIDE, RIGHT_HALF), EVIDENCE, [0.02, 0.04, 0.06, 0.10, 0.12]
        )
        assert recall == pytest.approx([0.0, 0.0, 0.125, 0.375, 0.5])

    def test_recall_is_constant_after_the_last_region(self) -> None:
        recall = evidence_recall_at_area(array(BESIDE, RIGHT_HALF), EVIDENCE, [0.2, 1.0])
        assert recall == pytest.approx([0.5, 0.5])

    def test_area_that_is_already_covered_counts_once(self) -> None:
        # The third holds the second: 0.16 less 0.08 is new, all of the missing evidence in it.
        ranked = array(RIGHT_HALF, RIGHT_HALF, (0.0, 0.2, 0.4, 0.6))
        recall = evidence_recall_at_area(ranked, EVIDENCE, [0.08, 0.12, 0.16])
        assert recall == pytest.approx([0.5, 0.75, 1.0])

    def test_overlapping_evidence_counts_once(self) -> None:
        # 0.2 x 0.4 and 0.2 x 0.2 that overlap by 0.02: 0.10 in all, 0.08 of it in the first.
        evidence = np.concatenate([EVIDENCE, array((0.2, 0.4, 0.4, 0.6))])
        recall = evidence_recall_at_area(array((0.1, 0.2, 0.3, 0.6)), evidence, [0.04, 0.08])
        assert recall == pytest.approx([0.4, 0.8])

    def test_in_mode_any_the_best_single_box_counts(self) -> None:
        # 0.02 and 0.08 of the page; the first region is the small one.
        evidence = array((0.6, 0.1, 0.8, 0.2), (0.1, 0.2, 0.3, 0.6))
        ranked = array((0.6, 0.1, 0.8, 0.2), (0.1, 0.2, 0.3, 0.6))
        budgets = [0.01, 0.02, 0.06, 0.1]
        every = evidence_recall_at_area(ranked, evidence, budgets)
        best = evidence_recall_at_area(ranked, evidence, budgets, box_mode="any")
        assert every == pytest.approx([0.1, 0.2, 0.6, 1.0])
        assert best == pytest.approx([0.5, 1.0, 1.0, 1.0])

    def test_in_mode_any_the_best_box_may_change_with_the_budget(self) -> None:
        # 0.01 gives half of the small box (0.02) and nothing of the large (0.08), which comes
        # whole with the second.
        evidence = array((0.6, 0.1, 0.8, 0.2), (0.1, 0.2, 0.3, 0.6))
        ranked = array((0.6, 0.1, 0.7, 0.2), (0.1, 0.2, 0.3, 0.6))
        recall = evidence_recall_at_area(ranked, evidence, [0.01, 0.05, 0.09], box_mode="any")
        assert recall == pytest.approx([0.5, 0.5, 1.0])

    def test_budgets_may_be_in_any_order(self) -> None:
        recall = evidence_recall_at_area(array(BESIDE, RIGHT_HALF), EVIDENCE, [0.12, 0.0, 0.06])
        assert recall == pytest.approx([0.5, 0.0, 0.125])

    @pytest.mark.parametrize("box_mode", ["all", "any"])
    @settings(max_examples=60, deadline=None)
    @given(data=st.data())
    def test_recall_agrees_with_counting_the_cells_of_a_raster(
        self, box_mode: BoxMode, data: st.DataObject
    ) -> None:
        n = 8
        edge = st.integers(0, n - 1)
        cells = st.tuples(edge, edge, edge, edge).map(
            lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]) + 1, max(b[1], b[3]) + 1)
        )
        ranked = data.draw(st.lists(cells, max_size=6))
        evidence = data.draw(st.lists(cells, min_size=1, max_size=3))
        budgets = [0.0, 0.1, 0.33, 0.5, 1.0]
        recall = evidence_recall_at_area(
            array(*ranked) / n, array(*evidence) / n, budgets, box_mode=box_mode
        )
        assert recall == pytest.approx(_by_raster(ranked, evidence, budgets, box_mode, n))


def _by_raster(
    ranked: list[tuple[int, int, int, int]],
    evidence: list[tuple[int, int, int, int]],
    budgets: list[float],
    box_mode: BoxMode,
    n: int,
) -> list[float]:
    def cells(box: tuple[int, int, int, int]) -> set[tuple[int, int]]:
        return {(x, y) for x in range(box[0], box[2]) for y in range(box[1], box[3])}

    targets = [cells(box) for box in evidence]
    if box_mode == "all":
        targets = [set().union(*targets)]
    best = [0.0] * len(budgets)
    for target in targets:
        seen: set[tuple[int, int]] = set()
        x, y = [0.0], [0.0]
        for box in ranked:
            seen |= cells(box)
            if len(seen) / n**2 > x[-1]:
                x.append(len(seen) / n**2)
                y.append(len(seen & target) / len(target))
        best = [max(old, float(np.interp(a, x, y))) for old, a in zip(best, budgets, strict=True)]
    return best


class TestFit:
    # Two regions of 0.2 x 0.1; IoU with the evidence (0.1..0.3 x 0.5..0.6): shifted by half its
    # width 1/3, and by a quarter 3/5.
    FIT_EVIDENCE = array((0.1, 0.5, 0.3, 0.6))
    THIRD = (0.2, 0.5, 0.4, 0.6)
    THREE_FIFTHS = (0.15, 0.5, 0.35, 0.6)

    def test_no_regions_hit_nothing(self) -> None:
        best = best_iou(NO_BOXES, self.FIT_EVIDENCE)
        assert hit_at(best, 3, [0.25]).tolist() == [False]
        assert miou_at_1(best) == 0.0

    @pytest.mark.parametrize(
        ("k", "expected"),
        [(1, [True, False, False]), (2, [True, True, False]), (3, [True, True, True])],
    )
    def test_hit_at_k_needs_one_of_the_first_k_to_reach_the_threshold(
        self, k: int, expected: list[bool]
    ) -> None:
        ranked = np.concatenate([array(self.THIRD, self.THREE_FIFTHS), self.FIT_EVIDENCE])
        best = best_iou(ranked, self.FIT_EVIDENCE)
        assert best == pytest.approx([1 / 3, 3 / 5, 1.0])
        assert hit_at(best, k, [0.25, 0.5, 0.7]).tolist() == expected
        assert miou_at_1(best) == pytest.approx(1 / 3)

    def test_region_may_fit_any_box_of_the_evidence(self) -> None:
        evidence = np.concatenate([array((0.5, 0.1, 0.7, 0.15)), self.FIT_EVIDENCE])
        assert best_iou(array(self.THREE_FIFTHS), evidence) == pytest.approx([0.6])

    def test_region_on_an_alternative_has_no_rank(self) -> None:
        alternative = array((0.1, 0.8, 0.3, 0.9))
        ranked = array((0.1, 0.8, 0.3, 0.9), self.THREE_FIFTHS)
        assert best_iou(ranked, self.FIT_EVIDENCE) == pytest.approx([0.0, 0.6])
        assert best_iou(ranked, self.FIT_EVIDENCE, alternative) == pytest.approx([0.6])

    def test_region_that_fits_the_evidence_better_than_an_alternative_has_a_rank(self) -> None:
        ranked = array(self.THREE_FIFTHS)
        alternative = array((0.2, 0.5, 0.4, 0.6))  # IoU 3/5 as well
        assert best_iou(ranked, self.FIT_EVIDENCE, alternative) == pytest.approx([0.6])


class TestAnswers:
    @pytest.mark.parametrize(
        ("text", "answers", "end"),
        [
            ("", ["x"], None),
            ("The total is 2.", ["2"], 4),
            ("2.5 of 12 and a2", ["2"], None),
            ("nothing, not now", ["no"], None),
            ("NEW-  york  City", ["new york"], 2),
            ("Café: 1,234.50 EUR", ["cafe", "1,234.50"], 2),
            ("beta then alpha end", ["alpha", "beta"], 3),
            ("only alpha", ["alpha", "beta"], None),
            ("a - b", ["-"], None),
            ("some words", [], None),
            ("a b a c", ["a c"], 4),
        ],
    )
    def test_answer_end_counts_the_words_up_to_the_end_of_the_answer(
        self, text: str, answers: list[str], end: int | None
    ) -> None:
        assert answer_end(text.split(), answers) == end

    def test_answer_must_be_within_the_token_budget(self) -> None:
        found = answer_in_tokens(
            ["one two", "three four five"], ["FOUR"], [3, 4, 5], lambda text: len(text.split())
        )
        assert found.tolist() == [False, True, True]

    def test_answer_may_continue_in_the_next_region(self) -> None:
        found = answer_in_tokens(["one two", "three"], ["two three"], [3], lambda text: len(text))
        assert found.tolist() == [False]
        found = answer_in_tokens(["one two", "three"], ["two three"], [13], lambda text: len(text))
        assert found.tolist() == [True]

    def test_missing_answer_is_in_no_budget(self) -> None:
        assert answer_in_tokens(["one"], ["two"], [10, 10**6], len).tolist() == [False, False]

    def test_answer_in_a_text_that_does_not_count_is_skipped_and_its_tokens_are_spent(self) -> None:
        texts, budgets = ["one 17", "two 17"], [2, 3, 4]

        def words(text: str) -> int:
            return len(text.split())

        second = answer_in_tokens(texts, ["17"], budgets, words, counted=[False, True])
        neither = answer_in_tokens(texts, ["17"], budgets, words, counted=[False, False])
        assert second.tolist() == [False, False, True]
        assert neither.tolist() == [False, False, False]

    @pytest.mark.parametrize(
        ("word", "answer", "same"),
        [
            ("18,078", "18078", True),
            ("$12,345,678", "12345678.00", True),
            ("1375500", "1,375,500.0", True),
            ("7", "7.00", False),
            ("1,5", "15", False),
            ("12,3456", "123456", False),
        ],
    )
    def test_separators_of_thousands_do_not_matter_in_an_answer(
        self, word: str, answer: str, same: bool
    ) -> None:
        assert (answer_end([word], [answer]) == 1) is same
        assert (answer_end([answer], [word]) == 1) is same


class TestRightRegions:
    # 0.2 wide and 0.1 high, with its centre at (0.2, 0.55).
    LINE = array((0.1, 0.5, 0.3, 0.6))

    @pytest.mark.parametrize(
        ("region", "right"),
        [
            ((0.118, 0.4, 0.9, 0.9), True),  # 91 % of the line is inside
            ((0.122, 0.4, 0.9, 0.9), False),  # 89 %
            ((0.15, 0.5, 0.35, 0.6), True),  # IoU 3/5, 75 % inside
            ((0.2, 0.5, 0.4, 0.6), False),  # IoU 1/3, half inside
            ((0.0, 0.0, 1.0, 1.0), True),
        ],
    )
    def test_region_is_right_if_it_fits_an_evidence_box_or_contains_nine_tenths_of_it(
        self, region: tuple[float, float, float, float], right: bool
    ) -> None:
        beside = array((0.8, 0.0, 0.9, 0.1))
        evidence = np.concatenate([beside, self.LINE])
        assert fits_or_contains(array(region), evidence).tolist() == [right]

    @pytest.mark.parametrize(
        ("region", "right"),
        [
            ((0.19, 0.54, 0.9, 0.9), True),  # the centre and a quarter of the line
            ((0.21, 0.5, 0.9, 0.9), False),
            ((0.19, 0.56, 0.9, 0.9), False),
            ((0.0, 0.551, 1.0, 0.9), False),
        ],
    )
    def test_region_with_the_centre_of_an_evidence_box_counts_whatever_its_size(
        self, region: tuple[float, float, float, float], right: bool
    ) -> None:
        assert fits_or_meets_centre(array(region), self.LINE).tolist() == [right]

    def test_no_regions_are_right(self) -> None:
        assert fits_or_contains(NO_BOXES, self.LINE).tolist() == []
        assert fits_or_meets_centre(NO_BOXES, self.LINE).tolist() == []

    @pytest.mark.parametrize(
        ("right", "at", "rank"),
        [
            ([], [False, False], 0.0),
            ([False, False, True, True], [False, True], 1 / 3),
            ([True], [True, True], 1.0),
            ([False, False, False], [False, False], 0.0),
        ],
    )
    def test_first_right_region_decides(
        self, right: list[bool], at: list[bool], rank: float
    ) -> None:
        values = np.array(right, dtype=bool)
        assert any_at(values, [1, 3]).tolist() == at
        assert reciprocal_rank(values) == rank


class TestBootstrap:
    def test_interval_of_equal_values_has_no_width(self) -> None:
        assert bootstrap_ci(np.full(7, 0.25), list("aabbbcd")) == (0.25, 0.25)

    def test_interval_of_one_document_has_no_width(self) -> None:
        assert bootstrap_ci(np.array([0.0, 1.0, 1.0, 1.0]), ["d"] * 4) == (0.75, 0.75)

    def test_bootstrap_resamples_whole_documents(self) -> None:
        # Two documents: a sample is both (mean 0.25), the first alone (0) or the second alone (1).
        values, groups = np.array([0.0, 0.0, 0.0, 1.0]), ["a", "a", "a", "b"]
        assert bootstrap_ci(values, groups) == (0.0, 1.0)

    def test_interval_narrows_with_documents_not_with_questions(self) -> None:
        few = bootstrap_ci(np.tile([0.0, 1.0], 100), ["a", "b"] * 100)
        many = bootstrap_ci(np.tile([0.0, 1.0], 100), [str(i) for i in range(200)])
        assert few == (0.0, 1.0)
        assert 0.4 < many[0] < 0.5 < many[1] < 0.6

    def test_same_seed_gives_the_same_interval(self) -> None:
        values, groups = np.arange(10) / 10, list("aabbccddee")
        assert bootstrap_ci(values, groups, seed=3) == bootstrap_ci(values, groups, seed=3)


def test_means_are_grouped_by_measure_and_ignore_nan() -> None:
    figures = [
        {("miou", ""): 0.25, ("answered", "64"): 1.0, ("answered", "128"): np.nan},
        {("miou", ""): 0.75, ("answered", "64"): np.nan, ("answered", "128"): np.nan},
    ]
    row = mean_figures(figures, ["a", "a"])
    assert row["miou"] == 0.5
    assert row["answered"] == {"64": 1.0, "128": None}
    # There is one document to resample, so the interval has no width.
    assert row["ci95"]["miou"] == pytest.approx([0.5, 0.5])
    assert row["ci95"]["answered"] == {"64": [1.0, 1.0], "128": None}
