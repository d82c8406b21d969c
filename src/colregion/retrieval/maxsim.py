"""From similarities to scores: late interaction for pages, propagation for regions.

Pure numpy. Shape letters: T query tokens, V page vectors, D dimension, R regions.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from colregion.core.embeddings import similarity
from colregion.core.geometry import Coverage, FloatArray, box_areas
from colregion.core.text import terms
from colregion.errors import InvalidInput

TokenAggregation: TypeAlias = Literal["max", "mean", "sum"]
RegionAggregation: TypeAlias = Literal["max", "mean", "iou", "area"]


def saturated_frequency(
    sim: FloatArray,
    weights: FloatArray,
    *,
    usual_length: float,
    saturation: float = 1.2,
    length_share: float = 0.75,
) -> float:
    """How often what is asked stands on the page: BM25 (Robertson and Zaragoza 2009) with term
    frequencies f_i = sum_j S[i, j]^2,
    sum_i w_i f_i (k + 1) / (f_i + k (1 - b + b V / L)) / sum_i w_i.

    Args:
        sim: (T, V), 0-1.
        weights: (T,), such as inverse document frequencies.
        usual_length: L, the V of a usual page, above 0.
        saturation: k, above 0.
        length_share: b, 0-1.

    Returns:
        0 to k + 1; 0 for a page without vectors or a question without tokens.
    """
    total = float(weights.sum())
    if sim.shape[1] == 0 or total == 0:
        return 0.0
    often = np.square(sim).sum(axis=1)
    length = 1 - length_share + length_share * sim.shape[1] / usual_length
    return float(weights @ (often * (saturation + 1) / (often + saturation * length))) / total


def region_maxsim(sim: FloatArray, cover: Coverage, weights: FloatArray) -> FloatArray:
    """(R,) late interaction restricted to each region: sum_i w_i max_{j in r} S[i, j] / sum_i w_i.

    Page-independent, so regions of different pages compare.

    Args:
        sim: (T, V).
        cover: which vectors look at which region.
        weights: (T,); 0 takes a token out.

    Returns:
        -inf for a region at which no vector looks; 0 for all others when every weight is 0.
    """
    best = region_token_max(sim[weights > 0], cover)  # (T', R)
    total = float(weights.sum())
    scores = weights[weights > 0] @ best / total if total else np.zeros(cover.n_regions)
    return np.where(np.diff(cover.indptr) > 0, scores, -np.inf)


def region_token_max(sim: FloatArray, cover: Coverage) -> FloatArray:
    """(T, R) highest similarity of each token inside each region; -inf where no vector looks."""
    best = np.full((len(sim), cover.n_regions), -np.inf, dtype=np.float64)
    filled = np.flatnonzero(np.diff(cover.indptr) > 0)
    if len(filled) and len(sim):
        # reduceat runs from one start to the next, which is right once empty rows are left out.
        # Vectors first: the tokens of one then lie side by side, which halves the time.
        looking = np.ascontiguousarray(sim.T).take(cover.indices, axis=0)
        best[:, filled] = np.maximum.reduceat(looking, cover.indptr[:-1][filled], axis=0).T
    return best


def aggregate_tokens(
    sim: FloatArray, *, how: TokenAggregation, content: NDArray[np.bool_] | None = None
) -> FloatArray:
    """(V,) one score a vector: max, mean or sum over the tokens of S (T, V).

    The paper's patch score is the max (arXiv 2512.02660, "score_patch").

    Args:
        content: (T,) which tokens vote; all by default. Without any the scores are 0.
    """
    chosen = sim if content is None else sim[content]
    if len(chosen) == 0:
        return np.zeros(sim.shape[1])
    if how == "max":
        return np.asarray(chosen.max(axis=0))
    if how == "mean":
        return np.asarray(chosen.mean(axis=0))
    if how == "sum":
        return np.asarray(chosen.sum(axis=0))
    raise InvalidInput(f"token aggregation must be max, mean or sum, got {how!r}")


def propagate(
    vector_scores: FloatArray,
    cover: Coverage,
    boxes_xyxy: FloatArray,
    vector_areas: FloatArray,
    *,
    how: RegionAggregation = "max",
    min_overlap: float = 0.0,
) -> FloatArray:
    """(R,) region scores from vector scores, as in the paper (arXiv 2512.02660).

    max, mean: over the vectors whose IoU with the region exceeds `min_overlap`.
    iou, area: their mean weighted by IoU, rel(q, r) = sum_j w_rj s_j / sum_j w_rj with
    w_rj = IoU(r, j), or by the area of intersection.

    Args:
        vector_scores: (V,).
        cover: of the regions by the vectors' places.
        boxes_xyxy: (R, 4) of the regions.
        vector_areas: (V,) of the vectors' places.
        min_overlap: an IoU, 0-1; 0 takes every vector that touches the region.

    Returns:
        -inf for a region that no vector counts for.
    """
    if not 0 <= min_overlap <= 1:
        raise InvalidInput(f"min_overlap is an IoU in 0..1, got {min_overlap}")
    rows = cover.rows
    iou = cover.area / (box_areas(boxes_xyxy)[rows] + vector_areas[cover.indices] - cover.area)
    counted = cover.where(iou > min_overlap)
    if how == "max":
        return np.asarray(region_token_max(vector_scores[None, :], counted)[0])
    weights = {
        "mean": np.ones(len(counted.indices)),
        "iou": iou[iou > min_overlap],
        "area": counted.area,
    }.get(how)
    if weights is None:
        raise InvalidInput(f"region aggregation must be max, mean, iou or area, got {how!r}")
    n = cover.n_regions
    total = np.bincount(counted.rows, weights=weights, minlength=n)
    lit = np.bincount(counted.rows, weights=weights * vector_scores[counted.indices], minlength=n)
    return np.asarray(np.divide(lit, total, out=np.full(n, -np.inf), where=total > 0))


def mostly_inside(cover: Coverage, vector_areas: FloatArray, *, min_share: float) -> Coverage:
    """Only the vectors of whose place at least `min_share` (0-1) lies inside the region.

    Keeps the words of a neighbouring line out of a region whose box touches them.
    """
    return cover.where(cover.area >= min_share * vector_areas[cover.indices])


def sharpen(
    sim: FloatArray,
    *,
    noise_floor: float = 0.0,
    background: FloatArray | None = None,
    blank: NDArray[np.bool_] | None = None,
) -> FloatArray:
    """(T, V) similarities as evidence: background taken off, floor to 1 stretched over 0 to 1.

    Args:
        sim: (T, V).
        noise_floor: the similarity, 0 to below 1, up to which vectors are unrelated; what lies
            below counts 0.
        background: (V,) what each vector answers to any question, as from `background_of`.
        blank: (V,) vectors that look at nothing; they answer nothing.
    """
    if background is not None:
        sim = sim - background
    above = np.clip((sim - noise_floor) / (1 - noise_floor), 0, 1)
    return above if blank is None else np.where(blank, 0.0, above)


def background_of(page_vectors: FloatArray, generic_vectors: FloatArray) -> FloatArray:
    """(V,) what each vector (V, D) answers to generic question tokens (G, D) on the mean, less
    the page's own mean of it: what stands out whatever is asked. 0 for no generic tokens."""
    if len(generic_vectors) == 0 or len(page_vectors) == 0:
        return np.zeros(len(page_vectors), dtype=np.float32)
    mean = similarity(generic_vectors, page_vectors).mean(axis=0)
    return np.asarray(mean - mean.mean())


