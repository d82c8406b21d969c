"""The small visual model: a gray image to vectors of its inked cells, run by onnxruntime."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colregion.core.geometry import FloatArray, IntArray
from colregion.encoders.visual_words.components import is_marked
from colregion.encoders.visual_words.weights import read_weights
from colregion.errors import require

EXTRA = "visual-words"
CELL_WIDTH, CELL_HEIGHT = 16, 8
"""Pixels of one cell."""

SHA256 = "05d4c1e3aefc49203551aa70735502464114373c1a3f2ea403650d477bf40a34"
"""Of the weights."""

_WEIGHTS = Path(__file__).with_name("visual_words.onnx")

# Larger images are run in tiles, so that memory is bounded. A cell sees less than the margin to
# each side, so that its vector is the same in every tile.
_TILE_ROWS, _TILE_COLS = 192, 96
_MARGIN_ROWS, _MARGIN_COLS = 14, 16


@dataclass(frozen=True, slots=True)
class Cells:
    """The N inked cells of an image of (rows, cols) cells.

    Args:
        vectors: (N, 384) float32, the longer the surer.
        rows, cols: (N,) of each, sorted by row, then column.
        ink: (N,) the probability that there is text, 0.5-1.
    """

    vectors: FloatArray
    rows: IntArray
    cols: IntArray
    ink: FloatArray
    shape: tuple[int, int]


class VisualWordModel:
    """The shipped weights: 7 bits each, because sums of products with 8 overflow on processors
    without VNNI. Read at the first run. Runs in the calling thread; safe to use from several."""

    def __init__(self, path: Path = _WEIGHTS) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._runtime = require("onnxruntime", extra=EXTRA)

    def run(self, gray: NDArray[np.uint8], *, paper: int) -> Cells:
        """The inked cells of a gray image (H, W), 0 black; its sides are filled up to whole cells
        with the level `paper`. Raises BackendError where the weights are missing or damaged."""
        height, width = gray.shape
        padding = ((0, -height % CELL_HEIGHT), (0, -width % CELL_WIDTH))
        image = np.pad(gray, padding, constant_values=paper)
        shape = image.shape[0] // CELL_HEIGHT, image.shape[1] // CELL_WIDTH
        parts = [self._run_tile(image, rows, cols) for rows, cols in _tiles(*shape)]
        vectors, rows, cols, ink = (np.concatenate(part) for part in zip(*parts, strict=True))
        order = np.lexsort((cols, rows))
        order = order[_near_marks(image, paper=paper)[rows[order], cols[order]]]
        return Cells(vectors[order], rows[order], cols[order], ink[order], shape)

    def _run_tile(
        self, image: NDArray[np.uint8], rows: range, cols: range
    ) -> tuple[FloatArray, IntArray, IntArray, FloatArray]:
        top, left = max(rows.start - _MARGIN_ROWS, 0), max(cols.start - _MARGIN_COLS, 0)
        bottom, right = rows.stop + _MARGIN_ROWS, cols.stop + _MARGIN_COLS
        tile = image[
            top * CELL_HEIGHT : bottom * CELL_HEIGHT, left * CELL_WIDTH : right * CELL_WIDTH
        ]
        with self._lock:
            session = self._session
        vectors, cells, logits = session.run(None, {"page": tile[None, None]})
        row, col = np.divmod(cells, tile.shape[1] // CELL_WIDTH)
        row, col = row + top, col + left
        inside = (rows.start <= row) & (row < rows.stop) & (cols.start <= col) & (col < cols.stop)
        ink = 1 / (1 + np.exp(-logits[inside]))
        return vectors[inside], row[inside], col[inside], ink

    @cached_property
    def _session(self) -> Any:
        weights = read_weights(self._path, sha256=SHA256)
        options = self._runtime.SessionOptions()
        # Two pages beside each other take less time than two threads on one page after the other.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Pages differ in size: memory is given back after each one.
        options.enable_cpu_mem_arena = False
        options.enable_mem_pattern = False
        return self._runtime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])


def _near_marks(image: NDArray[np.uint8], *, paper: int) -> NDArray[np.bool_]:
    """(rows, cols) of which cells they or one around them shows something other than paper. Blank
    paper between two near sides of the image looks like ink to the network."""
    marked = is_marked(image, paper=paper)
    height, width = marked.shape
    cells = marked.reshape(height // CELL_HEIGHT, CELL_HEIGHT, width // CELL_WIDTH, CELL_WIDTH)
    near = np.pad(cells.any(axis=(1, 3)), 1)
    near = near[:-2] | near[1:-1] | near[2:]
    return np.asarray(near[:, :-2] | near[:, 1:-1] | near[:, 2:])


def _tiles(rows: int, cols: int) -> Iterator[tuple[range, range]]:
    """The cells of each tile, without its margin."""
    for top in range(0, rows, _TILE_ROWS):
        for left in range(0, cols, _TILE_COLS):
            yield (
                range(top, min(top + _TILE_ROWS, rows)),
                range(left, min(left + _TILE_COLS, cols)),
            )
