"""Connected components in plain numpy: of a graph, and of the true points of a mask."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of true points in the rows of a mask, row by row and from left to right: (N,) their
    rows, first columns, and columns behind their last."""

    row: IntArray
    start: IntArray
    stop: IntArray

    @classmethod
    def of(cls, mask: NDArray[np.bool_]) -> Runs:
        """The runs of a mask (H, W)."""
        padded = np.pad(mask, ((0, 0), (1, 1)))
        # Changes from false to true and back follow each other.
        ends = np.flatnonzero(padded[:, 1:] != padded[:, :-1])
        row, start = np.divmod(ends[::2], mask.shape[1] + 1)
        return cls(row, start, ends[1::2] - row * (mask.shape[1] + 1))

    def closed(self, *, gap: int) -> Runs:
        """The runs with the gaps of up to `gap` points between those of a row filled."""
        apart = (np.diff(self.row) > 0) | (self.start[1:] - self.stop[:-1] > gap)
        first, last = np.append(True, apart), np.append(apart, True)
        n = len(self.row)
        return Runs(self.row[first[:n]], self.start[first[:n]], self.stop[last[:n]])

    def component_boxes(self) -> IntArray:
        """As the function of this name."""
        label = connected(len(self.row), *self._touching())
        n = int(label.max(initial=-1)) + 1
        furthest = max(self.stop.max(initial=0), self.row.max(initial=0))
        low, high = np.full((n, 2), furthest), np.zeros((n, 2), dtype=np.int64)
        np.minimum.at(low, label, np.stack([self.start, self.row], axis=1))
        np.maximum.at(high, label, np.stack([self.stop, self.row + 1], axis=1))
        return np.hstack([low, high])

    def _touching(self) -> tuple[IntArray, IntArray]:
        """Pairs of runs of neighbouring rows that share a column or touch by a corner."""
        # Runs are sorted by row and column, so those that a run touches in the next row are one
        # slice.
        row, start, stop = self.row, self.start, self.stop
        step = int(stop.max(initial=0)) + 2
        first = np.searchsorted(row * step + stop, (row + 1) * step + start, side="left")
        last = np.searchsorted(row * step + start, (row + 1) * step + stop, side="right")
        counts = np.maximum(last - first, 0)
        above = np.repeat(np.arange(len(row)), counts)
        within = np.arange(len(above)) - np.repeat(np.cumsum(counts) - counts, counts)
        return above, first[above] + within


def component_boxes(mask: NDArray[np.bool_]) -> IntArray:
    """(N, 4) boxes (left, top, right, bottom; the last two excluded) of the N components of true
    points in a mask (H, W), connected over edges and corners; (0, 4) for none."""
    return Runs.of(mask).component_boxes()
