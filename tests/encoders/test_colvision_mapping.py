"""Checks for every family that each vector's placement is the part of the page it depends on.

The checkpoints are blind: a vector depends on its own patch only. A block of a page is changed,
and the vector that changes most must be the one whose cell holds the block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from colregion.core.embeddings import PageEmbedding
from colregion.core.geometry import GridPlacement, IntArray, Upright
from colregion.core.regions import ParsedPage
from colregion.encoders.colvision import ColVisionEncoder
from colregion.encoders.colvision.proof import choose_cells, page_of, with_block
from tests.encoders.tiny_colvision import (
    FAMILIES,
    QWEN,
    TILE_PX,
    TILED,
    TILES,
    ModelShelf,
)

pytestmark = pytest.mark.torch

# Width x height: portrait, landscape, very wide, small, large.
SHAPES = [(425, 550), (600, 300), (1600, 300), (100, 150), (1240, 1754)]
POSITIONS = 10


def turned(page: ParsedPage, rotation: float) -> ParsedPage:
    size = page.page.width, page.page.height
    upright = Upright(rotation, *size) if rotation else None
    return replace(page, page=replace(page.page, upright=upright))


def noise(rng: np.random.Generator, *, width_px: int, height_px: int) -> NDArray[np.uint8]:
    return rng.integers(100, 156, (height_px, width_px, 3), dtype=np.uint8)


def grid_of(embedding: PageEmbedding) -> GridPlacement:
    assert isinstance(embedding.placement, GridPlacement)
    return embedding.placement


def changed_cell(layer: IntArray, before: PageEmbedding, after: PageEmbedding) -> tuple[int, int]:
    """The cell of a layer whose vector differs most."""
    change = np.abs(after.vectors - before.vectors).max(axis=1)
    row, col = np.unravel_index(change[layer].argmax(), layer.shape)
    return int(row), int(col)


def check_positions(
    encoder: ColVisionEncoder,
    *,
    shape: tuple[int, int],
    n: int,
    rotation: float = 0,
    layer_number: int = 0,
) -> None:
    width_px, height_px = shape
    rng = np.random.default_rng(width_px)
    values = noise(rng, width_px=width_px, height_px=height_px)
    (before,) = encoder.encode_pages([turned(page_of(values), rotation)])
    layer = grid_of(before).layers[layer_number]
    prompt = np.setdiff1d(
        np.arange(len(before.vectors)),
        np.concatenate([one.ravel() for one in grid_of(before).layers]),
    )
    assert len(prompt) > 0
    expected, cells = choose_cells(rng, layer, n=max(n, 4))[:n], []
    for cell in expected:
        changed = page_of(with_block(values, layer, cell))
        (after,) = encoder.encode_pages([turned(changed, rotation)])
        cells.append(changed_cell(layer, before, after))
        np.testing.assert_allclose(after.vectors[prompt], before.vectors[prompt], atol=1e-5)
    assert cells == expected


@pytest.fixture(scope="module", params=FAMILIES)
def encoder(request: pytest.FixtureRequest, models: ModelShelf) -> ColVisionEncoder:
    family = request.param
    options = {"max_num_visual_tokens": 256} if family in QWEN else {}
    return models.encoder(family, blind=True, **options)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape[0]}x{shape[1]}")
def test_changing_a_block_of_pixels_changes_the_vector_placed_there(
    encoder: ColVisionEncoder, shape: tuple[int, int]
) -> None:
    check_positions(encoder, shape=shape, n=POSITIONS)


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_sideways_page_is_encoded_upright_and_placed_as_displayed(
    encoder: ColVisionEncoder, rotation: float
) -> None:
    check_positions(encoder, shape=(600, 300), n=4, rotation=rotation)


@pytest.mark.parametrize("family", TILED)
def test_thumbnail_is_a_separate_layer_over_the_whole_page(models: ModelShelf, family: str) -> None:
    encoder = models.encoder(family, blind=True)
    check_positions(encoder, shape=(550, 425), n=6, layer_number=1)
    check_positions(encoder, shape=(550, 425), n=4, layer_number=1, rotation=90)


def test_tiles_of_the_published_size_are_placed(models: ModelShelf) -> None:
    encoder = models.encoder("colidefics3-512", blind=True)
    (embedding,) = encoder.encode_pages([page_of(np.zeros((2339, 1654, 3), np.uint8))])
    assert [layer.shape for layer in grid_of(embedding).layers] == [(32, 24), (8, 8)]
    check_positions(encoder, shape=(1654, 2339), n=2)


def test_page_of_one_tile_has_only_its_thumbnail(models: ModelShelf) -> None:
    encoder = models.encoder("colidefics3", blind=True)
    encoder = _with_longest_edge(encoder, TILE_PX)
    try:
        (embedding,) = encoder.encode_pages([page_of(np.zeros((300, 200, 3), np.uint8))])
        assert [layer.shape for layer in grid_of(embedding).layers] == [(3, 3)]
        check_positions(encoder, shape=(200, 300), n=4)
    finally:
        _with_longest_edge(encoder, TILES * TILE_PX)


def _with_longest_edge(encoder: ColVisionEncoder, longest_px: int) -> ColVisionEncoder:
    encoder.processor.image_processor.size = {"longest_edge": longest_px}
    return encoder


@pytest.mark.parametrize(
    ("family", "shapes"),
    [
        ("colpali", [(32, 32)]),
        ("colgemma3", [(8, 8)]),
        ("colqwen2_5", [(32, 23)]),
        ("colidefics3", [(12, 9), (3, 3)]),
    ],
)
def test_grids_cover_the_page_whatever_its_shape(
    models: ModelShelf, family: str, shapes: Sequence[tuple[int, int]]
) -> None:
    encoder = models.encoder(family, blind=True)
    (embedding,) = encoder.encode_pages([page_of(np.zeros((2339, 1654, 3), np.uint8))])
    grid = grid_of(embedding)
    assert [layer.shape for layer in grid.layers] == shapes
    assert grid.areas.sum() == pytest.approx(1)
    cells = np.concatenate([layer.ravel() for layer in grid.layers])
    assert len(np.unique(cells)) == len(cells)
