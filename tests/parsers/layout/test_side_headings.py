"""Headings at 0.1, text at 0.4 of a square page; a line is set in a type of 0.01 x 0.02."""

from __future__ import annotations

import pytest

from colregion.core.geometry import Box
from colregion.parsers.layout.areas import Area
from colregion.parsers.layout.lines import Line
from colregion.parsers.layout.side_headings import attach_side_headings

FULL = "words of a text that fills its line."


def line(text: str, x: float, y: float) -> Line:
    return Line((0,), Box(x, y, x + 0.01 * len(text), y + 0.02), text, 0.02)


def area(*lines: tuple[str, float], x: float, kind: str = "text") -> Area:
    return Area(kind, tuple(line(text, x, y) for text, y in lines))


def prose(*ys: float) -> Area:
    return area(*((FULL, y) for y in ys), x=0.4)


HEADINGS = area(("Opening hours", 0.1), ("Loans", 0.2), ("Fines", 0.3), x=0.1)
TEXT = prose(0.1, 0.13, 0.2, 0.23, 0.3)  # paragraphs of two, two and one line


def shown(areas: list[Area]) -> list[tuple[list[str], int]]:
    """The headings of each area and how many lines of its own it has."""
    return [
        ([each.text for part in area.attached for each in part.lines], len(area.lines))
        for area in areas
    ]


def test_no_areas_stay_none() -> None:
    assert attach_side_headings([]) == []


def test_text_with_headings_beside_its_paragraphs_is_divided_at_them() -> None:
    result = attach_side_headings([HEADINGS, TEXT])

    assert shown(result) == [(["Opening hours"], 2), (["Loans"], 2), (["Fines"], 1)]
    assert [area.attached[0].kind for area in result] == ["title"] * 3
    assert result[0].box.xyxy == pytest.approx((0.1, 0.1, 0.4 + 0.36, 0.15))


def test_texts_and_headings_in_areas_of_their_own_are_paired() -> None:
    areas = [
        area(("Opening hours", 0.1), ("in winter", 0.125), x=0.1, kind="title"),
        area(("Loans", 0.2), x=0.1),
        prose(0.1, 0.13),
        prose(0.2, 0.23),
    ]

    assert shown(attach_side_headings(areas)) == [
        (["Opening hours", "in winter"], 2),
        (["Loans"], 2),
    ]


def test_text_above_the_first_heading_is_an_area_without() -> None:
    text = prose(0.01, 0.04, 0.1, 0.13, 0.2, 0.23, 0.3)

    assert shown(attach_side_headings([HEADINGS, text])) == [
        ([], 2),
        (["Opening hours"], 2),
        (["Loans"], 2),
        (["Fines"], 1),
    ]


@pytest.mark.parametrize(
    "areas",
    [
        [area(("Loans", 0.2), x=0.1), TEXT],  # a single one
        [area(("Loans", 0.1), ("Fines", 0.26), x=0.1), TEXT],  # one stands elsewhere
        [area(("Loans", 0.1), ("Fines", 0.13), x=0.1), TEXT],  # inside a paragraph
        [area(*((FULL, y) for y in (0.1, 0.2, 0.3)), x=0.0), TEXT],  # a column as wide
        [HEADINGS, area(("ten", 0.1), ("two", 0.2), ("one", 0.3), x=0.4)],  # values of labels
        [HEADINGS, Area("table", TEXT.lines)],
        [HEADINGS, area(("A list below", 0.24), x=0.1, kind="list"), TEXT],  # another column
    ],
)
def test_columns_labels_and_tables_stay_as_they_are(areas: list[Area]) -> None:
    assert attach_side_headings(areas) == areas
