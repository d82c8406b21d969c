"""MaxSim inside pages and regions: pure numpy over the vectors of many pages at once.

Similarities are vectors first, (V, T), so that the tokens of a vector lie side by side: that halves
the time of every maximum below. V counts the vectors of all pages, P pages, R regions, T tokens.
"""

from __future__ import annotations

import numpy as np

from colregion.core.geometry import FloatArray, IntArray

_SATURATION = 1.2  # k of BM25


def rescale(sim: FloatArray, *, noise_floor: float) -> FloatArray:
    """Similarities of any shape as evidence: `noise_floor` (0 to below 1) to 1 stretched over 0 to
    1, clipped at both ends."""
    scaled = sim - np.float32(noise_floor)
    scaled *= np.float32(1 / (1 - noise_floor))
    return np.asarray(np.clip(scaled, 0, 1, out=scaled))


def segment_max(values: FloatArray, counts: IntArray) -> FloatArray:
    """(P, T) maxima of consecutive groups of `counts` (P,) rows of (V, T); 0 for an empty group."""
    return _segment(np.maximum, values, counts)


def segment_sum(values: FloatArray, counts: IntArray) -> FloatArray:
    """(P, T) sums of consecutive groups of `counts` (P,) rows of (V, T); 0 for an empty group."""
    return _segment(np.add, values, counts)


def _segment(ufunc: np.ufunc, values: FloatArray, counts: IntArray) -> FloatArray:
    result = np.zeros((len(counts), values.shape[1]), dtype=values.dtype)
    filled = np.flatnonzero(counts)
    if len(filled) and values.shape[1]:
        # reduceat runs from one start to the next, which is right without the empty groups.
        starts = (np.cumsum(counts) - counts)[filled]
        result[filled] = ufunc.reduceat(values, starts, axis=0)
    return result


def weighted_mean(values: FloatArray, weights: FloatArray) -> FloatArray:
    """(N,) means over the tokens of (N, T): sum_i w_i x_i / sum_i w_i; 0 when all weights are.
    Weights are (T,), or (N, T) for rows with weights of their own."""
    total = weights.sum(axis=-1)
    summed = values @ weights if weights.ndim == 1 else np.einsum("nt,nt->n", values, weights)
    return np.asarray(np.divide(summed, total, out=np.zeros(len(values)), where=total > 0))


def weighted_geometric_mean(
    values: FloatArray, weights: FloatArray, *, missing: float
) -> FloatArray:
    """(N,) geometric means over the tokens of (N, T): exp(sum_i w_i ln max(x_i, missing) /
    sum_i w_i), `missing` above 0. One absent token pulls it down. 0 when all weights are."""
    if float(weights.sum()) == 0:
        return np.zeros(len(values))
    return np.exp(weighted_mean(np.log(np.maximum(values, missing)), weights))


def saturate(
    frequency: FloatArray, lengths: IntArray, *, usual_length: float, length_share: float
) -> FloatArray:
    """(N, T) term frequencies f of N texts, such as sums of squared similarities, saturated as in
    BM25 (Robertson and Zaragoza 2009): f / (f + k (1 - b + b V / L)), 0 to below 1, with k = 1.2.

    Args:
        lengths: (N,) V, the vectors of each text.
        usual_length: L, above 0. A mean of the texts compared would give one text another score
            beside others.
        length_share: b, 0-1; how much more a long text must match.
    """
    norm = _SATURATION * (1 - length_share + length_share * lengths / usual_length)
    return np.asarray(frequency / (frequency + norm[:, None]))


def neighbour_max(sim: FloatArray, counts: IntArray) -> FloatArray:
    """(P, T - 1) how well the tokens i and i + 1 match vectors j and j + 1 of one page: maxima
    over j of min(S[j, i], S[j + 1, i + 1]), for the pages of `counts` rows of (V, T); 0 where a
    page has fewer than two vectors. T is 1 or more."""
    together = np.zeros((len(sim), sim.shape[1] - 1), dtype=sim.dtype)
    np.minimum(sim[:-1, :-1], sim[1:, 1:], out=together[:-1])
    ends = np.cumsum(counts)
    together[ends[ends > 0] - 1] = 0  # the next vector is on another page
    return segment_max(together, counts)
