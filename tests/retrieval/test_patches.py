"""Regions made of patches, on grids wider than high."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from colregion.core.geometry import GridPlacement
from colregion.retrieval.patches import patch_regions


def regions_of(values: Sequence[Sequence[float]]) -> list[tuple[float, ...]]:
    lit = np.array(values)
    grid = GridPlacement((np.arange(lit.size).reshape(lit.shape),), n_vectors=lit.size)
    return [region.box.xyxy for region in patch_regions("d#p1", lit.ravel(), grid)]


def test_page_lit_evenly_gives_no_regions() -> None:
    assert regions_of([[0.3, 0.3, 0.3], [0.3, 0.3, 0.3]]) == []


def test_cells_connected_over_edges_and_corners_are_one_box() -> None:
    values = [[0, 0, 0, 0, 0], [0, 9, 0, 0, 0], [0, 0, 9, 0, 0], [0, 0, 0, 0, 0]]
    assert regions_of(values) == [pytest.approx((0.2, 0.25, 0.6, 0.75))]


def test_separate_groups_come_in_reading_order() -> None:
    values = [[0, 0, 0, 0, 0, 8], [0, 0, 0, 0, 0, 0], [9, 0, 0, 0, 0, 0]]
    assert regions_of(values) == [
        pytest.approx((5 / 6, 0, 1, 1 / 3)),
        pytest.approx((0, 2 / 3, 1 / 6, 1)),
    ]


def test_cells_without_a_vector_are_never_lit() -> None:
    layer = np.array([[-1, 0, 1], [2, 3, 4]])
    regions = patch_regions(
        "d#p1", np.array([9.0, 0, 0, 0, 0]), GridPlacement((layer,), n_vectors=5)
    )
    assert [region.box.xyxy for region in regions] == [pytest.approx((1 / 3, 0, 2 / 3, 0.5))]
    assert (regions[0].kind, regions[0].id, regions[0].text) == ("patch", "d#p1#1", "")
    nowhere = GridPlacement((np.full((2, 3), -1),), n_vectors=1)
    assert patch_regions("d#p1", np.ones(1), nowhere) == ()


def test_at_most_the_twelve_brightest_groups_are_returned() -> None:
    values = np.zeros((9, 17))
    values[::2, ::2] = 5 + np.arange(45).reshape(5, 9)
    boxes = regions_of(values.tolist())
    assert len(boxes) == 12
    assert boxes[-1][2:] == pytest.approx((1, 1))  # the brightest is last on the page
