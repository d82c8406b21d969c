"""Boxes and relevance maps drawn over page images, and their colors."""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import pytest
from PIL import Image

from colregion.core.embeddings import QueryEmbedding
from colregion.core.geometry import Box, BoxPlacement, FloatArray
from colregion.core.results import Hit, RelevanceMap
from colregion.errors import InvalidInput, ShapeMismatch
from colregion.export import draw_boxes, draw_hits, draw_map, overlay_png
from colregion.export.colors import RANK_COLORS, heat_rgba, rank_color, scale_map
from colregion.testing import PlainImage

MakeHit: TypeAlias = Callable[..., Hit]

GREY = (120, 120, 120)
PAGE = PlainImage(width_px=400, height_px=300, color=GREY)


def luminance(rgb: FloatArray) -> FloatArray:
    """Relative luminance of WCAG 2."""
    linear = np.where(rgb / 255 <= 0.04045, rgb / 255 / 12.92, ((rgb / 255 + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ np.array([0.2126, 0.7152, 0.0722]))


def rgb_of(color: str) -> tuple[int, int, int]:
    return (int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16))


class TestBoxes:
    def test_without_boxes_the_image_is_copied_unchanged(self) -> None:
        image = PAGE()
        drawn = draw_boxes(image, [], labels=[], colors=[])
        assert drawn is not image
        assert np.array_equal(np.asarray(drawn), np.asarray(image))

    def test_outline_runs_outside_the_box(self) -> None:
        drawn = draw_boxes(PAGE(), [Box(0.25, 0.5, 0.5, 0.8)], labels=[""], colors=["#0b5fa5"])
        pixels = np.asarray(drawn)
        # 400 x 300 px: x 100..200, y 150..240; outline 2 px and white 1 px outside of that.
        assert (pixels[150:240, 100:200] == GREY).all()
        for y, x in ((149, 150), (148, 150), (240, 150), (241, 150), (200, 99), (200, 201)):
            assert tuple(pixels[y, x]) == rgb_of("#0b5fa5"), (y, x)
        for y, x in ((147, 150), (242, 150), (200, 97), (200, 202)):
            assert tuple(pixels[y, x]) == (255, 255, 255), (y, x)
        assert tuple(pixels[146, 150]) == GREY

    def test_input_image_is_not_modified(self) -> None:
        image = PAGE()
        draw_boxes(image, [Box(0.2, 0.2, 0.6, 0.6)], labels=["1"], colors=["#000000"])
        assert (np.asarray(image) == GREY).all()

    def test_first_box_is_on_top(self) -> None:
        box = Box(0.25, 0.5, 0.5, 0.8)
        colors = ["#0b5fa5", "#a84300"]
        drawn = draw_boxes(PAGE(), [box, box], labels=["", ""], colors=colors)
        assert drawn.getpixel((150, 149)) == rgb_of("#0b5fa5")

    @pytest.mark.parametrize(
        ("box", "where"),
        [
            (Box(0.5, 0.5, 0.8, 0.8), (160, 148, 196, 165)),  # left of the box
            (Box(0.0, 0.5, 0.3, 0.8), (2, 130, 30, 146)),  # above it: no room on the left
            (Box(0.0, 0.0, 0.3, 0.4), (2, 2, 30, 14)),  # inside: none above either
        ],
    )
    def test_label_is_placed_where_the_page_has_room(
        self, box: Box, where: tuple[int, int, int, int]
    ) -> None:
        drawn = draw_boxes(PAGE(), [box], labels=["1  0.50"], colors=["#0b5fa5"])
        inside = np.asarray(drawn.crop(where)).reshape(-1, 3)
        assert (inside == rgb_of("#0b5fa5")).all(axis=1).mean() > 0.4

    @pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "RGBA"])
    def test_images_of_every_mode_become_rgb(self, mode: str) -> None:
        drawn = draw_boxes(PAGE().convert(mode), [], labels=[], colors=[])
        assert drawn.mode == "RGB"

    def test_box_without_label_or_color_is_refused(self) -> None:
        with pytest.raises(ShapeMismatch, match="1 boxes need as many labels and colors"):
            draw_boxes(PAGE(), [Box(0, 0, 1, 1)], labels=[], colors=["#000000"])


