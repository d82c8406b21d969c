from __future__ import annotations

import numpy as np
import pytest

from colregion.core.documents import Page, TextLayer
from colregion.core.geometry import Box
from colregion.parsers.text_layer.reader import TextLayerReader, turn_to_upright
from colregion.testing import PlainImage

TEXT = "Received with thanks the sum of forty two"


def layer(text: str, *, step: tuple[float, float], start: tuple[float, float]) -> TextLayer:
    """Characters of 6 x 10 on a page of 400 x 300, `step` apart."""
    at = np.array(start) + np.arange(len(text))[:, None] * np.array(step)
    boxes = np.hstack([at - (3, 5), at + (3, 5)]) / (400, 300, 400, 300)
    return TextLayer(tuple(text), boxes, np.ones(len(text), dtype=bool))


@pytest.mark.parametrize(
    ("step", "start", "degrees"),
    [
        ((6.0, 0.0), (50.0, 50.0), 0.0),
        ((0.0, 6.0), (50.0, 20.0), 270.0),  # down the page: it has to be turned to the left
        ((0.0, -6.0), (50.0, 280.0), 90.0),
        ((-6.0, 0.0), (350.0, 50.0), 180.0),
    ],
)
def test_turn_makes_letters_run_from_left_to_right(
    step: tuple[float, float], start: tuple[float, float], degrees: float
) -> None:
    assert turn_to_upright(layer(TEXT, step=step, start=start), width=400, height=300) == degrees


@pytest.mark.parametrize("text", ["", "p. 3", "שלום עולם " * 5, "縦書きの文章です" * 5])
def test_short_right_to_left_and_unspaced_text_gives_no_turn(text: str) -> None:
    downwards = layer(text, step=(0.0, 5.0), start=(50.0, 20.0))
    to_the_left = layer(text, step=(-5.0, 0.0), start=(390.0, 20.0))
    assert turn_to_upright(downwards, width=400, height=300) == 0.0
    assert turn_to_upright(to_the_left, width=400, height=300) == 0.0


def test_page_with_vertical_text_gets_upright_and_keeps_its_word_boxes() -> None:
    characters = layer(TEXT, step=(0.0, 6.0), start=(50.0, 20.0))
    page = Page("d", 1, 400, 300, "pt", PlainImage(400, 300), lambda: characters)
    turned, words = TextLayerReader().read_upright(page)
    assert turned.upright is not None
    assert turned.upright.degrees_clockwise == 270.0
    assert words[0].text == "Received"
    assert words[0].box.xyxy == pytest.approx(Box(47 / 400, 15 / 300, 53 / 400, 67 / 300).xyxy)
