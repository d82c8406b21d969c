"""The layout model's boxes of figures, completed by what is drawn on the page.

The model often boxes a part of a chart, or one chart as several. All boxes are fractions of the
upright image.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colregion.core.geometry import Box, FloatArray, IntArray
from colregion.parsers.layout.model import ModelBox

_DRAWN = 0.03  # painted share of a chart or photo; a table that the model takes for one has less
_WHITE = 255
_INK = 48  # levels (of 255) from the color of the paper
_BLANK = 1.5  # heights of a word: a wider blank ends a figure
_RULE = 0.9  # share of a figure's width from which a row of ink is a rule that ends it,
_RULE_HEIGHTS = 0.4  # if it is no thicker than this, in heights of a word
_MAX_GROWTH = 1.0  # upwards and downwards, relative to the figure's height
_ALIGNED = 0.8  # share of the larger width or height that two parts of a figure have in common
_INSIDE = 0.5  # share of one inside another from which they are two views of one place
_TOUCHING = 0.25  # heights of a word between two parts side by side


def complete_figures(
    image: Image.Image, boxes: Sequence[ModelBox], words_xyxy: FloatArray
) -> list[ModelBox]:
    """Extend charts and photos upwards and downwards over ink, and join the parts of one.

    Words, rules across the figure, and blank space end it. Two figures are parts of one if they
    are as wide, one above the other with nothing written between, or as high and side by side
    without a gap. Figures one inside the other and other boxes
    stay as they are.

    Args:
        words_xyxy: (N, 4) boxes of the page's words; without any nothing is done.
    """
    figures = [item for item in boxes if item.kind == "figure" and item.painted >= _DRAWN]
    if not figures or not len(words_xyxy):
        return list(boxes)
    size = np.array([image.width, image.height] * 2)
    words = np.round(words_xyxy * size).astype(np.int64)
    unit = float(np.median(words[:, 3] - words[:, 1]))
    ink = _ink(image, words)
    grown = [
        replace(item, box=Box(*(np.array(_grow(item.box, ink, words, unit)) / size).tolist()))
        for item in figures
    ]
    joined: list[ModelBox] = []
    for item in grown:
        while other := next(
            (o for o in joined if _are_one(item, o, words / size, unit / size)), None
        ):
            joined.remove(other)
            item = replace(
                item,
                box=Box.enclosing([item.box, other.box]),
                score=max(item.score, other.score),
                painted=max(item.painted, other.painted),
            )
        joined.append(item)
    return [*joined, *(item for item in boxes if item not in figures)]


def _ink(image: Image.Image, words: IntArray) -> NDArray[np.bool_]:
    """(height, width) true where something other than a word is drawn."""
    levels = np.asarray(image.convert("L"))
    paper = float(np.median(levels[::8, ::8]))
    # Integers, because comparing bytes is quickest.
    ink = levels < max(math.ceil(paper - _INK), 0)
    if paper + _INK < _WHITE:
        ink |= levels > math.floor(paper + _INK)
    for x0, y0, x1, y1 in words.tolist():
        ink[max(y0 - 1, 0) : y1 + 1, max(x0 - 1, 0) : x1 + 1] = False
    return ink


def _grow(
    box: Box, ink: NDArray[np.bool_], words: IntArray, unit: float
) -> tuple[float, float, float, float]:
    height, width = ink.shape
    x0, y0, x1, y1 = box.to_pixels(width_px=width, height_px=height)
    left, right = max(int(x0), 0), min(int(x1) + 1, width)
    share = np.count_nonzero(ink[:, left:right], axis=1) / max(right - left, 1)
    is_written = np.zeros(height, dtype=bool)
    for word in words[(words[:, 0] < right) & (words[:, 2] > left)].tolist():
        is_written[max(word[1], 0) : word[3] + 1] = True
    reach = int(_MAX_GROWTH * (y1 - y0))
    top, bottom = int(y0), min(int(y1), height)
    up, down = slice(max(top - reach, 0), top), slice(bottom, bottom + reach)
    above = _ink_run(share[up][::-1], is_written[up][::-1], unit)
    below = _ink_run(share[down], is_written[down], unit)
    return x0, y0 - above, x1, min(y1 + below, height)


def _ink_run(share: FloatArray, is_written: NDArray[np.bool_], unit: float) -> int:
    """How many rows from the edge of a figure on belong to it.

    Args:
        share: of each row that is ink.
        is_written: whether there is a word in each.
    """
    edges = np.flatnonzero(np.diff(share >= _RULE, prepend=False, append=False))
    starts, ends = edges[::2], edges[1::2]
    rules = starts[ends - starts <= _RULE_HEIGHTS * unit]
    stop = min([len(share), *np.flatnonzero(is_written)[:1], *rules[:1]])
    last = 0
    for row in np.flatnonzero(share[:stop] > 0).tolist():
        if row - last > _BLANK * unit:
            break
        last = row + 1
    return last


def _are_one(item: ModelBox, other: ModelBox, words: FloatArray, unit: FloatArray) -> bool:
    a, b = item.box, other.box
    if max(a.share_inside(b), b.share_inside(a)) > _INSIDE:
        return False
    across = min(a.x1, b.x1) - max(a.x0, b.x0)
    down = min(a.y1, b.y1) - max(a.y0, b.y0)
    if across >= _ALIGNED * max(a.width, b.width):
        middles = (words[:, 1] + words[:, 3]) / 2
        top, bottom = sorted((max(a.y0, b.y0), min(a.y1, b.y1)))
        between = (middles > top) & (middles < bottom)
        between &= (words[:, 0] < max(a.x1, b.x1)) & (words[:, 2] > min(a.x0, b.x0))
        return down > 0 or (-down <= _BLANK * unit[1] and not between.any())
    return down >= _ALIGNED * max(a.height, b.height) and -across <= _TOUCHING * unit[0]
