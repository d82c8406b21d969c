from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from colregion.core.documents import Page
from colregion.core.geometry import Box
from colregion.core.regions import Word
from colregion.parsers.ocr.orientation import recognize_upright, skew


def printed(*, degrees_clockwise: float = 0.0) -> Image.Image:
    image = Image.new("RGB", (700, 1000), "white")
    draw = ImageDraw.Draw(image)
    for y in range(80, 700, 40):
        draw.text((70, y), "Received with thanks the sum of", "black", ImageFont.load_default(26))
    return image.rotate(
        -degrees_clockwise, resample=Image.Resampling.BICUBIC, expand=True, fillcolor="white"
    )


@pytest.mark.parametrize(
    "image",
    [
        Image.new("RGB", (300, 200), "white"),
        Image.new("RGB", (1, 1), "black"),
        # Neither a photograph's shades nor a drawing without straight strokes has a direction.
        Image.radial_gradient("L"),
        Image.effect_noise((400, 300), 90),
    ],
)
def test_image_without_lines_has_no_skew(image: Image.Image) -> None:
    assert skew(image) == 0.0


def test_page_straight_to_within_a_degree_has_no_skew() -> None:
    assert skew(printed()) == 0.0
    assert skew(printed(degrees_clockwise=0.5)) == 0.0


@pytest.mark.parametrize(
    ("lies", "skewed"),
    [(2, -2), (-3.5, 3.5), (11, -11), (93, -3), (266, 4), (180, 0)],
)
def test_skew_is_the_turn_that_straightens_the_lines(lies: float, skewed: float) -> None:
    assert skew(printed(degrees_clockwise=lies)) == pytest.approx(skewed, abs=0.25)


@pytest.mark.parametrize(("confidence", "shown"), [(0.9, False), (0.3, True)])
def test_script_is_detected_without_the_words_that_were_legible(
    confidence: float, shown: bool
) -> None:
    title = Box(0.1, 0.1, 0.5, 0.2)
    image = Image.new("L", (200, 200), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((20, 20, 99, 39), "black")
    for x in range(20, 180, 8):  # a drawing with most of the strokes
        draw.line((x, 60, x, 180), "black", 2)
    seen: list[Image.Image] = []

    def alternatives(unread: Image.Image) -> tuple[()]:
        seen.append(unread)
        return ()

    recognize_upright(
        Page("d", 1, 200, 200, "px", lambda *, dpi=None: image),  # noqa: ARG005
        image,
        lambda _: [Word("IMPACTS", title, confidence)],
        min_confidence=0.55,
        legible_confidence=0.6,
        alternatives=alternatives,
    )

    (unread,) = seen
    assert bool((np.asarray(unread)[20:40, 20:100] == 0).any()) == shown
    assert unread.getpixel((20, 100)) == 0
