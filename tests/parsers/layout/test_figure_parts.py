"""A figure at 0.3 to 0.6 of a square page; a line is set in a type of 0.01 x 0.02."""

from __future__ import annotations

import pytest

from colregion.core.geometry import Box
from colregion.parsers.layout.areas import Area
from colregion.parsers.layout.figure_parts import attach_parts
from colregion.parsers.layout.lines import Line

FIGURE = Area("figure", (), Box(0.1, 0.3, 0.5, 0.6))


def line(text: str, x: float, y: float, scale: float = 1.0) -> Line:
    box = Box(x, y, x + 0.01 * len(text) * scale, y + 0.02 * scale)
    return Line(tuple(range(len(text.split()))), box, text, height=0.02 * scale)


def text(*lines: Line) -> Area:
    return Area("text", lines)


BODY = text(
    *(line("words of the running text of the page", 0.55, 0.1 + 0.03 * i) for i in range(9))
)
TITLE = Area("title", (line("Few say it is going well", 0.1, 0.23),))
COUNTED = text(line("% who say it is going ...", 0.1, 0.27))
NOTE = text(line("Note: Others did not answer.", 0.1, 0.62), line("Source: Survey.", 0.1, 0.645))
PUBLISHER = text(line("THE PUBLISHER", 0.1, 0.68, scale=0.8))


def parts(areas: list[Area]) -> list[tuple[str, str]]:
    """Kind and first line of what is attached to the first figure or table."""
    host = next(area for area in areas if area.kind in ("figure", "table"))
    return [(part.kind, part.lines[0].text) for part in host.attached]


def test_no_areas_have_no_parts() -> None:
    assert attach_parts([]) == []


def test_chart_gets_its_title_question_line_note_and_publisher_from_the_nearest_on() -> None:
    areas = attach_parts([TITLE, PUBLISHER, NOTE, BODY, COUNTED, FIGURE])

    assert parts(areas) == [
        ("caption", "% who say it is going ..."),
        ("title", "Few say it is going well"),
        ("caption", "Note: Others did not answer."),
        ("caption", "THE PUBLISHER"),
    ]
    assert areas[0] is BODY
    assert areas[1].box.xyxy == pytest.approx((0.1, 0.23, 0.5, 0.696))


@pytest.mark.parametrize(
    "area",
    [
        text(line("The end of a paragraph.", 0.1, 0.27)),
        text(line("SUBJECT: MAVERICK SPECIALS", 0.1, 0.27)),  # a field of a form
        text(line("Total", 0.1, 0.27), line("303", 0.3, 0.27)),  # a row of cells
        text(line("Total", 0.1, 0.24), line("303", 0.3, 0.24), line("Date", 0.1, 0.27)),
        text(line("A title", 0.1, 0.235)),  # more than two heights away
        text(line("a text that is wider than the figure" * 2, 0.1, 0.27)),
        text(line("Beside the figure", 0.55, 0.27)),
        Area("header", (line("The header", 0.1, 0.27),)),
        text(*(line("five lines", 0.1, 0.14 + 0.03 * i) for i in range(5))),
    ],
)
def test_running_text_fields_and_what_is_away_from_a_figure_stay_areas(area: Area) -> None:
    assert attach_parts([area, BODY, FIGURE]) == [area, BODY, FIGURE]


@pytest.mark.parametrize(
    ("area", "attached"),
    [
        (text(line("The text goes on.", 0.1, 0.62)), False),
        (text(line("Quelle: Umfrage 2020", 0.1, 0.62)), True),
        (text(line("出典：総務省", 0.1, 0.62)), True),
        (text(line("* Without Alaska", 0.1, 0.62)), True),
        (text(line("in small type", 0.1, 0.62, scale=0.8)), True),
        (text(line("in small type, but far away", 0.1, 0.65, scale=0.8)), False),
    ],
)
def test_notes_and_small_type_below_a_figure_belong_to_it(area: Area, attached: bool) -> None:
    assert parts(attach_parts([BODY, FIGURE, area])) == (
        [("caption", area.lines[0].text)] if attached else []
    )


def test_line_with_a_blank_is_a_question_line() -> None:
    counted = text(line("% who say they are", 0.1, 0.27), line("confident", 0.4, 0.27))

    assert parts(attach_parts([counted, BODY, FIGURE])) == [("caption", "% who say they are")]


