"""Figures on an image of 1000 x 1000; words are 20 high, a figure is 300 wide."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from colregion.core.geometry import Box
from colregion.parsers.layout.figure_boxes import complete_figures
from colregion.parsers.layout.model import ModelBox

WORDS = np.array([[0.7, 0.9, 0.8, 0.92]])
FIGURE = ModelBox("figure", Box(0.1, 0.4, 0.4, 0.6), 0.8, painted=0.2)


def image(*rectangles: tuple[int, int, int, int]) -> Image.Image:
    """Filled rectangles: left, top, right, bottom, the last two exclusive."""
    blank = Image.new("RGB", (1000, 1000), "white")
    draw = ImageDraw.Draw(blank)
    for x0, y0, x1, y1 in rectangles:
        draw.rectangle((x0, y0, x1 - 1, y1 - 1), fill="navy")
    return blank


def grown(drawn: Image.Image, words: np.ndarray = WORDS) -> tuple[float, float]:
    """Top and bottom of the figure, in pixels."""
    (item,) = complete_figures(drawn, [FIGURE], words)
    assert (item.box.x0, item.box.x1) == pytest.approx((0.1, 0.4))
    return round(item.box.y0 * 1000), round(item.box.y1 * 1000)


def test_no_boxes_stay_none_and_without_words_nothing_changes() -> None:
    assert complete_figures(image(), [], WORDS) == []
    assert complete_figures(image((100, 380, 120, 400)), [FIGURE], np.zeros((0, 4))) == [FIGURE]


def test_other_boxes_and_figures_with_nothing_painted_stay_as_they_are() -> None:
    others = [ModelBox("text", FIGURE.box, 0.9), ModelBox("figure", FIGURE.box, 0.9, painted=0.01)]

    assert complete_figures(image((100, 380, 120, 400)), others, WORDS) == others


def test_figure_grows_over_ink_up_to_a_blank_of_more_than_one_and_a_half_heights() -> None:
    near = image((150, 380, 200, 395), (150, 610, 200, 630))
    far = image((150, 350, 200, 369), (150, 631, 200, 650))
    beside = image((450, 380, 500, 395))

    assert grown(near) == (380, 630)
    assert grown(far) == (400, 600)
    assert grown(beside) == (400, 600)


def test_figure_grows_by_its_own_height_at_most() -> None:
    assert grown(image((150, 0, 160, 1000))) == (200, 800)


def test_words_end_a_figure() -> None:
    words = np.array([*WORDS, [0.2, 0.35, 0.3, 0.37]])

    assert grown(image((150, 300, 200, 400)), words) == (371, 600)


def test_rule_across_a_figure_ends_it_and_a_panel_does_not() -> None:
    assert grown(image((90, 390, 410, 393), (150, 370, 200, 389))) == (400, 600)
    assert grown(image((90, 370, 410, 400))) == (370, 600)


def boxes(*items: ModelBox, words: np.ndarray = WORDS) -> list[tuple[float, ...]]:
    completed = complete_figures(image(), items, words)
    return sorted(tuple(round(edge, 3) for edge in item.box.xyxy) for item in completed)


def figure(x0: float, y0: float, x1: float, y1: float) -> ModelBox:
    return ModelBox("figure", Box(x0, y0, x1, y1), 0.5, painted=0.1)


def test_figures_as_wide_and_right_above_each_other_are_one() -> None:
    (whole,) = complete_figures(image(), [figure(0.1, 0.61, 0.4, 0.7), FIGURE], WORDS)

    assert whole.box.xyxy == pytest.approx((0.1, 0.4, 0.4, 0.7))
    assert (whole.score, whole.painted) == (0.8, 0.2)


def test_figure_in_three_parts_is_one_in_whatever_order() -> None:
    parts = [figure(0.1, 0.1, 0.4, 0.2), figure(0.1, 0.3, 0.4, 0.4), figure(0.1, 0.2, 0.4, 0.3)]

    assert boxes(*parts) == boxes(*parts[::-1]) == [(0.1, 0.1, 0.4, 0.4)]


@pytest.mark.parametrize(
    ("other", "written"),
    [
        (figure(0.1, 0.64, 0.4, 0.7), []),  # two heights below
        (figure(0.1, 0.62, 0.25, 0.7), []),  # half as wide
        (figure(0.1, 0.625, 0.4, 0.7), [[0.2, 0.602, 0.3, 0.622]]),  # a caption between
        (figure(0.42, 0.4, 0.7, 0.6), []),  # an image beside it
        (figure(0.1, 0.3, 0.4, 0.7), []),  # around it
    ],
)
def test_other_figures_stay_apart(other: ModelBox, written: list[list[float]]) -> None:
    assert len(boxes(FIGURE, other, words=np.array([*WORDS, *written]))) == 2


def test_parts_side_by_side_that_touch_are_one() -> None:
    assert boxes(FIGURE, figure(0.404, 0.41, 0.6, 0.6)) == [(0.1, 0.4, 0.6, 0.6)]
