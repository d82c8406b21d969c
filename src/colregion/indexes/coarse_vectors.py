"""Coarse vectors of a page, for the first stage of a search in two stages.

Recall of the exact ten best among the best 25 / 50 / 100 of the first stage, on 2,000 pages of
`benchmarks.coherent_pages` with 64 vectors per page: means of 4 x 4 tiles .93 / .95 / .97; k-means
centroids .94 / .98 / .99, and rescaled to their members' mean norm .97 / .99 / 1.00. The signs of
all 1,024 vectors against the float query reach the same (.97 / 1.00 / 1.00) with twice the size and
ten times the work.
"""

from __future__ import annotations

import numpy as np

from colregion.core.geometry import FloatArray, IntArray

COARSE_VECTORS = 64
_FEWEST_VECTORS = 4 * COARSE_VECTORS  # shorter pages are fast to score exactly
_ROUNDS = 2


def coarse_vectors(vectors: FloatArray) -> FloatArray:
    """(64, D) float32 `k_means` centroids of a page's (V, D), rescaled to their members' mean norm;
    (0, D) for a page of fewer than 256 vectors. Deterministic."""
    if len(vectors) < _FEWEST_VECTORS:
        return np.zeros((0, vectors.shape[1]), dtype=np.float32)
    lengths = np.linalg.norm(vectors, axis=1)
    centres, nearest, members = _rounds(vectors, n=COARSE_VECTORS)
    length = np.divide(
        np.bincount(nearest, weights=lengths, minlength=len(centres)),
        members,
        out=np.linalg.norm(centres, axis=1).astype(np.float64),
        where=members > 0,
    )
    return _rescaled(centres, length)


def k_means(vectors: FloatArray, *, n: int) -> FloatArray:
    """(n, D) centroids of (V, D), V >= n >= 1, by two rounds from farthest-point seeds, which give
    rare vectors their own centroid. Deterministic."""
    return _rounds(vectors, n=n)[0]


def _rounds(vectors: FloatArray, *, n: int) -> tuple[FloatArray, IntArray, IntArray]:
    """The centroids (n, D), the centroid (V,) that each vector was nearest to, and how many (n,)
    each has."""
    centres = vectors[_far_apart(vectors, n=n)]
    for _ in range(_ROUNDS):
        nearest = (vectors @ centres.T - 0.5 * (centres * centres).sum(axis=1)).argmax(axis=1)
        centres, members = _means(vectors, nearest, instead=centres)
    return centres, nearest, members


def _far_apart(vectors: FloatArray, *, n: int) -> IntArray:
    """Positions of n farthest-point samples, the first one nearest to the mean."""
    squares = (vectors * vectors).sum(axis=1)
    positions = [int((squares - 2 * (vectors @ vectors.mean(axis=0))).argmin())]
    distance = squares - 2 * (vectors @ vectors[positions[0]]) + squares[positions[0]]
    for _ in range(n - 1):
        positions.append(int(distance.argmax()))
        to_last = squares - 2 * (vectors @ vectors[positions[-1]]) + squares[positions[-1]]
        np.minimum(distance, to_last, out=distance)
    return np.array(positions)


def _means(
    vectors: FloatArray, group: IntArray, *, instead: FloatArray
) -> tuple[FloatArray, IntArray]:
    """The mean and size of each group; an empty group keeps its row of `instead`."""
    members = np.bincount(group, minlength=len(instead))
    filled = members > 0
    order = np.argsort(group, kind="stable")
    starts = (np.cumsum(members) - members)[filled]
    means = instead.copy()
    means[filled] = np.add.reduceat(vectors[order], starts, axis=0) / members[filled, None]
    return means, members


def _rescaled(centres: FloatArray, length: FloatArray) -> FloatArray:
    norm = np.linalg.norm(centres, axis=1)
    factor = np.divide(length, norm, out=np.ones(len(norm)), where=norm > 0)
    return np.asarray(centres * factor[:, None], dtype=np.float32)
