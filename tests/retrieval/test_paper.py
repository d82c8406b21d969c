"""The published propagation, with numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from colregion.core.embeddings import Candidate, EmbeddedPage, PageEmbedding, QueryEmbedding
from colregion.core.geometry import Box, BoxPlacement, GridPlacement
from colregion.core.regions import ParsedPage, Region
from colregion.errors import InvalidInput
from colregion.retrieval.paper import (
    PaperScorer,
    RegionAggregation,
    TokenAggregation,
    aggregate_tokens,
    propagate,
)
from colregion.retrieval.question import Question
from colregion.testing import make_page

# Two tokens, four vectors on a 2 x 2 grid: vector 0 upper left, 1 upper right, 2 and 3 below.
SIM = np.array([[0.1, 0.9, 0.2, -0.3], [0.5, 0.0, 0.4, 0.6]])
GRID = GridPlacement((np.array([[0, 1], [2, 3]]),), n_vectors=4)
UPPER = [0.0, 0.0, 1.0, 0.5]
LOWER_RIGHT = [0.75, 0.5, 1.0, 1.0]
NOWHERE = [0.5, 0.5, 0.5, 0.5]
REGIONS = np.array([UPPER, LOWER_RIGHT, NOWHERE])


class TestTokenAggregation:
    @pytest.mark.parametrize(
        ("how", "expected"),
        [
            ("max", [0.5, 0.9, 0.4, 0.6]),
            ("mean", [0.3, 0.45, 0.3, 0.15]),
            ("sum", [0.6, 0.9, 0.6, 0.3]),
        ],
    )
    def test_tokens_become_one_score_per_vector(
        self, how: TokenAggregation, expected: list[float]
    ) -> None:
        assert aggregate_tokens(SIM, how=how) == pytest.approx(expected)

    def test_without_tokens_the_scores_are_zero(self) -> None:
        assert aggregate_tokens(SIM[:0], how="max").tolist() == [0, 0, 0, 0]

    def test_unknown_aggregation_is_refused(self) -> None:
        with pytest.raises(InvalidInput, match="median"):
            aggregate_tokens(SIM, how="median")  # type: ignore[arg-type]


class TestPropagation:
    scores = np.array([0.5, 0.9, 0.4, 0.6])

    @pytest.mark.parametrize(
        ("how", "expected"),
        [
            ("max", 0.9),
            ("mean", 0.7),
            # areas 0.25 and 0.0625: (0.25 * 0.5 + 0.0625 * 0.9) / 0.3125
            ("area", 0.58),
            # IoU 0.25 / 0.3125 = 0.8 and 0.0625 / 0.5 = 0.125: (0.4 + 0.1125) / 0.925
            ("iou", 0.5125 / 0.925),
        ],
    )
    def test_vector_scores_become_a_region_score(
        self, how: RegionAggregation, expected: float
    ) -> None:
        boxes = np.array([[0.0, 0.0, 0.625, 0.5]])
        scores = propagate(self.scores, GRID.coverage(boxes), boxes, GRID.areas, how=how)
        assert scores == pytest.approx([expected])

    @pytest.mark.parametrize("how", ["max", "mean", "area", "iou"])
    def test_region_without_vectors_scores_below_everything(self, how: RegionAggregation) -> None:
        scores = propagate(self.scores, GRID.coverage(REGIONS), REGIONS, GRID.areas, how=how)
        assert np.isfinite(scores[:2]).all()
        assert scores[2] == -np.inf

    def test_unknown_aggregation_is_refused(self) -> None:
        with pytest.raises(InvalidInput, match="median"):
            propagate(self.scores, GRID.coverage(REGIONS), REGIONS, GRID.areas, how="median")  # type: ignore[arg-type]


class TestScorer:
    BOXES = (Box(0.1, 0.1, 0.4, 0.2), Box(0.1, 0.3, 0.4, 0.4), Box(0.1, 0.5, 0.4, 0.6))

    def candidate(self, *similarities: float) -> tuple[Question, Candidate]:
        """A page of one area per similarity, each with one vector, and the area's line."""
        page = make_page()
        boxes = self.BOXES[: len(similarities)]
        areas = [Region(page.id, (i,), b, "area") for i, b in enumerate(boxes, start=1)]
        lines = [Region(page.id, (i, 1), b, "line") for i, b in enumerate(boxes, start=1)]
        regions = tuple(region for pair in zip(areas, lines, strict=True) for region in pair)
        vectors = np.array(similarities, dtype=np.float32).reshape(-1, 1)
        placement = BoxPlacement(np.array([b.xyxy for b in boxes]).reshape(-1, 4))
        query = QueryEmbedding(
            np.ones((1, 1), np.float32), ("x",), np.ones(1, dtype=bool), np.ones(1)
        )
        embedded = EmbeddedPage(ParsedPage(page, (), regions), PageEmbedding(vectors, placement))
        return Question.of("x", query), Candidate.of(embedded, query)

    def test_pages_are_scored_by_late_interaction(self) -> None:
        question, candidate = self.candidate(0.25, 0.75)
        (page,) = PaperScorer().score_pages(question, [candidate])
        assert (page.candidate, page.score) == (candidate, 0.75)

    def test_the_upper_half_of_the_areas_is_returned(self) -> None:
        question, candidate = self.candidate(0.25, 0.75, 0.5)
        scorer = PaperScorer()
        (page,) = scorer.score_pages(question, [candidate])
        scored = {one.region.path: one.score for one in scorer.score_regions(question, page)}
        assert scored == {(2,): 0.75, (3,): 0.5}
        all_of_them = PaperScorer(percentile=0).score_regions(question, page)
        assert [one.score for one in all_of_them] == [0.75, 0.5, 0.25]

    def test_page_without_regions_gives_none(self) -> None:
        question, candidate = self.candidate()
        scorer = PaperScorer()
        (page,) = scorer.score_pages(question, [candidate])
        assert scorer.score_regions(question, page) == []

    def test_percentile_outside_its_range_is_refused(self) -> None:
        with pytest.raises(InvalidInput, match="percentile"):
            PaperScorer(percentile=101)
