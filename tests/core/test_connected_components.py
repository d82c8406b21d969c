from __future__ import annotations

import numpy as np

from colregion.core.components import Runs, component_boxes, connected


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


def test_runs_of_a_mask_are_closed_over_gaps_within_a_row_only() -> None:
    rows = ["##..#.", "#....#", "......", ".#.#.#"]
    runs = Runs.of(np.array([[point == "#" for point in row] for row in rows]))
    assert runs.row.tolist() == [0, 0, 1, 1, 3, 3, 3]
    assert runs.start.tolist() == [0, 4, 0, 5, 1, 3, 5]
    assert runs.stop.tolist() == [2, 5, 1, 6, 2, 4, 6]
    closed = runs.closed(gap=2)
    assert closed.row.tolist() == [0, 1, 1, 3]
    assert closed.start.tolist() == [0, 0, 5, 1]
    assert closed.stop.tolist() == [5, 1, 6, 6]
    assert closed.component_boxes().tolist() == [[0, 0, 6, 2], [1, 3, 6, 4]]


def test_mask_without_points_has_no_runs_to_close() -> None:
    closed = Runs.of(np.zeros((3, 4), dtype=bool)).closed(gap=1)
    assert closed.component_boxes().shape == (0, 4)
