"""Rules on a page of 1000 x 1000 pixels with text 10 pixels high."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image, ImageDraw

from colregion.core.geometry import Box
from colregion.parsers.layout.rules import Rules, find_rules

Rectangle = tuple[int, int, int, int]


def rules_of(
    *rectangles: Rectangle, color: str = "black", words: Sequence[Rectangle] = ()
) -> Rules:
    image = Image.new("RGB", (1000, 1000), "white")
    draw = ImageDraw.Draw(image)
    for x0, y0, x1, y1 in rectangles:
        draw.rectangle((x0, y0, x1 - 1, y1 - 1), fill=color)
    boxes = np.array(words, dtype=float).reshape(-1, 4) / 1000
    return find_rules(image, Box(0.1, 0.1, 0.9, 0.9), boxes, height=0.01)


def test_blank_part_of_a_page_has_no_rules() -> None:
    rules = rules_of()

    assert len(rules.across) == len(rules.down) == 0


@pytest.mark.parametrize("color", ["black", "#c00000", "#d8d8d8"])
def test_thin_rule_is_one_rule_at_its_place_whatever_its_color(color: str) -> None:
    rules = rules_of((200, 300, 600, 302), (400, 500, 402, 700), color=color)

    assert rules.across == pytest.approx(np.array([[0.301, 0.2, 0.6]]), abs=0.003)
    assert rules.down == pytest.approx(np.array([[0.401, 0.5, 0.7]]), abs=0.003)


def test_shaded_row_has_a_rule_at_each_edge() -> None:
    rules = rules_of((200, 300, 600, 330), color="#e0e0ff")

    assert rules.across[:, 0] == pytest.approx([0.3, 0.33], abs=0.003)


def test_rule_outside_the_part_is_not_seen() -> None:
    assert len(rules_of((20, 50, 980, 52)).across) == 0


def test_letters_and_short_strokes_are_no_rules() -> None:
    letters = [(200 + 6 * i, 300, 204 + 6 * i, 310) for i in range(40)]
    dash = (500, 405, 518, 407)

    rules = rules_of(*letters, dash, words=[(200, 298, 440, 312)])

    assert len(rules.across) == len(rules.down) == 0


def test_underline_is_no_rule_but_a_longer_one_is() -> None:
    words = [(200, 298, 260, 310), (265, 298, 320, 310)]

    assert len(rules_of((200, 311, 320, 312), words=words).across) == 0
    assert len(rules_of((180, 311, 340, 312), words=words).across) == 1


def test_rule_that_is_not_quite_level_is_one_rule() -> None:
    steps = [(200 + 100 * i, 300 + i, 300 + 100 * i, 301 + i) for i in range(3)]

    assert rules_of(*steps).across == pytest.approx(np.array([[0.301, 0.2, 0.5]]), abs=0.003)
