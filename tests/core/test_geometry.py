"""Boxes, placements and their sparse coverage, on cases small enough to check by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from colregion.core.geometry import (
    Box,
    BoxPlacement,
    GridPlacement,
    Upright,
    boxes_to_array,
    pairwise_overlap,
    union_area,
)
from colregion.errors import InvalidBox, InvalidInput, ShapeMismatch


class TestBox:
    @pytest.mark.parametrize(
        "xyxy",
        [
            (0.5, 0.1, 0.5, 0.2),  # no width
            (0.1, 0.3, 0.5, 0.2),  # upside down
            (float("nan"), 0.1, 0.5, 0.2),
            (0.1, 0.1, float("inf"), 0.2),
        ],
    )
    def test_box_without_area_or_finite_coordinates_is_refused(
        self, xyxy: tuple[float, float, float, float]
    ) -> None:
        with pytest.raises(InvalidBox, match=r"box"):
            Box(*xyxy)

    def test_box_from_pixels_divides_by_width_and_height(self) -> None:
        box = Box.from_pixels((20, 30, 60, 50), width_px=200, height_px=100)
        assert box.xyxy == (0.1, 0.3, 0.3, 0.5)

    def test_box_from_pdf_points_flips_the_y_axis(self) -> None:
        box = Box.from_pdf_points(
            left=50, bottom=600, right=150, top=700, page_width_pt=500, page_height_pt=800
        )
        assert box.xyxy == (0.1, 0.125, 0.3, 0.25)

    def test_box_to_pixels_rounds_outward_within_the_image(self) -> None:
        box = Box(0.101, 0.301, 0.299, 1.2)
        assert box.to_pixels(width_px=100, height_px=50) == (10, 15, 30, 50)

    def test_box_off_the_image_gives_one_pixel(self) -> None:
        assert Box(1.1, 0.0, 1.2, 0.1).to_pixels(width_px=10, height_px=10) == (9, 0, 10, 1)

    def test_clip_returns_the_part_on_the_page(self) -> None:
        assert Box(-0.1, 0.2, 0.5, 1.3).clip() == Box(0.0, 0.2, 0.5, 1.0)

    def test_clip_of_a_box_off_the_page_is_refused(self) -> None:
        with pytest.raises(InvalidBox, match="off the page"):
            Box(1.0, 0.2, 1.5, 0.3).clip()

    def test_iou_and_share_of_two_overlapping_boxes(self) -> None:
        a, b = Box(0.0, 0.0, 0.4, 0.2), Box(0.2, 0.1, 0.6, 0.3)
        assert a.overlap(b) == pytest.approx(0.02)
        assert a.iou(b) == pytest.approx(0.02 / 0.14)
        assert a.share_inside(b) == pytest.approx(0.25)

    def test_box_contains_the_points_within_it_and_on_its_edge(self) -> None:
        box = Box(0.1, 0.5, 0.4, 0.75)
        assert [box.contains(point) for point in ((0.2, 0.6), (0.4, 0.75))] == [True, True]
        assert [box.contains(point) for point in ((0.6, 0.2), (0.41, 0.6))] == [False, False]

    def test_boxes_that_only_touch_do_not_overlap(self) -> None:
        assert Box(0, 0, 0.5, 1).overlap(Box(0.5, 0, 1, 1)) == 0.0

    def test_box_enclosing_no_boxes_is_refused(self) -> None:
        with pytest.raises(InvalidBox):
            Box.enclosing([])
        assert Box.enclosing([Box(0.2, 0.3, 0.4, 0.5), Box(0.1, 0.35, 0.3, 0.9)]) == Box(
            0.1, 0.3, 0.4, 0.9
        )


class TestAreas:
    def test_union_area_of_no_boxes_is_zero(self) -> None:
        assert boxes_to_array([]).shape == (0, 4)
        assert union_area(boxes_to_array([])) == 0.0

    def test_union_area_counts_shared_area_once(self) -> None:
        boxes = boxes_to_array([Box(0, 0, 0.4, 0.2), Box(0.2, 0.1, 0.6, 0.3), Box(0.8, 0, 1, 0.1)])
        assert union_area(boxes) == pytest.approx(0.08 + 0.08 - 0.02 + 0.02)

    def test_pairwise_overlap_has_a_row_for_each_first_box(self) -> None:
        a = boxes_to_array([Box(0, 0, 0.5, 0.5)])
        b = boxes_to_array([Box(0.25, 0.25, 1, 1), Box(0.6, 0, 1, 1)])
        assert pairwise_overlap(a, b).tolist() == [[0.0625, 0.0]]


# Two rows, three columns: vector 0 is a prompt token that looks nowhere.
GRID = np.array([[1, 2, 3], [4, 5, 6]])


class TestGridPlacement:
    def test_grid_coverage_of_no_regions_has_no_rows(self) -> None:
        cover = GridPlacement((GRID,), n_vectors=7).coverage(np.zeros((0, 4)))
        assert cover.n_regions == 0
        assert cover.indices.tolist() == []

    def test_area_of_a_grid_cell_is_the_page_divided_by_rows_and_columns(self) -> None:
        placement = GridPlacement((GRID,), n_vectors=7)
        cover = placement.coverage([[2 / 3, 0.0, 1.0, 0.5]])  # upper right cell
        assert cover.indices.tolist() == [3]
        assert cover.area == pytest.approx([1 / 6])

    def test_grid_coverage_of_partly_covered_cells_is_exact(self) -> None:
        cover = GridPlacement((GRID,), n_vectors=7).coverage([[0.5, 0.25, 0.75, 0.75]])
        # half of column 1 and a quarter of column 2, half of each row
        assert cover.indices.tolist() == [2, 3, 5, 6]
        assert cover.area == pytest.approx([1 / 6 / 4, 1 / 12 / 4, 1 / 6 / 4, 1 / 12 / 4])

    def test_grid_coverage_has_a_row_per_region_in_order(self) -> None:
        cover = GridPlacement((GRID,), n_vectors=7).coverage(
            [[0.0, 0.5, 1 / 3, 1.0], [1.2, 0.0, 1.4, 1.0], [0.0, 0.0, 1 / 3, 0.5]]
        )
        assert cover.indptr.tolist() == [0, 1, 1, 2]  # the second lies off the page
        assert cover.indices.tolist() == [4, 1]
        assert cover.rows.tolist() == [0, 2]

    def test_grid_coverage_of_a_pooled_vector_sums_its_cells(self) -> None:
        pooled = GridPlacement((np.array([[0, 0, 1], [-1, 0, 1]]),), n_vectors=2)
        cover = pooled.coverage([[0.0, 0.0, 1.0, 1.0]])
        assert cover.indices.tolist() == [0, 1]
        assert cover.area == pytest.approx([3 / 6, 2 / 6])
        assert pooled.areas == pytest.approx([3 / 6, 2 / 6])

    def test_thumbnail_layer_is_in_the_map_only_when_map_layers_names_it(self) -> None:
        layers = (np.array([[0, 1]]), np.array([[2]]))
        whole = [[0.0, 0.0, 1.0, 1.0]]
        assert GridPlacement(layers, n_vectors=3).coverage(whole).indices.tolist() == [0, 1]
        both = GridPlacement(layers, n_vectors=3, map_layers=(0, 1))
        assert both.coverage(whole).indices.tolist() == [0, 1, 2]
        assert both.areas == pytest.approx([0.5, 0.5, 1.0])

    @pytest.mark.parametrize(
        ("layers", "n_vectors"),
        [
            ((), 1),  # no layer
            ((np.zeros((2, 3)),), 1),  # floats
            ((np.zeros(3, dtype=int),), 1),  # no rows and columns
            ((np.array([[0, 3]]),), 3),  # names a vector that is not there
            ((np.array([[-2, 0]]),), 3),
        ],
    )
    def test_grid_placement_with_invalid_layers_is_refused(
        self, layers: tuple[np.ndarray, ...], n_vectors: int
    ) -> None:
        with pytest.raises(ShapeMismatch):
            GridPlacement(layers, n_vectors=n_vectors)

    def test_grid_placement_with_unknown_map_layers_is_refused(self) -> None:
        with pytest.raises(InvalidInput, match="map_layers"):
            GridPlacement((GRID,), n_vectors=7, map_layers=(1,))

    @given(
        rows=st.integers(1, 7),
        cols=st.integers(1, 7),
        corners=st.lists(st.floats(0, 1), min_size=4, max_size=4),
    )
    def test_grid_coverage_of_a_region_adds_up_to_its_area(
        self, rows: int, cols: int, corners: list[float]
    ) -> None:
        x0, x1 = sorted(corners[:2])
        y0, y1 = sorted(corners[2:])
        layer = np.arange(rows * cols).reshape(rows, cols)
        cover = GridPlacement((layer,), n_vectors=rows * cols).coverage([[x0, y0, x1, y1]])
        assert cover.area.sum() == pytest.approx((x1 - x0) * (y1 - y0), abs=1e-9)


class TestBoxPlacement:
    def test_box_coverage_without_vectors_is_empty(self) -> None:
        cover = BoxPlacement(np.zeros((0, 4))).coverage([[0, 0, 1, 1]])
        assert cover.indptr.tolist() == [0, 0]

    def test_box_coverage_is_the_overlap_of_words_with_the_region(self) -> None:
        words = np.array([[0.5, 0.6, 0.7, 0.7], [0.1, 0.1, 0.3, 0.2], [0.35, 0.1, 0.5, 0.2]])
        cover = BoxPlacement(words).coverage([[0.0, 0.0, 0.4, 0.3], [0.6, 0.0, 1.0, 1.0]])
        assert cover.indptr.tolist() == [0, 2, 3]
        assert cover.indices.tolist() == [1, 2, 0]
        assert cover.area == pytest.approx([0.02, 0.005, 0.01])

    def test_box_without_area_covers_no_region(self) -> None:
        placement = BoxPlacement(np.array([[0.2, 0.2, 0.2, 0.2], [0.1, 0.1, 0.2, 0.2]]))
        assert placement.coverage([[0, 0, 1, 1]]).indices.tolist() == [1]
        assert placement.areas == pytest.approx([0.0, 0.01])

    def test_box_placement_with_invalid_boxes_is_refused(self) -> None:
        with pytest.raises(ShapeMismatch):
            BoxPlacement(np.zeros((3, 2)))
        with pytest.raises(InvalidBox):
            BoxPlacement(np.array([[0.5, 0.1, 0.4, 0.2]]))
        with pytest.raises(InvalidBox):
            BoxPlacement(np.array([[0.5, 0.1, np.nan, 0.2]]))

    @given(st.integers(0, 2**32 - 1))
    def test_sparse_box_coverage_equals_dense_overlaps(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        regions, words = (np.sort(rng.random((n, 2, 2)), axis=1).reshape(n, 4) for n in (5, 17))
        cover = BoxPlacement(words).coverage(regions)
        dense = np.zeros((5, 17))
        dense[cover.rows, cover.indices] = cover.area
        np.testing.assert_allclose(dense, pairwise_overlap(regions, words), atol=1e-12)


class TestUpright:
    def test_box_on_page_without_turn_is_the_same_box(self) -> None:
        assert Upright(0, 300, 200).box_on_page(Box(0.1, 0.2, 0.3, 0.4)) == Box(0.1, 0.2, 0.3, 0.4)

    def test_box_on_page_after_a_quarter_turn_has_its_sides_swapped(self) -> None:
        upright = Upright(90, 300, 200)
        assert upright.turned_size == pytest.approx((200, 300))
        # The upper left of the upright page is the lower left of the page as displayed.
        box = upright.box_on_page(Box(0.0, 0.0, 0.1, 0.25))
        assert box.xyxy == pytest.approx((0.0, 0.9, 0.25, 1.0))

    def test_box_on_page_after_a_half_turn_is_mirrored_on_both_axes(self) -> None:
        box = Upright(180, 300, 200).box_on_page(Box(0.1, 0.2, 0.3, 0.25))
        assert box.xyxy == pytest.approx((0.7, 0.75, 0.9, 0.8))

    def test_box_on_page_after_a_small_turn_has_the_same_centre(self) -> None:
        box = Upright(3, 300, 200).box_on_page(Box(0.45, 0.45, 0.55, 0.55))
        assert box.center == pytest.approx((0.5, 0.5))
        assert box.area > 0.01
