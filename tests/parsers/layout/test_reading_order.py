from __future__ import annotations

from colregion.core.geometry import Box
from colregion.parsers.layout.reading_order import reading_groups, reading_order

TITLE = Box(0.1, 0.05, 0.9, 0.10)
LEFT = [Box(0.1, 0.15, 0.45, 0.30), Box(0.1, 0.35, 0.45, 0.50)]
RIGHT = [Box(0.55, 0.15, 0.9, 0.25), Box(0.55, 0.30, 0.9, 0.50)]
WIDE_FIGURE = Box(0.1, 0.55, 0.9, 0.70)
BELOW_LEFT = Box(0.1, 0.75, 0.45, 0.9)
BELOW_RIGHT = Box(0.55, 0.75, 0.9, 0.9)


def test_reading_order_of_no_boxes_is_empty() -> None:
    assert reading_order([], gutter=0.01) == []


def test_column_is_read_to_its_end_before_the_next() -> None:
    page = [RIGHT[0], LEFT[0], RIGHT[1], LEFT[1]]

    assert reading_order(page, gutter=0.01) == [1, 3, 0, 2]


def test_wide_title_and_figure_separate_zones_of_columns() -> None:
    page = [TITLE, *LEFT, *RIGHT, WIDE_FIGURE, BELOW_LEFT, BELOW_RIGHT]
    shuffled = [5, 7, 0, 3, 1, 6, 4, 2]

    order = reading_order([page[i] for i in shuffled], gutter=0.01)

    assert [shuffled[i] for i in order] == [0, 1, 2, 3, 4, 5, 6, 7]


def test_three_columns_are_read_from_the_left() -> None:
    columns = [Box(x, y, x + 0.25, y + 0.3) for x in (0.1, 0.4, 0.7) for y in (0.1, 0.5)]

    assert reading_order(columns[::-1], gutter=0.01) == [5, 4, 3, 2, 1, 0]


def test_negative_gutter_allows_overlapping_columns() -> None:
    page = [Box(0.1, 0.1, 0.505, 0.9), Box(0.5, 0.1, 0.9, 0.3), Box(0.5, 0.4, 0.9, 0.9)]

    assert reading_order(page, gutter=-0.01) == [0, 1, 2]


def test_higher_box_is_read_first_if_boxes_are_not_side_by_side() -> None:
    page = [Box(0.1, 0.2, 0.4, 0.3), Box(0.5, 0.1, 0.6, 0.15)]

    assert reading_order(page, gutter=0.01) == [1, 0]


def test_rejected_gutter_keeps_rows_together() -> None:
    cells = [Box(x, y, x + 0.1, y + 0.02) for y in (0.1, 0.2) for x in (0.1, 0.7)]

    groups = reading_groups(cells, gutter=0.01, accept=lambda *_sides: False)

    assert groups == [[0, 1, 2, 3]]
