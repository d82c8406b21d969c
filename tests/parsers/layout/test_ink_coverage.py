from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from colregion.core.geometry import Box
from colregion.parsers.layout.ink_coverage import painted_share

NO_WORDS = np.zeros((0, 4))


@pytest.mark.parametrize("paper", ["white", "lightyellow"])
def test_painted_share_of_a_filled_quarter_is_a_quarter_on_any_paper(paper: str) -> None:
    image = Image.new("RGB", (640, 320), paper)
    image.paste("navy", (0, 0, 160, 160))

    assert painted_share(image, Box(0.0, 0.0, 0.5, 1.0), NO_WORDS) == pytest.approx(0.25)
    assert painted_share(image, Box(0.5, 0.0, 1.0, 1.0), NO_WORDS) == 0.0


def test_thin_rules_are_not_painted() -> None:
    image = Image.new("RGB", (1280, 1280), "white")
    draw = ImageDraw.Draw(image)
    for y in range(50, 1280, 100):
        draw.line((0, y, 1280, y), fill="black", width=3)

    assert painted_share(image, Box(0.0, 0.0, 1.0, 1.0), NO_WORDS) == 0.0


def test_painted_share_ignores_words() -> None:
    image = Image.new("RGB", (640, 640), "white")
    image.paste("black", (0, 0, 320, 320))
    box = Box(0.0, 0.0, 1.0, 1.0)

    assert painted_share(image, box, np.array([[0.0, 0.0, 0.5, 0.5]])) == 0.0
    assert painted_share(image, box, np.array([[0.0, 0.0, 1.0, 1.0]])) == 0.0
