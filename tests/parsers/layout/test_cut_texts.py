"""Texts on a square page; a line is set in a type of 0.01 x 0.02, lines are 0.03 apart."""

from __future__ import annotations

import pytest

from colregion.core.geometry import Box
from colregion.parsers.layout.areas import Area
from colregion.parsers.layout.cut_texts import join_cut_texts
from colregion.parsers.layout.lines import Line


def text(*lines: str, y: float, kind: str = "text", x: float = 0.1, scale: float = 1.0) -> Area:
    return Area(
        kind,
        tuple(
            Line((i,), Box(x, top, x + 0.01 * len(each), top + 0.02 * scale), each, 0.02 * scale)
            for i, each in enumerate(lines)
            for top in [y + 0.03 * i]
        ),
    )


UPPER = text("A paragraph begins in this line", "and it does not end in this one", y=0.1)


def joined(*areas: Area) -> list[list[str]]:
    return [[line.text for line in area.lines] for area in join_cut_texts(areas)]


def test_no_areas_stay_none() -> None:
    assert join_cut_texts([]) == []


@pytest.mark.parametrize("kind", ["text", "title"])
def test_line_in_lower_case_goes_on_with_the_text_above(kind: str) -> None:
    end = text("but here.", y=0.16, kind=kind)

    (whole,) = join_cut_texts([end, UPPER])

    assert whole.kind == "text"
    assert [line.text for line in whole.lines] == [
        "A paragraph begins in this line",
        "and it does not end in this one",
        "but here.",
    ]


def test_text_cut_in_three_is_one_again() -> None:
    middle = text("nor does it in this one, which is", y=0.16)
    end = text("Berg's third.", y=0.19)  # after a line that fills the width

    assert joined(end, middle, UPPER) == [
        [line.text for area in (UPPER, middle, end) for line in area.lines]
    ]


@pytest.mark.parametrize(
    "below",
    [
        text("A heading", y=0.16, kind="title"),
        text("(a) an item of a list", y=0.16),
        text("in larger type", y=0.16, scale=1.3),
        text("two line gaps below", y=0.18),
        text("Text below a heading of two lines is wider", "than that.", y=0.16),
        text("in the next column", y=0.16, x=0.5),
        text("a note", y=0.16, kind="footer"),
    ],
)
def test_what_starts_something_new_or_stands_elsewhere_stays_apart(below: Area) -> None:
    assert len(join_cut_texts([UPPER, below])) == 2


def test_text_that_ended_with_a_point_does_not_go_on() -> None:
    ended = text("A paragraph begins in this line", "and it ends in this one.", y=0.1)

    assert len(join_cut_texts([ended, text("not so here", y=0.16)])) == 2


def test_short_last_line_goes_on_in_lower_case_only() -> None:
    short = text("A paragraph begins in this line", "and it ends", y=0.1)

    assert len(join_cut_texts([short, text("New words", y=0.16)])) == 2
    assert len(join_cut_texts([short, text("new words", y=0.16)])) == 1


def test_text_that_runs_around_an_image_stays_in_two_areas() -> None:
    """Three lines beside the image and a wide one below it."""
    beside = text("Words beside an", "image that go on", "and on until they", y=0.1)

    assert len(join_cut_texts([beside, text("stand below it in full width", y=0.19)])) == 2
    assert len(join_cut_texts([beside, text("stand below it", y=0.19)])) == 1
