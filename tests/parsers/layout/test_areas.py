"""Lines and model boxes on a square page; a line is set in a type of 0.01 x 0.02."""

from __future__ import annotations

import pytest

from colregion.core.geometry import Box
from colregion.parsers.layout.areas import Area, find_areas
from colregion.parsers.layout.lines import Line
from colregion.parsers.layout.model import ModelBox
from colregion.parsers.layout.roles import attach_captions, name_roles


def line(text: str, x: float, y: float, scale: float = 1.0) -> Line:
    box = Box(x, y, x + 0.01 * len(text) * scale, y + 0.02 * scale)
    return Line(tuple(range(len(text.split()))), box, text, height=0.02 * scale)


def find(lines: list[Line], *boxes: ModelBox) -> list[tuple[str, list[str]]]:
    areas = find_areas(lines, boxes, page_area=1.0)
    return sorted((area.kind, [each.text for each in area.lines]) for area in areas)


def form(rows: int) -> list[Line]:
    """Labels with values of different length that start at different places."""
    return [
        part
        for i in range(rows)
        for part in (
            line(f"Label {i}" + "n" * (i % 4), 0.1 + 0.01 * (i % 3), 0.1 + 0.05 * i),
            line("value" * (1 + i % 3), 0.4 + 0.06 * (i % 5), 0.1 + 0.05 * i),
        )
    ]


PAGE_BOX = Box(0.05, 0.05, 0.95, 0.95)


def test_no_lines_and_no_model_boxes_make_no_areas() -> None:
    assert find_areas([], [], page_area=1.0) == []


def test_model_figure_without_words_is_an_area_but_model_text_is_not() -> None:
    figure = ModelBox("figure", Box(0.1, 0.1, 0.4, 0.4), 0.9)
    text = ModelBox("text", Box(0.1, 0.6, 0.4, 0.9), 0.9)

    assert find([], figure, text) == [("figure", [])]


@pytest.mark.parametrize(
    ("rows", "painted", "box", "opened"),
    [
        (16, 0.0, PAGE_BOX, True),  # a form that the model takes for one figure
        (10, 0.0, PAGE_BOX, False),  # few rows: a slide with a diagram
        (16, 0.5, PAGE_BOX, False),  # colours and dark areas: a chart
        (16, 0.5, Box(0.0, 0.0, 1.0, 1.0), True),  # but not the whole page
    ],
)
def test_model_figure_that_is_a_page_of_text_is_dissolved(
    rows: int, painted: float, box: Box, opened: bool
) -> None:
    areas = find(form(rows), ModelBox("figure", box, 0.9, painted))

    assert [kind for kind, _ in areas].count("figure") == (0 if opened else 1)
    assert (len(areas) >= 3) == opened


def test_model_figure_beside_much_other_text_is_kept() -> None:
    rows = form(16)
    essay = [line("running text " * 8, 0.0, 0.92 + 0.005 * i) for i in range(12)]

    areas = find(rows + essay, ModelBox("figure", Box(0.05, 0.05, 0.95, 0.9), 0.9))

    assert "figure" in [kind for kind, _ in areas]


def test_model_figure_with_cells_in_columns_is_a_table() -> None:
    cells = [line(f"c{i}{j}", 0.1 + 0.3 * j, 0.1 + 0.05 * i) for i in range(12) for j in range(3)]

    ((kind, texts),) = find(cells, ModelBox("figure", PAGE_BOX, 0.9))

    assert kind == "table"
    assert len(texts) == 36


def test_duplicate_model_box_of_the_lower_score_is_dropped() -> None:
    caption = line("a line", 0.2, 0.2)
    boxes = [
        ModelBox("title", Box(0.19, 0.19, 0.3, 0.23), 0.5),
        ModelBox("text", Box(0.19, 0.19, 0.31, 0.23), 0.8),
    ]

    assert find([caption], *boxes) == [("text", ["a line"])]


def test_model_figure_around_one_of_a_higher_score_is_dropped() -> None:
    inner = ModelBox("figure", Box(0.6, 0.1, 0.9, 0.4), 0.8)
    outer = ModelBox("figure", Box(0.0, 0.0, 1.0, 0.95), 0.5)

    (area,) = find_areas([], [outer, inner], page_area=1.0)

    assert area.frame == inner.box


def test_line_cut_off_by_a_model_text_box_joins_the_text() -> None:
    lines = [line("a paragraph of three lines", 0.1, 0.1 + 0.03 * i) for i in range(3)]
    box = ModelBox("text", Box(0.09, 0.09, 0.4, 0.155), 0.9)

    assert find(lines, box) == [("text", ["a paragraph of three lines"] * 3)]


def test_column_cut_off_by_a_model_table_box_joins_the_table() -> None:
    labels = [line(f"Label {i}", 0.1, 0.1 + 0.03 * i) for i in range(3)]
    values = [line(f"{i}.50", 0.3 + 0.1 * j, 0.1 + 0.03 * i) for i in range(3) for j in range(4)]
    table = ModelBox("table", Box(0.18, 0.09, 0.7, 0.19), 0.9)
    text = ModelBox("text", Box(0.09, 0.09, 0.175, 0.19), 0.5)

    ((kind, texts),) = find(labels + values, table, text)

    assert kind == "table"
    assert texts[0] == "Label 0"
    assert len(texts) == 15


