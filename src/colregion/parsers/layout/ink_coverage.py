"""Share of a box that is filled, to tell charts and photos from text."""

from __future__ import annotations

import numpy as np
from PIL import Image

from colregion.core.geometry import Box, FloatArray

_CELLS = 64  # per side of the box: fine enough for the bars of a chart, too coarse for rules
_FILLED = 64  # levels (of 255) from the color of the paper to the mean of a filled cell


def painted_share(image: Image.Image, box: Box, words_xyxy: FloatArray) -> float:
    """Share of a box, outside its words, that is filled with another color than the paper's, 0-1;
    0 if words cover the whole box. It is high for charts and photos; thin rules of forms do not
    count, because cells of a coarse grid are averaged.

    Args:
        words_xyxy: (N, 4) boxes of the page's words; like `box` fractions of the image (RGB).
    """
    xyxy = box.to_pixels(width_px=image.width, height_px=image.height)
    cells = np.asarray(image.resize((_CELLS, _CELLS), Image.Resampling.BOX, box=xyxy), np.int16)
    sample = np.asarray(image.resize((_CELLS, _CELLS), Image.Resampling.NEAREST))
    paper = np.median(sample.reshape(-1, 3), axis=0)
    bare = ~_written(box, words_xyxy)
    if not bare.any():
        return 0.0
    return float((np.abs(cells - paper).max(axis=2) > _FILLED)[bare].mean())


def _written(box: Box, words_xyxy: FloatArray) -> np.ndarray:
    """(cells, cells) true where a word is."""
    origin, size = np.array([box.x0, box.y0] * 2), np.array([box.width, box.height] * 2)
    spans = np.clip((words_xyxy - origin) / size, 0, 1) * _CELLS
    written = np.zeros((_CELLS, _CELLS), dtype=bool)
    for x0, y0, x1, y1 in spans:
        if x0 < x1 and y0 < y1:
            written[int(y0) : int(y1) + 1, int(x0) : int(x1) + 1] = True
    return written
