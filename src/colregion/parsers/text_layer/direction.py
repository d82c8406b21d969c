"""Which way the characters of a file run over the page."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import numpy as np

from colregion.core.documents import TextLayer
from colregion.core.text import has_unspaced

_ENOUGH = 20  # steps from letter to letter: a word or two in the margin says nothing
_MOST = 0.7  # share of them
_STEP = 1.5  # the longest that stays in a word, in heights of a letter


def turn_to_upright(layer: TextLayer, *, width: float, height: float) -> float:
    """The quarter turn in degrees clockwise (0, 90, 180, 270) after which most letters follow
    each other from the left to the right; 0 where no direction has most of them.

    Letters that are written from the right or in columns are not looked at.

    Args:
        width, height: the page's size in one unit, whichever.
    """
    telling = np.array([_tells(character) for character in layer.characters], dtype=bool)
    if telling.sum() <= _ENOUGH:
        return 0.0
    boxes = layer.boxes_xyxy * (width, height, width, height)
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2
    steps = np.diff(centers, axis=0)
    size = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])[:-1]
    near = np.abs(steps).max(axis=1, initial=0.0) <= _STEP * size
    steps = steps[telling[:-1] & telling[1:] & near & layer.visible[1:]]
    if len(steps) < _ENOUGH:
        return 0.0
    x, y = steps.T
    level = np.abs(x) >= np.abs(y)
    shares = {
        270.0: (~level & (y > 0)).mean(),  # down the page
        90.0: (~level & (y < 0)).mean(),
        180.0: (level & (x < 0)).mean(),
    }
    degrees = max(shares, key=lambda turn: float(shares[turn]))
    return degrees if shares[degrees] > _MOST else 0.0


@lru_cache(maxsize=8192)
def _tells(character: str) -> bool:
    return (
        all(unicodedata.bidirectional(c) in ("L", "EN") for c in character)
        and character.isalnum()
        and not has_unspaced(character)
    )
