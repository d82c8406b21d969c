"""Coarse vectors of a page, which the first of two stages of a search compares with the question.

Measured on the pages of `benchmarks.coherent_pages`, 2,000 pages, the share of the exact ten best
among the best 25 / 50 / 100 of the first stage, at 64 vectors per page: means of 4 x 4 tiles .93 /
.95 / .97; means of groups of alike vectors .94 / .98 / .99, and stretched to the length of their
members .97 / .99 / 1.00. The signs of all 1,024 vectors against the float question find as much
(.97 / 1.00 / 1.00) but are twice the size and ten times the work without special instructions.
"""

from __future__ import annotations

import numpy as np

from colregion.core.geometry import FloatArray, IntArray

COARSE_VECTORS = 64

# Shorter pages are not worth a second reading.
_FEWEST_VECTORS = 4 * COARSE_VECTORS
_ROUNDS = 2


def coarse_vectors(vectors: FloatArray) -> FloatArray:
    """(64, D) float32 that stand for a page's (V, D): k-means centroids of its vectors,
    rescaled to their members' mean norm. (0, D) for a page of fewer than 256 vectors.

    Groups begin at vectors that are far apart, so that what is rare on the page keeps one of its
    own, and are refined by two rounds of k-means. The same vectors give the same result.
    """
    if len(vectors) < _FEWEST_VECTORS:
        return np.zeros((0, vectors.shape[1]), dtype=np.float32)
    lengths = np.linalg.norm(vectors, axis=1)
    centres = vectors[_far_apart(vectors, n=COARSE_VECTORS)]
    for _ in range(_ROUNDS):
        nearest = (vectors @ centres.T - 0.5 * (centres * centres).sum(axis=1)).argmax(axis=1)
        centres, members = _means(vectors, nearest, instead=centres)
    length = np.divide(
        np.bincount(nearest, weights=lengths, minlength=len(centres)),
        members,
        out=np.linalg.norm(centres, axis=1).astype(np.float64),
        where=members > 0,
    )
    return _stretched(centres, length)


def _far_apart(vectors: FloatArray, *, n: int) -> IntArray:
    """Places of n vectors: the one nearest to the mean, then again and again the one that is
    farthest from all of those before."""
    squares = (vectors * vectors).sum(axis=1)
    places = [int((squares - 2 * (vectors @ vectors.mean(axis=0))).argmin())]
    distance = squares - 2 * (vectors @ vectors[places[0]]) + squares[places[0]]
    for _ in range(n - 1):
        places.append(int(distance.argmax()))
        to_last = squares - 2 * (vectors @ vectors[places[-1]]) + squares[places[-1]]
        np.minimum(distance, to_last, out=distance)
    return np.array(places)


def _means(
    vectors: FloatArray, group: IntArray, *, instead: FloatArray
) -> tuple[FloatArray, IntArray]:
    """The mean of each group, and how many are in it; an empty group keeps what it has."""
    members = np.bincount(group, minlength=len(instead))
    filled = members > 0
    order = np.argsort(group, kind="stable")
    starts = (np.cumsum(members) - members)[filled]
    means = instead.copy()
    means[filled] = np.add.reduceat(vectors[order], starts, axis=0) / members[filled, None]
    return means, members


def _stretched(centres: FloatArray, length: FloatArray) -> FloatArray:
    now = np.linalg.norm(centres, axis=1)
    factor = np.divide(length, now, out=np.ones(len(now)), where=now > 0)
    return np.asarray(centres * factor[:, None], dtype=np.float32)
