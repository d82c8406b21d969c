"""The evidence of pages for a question, computed once per search for all candidates together.

From it follow the order of pages, the scores of regions and the features of a hit's confidence.
Shape letters: T query tokens, V vectors of all pages, P pages, R regions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from colregion.core.embeddings import Candidate
from colregion.core.geometry import Coverage, FloatArray, GridPlacement
from colregion.core.regions import ParsedPage
from colregion.core.repr import one_line_repr
from colregion.retrieval import maxsim
from colregion.retrieval.patches import patch_regions
from colregion.retrieval.question import Question
from colregion.retrieval.scorer import ScoredPage

# The weights of a page's relevance: its highest similarities, the MaxSim of its best area and its
# best line, and how often the words of the question occur. Their sum is 1.
_MEAN_WEIGHT, _AREA_WEIGHT, _LINE_WEIGHT, _FREQUENCY_WEIGHT = 1 / 3, 1 / 6, 1 / 3, 1 / 6
_MISSING = 0.05  # what a token without a match on the page counts in a geometric mean


@one_line_repr("parsed.id", "score", "relevance", "regions")
@dataclass(frozen=True, slots=True, eq=False)
class PageEvidence(ScoredPage):
    """How well one page and its regions match one question.

    Args:
        parsed: the page; an unread one has the regions that the question lights up.
        regions: (R,) MaxSim inside each region, sum_i w_i max_{j in r} S[i, j] / sum_i w_i with S
            rescaled to 0-1; 0 where no vector looks.
        mean: weighted mean over the tokens of the highest similarity on the page, 0-1.
        geometric_mean: the same as a geometric mean, in which a missing token counts 0.05.
        relevance: how well the page answers, 0 to about 1: a third `mean`, a third its best line
            alone, a sixth its best area, a sixth the saturated term frequency. Words scattered
            over a page count less than words close together.
    """

    parsed: ParsedPage
    regions: FloatArray
    mean: float
    geometric_mean: float
    relevance: float


def collect_evidence(
    question: Question, candidates: Sequence[Candidate], *, noise_floor: float
) -> list[PageEvidence]:
    """The evidence of every candidate page, in their order; [] for none.

    Args:
        noise_floor: as in `Encoder`. Pages are scored by their relevance above it; without one (0)
            by late interaction, for which a visual model was trained.
    """
    if not candidates:
        return []
    weights = question.weights
    lengths = np.array([candidate.similarity.shape[1] for candidate in candidates])
    # (V, T), the vectors of all pages one after the other.
    sim = np.concatenate([candidate.similarity.T for candidate in candidates])
    sim = maxsim.rescale(sim, noise_floor=noise_floor)
    pages = _with_regions(candidates, sim, lengths, weights)
    best = maxsim.segment_max(sim, lengths)
    mean_length = max(float(lengths.mean()), 1.0)
    frequency = maxsim.segment_sum(sim * sim, lengths)
    frequency = maxsim.saturate(frequency, lengths, mean_length=mean_length)
    mean = maxsim.weighted_mean(best, weights)
    geometric_mean = maxsim.weighted_geometric_mean(best, weights, missing=_MISSING) * (lengths > 0)
    frequency_mean = maxsim.weighted_mean(frequency, weights)
    region_scores = _region_maxsim(sim, lengths, [cover for _, cover in pages], weights)
    n_regions = np.array([len(parsed.parents) for parsed, _ in pages])
    parents = np.concatenate([parsed.parents for parsed, _ in pages])
    ends = np.cumsum(n_regions)
    offsets = np.repeat(ends - n_regions, n_regions)
    is_leaf = np.ones(len(parents), dtype=bool)
    is_leaf[(parents + offsets)[parents >= 0]] = False
    lines = maxsim.segment_max(np.where(is_leaf, region_scores, 0.0)[:, None], n_regions)[:, 0]
    relevance = (
        _MEAN_WEIGHT * mean
        + _AREA_WEIGHT * maxsim.segment_max(region_scores[:, None], n_regions)[:, 0]
        + _LINE_WEIGHT * lines
        + _FREQUENCY_WEIGHT * frequency_mean
    ).tolist()
    by_page = [region_scores[end - n : end] for end, n in zip(ends, n_regions, strict=True)]
    means = zip(mean.tolist(), geometric_mean.tolist(), strict=True)
    return [
        PageEvidence(page, score if noise_floor else page.score, parsed, regions, *both, score)
        for page, score, (parsed, _), regions, both in zip(
            candidates, relevance, pages, by_page, means, strict=True
        )
    ]


def _region_maxsim(
    sim: FloatArray, lengths: FloatArray, covers: Sequence[Coverage], weights: FloatArray
) -> FloatArray:
    """The MaxSim of the regions of all pages, one page after the other."""
    first = np.cumsum(lengths) - lengths
    indices = np.concatenate([cover.indices + at for cover, at in zip(covers, first, strict=True)])
    ends = np.concatenate([cover.indptr[1:] for cover in covers])
    counts = ends - np.concatenate([cover.indptr[:-1] for cover in covers])
    return maxsim.weighted_mean(maxsim.segment_max(sim.take(indices, axis=0), counts), weights)


def _with_regions(
    candidates: Sequence[Candidate], sim: FloatArray, lengths: FloatArray, weights: FloatArray
) -> list[tuple[ParsedPage, Coverage]]:
    """Each page with the vectors of its regions. A page without words whose vectors look at patches
    has regions made from the patches that the question lights up."""
    pages = []
    starts = np.cumsum(lengths) - lengths
    for candidate, start, length in zip(candidates, starts, lengths, strict=True):
        parsed, placement, cover = candidate.parsed, candidate.placement, candidate.region_cover
        # Not `parsed.words`: an index decodes the words of a page only when it must.
        if isinstance(placement, GridPlacement) and not any(r.text for r in parsed.regions):
            lit = maxsim.weighted_mean(sim[start : start + length], weights)
            regions = patch_regions(parsed.id, lit, placement)
            parsed = ParsedPage(parsed.page, (), regions)
            cover = placement.coverage(parsed.region_boxes)
        pages.append((parsed, cover))
    return pages
