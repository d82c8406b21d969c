"""The few vectors of a page that a large index looks at first."""

from __future__ import annotations

import numpy as np

from colregion.geometry import FloatArray
from colregion.records import PageEmbedding

_TILES_A_SIDE = 8
FIRST_VECTORS = _TILES_A_SIDE**2
"""Vectors of the first stage, at most; a page that has no more keeps its own."""


def first_stage(embedding: PageEmbedding) -> FloatArray:
    """(V', D) means of the vectors that look at the same of 8 x 8 tiles of the page.

    Vectors that look nowhere, such as those of a prompt, are left out unless all do. A page of
    at most 64 vectors keeps them as they are. V' >= 1 for V >= 1, else 0.
    """
    vectors = embedding.vectors
    if len(vectors) <= FIRST_VECTORS:
        return vectors
    side = np.arange(_TILES_A_SIDE) / _TILES_A_SIDE
    x0, y0 = (axis.ravel() for axis in np.meshgrid(side, side))
    tiles = np.stack([x0, y0, x0 + 1 / _TILES_A_SIDE, y0 + 1 / _TILES_A_SIDE], axis=1)
    cover = embedding.placement.coverage(tiles)
    # A vector on the border of tiles belongs to both, by the area that it has in each.
    sums = np.zeros((len(tiles), vectors.shape[1]))
    np.add.at(sums, cover.rows, vectors[cover.indices] * cover.area[:, None])
    areas = np.bincount(cover.rows, weights=cover.area, minlength=len(tiles))
    filled = areas > 0
    if not filled.any():
        return np.asarray(vectors.mean(axis=0, keepdims=True))
    return np.asarray(sums[filled] / areas[filled, None])
