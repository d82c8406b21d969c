"""Connected components in plain numpy: of a graph, and of the true points of a mask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from colregion.core.geometry import IntArray


def connected(n: int, a: IntArray, b: IntArray) -> IntArray:
    """(n,) component numbers from 0 of the nodes of a graph with the edges (a[i], b[i])."""
    parent = np.arange(n)
    while len(a):
        low, high = np.minimum(parent[a], parent[b]), np.maximum(parent[a], parent[b])
        apart = low != high
        if not apart.any():
            break
        np.minimum.at(parent, high[apart], low[apart])
        while ((above := parent[parent]) != parent).any():
            parent = above
    numbers: IntArray = np.unique(parent, return_inverse=True)[1].reshape(-1)
    return numbers


def component_boxes(mask: NDArray[np.bool_]) -> IntArray:
    """(N, 4) boxes (left, top, right, bottom; the last two excluded) of the N components of true
    points in a mask (H, W), connected over edges and corners; (0, 4) for none."""
    height, width = mask.shape
    changes = np.diff(np.pad(mask, ((0, 0), (1, 1))).view(np.int8), axis=1)
    row, start = np.nonzero(changes == 1)
    stop = np.nonzero(changes == -1)[1]
    label = connected(len(row), *_touching_runs(row, start, stop, width=width))
    n = int(label.max(initial=-1)) + 1
    low, high = np.full((n, 2), height + width), np.zeros((n, 2), dtype=np.int64)
    np.minimum.at(low, label, np.stack([start, row], axis=1))
    np.maximum.at(high, label, np.stack([stop, row + 1], axis=1))
    return np.hstack([low, high])


def _touching_runs(
    row: IntArray, start: IntArray, stop: IntArray, *, width: int
) -> tuple[IntArray, IntArray]:
    """Pairs of runs of neighbouring rows that share a column or touch by a corner."""
    # Runs are sorted by row and column, so those that a run touches in the next row are one slice.
    step = width + 2
    first = np.searchsorted(row * step + stop, (row + 1) * step + start, side="left")
    last = np.searchsorted(row * step + start, (row + 1) * step + stop, side="right")
    counts = np.maximum(last - first, 0)
    above = np.repeat(np.arange(len(row)), counts)
    within = np.arange(len(above)) - np.repeat(np.cumsum(counts) - counts, counts)
    return above, first[above] + within
