from __future__ import annotations

import numpy as np

from colregion.core.components import component_boxes, connected


def test_nodes_joined_by_edges_have_one_number() -> None:
    a, b = np.array([5, 1, 4]), np.array([4, 3, 0])
    assert connected(6, a, b).tolist() == [0, 1, 2, 1, 0, 0]


def test_graph_without_nodes_or_edges_has_as_many_components_as_nodes() -> None:
    none = np.zeros(0, dtype=np.int64)
    assert connected(0, none, none).tolist() == []
    assert connected(3, none, none).tolist() == [0, 1, 2]


def test_component_boxes_enclose_points_that_touch_at_least_by_a_corner() -> None:
    mask = np.zeros((12, 20), dtype=bool)
    mask[2:5, 2:4] = mask[5:8, 4:6] = True
    mask[2:8, 10:13] = True
    assert component_boxes(mask).tolist() == [[2, 2, 6, 8], [10, 2, 13, 8]]


def test_mask_without_points_has_no_components() -> None:
    assert component_boxes(np.zeros((3, 4), dtype=bool)).shape == (0, 4)
