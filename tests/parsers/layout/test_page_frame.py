from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from colregion.core.geometry import Box, Upright
from colregion.core.regions import Word
from colregion.parsers.layout.page_frame import Frame
from colregion.testing import make_page


def test_upright_page_is_measured_in_fractions_of_its_height() -> None:
    frame = Frame(Upright(0.0, width=300, height=600))

    assert frame.aspect == 0.5
    assert frame.square(np.array([[0.2, 0.1, 0.4, 0.3]])).tolist() == [
        pytest.approx([0.1, 0.1, 0.2, 0.3])
    ]
    assert frame.on_page(Box(0.1, 0.1, 0.2, 0.3)).xyxy == pytest.approx((0.2, 0.1, 0.4, 0.3))


def test_converting_no_boxes_returns_none() -> None:
    assert Frame(Upright(90.0, 300, 600)).square(np.zeros((0, 4))).shape == (0, 4)


@pytest.mark.parametrize(
    ("degrees", "upright_box"),
    [
        # 200 x 100 page, box 20 wide and 10 high, its centre 40 from the left, 20 from the top.
        (0.0, (0.30, 0.15, 0.50, 0.25)),  # in heights of 100
        (90.0, (0.375, 0.15, 0.425, 0.25)),  # 100 x 200: centre 80 from the left, 40 from the top
        (180.0, (1.50, 0.75, 1.70, 0.85)),
        (270.0, (0.075, 0.75, 0.125, 0.85)),  # centre 20 from the left, 160 from the top
    ],
)
def test_boxes_survive_quarter_turns_there_and_back(
    degrees: float, upright_box: tuple[float, float, float, float]
) -> None:
    frame = Frame(Upright(degrees, width=200, height=100))
    shown = np.array([[0.15, 0.15, 0.25, 0.25]])

    square = frame.square(shown)

    assert square[0].tolist() == pytest.approx(upright_box)
    assert frame.on_page(Box(*square[0].tolist())).xyxy == pytest.approx(shown[0].tolist())


def test_own_size_of_a_skewed_word_is_recovered() -> None:
    """A word of 80 x 10 px that rises by 10 degrees; the box around it is 80.5 x 23.7 px."""
    angle = np.radians(10.0)
    width, height = (
        80 * np.cos(angle) + 10 * np.sin(angle),
        80 * np.sin(angle) + 10 * np.cos(angle),
    )
    shown = np.array([[500 - width / 2, 500 - height / 2, 500 + width / 2, 500 + height / 2]])
    frame = Frame(Upright(10.0, width=1000, height=1000))
    side = 1000 * (np.cos(angle) + np.sin(angle))

    (x0, y0, x1, y1) = (frame.square(shown / 1000) * side)[0]

    assert (x1 - x0, y1 - y0) == pytest.approx((80, 10))
    assert ((x0 + x1) / 2, (y0 + y1) / 2) == pytest.approx((side / 2, side / 2))


def test_image_is_turned_like_the_boxes() -> None:
    """A dark spot in the upper left of a page that needs a quarter turn clockwise."""
    image = Image.new("RGB", (200, 100), "white")
    image.paste("black", (30, 15, 50, 25))
    frame = Frame(Upright(90.0, width=200, height=100))

    turned = frame.turn_image(image)

    dark = np.argwhere(np.asarray(turned)[..., 0] < 128)
    (y0, x0), (y1, x1) = dark.min(axis=0), dark.max(axis=0) + 1
    assert turned.size == (100, 200)
    square = frame.square(np.array([[0.15, 0.15, 0.25, 0.25]]))[0] * 200
    assert square.tolist() == pytest.approx([x0, y0, x1, y1])


def column(text: str, *, x0: float) -> Word:
    """A word as wide as a twentieth of the page, that runs down half of it."""
    return Word(text, Box(x0, 0.1, x0 + 0.05, 0.6))


def test_vertical_chinese_lines_are_read_from_right_to_left() -> None:
    page = make_page()  # 60 x 80
    frame = Frame.along_lines(page, [column("縦書きの", x0=0.8), column("二行目です", x0=0.6)])
    first, second = frame.square(np.array([[0.8, 0.1, 0.85, 0.6], [0.6, 0.1, 0.65, 0.6]]))
    # Turned to the left the page is 80 x 60: what was 0.15 from the right is 0.15 from the top.
    assert first.tolist() == pytest.approx([0.1 * 80 / 60, 0.15, 0.6 * 80 / 60, 0.2])
    assert second[1] == pytest.approx(0.35)
    assert frame.on_page(Box(*first.tolist())).xyxy == pytest.approx((0.8, 0.1, 0.85, 0.6))
    assert frame.squared_from_page(Box(0.8, 0.1, 0.85, 0.6)).xyxy == pytest.approx(first.tolist())


@pytest.mark.parametrize(
    "words",
    [[], [column("sideways", x0=0.8)], [Word("横書きの行", Box(0.1, 0.1, 0.6, 0.15))]],
    ids=["none", "Latin", "level"],
)
def test_pages_without_vertical_lines_keep_their_upright_frame(words: list[Word]) -> None:
    page = make_page()
    assert Frame.along_lines(page, words) == Frame.of(page)
