"""Placement of a page's vectors, read from the processor's output for that page: the grid is in
the batch, and tiles name their row and column in the prompt. No family pads or crops a page, so
that every grid covers exactly the page.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from colregion.core.geometry import GridPlacement, IntArray
from colregion.errors import BackendError, InvalidInput

_TILE = re.compile(r"<row_(\d+)_col_(\d+)>")


def image_token_id(config: Any) -> int:
    """The id of the tokens that the model replaces with the page's patches."""
    return int(getattr(config, "vlm_config", config).image_token_id)


def check_processor(processor: Any, config: Any, *, name: str) -> None:
    """Raise InvalidInput where the processor cuts a page into other cells than the model."""
    vlm = getattr(config, "vlm_config", config)
    vision, images = getattr(vlm, "vision_config", None), processor.image_processor
    pairs: dict[str, tuple[Any, Any]]
    if vision is None:  # the model has no image encoder of its own
        pairs = {"patch_size": (images.patch_size, vlm.patch_size)}
    elif hasattr(images, "merge_size"):
        pairs = {
            "patch_size": (images.patch_size, vision.patch_size),
            "merge_size": (images.merge_size, vision.spatial_merge_size),
            "temporal_patch_size": (images.temporal_patch_size, vision.temporal_patch_size),
        }
    elif hasattr(processor, "image_seq_len"):
        scale = getattr(vlm, "scale_factor", None) or vlm.pixel_shuffle_factor
        side = images.max_image_size["longest_edge"] // vision.patch_size // scale
        pairs = {"image_seq_len": (processor.image_seq_len, side**2)}
    else:
        side = vision.image_size // vision.patch_size
        pooled = getattr(vlm, "mm_tokens_per_image", None)
        pairs = {
            "size": (dict(images.size).get("height"), vision.image_size),
            "image_seq_length": (processor.image_seq_length, pooled or side**2),
        }
    for setting, (own, of_model) in pairs.items():
        if own != of_model:
            raise InvalidInput(
                f"the processor of {name} does not fit its model: {setting} is {own}, and the "
                f"model needs {of_model}. Correct it in processor_config.json (create the file if "
                "there is none) or preprocessor_config.json, or fetch the model again"
            )


def layers_of(
    ids: Sequence[int],
    *,
    image_id: int,
    grid: tuple[int, int] | None,
    tiled: bool,
    decode: Callable[[Sequence[int]], str],
    row_id: int | None = None,
) -> tuple[IntArray, ...]:
    """The layers of one page: (rows, cols) arrays of positions in the sequence.

    Args:
        ids: the page's sequence of L token ids, without padding.
        image_id: the id of a patch.
        grid: (rows, cols) where the batch contains it, as with the Qwen families; else None.
        tiled: whether the page was split into tiles, each named before its patches, followed by
            a thumbnail of the whole page.
        decode: token ids to text.
        row_id: the id of a token that ends each row of patches; the first token with the id of a
            patch then marks the image and is none.

    Returns:
        The finest layer first. A tiled page has its thumbnail as the second, unless it fits one
        tile and is its own thumbnail. Raises BackendError where patches and grid do not match.
    """
    positions = np.flatnonzero(np.asarray(ids) == image_id)
    if row_id is not None:
        positions, n_rows = positions[1:], list(ids).count(row_id)
        grid = (n_rows, len(positions) // max(n_rows, 1))
    if len(positions) == 0:
        raise BackendError("the processor produced no visual tokens for the page")
    if grid is not None:
        return (_shaped(positions, *grid),)
    if tiled:
        return _tiles(ids, image_id=image_id, decode=decode)
    side = math.isqrt(len(positions))
    return (_shaped(positions, side, side),)


def _tiles(
    ids: Sequence[int], *, image_id: int, decode: Callable[[Sequence[int]], str]
) -> tuple[IntArray, ...]:
    tiles: dict[tuple[int, int], IntArray] = {}
    thumbnail: IntArray | None = None
    start, name = 0, ""
    for is_image, run in groupby(ids, key=lambda token: token == image_id):
        length = sum(1 for _ in run)
        if not is_image:
            name = decode(ids[start : start + length])
        else:
            side = math.isqrt(length)
            patches = _shaped(np.arange(start, start + length), side, side)
            # The text before a tile may also end the previous one.
            names = _TILE.findall(name)
            if names:
                tiles[int(names[-1][0]), int(names[-1][1])] = patches
            elif thumbnail is None:
                thumbnail = patches
            else:
                raise BackendError("the page has two thumbnails")
        start += length
    if thumbnail is None:
        raise BackendError("the page has no thumbnail")
    if not tiles:
        return (thumbnail,)
    n_rows, n_cols = (max(tile[axis] for tile in tiles) for axis in (0, 1))
    if len(tiles) != n_rows * n_cols:
        raise BackendError(f"{len(tiles)} tiles do not fill {n_rows} rows of {n_cols}")
    rows = [[tiles[row + 1, col + 1] for col in range(n_cols)] for row in range(n_rows)]
    return (np.block(rows), thumbnail)


def _shaped(positions: IntArray, rows: int, cols: int) -> IntArray:
    if rows * cols != len(positions):
        raise BackendError(f"{len(positions)} visual tokens do not fill a grid of {rows} x {cols}")
    return positions.reshape(rows, cols)


def rotate_back(layers: Sequence[IntArray], *, quarter_turns: int) -> tuple[IntArray, ...]:
    """The layers on the page as displayed, for a page rotated clockwise by `quarter_turns`."""
    return tuple(np.rot90(layer, quarter_turns) for layer in layers)


def placement_of(
    layers: Sequence[IntArray], *, n_vectors: int, thumbnail_in_map: bool
) -> GridPlacement:
    """The placement of V vectors; the map uses the finest layer, and optionally the thumbnail."""
    shown = tuple(range(len(layers))) if thumbnail_in_map else (0,)
    stored = tuple(np.ascontiguousarray(layer, dtype=np.int32) for layer in layers)
    return GridPlacement(stored, n_vectors=n_vectors, map_layers=shown)