def test_legend_that_reaches_into_a_chart_belongs_to_it() -> None:
    legend = text(line("Very", 0.1, 0.285), line("Not at all", 0.3, 0.285))

    assert parts(attach_parts([legend, BODY, FIGURE])) == [("caption", "Very")]


def test_another_text_on_the_way_keeps_a_title_from_the_figure() -> None:
    between = text(line("The end of a paragraph.", 0.1, 0.275))
    title = Area("title", (line("A heading", 0.1, 0.262),))

    areas = attach_parts([title, between, BODY, FIGURE])

    assert parts(areas) == []


def test_parts_above_are_no_higher_than_the_figure_itself() -> None:
    flat = Area("table", (), Box(0.1, 0.3, 0.5, 0.35))

    areas = attach_parts([TITLE, COUNTED, BODY, flat])

    assert parts(areas) == [("caption", "% who say it is going ...")]


def test_table_without_a_box_of_the_model_gets_no_parts() -> None:
    table = Area("table", (line("cell", 0.1, 0.3),))

    assert attach_parts([TITLE, COUNTED, BODY, table]) == [TITLE, COUNTED, BODY, table]


def test_text_that_runs_around_a_figure_does_not_keep_its_title_from_it() -> None:
    """Short lines beside the figure, full ones below it: the box of the text covers both."""
    around = text(
        *(line("beside", 0.0, 0.2 + 0.03 * i) for i in range(14)),
        line("and below the figure " * 2, 0.0, 0.7),
    )

    assert parts(attach_parts([TITLE, around, COUNTED, FIGURE])) == [
        ("caption", "% who say it is going ..."),
        ("title", "Few say it is going well"),
    ]


@pytest.mark.parametrize(
    ("lines", "attached"),
    [
        ([line("Republicans", 0.1, 0.27), line("Democrats", 0.3, 0.27)], True),
        (
            [line("% who say ...", 0.1, 0.24), line("Men", 0.1, 0.27), line("Women", 0.3, 0.27)],
            True,
        ),
        ([line("Republicans", 0.1, 0.27), line("54", 0.3, 0.27)], False),  # with a value
        ([line("Party: none", 0.1, 0.27), line("Democrats", 0.3, 0.27)], False),
    ],
)
def test_names_side_by_side_above_a_figure_are_its_legend(
    lines: list[Line], attached: bool
) -> None:
    assert bool(parts(attach_parts([text(*lines), BODY, FIGURE]))) == attached


def test_note_belongs_to_a_figure_over_a_wider_gap_and_inside_its_box() -> None:
    away = text(line("Note: Others did not answer.", 0.1, 0.67))  # 3.5 heights
    inside = text(line("Source: Survey.", 0.1, 0.5), line("THE PUBLISHER", 0.1, 0.53))

    assert parts(attach_parts([away, BODY, FIGURE])) == [
        ("caption", "Note: Others did not answer.")
    ]
    assert parts(attach_parts([inside, BODY, FIGURE])) == [("caption", "Source: Survey.")]


def test_figure_of_the_model_that_is_a_note_belongs_to_the_figure_above() -> None:
    note = Area("figure", NOTE.lines, Box(0.1, 0.61, 0.5, 0.67))

    areas = attach_parts([FIGURE, note, BODY])

    assert [area.kind for area in areas] == ["figure", "text"]
    assert parts(areas) == [("caption", "Note: Others did not answer.")]


def test_drawn_figure_with_a_note_in_its_box_stays_a_figure() -> None:
    chart = Area("figure", NOTE.lines, Box(0.1, 0.3, 0.5, 0.67))
    painted = Area("figure", NOTE.lines, Box(0.1, 0.61, 0.5, 0.67), painted=True)

    assert attach_parts([chart, BODY]) == [chart, BODY]
    assert attach_parts([painted, BODY]) == [painted, BODY]


def test_heading_in_the_margin_of_a_note_comes_with_it_to_the_figure() -> None:
    heading = Area("title", (line("Method", 0.1, 0.62),))
    note = Area("text", (line("Note: Others did not answer.", 0.2, 0.62),), attached=(heading,))
    (host,) = attach_parts([note, FIGURE])
    assert parts([host]) == [("caption", "Note: Others did not answer."), ("title", "Method")]
    assert [one.text for one in host.all_lines] == ["Note: Others did not answer.", "Method"]
