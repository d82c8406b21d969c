"""Straight rules and the edges of shaded rows, from the image of a table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colregion.core.geometry import Box, FloatArray, IntArray

_STEP = 9  # levels (of 255) from one pixel to the next at an edge; light shading has 20 in two
_LENGTH = 2.5  # least length in text heights; the letters' own edges are shorter
_INSET = 0.08  # text heights at the top and bottom of a word's box where a rule may be
_IN_WORDS = 0.7  # share of an edge inside words from which it is the letters'
_UNDERLINE = 0.35  # text heights by which an underline is longer than its words, and below them
_SLANT_PX = 20  # by which a rule that is not level is followed
_LARGE_PX = 14  # height of text from which half the resolution shows its rules
_THICK = 0.25  # text heights up to which two edges are those of one rule


@dataclass(frozen=True, eq=False)
class Rules:
    """Rules in square units (see `lines`): across (N, 3) as y, x0, x1 from the top, and down
    (M, 3) as x, y0, y1 from the left."""

    across: FloatArray
    down: FloatArray


NO_RULES = Rules(np.empty((0, 3)), np.empty((0, 3)))


def find_rules(image: Image.Image, box: Box, words_xyxy: FloatArray, *, height: float) -> Rules:
    """The rules in a part of an upright page's image.

    Args:
        box: the part, square units; it is clipped to the image.
        words_xyxy: (N, 4) boxes of the words in it, square units. Edges inside them are letters'.
        height: of the text, square units.
    """
    shrunk = 2 if height * image.height >= _LARGE_PX else 1
    x0, y0 = max(int(box.x0 * image.height), 0), max(int(box.y0 * image.height), 0)
    x1, y1 = int(box.x1 * image.height) + 1, int(box.y1 * image.height) + 1
    part = image.crop((x0, y0, min(x1, image.width), min(y1, image.height)))
    if min(part.size) < 3 * shrunk:
        return NO_RULES
    gray = np.asarray(part.convert("L").reduce(shrunk), np.int16)
    scale = image.height / shrunk
    inset = np.array([0, _INSET * height, 0, -_INSET * height])
    letters = np.rint((words_xyxy + inset) * scale - np.array([x0, y0, x0, y0]) / shrunk)
    letters = np.maximum(letters, 0).astype(np.int64)
    length, thick = _LENGTH * height * scale, max(_THICK * height * scale, 2.0)
    across = _edges(gray, letters, length=length, thick=thick)
    down = _edges(gray.T, letters[:, [1, 0, 3, 2]], length=length, thick=thick)
    across = (across + np.array([y0, x0, x0]) / shrunk) / scale
    down = (down + np.array([x0, y0, y0]) / shrunk) / scale
    return Rules(_without_underlines(across, words_xyxy, height=height), down)


def _without_underlines(across: FloatArray, words_xyxy: FloatArray, *, height: float) -> FloatArray:
    """The rules that are not as long as the words at them: underlines, and the tops of letters."""
    words = words_xyxy[np.argsort(words_xyxy[:, 3])]
    slack = _UNDERLINE * height
    firsts = np.searchsorted(words[:, 3], across[:, 0] - slack)
    lasts = np.searchsorted(words[:, 3], across[:, 0] + height)
    is_rule = []
    for rule, first, last in zip(across, firsts, lasts, strict=True):
        y, x0, x1 = rule
        near = words[first:last]
        near = near[
            (near[:, 1] < y + slack) & (near[:, 0] >= x0 - slack) & (near[:, 2] <= x1 + slack)
        ]
        is_rule.append(
            not len(near) or near[:, 0].min() > x0 + slack or near[:, 2].max() < x1 - slack
        )
    rules: FloatArray = across[np.array(is_rule, dtype=bool)]
    return rules


def _edges(
    gray: NDArray[np.int16], letters: IntArray, *, length: float, thick: float
) -> FloatArray:
    """(N, 3) position, start and end of the horizontal edges in pixels, from the top."""
    steps = np.abs(gray[1:] - gray[:-1]) > _STEP
    in_words = np.zeros_like(steps)
    for x0, y0, x1, y1 in letters.tolist():
        in_words[y0:y1, x0:x1] = True
    # An edge that is not quite level goes on one pixel above or below, or has a point missing.
    steps[:-1] |= steps[1:]
    steps[:, 1:-1] |= steps[:, :-2] & steps[:, 2:]
    heights = np.flatnonzero(np.count_nonzero(steps, axis=1) >= length)
    bounds = np.zeros((len(heights), steps.shape[1] + 2), dtype=np.int8)
    bounds[:, 1:-1] = steps[heights]
    changes = np.diff(bounds, axis=1)
    (rows, starts), (_, ends) = np.nonzero(changes > 0), np.nonzero(changes < 0)
    inside = np.zeros(bounds.shape, dtype=np.int32)
    np.cumsum(in_words[heights], axis=1, out=inside[:, 1:-1])
    inside = inside[rows, ends] - inside[rows, starts]
    long = (ends - starts >= length) & (inside < _IN_WORDS * (ends - starts))
    runs: list[list[float]] = []  # top, bottom, start, end
    for y, start, end in zip(
        heights[rows[long]].tolist(), starts[long].tolist(), ends[long].tolist(), strict=True
    ):
        _add(runs, y, start, end, thick=thick)
    edges = sorted(((top + bottom) / 2 + 1, start, end) for top, bottom, start, end in runs)
    return np.array(edges, dtype=np.float64).reshape(-1, 3)


def _add(runs: list[list[float]], y: int, start: int, end: int, *, thick: float) -> None:
    """Add an edge to those of the same rule, or as a new one."""
    for run in reversed(runs):
        if y - run[0] > _SLANT_PX + thick:
            break
        if y - run[1] > thick + 1:
            continue
        if start <= run[3] + 2 * thick and end >= run[2] - 2 * thick:
            run[1], run[2], run[3] = y, min(run[2], start), max(run[3], end)
            return
    runs.append([y, y, start, end])