def peaked_weights(sim: FloatArray, weights: FloatArray, *, strength: float) -> FloatArray:
    """(T,) weights of the tokens by how peaked their maps are: w_i (1 - s + s p_i) with
    p_i = (max_j S[i, j] - mean_j S[i, j]) / max_j S[i, j], 0 for a flat or dark map.

    Args:
        sim: (T, V) of at least 0.
        weights: (T,).
        strength: s, 0-1; 0 leaves the weights as they are.
    """
    if strength == 0 or sim.shape[1] == 0:
        return weights
    top = sim.max(axis=1)
    peaked = np.divide(top - sim.mean(axis=1), top, out=np.zeros(len(sim)), where=top > 0)
    return np.asarray(weights * (1 - strength + strength * peaked))


def lexical_share(texts: Sequence[str], wanted: Sequence[str]) -> FloatArray:
    """(R,) the share of the wanted terms (as `text.content_terms` gives them) that stand in each
    of R texts, 0-1; 0 for no wanted terms."""
    asked = set(wanted)
    found = [len(asked & _term_set(text)) for text in texts]
    return np.array(found, dtype=np.float64) / max(len(asked), 1)


@lru_cache(maxsize=1 << 14)
def _term_set(text: str) -> frozenset[str]:
    # The same pages are asked again and again.
    return frozenset(terms(text))
