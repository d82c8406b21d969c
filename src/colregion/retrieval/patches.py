"""Regions where there are no words: connected patches that a question lights up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from colregion.core.geometry import Box, FloatArray, GridPlacement
from colregion.core.regions import Region

_SPREAD = 1.0  # standard deviations above the page's mean
_MOST = 12


def patch_regions(page_id: str, lit: FloatArray, placement: GridPlacement) -> tuple[Region, ...]:
    """Boxes around connected cells of the finest map layer that are lit by more than one standard
    deviation above the page's mean, as regions of kind "patch", in reading order.

    Cells connect over edges and corners. At most the twelve brightest, by the sum of their cells'
    light above the mean; () when the page is lit evenly.

    Args:
        lit: (V,) how strongly each vector answers the question.
    """
    layer = placement.layers[placement.map_layers[0]]
    rows, cols = layer.shape
    seen = layer >= 0
    values = np.where(seen, lit[np.maximum(layer, 0)], -np.inf)
    if not seen.any():
        return ()
    mean, spread = float(values[seen].mean()), float(values[seen].std())
    if spread < 1e-9:
        return ()
    groups = _connected(values > mean + _SPREAD * spread)
    light = [float((values[tuple(cells.T)] - mean).sum()) for cells in groups]
    brightest = sorted(range(len(groups)), key=lambda i: -light[i])[:_MOST]
    boxes = [_box(groups[i], rows=rows, cols=cols) for i in brightest]
    boxes.sort(key=lambda box: (box.y0, box.x0))
    return tuple(Region(page_id, (n,), box, "", "patch") for n, box in enumerate(boxes, start=1))


def _connected(lit: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """(N, 2) cells (row, col) of each group of true cells."""
    rest = {tuple(cell) for cell in np.argwhere(lit).tolist()}
    groups = []
    while rest:
        group = [rest.pop()]
        for row, col in group:  # grows while it is walked
            around = {(row + dy, col + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & rest
            rest -= around
            group.extend(around)
        groups.append(np.array(group))
    return groups


def _box(cells: NDArray[np.int64], *, rows: int, cols: int) -> Box:
    (y0, x0), (y1, x1) = cells.min(axis=0).tolist(), cells.max(axis=0).tolist()
    return Box(x0 / cols, y0 / rows, (x1 + 1) / cols, (y1 + 1) / rows)
