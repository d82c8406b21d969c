"""The published propagation of patch similarities to regions (arXiv 2512.02660), as a scorer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import numpy as np

from colregion.core.embeddings import Candidate
from colregion.core.geometry import Coverage, FloatArray, box_areas
from colregion.errors import InvalidInput
from colregion.retrieval.question import Question
from colregion.retrieval.scorer import ScoredPage, ScoredRegion, Scorer

TokenAggregation: TypeAlias = Literal["max", "mean", "sum"]
RegionAggregation: TypeAlias = Literal["max", "mean", "iou", "area"]


class PaperScorer(Scorer[ScoredPage]):
    """Pages by late interaction; layout areas by the similarities of the vectors that touch them.

    Args:
        tokens, regions: as in `aggregate_tokens` and `propagate`.
        percentile: regions below this percentile (0-100) of their page's scores are left out; the
            paper returns the upper half.
    """

    def __init__(
        self,
        *,
        tokens: TokenAggregation = "max",
        regions: RegionAggregation = "max",
        percentile: float = 50,
    ) -> None:
        if not 0 <= percentile <= 100:
            raise InvalidInput(f"a percentile lies in 0..100, got {percentile}")
        self.tokens = tokens
        self.regions = regions
        self.percentile = percentile

    def score_pages(self, question: Question, candidates: Sequence[Candidate]) -> list[ScoredPage]:
        del question
        return [ScoredPage(candidate, candidate.score) for candidate in candidates]

    def score_regions(self, question: Question, page: ScoredPage) -> list[ScoredRegion]:
        parsed, placement = page.candidate.parsed, page.candidate.placement
        content = question.embedding.content
        scores = propagate(
            aggregate_tokens(page.candidate.similarity[content], how=self.tokens),
            placement.coverage(parsed.region_boxes),
            parsed.region_boxes,
            placement.areas,
            how=self.regions,
        )
        scores = np.where(parsed.parents < 0, scores, -np.inf)
        scored = np.flatnonzero(np.isfinite(scores))
        if len(scored) == 0:
            return []
        floor = np.percentile(scores[scored], self.percentile)
        order = scored[np.argsort(-scores[scored], kind="stable")]
        best = order[scores[order] >= floor].tolist()
        return [ScoredRegion(parsed.regions[i], float(scores[i])) for i in best]


def aggregate_tokens(sim: FloatArray, *, how: TokenAggregation) -> FloatArray:
    """(V,) one score per vector: max (the paper's), mean or sum over the T tokens of (T, V); 0
    without tokens. Raises InvalidInput for an unknown aggregation."""
    if how not in get_args(TokenAggregation):
        raise InvalidInput(f"token aggregation must be max, mean or sum, got {how!r}")
    if len(sim) == 0:
        return np.zeros(sim.shape[1])
    return np.asarray(getattr(np, how)(sim, axis=0))


def propagate(
    vector_scores: FloatArray,
    cover: Coverage,
    boxes_xyxy: FloatArray,
    vector_areas: FloatArray,
    *,
    how: RegionAggregation,
) -> FloatArray:
    """(R,) region scores from vector scores (V,); -inf for a region that no vector touches.

    Args:
        cover: of the regions by the vectors' places.
        boxes_xyxy: (R, 4) of the regions.
        vector_areas: (V,) of the vectors' places.
        how: max or mean over the vectors that touch the region; or the weighted mean rel(q, r) =
            sum_j w_rj s_j / sum_j w_rj with w_rj = IoU(r, j), or the area of intersection.

    Raises:
        InvalidInput: an unknown aggregation.
    """
    if how not in get_args(RegionAggregation):
        raise InvalidInput(f"region aggregation must be max, mean, iou or area, got {how!r}")
    rows, values, n = cover.rows, vector_scores[cover.indices], cover.n_regions
    if how == "max":
        best = np.full(n, -np.inf)
        np.maximum.at(best, rows, values)
        return best
    area = cover.area
    union = box_areas(boxes_xyxy)[rows] + vector_areas[cover.indices] - area
    weights = {"mean": np.ones(len(rows)), "iou": area / union, "area": area}[how]
    total = np.bincount(rows, weights=weights, minlength=n)
    lit = np.bincount(rows, weights=weights * values, minlength=n)
    return np.asarray(np.divide(lit, total, out=np.full(n, -np.inf), where=total > 0))
