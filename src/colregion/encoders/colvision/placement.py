"""Where each vector of a page looks, read from what the processor made of that page.

Nothing is worked out again from the page's size: the grid is in the batch, and the tiles name
their own row and column in the prompt. No family pads or crops a page, so that every grid covers
exactly the page.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from colregion.core.geometry import GridPlacement, IntArray
from colregion.errors import BackendError

_TILE = re.compile(r"<row_(\d+)_col_(\d+)>")


def image_token_id(config: Any) -> int:
    """The id at whose places the model itself puts the page's patches into the sequence."""
    return int(getattr(config, "vlm_config", config).image_token_id)


def layers_of(
    ids: Sequence[int],
    *,
    image_id: int,
    grid: tuple[int, int] | None,
    tiled: bool,
    decode: Callable[[Sequence[int]], str],
) -> tuple[IntArray, ...]:
    """The layers of one page: arrays (rows, cols) of places in the sequence.

    Args:
        ids: the page's sequence of L token ids, without padding.
        image_id: the id of a patch.
        grid: (rows, cols) where the batch says so, as the Qwen families do.
        tiled: whether the page was cut into tiles, each named before its patches, followed by
            a thumbnail of the whole page.
        decode: token ids to text.

    Returns:
        The finest layer first. A tiled page has its thumbnail as the second, unless it fits one
        tile and is its own thumbnail.

    Raises:
        BackendError: patches and grid do not agree, which a new version of a library could cause.
    """
    places = np.flatnonzero(np.asarray(ids) == image_id)
    if len(places) == 0:
        raise BackendError("the processor gave the page no visual tokens")
    if grid is not None:
        return (_shaped(places, *grid),)
    if tiled:
        return _tiles(ids, image_id=image_id, decode=decode)
    side = math.isqrt(len(places))
    return (_shaped(places, side, side),)


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
            # What stands before a tile may also end the one before it.
            found = _TILE.findall(name)
            if found:
                tiles[int(found[-1][0]), int(found[-1][1])] = patches
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


def _shaped(places: IntArray, rows: int, cols: int) -> IntArray:
    if rows * cols != len(places):
        raise BackendError(f"{len(places)} visual tokens do not fill a grid of {rows} x {cols}")
    return places.reshape(rows, cols)


def turned_back(layers: Sequence[IntArray], *, quarter_turns: int) -> tuple[IntArray, ...]:
    """The layers on the page as displayed, when it was turned clockwise by so many quarters."""
    return tuple(np.rot90(layer, quarter_turns) for layer in layers)


def placement_of(
    layers: Sequence[IntArray], *, n_vectors: int, thumbnail_in_map: bool
) -> GridPlacement:
    """The placement of V vectors; its map uses the finest layer, and the thumbnail when asked."""
    shown = tuple(range(len(layers))) if thumbnail_in_map else (0,)
    stored = tuple(np.ascontiguousarray(layer, dtype=np.int32) for layer in layers)
    return GridPlacement(stored, n_vectors=n_vectors, map_layers=shown)
