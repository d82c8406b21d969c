from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from colregion.core.documents import Page
from colregion.core.geometry import Box
from colregion.parsers.layout import Layout
from colregion.parsers.layout.ink import ink_regions
from colregion.parsers.layout.model import ModelBox
from tests.ingestion.color_words import bar_box, draw_bars

GEOMETRY = Layout("geometry")


def page_of(image: Image.Image) -> Page:
    return Page("doc", 1, *image.size, "px", lambda *, dpi=None: image)  # noqa: ARG005


def near(box: Box, expected: Box) -> bool:
    """Whether all sides are within 3 px of 800."""
    return bool(np.allclose(box.xyxy, expected.xyxy, atol=3 / 600))


def test_each_bar_is_a_leaf_at_its_place_in_reading_order() -> None:
    parsed = ink_regions(page_of(draw_bars(["red blue", "green", "- red"])), GEOMETRY)
    leaves = [parsed.regions[leaf] for leaf in parsed.leaves]
    places = [(0, 0), (0, 1), (1, 0), (2, 1)]
    assert len(leaves) == 4
    for place in places:
        assert sum(near(leaf.box, bar_box(*place)) for leaf in leaves) == 1
    assert all(region.unread and region.text == "" for region in parsed.regions)
    assert parsed.words == ()
    assert parsed.page.upright is None


def test_lines_of_a_paragraph_are_its_leaves() -> None:
    image = Image.new("L", (600, 800), 255)
    for line in range(4):
        for word in range(8):
            image.paste(0, (60 + 40 * word, 100 + 24 * line, 92 + 40 * word, 112 + 24 * line))
    parsed = ink_regions(page_of(image), GEOMETRY)
    leaves = [parsed.regions[leaf].box for leaf in parsed.leaves]
    assert len(leaves) == 4
    for line, box in enumerate(leaves):
        top = 100 + 24 * line
        expected = Box.from_pixels((60, top, 372, top + 12), width_px=600, height_px=800)
        assert near(box, expected)
    assert len({region.path[0] for region in parsed.regions}) == 1


def test_figures_of_the_layout_model_are_unread_areas_around_their_ink(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    figure = Box(0.05, 0.05, 0.95, 0.4)
    boxes = [ModelBox("figure", figure, 0.9)]
    monkeypatch.setattr("colregion.parsers.layout.detect_boxes", lambda _image: boxes)
    parsed = ink_regions(page_of(draw_bars(["red blue", "green", "- red"])), Layout("model"))
    areas = [region for region in parsed.regions if len(region.path) == 1]
    assert [area.kind for area in areas if near(area.box, figure)] == ["figure"]
    assert all(region.unread and region.text == "" for region in parsed.regions)
    assert len(parsed.leaves) == 4


def test_rules_and_specks_are_no_regions() -> None:
    image = draw_bars(["red"])
    image.paste("black", (30, 90, 570, 92))
    image.paste("black", (30, 90, 32, 700))
    image.paste("black", (400, 500, 402, 502))
    parsed = ink_regions(page_of(image), GEOMETRY)
    (leaf,) = [parsed.regions[leaf] for leaf in parsed.leaves]
    assert near(leaf.box, bar_box(0, 0))


def test_the_specks_of_a_bad_copy_are_no_regions_however_many() -> None:
    image = draw_bars(["red blue", "green"])
    for x, y in np.random.default_rng(0).integers((10, 320), (590, 790), (900, 2)).tolist():
        image.paste("black", (x, y, x + 2, y + 2))
    parsed = ink_regions(page_of(image), GEOMETRY)
    leaves = [parsed.regions[leaf].box for leaf in parsed.leaves]
    assert len(leaves) == 3
    for place in ((0, 0), (0, 1), (1, 0)):
        assert any(near(box, bar_box(*place)) for box in leaves)


def test_a_page_of_one_blob_is_one_region() -> None:
    image = Image.new("RGB", (600, 800), "white")
    image.paste("black", (50, 60, 550, 700))
    (region,) = ink_regions(page_of(image), GEOMETRY).regions
    assert near(region.box, Box(50 / 600, 60 / 800, 550 / 600, 700 / 800))
    assert (region.path, region.unread) == ((1,), True)


def test_a_page_of_light_spots_on_black_is_one_region() -> None:
    image = Image.new("RGB", (600, 800), "black")
    image.paste("white", (300, 400, 302, 402))
    (region,) = ink_regions(page_of(image), GEOMETRY).regions
    assert region.box == Box(0, 0, 1, 1)


@pytest.mark.parametrize("color", ["white", "black", (250, 250, 245)])
def test_a_page_without_ink_has_no_regions(color: str) -> None:
    assert ink_regions(page_of(Image.new("RGB", (600, 800), color)), GEOMETRY).regions == ()


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (900, 2)])
def test_the_smallest_and_thinnest_pages_are_divided_without_error(size: tuple[int, int]) -> None:
    ink_regions(page_of(Image.new("RGB", size, "white")), GEOMETRY)


def test_ink_under_known_words_does_not_count() -> None:
    page = page_of(draw_bars(["red blue"]))
    parsed = ink_regions(page, GEOMETRY, without=[bar_box(0, 0)])
    (leaf,) = [parsed.regions[leaf] for leaf in parsed.leaves]
    assert near(leaf.box, bar_box(0, 1))


def test_lines_of_a_page_on_its_side_are_leaves_that_stand_upright() -> None:
    image = Image.new("L", (600, 800), 255)
    for line in range(5):
        for word in range(30):
            image.paste(0, (60 + 16 * word, 100 + 60 * line, 70 + 16 * word, 120 + 60 * line))
    upright = ink_regions(page_of(image), GEOMETRY)
    turned = ink_regions(page_of(image.transpose(Image.Transpose.ROTATE_90)), GEOMETRY)
    assert len(upright.leaves) == len(turned.leaves) == 5
    assert all(upright.regions[leaf].box.width > 0.7 for leaf in upright.leaves)
    assert all(turned.regions[leaf].box.height > 0.5 for leaf in turned.leaves)
    assert turned.page.upright is None  # which side is up, only reading can tell


def test_a_page_askew_gets_its_upright() -> None:
    image = Image.new("L", (600, 800), 255)
    for line in range(12):
        for word in range(30):
            image.paste(0, (60 + 16 * word, 100 + 40 * line, 70 + 16 * word, 112 + 40 * line))
    askew = image.rotate(-4, resample=Image.Resampling.BICUBIC, fillcolor=255)
    parsed = ink_regions(page_of(askew), GEOMETRY)
    assert parsed.page.upright is not None
    assert abs(parsed.page.upright.degrees_clockwise - 356) < 0.5
    assert len(parsed.leaves) == 12
    known = ink_regions(replace(page_of(askew), upright=parsed.page.upright), GEOMETRY)
    assert known.regions == parsed.regions


@pytest.mark.parametrize("share", [0.02, 0.15])
def test_a_page_of_noise_is_divided_in_bounded_time(share: float) -> None:
    dark = np.random.default_rng(0).random((1000, 800)) < share
    image = Image.fromarray(np.where(dark, 0, 255).astype(np.uint8))
    started = time.process_time()
    parsed = ink_regions(page_of(image.convert("RGB")), GEOMETRY)
    assert time.process_time() - started < 10
    assert parsed.is_unread.all()
    assert len(parsed.regions) > 0