def test_text_with_a_heading_between_its_lines_is_split() -> None:
    lines = [line("some line of the paragraph", 0.1, y) for y in (0.10, 0.13, 0.22, 0.25)]
    heading = line("A heading", 0.1, 0.17)
    text = ModelBox("text", Box(0.09, 0.09, 0.4, 0.28), 0.9)
    title = ModelBox("title", Box(0.09, 0.165, 0.2, 0.195), 0.9)

    areas = find([*lines, heading], text, title)

    assert [(kind, len(texts)) for kind, texts in areas] == [("text", 2), ("text", 2), ("title", 1)]


FIGURE = Area("figure", (), Box(0.1, 0.3, 0.5, 0.6))
TABLE = Area("table", (line("cell", 0.2, 0.75),), Box(0.1, 0.7, 0.5, 0.9))


@pytest.mark.parametrize(
    ("area", "host"),
    [
        (Area("caption", (line("Sales by region", 0.1, 0.61),)), "figure"),
        (Area("text", (line("Figure 2: Sales by region", 0.1, 0.61),)), "figure"),
        (Area("text", (line("Sales by region", 0.1, 0.61),)), None),  # nothing names it one
        (Area("text", (line("Table 1. Costs", 0.1, 0.67),)), "table"),
        (Area("text", (line("Fig. 3 Costs", 0.6, 0.61),)), None),  # beside it
        (Area("caption", (line("Costs", 0.1, 0.2),)), None),  # more than three heights away
    ],
)
def test_caption_joins_the_figure_or_table_right_above_or_below(
    area: Area, host: str | None
) -> None:
    areas = attach_captions([area, FIGURE, TABLE])

    assert [each.kind for each in areas if each.attached] == ([host] if host else [])
    assert len(areas) == (2 if host else 3)


def test_figure_with_two_numbered_captions_takes_the_one_below() -> None:
    above = Area("text", (line("Figure 1: Of another figure", 0.1, 0.27),))
    below = Area("text", (line("Figure 2: Of this figure", 0.1, 0.61),))

    areas = attach_captions([above, below, FIGURE])

    assert [part.lines for part in areas[0].attached] == [below.lines]
    assert areas[1:] == [above]


def test_box_of_a_figure_includes_its_caption() -> None:
    caption = Area("caption", (line("Sales by region", 0.1, 0.61),))

    (figure,) = attach_captions([caption, FIGURE])

    assert figure.box.xyxy == pytest.approx((0.1, 0.3, 0.5, 0.63))


BODY = Area("text", tuple(line("some words of the body", 0.1, 0.3 + 0.03 * i) for i in range(9)))


@pytest.mark.parametrize(
    ("area", "kind"),
    [
        (Area("header", (line("Annual report", 0.1, 0.03),)), "header"),
        (Area("header", (line("A slide's title", 0.1, 0.03, scale=2),)), "title"),
        (Area("header", (line("A heading", 0.1, 0.25),)), "title"),  # not in the margin
        (Area("footer", (line("page 3 of 9", 0.1, 0.95),)), "footer"),
        (Area("footer", (line("a note", 0.1, 0.7),)), "text"),
        (Area("text", (line("17", 0.5, 0.96),)), "footer"),  # at the very edge, alone
        (Area("text", (line("Large words", 0.1, 0.2, scale=2),)), "title"),
        (Area("text", (line("the last line", 0.1, 0.6),)), "text"),
        (Area("title", (line("A small heading", 0.1, 0.2),)), "title"),
        (Area("title", (line("Discount", 0.1, 0.2), line("1.00", 0.6, 0.2))), "text"),
    ],
)
def test_roles_depend_on_size_and_place(area: Area, kind: str) -> None:
    named, body = name_roles([area, BODY])

    assert named.kind == kind
    assert body.kind == "text"


NUMBERS = [line(f"{i},204", 0.7, 0.3 + 0.03 * i) for i in range(1, 4)]
NUMBERS_BOX = ModelBox("table", Box(0.69, 0.32, 0.77, 0.42), 0.9)
LABELS = ["Net cash used in financing", "Acquisition of content", "Other assets"]


def labels(*, shift: float = 0.0) -> tuple[list[Line], ModelBox]:
    lines = [line(text, 0.1, 0.33 + 0.03 * i + shift) for i, text in enumerate(LABELS)]
    return lines, ModelBox("text", Box(0.09, 0.32 + shift, 0.37, 0.42 + shift), 0.9)


def test_labels_far_from_a_table_of_numbers_only_are_in_the_table() -> None:
    lines, box = labels()

    ((kind, texts),) = find([*lines, *NUMBERS], box, NUMBERS_BOX)

    assert kind == "table"
    assert sorted(texts) == sorted([*LABELS, "1,204", "2,204", "3,204"])


def test_text_beside_a_table_of_numbers_that_is_not_at_the_height_of_its_rows_stays_apart() -> None:
    lines, box = labels(shift=0.012)

    assert [kind for kind, _ in find([*lines, *NUMBERS], box, NUMBERS_BOX)] == ["table", "text"]


def test_text_beside_a_table_that_has_labels_of_its_own_stays_apart() -> None:
    lines, box = labels()
    own = [line(name, 0.55, 0.33 + 0.03 * i) for i, name in enumerate(("Rent", "Heat", "Fuel"))]
    table = ModelBox("table", Box(0.54, 0.32, 0.77, 0.42), 0.9)

    assert [kind for kind, _ in find([*lines, *own, *NUMBERS], box, table)] == ["table", "text"]
