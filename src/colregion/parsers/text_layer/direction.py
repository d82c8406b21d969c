"""Direction of the text layer's text on the page."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import numpy as np

from colregion.core.documents import TextLayer
from colregion.core.text import has_unspaced

_MIN_STEPS = 20  # from letter to letter; a word or two in the margin are not enough
_MAJORITY = 0.7  # share of them
_MAX_STEP = 1.5  # within a word, in heights of a letter


def turn_to_upright(layer: TextLayer, *, width: float, height: float) -> float:
    """The clockwise turn (0, 90, 180 or 270 degrees) that makes most letters run from left to
    right; 0 if no direction has a majority. Right-to-left and vertical scripts are ignored.

    Args:
        width, height: the page's size in any one unit.
    """
    counted = np.array([_runs_rightward(character) for character in layer.characters], dtype=bool)
    if counted.sum() <= _MIN_STEPS:
        return 0.0
    boxes = layer.boxes_xyxy * (width, height, width, height)
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2
    steps = np.diff(centers, axis=0)
    size = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])[:-1]
    near = np.abs(steps).max(axis=1, initial=0.0) <= _MAX_STEP * size
    steps = steps[counted[:-1] & counted[1:] & near & layer.visible[1:]]
    if len(steps) < _MIN_STEPS:
        return 0.0
    x, y = steps.T
    level = np.abs(x) >= np.abs(y)
    shares = {
        270.0: (~level & (y > 0)).mean(),  # down the page
        90.0: (~level & (y < 0)).mean(),
        180.0: (level & (x < 0)).mean(),
    }
    degrees = max(shares, key=lambda turn: float(shares[turn]))
    return degrees if shares[degrees] > _MAJORITY else 0.0


@lru_cache(maxsize=8192)
def _runs_rightward(character: str) -> bool:
    return (
        all(unicodedata.bidirectional(c) in ("L", "EN") for c in character)
        and character.isalnum()
        and not has_unspaced(character)
    )
