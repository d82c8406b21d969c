from __future__ import annotations

import pytest
from PIL import Image, ImageDraw, ImageFont

from colregion.parsers.ocr.orientation import skew


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