class TestHits:
    def test_hits_are_drawn_in_the_colors_of_their_ranks(self, make_hit: MakeHit) -> None:
        hits = [
            make_hit("a", Box(0.5, 0.1, 0.7, 0.3), image=PAGE),
            make_hit("b", Box(0.5, 0.6, 0.7, 0.8), image=PAGE),
        ]
        drawn = draw_hits(PAGE(), hits)
        assert drawn.getpixel((250, 29)) == rgb_of(rank_color(1))
        assert drawn.getpixel((250, 179)) == rgb_of(rank_color(2))

    def test_ranks_can_be_passed(self, make_hit: MakeHit) -> None:
        drawn = draw_hits(PAGE(), [make_hit("a", Box(0.5, 0.1, 0.7, 0.3), image=PAGE)], ranks=[3])
        assert drawn.getpixel((250, 29)) == rgb_of(rank_color(3))
        with pytest.raises(ShapeMismatch, match="1 hits need as many ranks, got 2"):
            draw_hits(PAGE(), [make_hit("a", Box(0.5, 0.1, 0.7, 0.3))], ranks=[1, 2])

    def test_hit_without_score_is_labelled_by_its_rank_alone(self, make_hit: MakeHit) -> None:
        box = Box(0.5, 0.1, 0.7, 0.3)
        drawn = draw_hits(PAGE(), [make_hit("a", box, score=None, image=PAGE)])
        labelled = draw_boxes(PAGE(), [box], labels=["1"], colors=[rank_color(1)])
        assert np.array_equal(np.asarray(drawn), np.asarray(labelled))

    def test_region_of_several_parts_gets_a_box_per_part(self, make_hit: MakeHit) -> None:
        parts = (Box(0.5, 0.1, 0.7, 0.3), Box(0.5, 0.6, 0.7, 0.8))
        drawn = draw_hits(PAGE(), [make_hit("a", Box(0.5, 0.1, 0.7, 0.8), parts=parts, image=PAGE)])
        assert drawn.getpixel((250, 29)) == drawn.getpixel((250, 179)) == rgb_of(rank_color(1))
        assert drawn.getpixel((250, 135)) == GREY

    def test_overlay_png_shows_the_best_hits_page_with_ranks_of_the_whole_search(
        self, make_hit: MakeHit
    ) -> None:
        hits = [
            make_hit("a", Box(0.5, 0.1, 0.7, 0.3), image=PAGE),
            make_hit("b", Box(0.1, 0.1, 0.2, 0.2), doc_id="other", image=PAGE),
            make_hit("c", Box(0.5, 0.6, 0.7, 0.8), image=PAGE),
        ]
        drawn = Image.open(io.BytesIO(overlay_png(hits)))
        assert (drawn.format, drawn.size) == ("PNG", (400, 300))
        assert drawn.getpixel((250, 29)) == rgb_of(rank_color(1))
        assert drawn.getpixel((250, 179)) == rgb_of(rank_color(3))
        other = Image.open(io.BytesIO(overlay_png(hits, page_id="other#p1")))
        assert other.getpixel((60, 29)) == rgb_of(rank_color(2))

    def test_overlay_png_of_a_page_without_hits_is_refused(self, make_hit: MakeHit) -> None:
        with pytest.raises(InvalidInput, match="none of the 0 hits"):
            overlay_png([])
        with pytest.raises(InvalidInput, match="none of the 1 hits is on page 'doc#p9'"):
            overlay_png([make_hit("a", Box(0, 0, 1, 1))], page_id="doc#p9")


