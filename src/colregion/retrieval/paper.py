"""The published propagation of patch similarities to regions (arXiv 2512.02660), as a scorer.

Shape letters: T query tokens, V page vectors, R regions.
"""

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
        percentile: regions of a page below this percentile (0-100) of its scores are left out;
            the paper keeps the upper half.
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
        candidate = page.candidate
        parsed, placement = candidate.parsed, candidate.placement
        if not parsed.regions:
            return []
        content = question.embedding.content
        scores = propagate(
            aggregate_tokens(candidate.similarity[content], how=self.tokens),
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
        return [
            ScoredRegion(parsed.regions[i], float(scores[i]))
            for i in order.tolist()
            if scores[i] >= floor
        ]


def aggregate_tokens(sim: FloatArray, *, how: TokenAggregation) -> FloatArray:
    """(V,) one score per vector: max, mean or sum over the tokens of S (T, V); the paper's patch
    score is the max. 0 without tokens.

    Raises:
        InvalidInput: an unknown aggregation.
    """
    if how not in get_args(TokenAggregation):
        raise InvalidInput(f"token aggregation must be max, mean or sum, got {how!r}")
    if len(sim) == 0:
        return np.zeros(sim.shape[1])
    match how:
        case "max":
            return np.asarray(sim.max(axis=0))
        case "mean":
            return np.asarray(sim.mean(axis=0))
        case "sum":
            return np.asarray(sim.sum(axis=0))


def propagate(
    vector_scores: FloatArray,
    cover: Coverage,
    boxes_xyxy: FloatArray,
    vector_areas: FloatArray,
    *,
    how: RegionAggregation,
) -> FloatArray:
    """(R,) region scores from vector scores.

    max, mean: over the vectors that touch the region.
    iou, area: their mean weighted by IoU, rel(q, r) = sum_j w_rj s_j / sum_j w_rj with
    w_rj = IoU(r, j), or by the area of intersection.

    Args:
        vector_scores: (V,).
        cover: of the regions by the vectors' places.
        boxes_xyxy: (R, 4) of the regions.
        vector_areas: (V,) of the vectors' places.

    Returns:
        -inf for a region that no vector counts for.

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
    weights = {
        "mean": np.ones(len(rows)),
        "iou": cover.area
        / (box_areas(boxes_xyxy)[rows] + vector_areas[cover.indices] - cover.area),
        "area": cover.area,
    }[how]
    total = np.bincount(rows, weights=weights, minlength=n)
    lit = np.bincount(rows, weights=weights * values, minlength=n)
    return np.asarray(np.divide(lit, total, out=np.full(n, -np.inf), where=total > 0))
