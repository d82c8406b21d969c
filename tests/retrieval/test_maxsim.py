"""Late interaction and the paper's propagation, with numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from colregion.core.embeddings import maxsim_score, similarity
from colregion.core.geometry import Coverage, GridPlacement
from colregion.errors import InvalidInput, ShapeMismatch
from colregion.retrieval import maxsim

# Two tokens, four vectors on a 2 x 2 grid: vector 0 upper left, 1 upper right, 2 and 3 below.
SIM = np.array([[0.1, 0.9, 0.2, -0.3], [0.5, 0.0, 0.4, 0.6]])
GRID = GridPlacement((np.array([[0, 1], [2, 3]]),), n_vectors=4)
UPPER = [0.0, 0.0, 1.0, 0.5]
LOWER_RIGHT = [0.75, 0.5, 1.0, 1.0]
NOWHERE = [0.5, 0.5, 0.5, 0.5]
REGIONS = np.array([UPPER, LOWER_RIGHT, NOWHERE])
COVER = GRID.coverage(REGIONS)


class TestSimilarity:
    def test_no_vectors_give_no_columns(self) -> None:
        assert similarity(np.ones((2, 3)), np.zeros((0, 3))).shape == (2, 0)

    def test_rows_are_tokens_and_columns_vectors(self) -> None:
        query = np.array([[1.0, 0.0], [0.0, 2.0]], dtype=np.float16)
        page = np.array([[3.0, 1.0], [0.0, 1.0], [5.0, 0.0]], dtype=np.float32)
        sim = similarity(query, page)
        assert sim.tolist() == [[3.0, 0.0, 5.0], [2.0, 2.0, 0.0]]
        assert sim.dtype == np.float32

    def test_dimensions_must_agree(self) -> None:
        with pytest.raises(ShapeMismatch, match="3 and 4"):
            similarity(np.ones((2, 3)), np.ones((2, 4)))


class TestMaxSim:
    def test_a_page_without_vectors_scores_below_everything(self) -> None:
        assert maxsim_score(np.zeros((2, 0)), np.ones(2)) == -np.inf

    def test_a_question_without_tokens_scores_zero(self) -> None:
        assert maxsim_score(np.zeros((0, 3)), np.zeros(0)) == 0.0

    def test_every_token_counts_its_best_vector_by_its_weight(self) -> None:
        assert maxsim_score(SIM, np.array([1.0, 2.0])) == pytest.approx(0.9 + 2 * 0.6)

    def test_a_page_of_negative_similarities_keeps_its_sign(self) -> None:
        assert maxsim_score(np.array([[-0.5, -0.2]]), np.ones(1)) == pytest.approx(-0.2)


class TestSaturatedFrequency:
    SIM = np.array([[0.5, 1.0, 0.0], [0.0, 0.0, 0.0]])

    @pytest.mark.parametrize(("tokens", "vectors"), [(0, 3), (2, 0)])
    def test_nothing_asked_or_nothing_there_is_zero(self, tokens: int, vectors: int) -> None:
        sim = np.ones((tokens, vectors))
        assert maxsim.saturated_frequency(sim, np.ones(tokens), usual_length=9) == 0.0
        assert maxsim.saturated_frequency(sim, np.zeros(tokens), usual_length=9) == 0.0

    def test_it_is_bm25_of_squared_similarities(self) -> None:
        # f = (0.25 + 1, 0); on a page of usual length 1.25 * 2.2 / (1.25 + 1.2), weights 1 and 3
        found = maxsim.saturated_frequency(self.SIM, np.array([1.0, 3.0]), usual_length=3)
        assert found == pytest.approx(2.75 / 2.45 / 4)

    def test_a_page_of_twice_the_length_holds_it_less(self) -> None:
        found = maxsim.saturated_frequency(self.SIM, np.array([1.0, 3.0]), usual_length=1.5)
        assert found == pytest.approx(2.75 / (1.25 + 1.2 * 1.75) / 4)

    def test_it_saturates(self) -> None:
        often = maxsim.saturated_frequency(np.ones((1, 10_000)), np.ones(1), usual_length=10_000)
        assert 2.19 < often < 2.2


class TestRegionMaxSim:
    def test_each_token_finds_its_best_vector_inside_the_region(self) -> None:
        scores = maxsim.region_maxsim(SIM, COVER, np.array([1.0, 3.0]))
        # upper: (0.9 + 3 * 0.5) / 4; lower right: (-0.3 + 3 * 0.6) / 4; no vector: -inf
        assert scores == pytest.approx([0.6, 0.375, -np.inf])

    def test_tokens_of_no_weight_are_left_out(self) -> None:
        assert maxsim.region_maxsim(SIM, COVER, np.array([2.0, 0.0])) == pytest.approx(
            [0.9, -0.3, -np.inf]
        )

    def test_without_any_weight_all_covered_regions_score_zero(self) -> None:
        assert maxsim.region_maxsim(SIM, COVER, np.zeros(2)) == pytest.approx([0, 0, -np.inf])

    def test_no_regions_give_no_scores(self) -> None:
        cover = GRID.coverage(np.zeros((0, 4)))
        assert maxsim.region_maxsim(SIM, cover, np.ones(2)).shape == (0,)

    def test_an_empty_region_between_full_ones_takes_nothing_from_them(self) -> None:
        cover = Coverage(np.array([0, 1, 1, 2]), np.array([0, 3]), np.array([0.1, 0.1]))
        assert maxsim.region_token_max(SIM, cover).tolist() == [
            [0.1, -np.inf, -0.3],
            [0.5, -np.inf, 0.6],
        ]


class TestTokenAggregation:
    @pytest.mark.parametrize(
        ("how", "expected"),
        [
            ("max", [0.5, 0.9, 0.4, 0.6]),
            ("mean", [0.3, 0.45, 0.3, 0.15]),
            ("sum", [0.6, 0.9, 0.6, 0.3]),
        ],
    )
    def test_tokens_become_one_score_a_vector(
        self, how: maxsim.TokenAggregation, expected: list[float]
    ) -> None:
        assert maxsim.aggregate_tokens(SIM, how=how) == pytest.approx(expected)

    def test_only_content_tokens_vote(self) -> None:
        content = np.array([True, False])
        assert maxsim.aggregate_tokens(SIM, how="max", content=content) == pytest.approx(SIM[0])

    def test_without_content_the_scores_are_zero(self) -> None:
        none = np.zeros(2, dtype=bool)
        assert maxsim.aggregate_tokens(SIM, how="max", content=none).tolist() == [0, 0, 0, 0]

    def test_another_aggregation_is_refused(self) -> None:
        with pytest.raises(InvalidInput, match="median"):
            maxsim.aggregate_tokens(SIM, how="median")  # type: ignore[arg-type]


class TestPropagation:
    scores = np.array([0.5, 0.9, 0.4, 0.6])

    @pytest.mark.parametrize(
        ("region", "how", "expected"),
        [
            ([0.0, 0.0, 0.625, 0.5], "max", 0.9),
            ([0.0, 0.0, 0.625, 0.5], "mean", 0.7),
            # areas 0.25 and 0.0625: (0.25 * 0.5 + 0.0625 * 0.9) / 0.3125
            ([0.0, 0.0, 0.625, 0.5], "area", 0.58),
            # IoU 0.25 / 0.3125 = 0.8 and 0.0625 / 0.5 = 0.125: (0.4 + 0.1125) / 0.925
            ([0.0, 0.0, 0.625, 0.5], "iou", 0.5125 / 0.925),
        ],
    )
    def test_vector_scores_become_a_region_score(
        self, region: list[float], how: maxsim.RegionAggregation, expected: float
    ) -> None:
        boxes = np.array([region])
        found = maxsim.propagate(self.scores, GRID.coverage(boxes), boxes, GRID.areas, how=how)
        assert found == pytest.approx([expected])

    @pytest.mark.parametrize("how", ["max", "mean", "area", "iou"])
    def test_a_region_at_which_nothing_looks_scores_below_everything(
        self, how: maxsim.RegionAggregation
    ) -> None:
        found = maxsim.propagate(self.scores, COVER, REGIONS, GRID.areas, how=how)
        assert np.isfinite(found[:2]).all()
        assert found[2] == -np.inf

    def test_min_overlap_is_an_iou_that_must_be_passed(self) -> None:
        boxes = np.array([[0.0, 0.0, 0.625, 0.5]])
        cover = GRID.coverage(boxes)

        def best(min_overlap: float) -> float:
            return float(
                maxsim.propagate(
                    self.scores, cover, boxes, GRID.areas, how="max", min_overlap=min_overlap
                )[0]
            )

        assert best(0.1) == 0.9
        assert best(0.125) == 0.5  # the right cell's IoU is 0.125, no more
        assert best(0.9) == -np.inf

    def test_what_cannot_be_is_refused(self) -> None:
        with pytest.raises(InvalidInput, match="min_overlap"):
            maxsim.propagate(self.scores, COVER, REGIONS, GRID.areas, min_overlap=1.5)
        with pytest.raises(InvalidInput, match="median"):
            maxsim.propagate(self.scores, COVER, REGIONS, GRID.areas, how="median")  # type: ignore[arg-type]


def test_a_word_counts_for_a_region_only_when_mostly_inside() -> None:
    cover = Coverage(np.array([0, 2]), np.array([0, 1]), np.array([0.06, 0.04]))
    inside = maxsim.mostly_inside(cover, np.array([0.1, 0.1]), min_share=0.5)
    assert inside.indices.tolist() == [0]