class TestMap:
    def test_map_colors_the_most_similar_place_and_leaves_places_without_vectors(
        self, two_words: RelevanceMap
    ) -> None:
        pixels = np.asarray(draw_map(PAGE(), two_words, token=1))
        assert (pixels[:70, :190] != GREY).all()  # "net", upper left
        assert (pixels[230:, 210:] == GREY).all()  # its median: transparent
        assert (pixels[80:220] == GREY).all()  # no vector looks there

    def test_map_without_a_token_combines_the_content_tokens(self, two_words: RelevanceMap) -> None:
        # Means over the two content tokens: 0.55, 0.45, 0.15; the third is below the median.
        pixels = np.asarray(draw_map(PAGE(), two_words)).astype(int)
        lit = np.abs(pixels - GREY).sum(axis=2)
        assert lit[30, 100] > 0
        assert lit[30, 300] == lit[270, 300] == 0

    @pytest.mark.parametrize("token", [-1, 3])
    def test_map_of_a_token_out_of_range_is_refused(
        self, two_words: RelevanceMap, token: int
    ) -> None:
        with pytest.raises(InvalidInput, match=r"token must be 0\.\.2"):
            draw_map(PAGE(), two_words, token=token)

    def test_map_of_a_page_without_vectors_changes_nothing(self) -> None:
        question = QueryEmbedding(
            np.zeros((1, 2), dtype=np.float32), ("net",), np.ones(1, dtype=bool), np.ones(1)
        )
        blank = RelevanceMap(np.zeros((1, 0)), BoxPlacement(np.zeros((0, 4))), question)
        assert (np.asarray(draw_map(PAGE(), blank)) == GREY).all()


class TestScale:
    @pytest.mark.parametrize(
        ("raster", "expected", "low", "high"),
        [
            ([[0.0, 0.2, 0.4, 0.8, 1.0]], [[0, 0, 0, 2 / 3, 1]], 0.4, 1.0),
            ([[-3.0, -1.0, -1.0, 1.0]], [[0, 0, 0, 1]], -1.0, 1.0),
            # The median is the maximum: the minimum takes its place.
            ([[0.2, 1.0, 1.0, 0.6, 1.0]], [[0, 1, 1, 0.5, 1]], 0.2, 1.0),
            ([[0.7, 0.7]], [[0, 0]], 0.7, 0.7),
            ([[np.nan, 0.5, 1.0, np.nan]], [[np.nan, 0, 1, np.nan]], 0.75, 1.0),
        ],
    )
    def test_map_is_scaled_from_its_median_to_its_maximum(
        self, raster: list[list[float]], expected: list[list[float]], low: float, high: float
    ) -> None:
        scaled = scale_map(np.array(raster))
        np.testing.assert_allclose(scaled.values, expected)
        assert [scaled.low, scaled.high] == pytest.approx([low, high])

    def test_map_without_any_vector_scales_to_nan(self) -> None:
        scaled = scale_map(np.full((2, 3), np.nan))
        assert np.isnan(scaled.values).all()
        assert np.isnan([scaled.low, scaled.high]).all()


class TestColors:
    @pytest.mark.parametrize("color", RANK_COLORS)
    def test_white_text_has_contrast_on_every_rank_color(self, color: str) -> None:
        assert 1.05 / (luminance(np.array(rgb_of(color), dtype=float)) + 0.05) >= 4.5

    def test_rank_colors_repeat_after_the_last(self) -> None:
        assert rank_color(len(RANK_COLORS) + 1) == rank_color(1)

    def test_heat_darkens_monotonically_on_white(self) -> None:
        rgba = heat_rgba(np.linspace(0, 1, 33)[None, :])[0].astype(float)
        alpha = rgba[:, 3:] / 255
        on_white = luminance(rgba[:, :3] * alpha + 255 * (1 - alpha))
        assert all(later < earlier for earlier, later in pairwise(on_white))

    def test_nan_and_zero_are_transparent(self) -> None:
        assert heat_rgba(np.array([[0.0, np.nan, 1.0]]))[0, :, 3].tolist() == [0, 0, 158]
