"""MaxSim inside pages and regions: pure numpy over the vectors of many pages at once.

Similarities are vectors first, (V, T), so that the tokens of a vector lie side by side: that halves
the time of every maximum below. V counts the vectors of all pages, P pages, R regions, T tokens.
"""

from __future__ import annotations

import numpy as np

from colregion.core.geometry import FloatArray, IntArray

_SATURATION, _LENGTH_SHARE = 1.2, 0.75  # k and b of BM25


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
    """(N,) means over the tokens of (N, T): sum_i w_i x_i / sum_i w_i; 0 when all weights are."""
    total = float(weights.sum())
    if total == 0:
        return np.zeros(len(values))
    return np.asarray(values @ weights / total)


def weighted_geometric_mean(
    values: FloatArray, weights: FloatArray, *, missing: float
) -> FloatArray:
    """(N,) geometric means over the tokens of (N, T): exp(sum_i w_i ln max(x_i, missing) /
    sum_i w_i), `missing` above 0. One absent token pulls it down. 0 when all weights are."""
    if float(weights.sum()) == 0:
        return np.zeros(len(values))
    return np.exp(weighted_mean(np.log(np.maximum(values, missing)), weights))


def saturate(frequency: FloatArray, length: FloatArray, *, mean_length: float) -> FloatArray:
    """(P, T) term frequencies f (P, T), such as sums of squared similarities, as BM25 counts them
    (Robertson and Zaragoza 2009): f (k + 1) / (f + k (1 - b + b V / L)), 0 to k + 1, with V the
    `length` of each page in vectors (P,) and L the mean over the compared pages, above 0."""
    norm = _SATURATION * (1 - _LENGTH_SHARE + _LENGTH_SHARE * length / mean_length)
    return np.asarray(frequency * (_SATURATION + 1) / (frequency + norm[:, None]))
