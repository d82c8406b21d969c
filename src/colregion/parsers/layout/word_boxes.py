"""Word boxes as recognizers give them, made fit for measuring."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from colregion.core.geometry import FloatArray

TOO_HIGH = 1.5
"""A word whose type seems higher than its line's by this factor, without being wider, has a box
that reaches into the next line."""

_WIDER = 1.3  # text that really is larger is wider too
_SLACK = 0.25  # text heights by which a word may stand higher or lower than its neighbour

_LOW = frozenset("acemnorsuvwxzαεικμνοπστυωавгдежзиклмнопстхчшъыьэюя.:_-–—~=+<>·•…")
_HANGING = frozenset("gpqyjçşţγηρφχψβζξцщруф,;()[]{}|@$/")


def ink_share(text: str) -> float:
    """How much of the height of a full letter, "Ag", the ink of a word takes up."""
    tall = any(c not in _LOW and c not in _HANGING for c in text)
    hanging = any(c in _HANGING for c in text)
    return (1.0 if tall else 0.7) - (0.0 if hanging else 0.22)


def trim_tall_boxes(
    texts: Sequence[str], boxes_xyxy: FloatArray, lines: Sequence[int | None]
) -> FloatArray:
    """(N, 4) boxes, those that reach into a neighbouring line cut to the height of their own.

    Tesseract gives such boxes where lines stand close. They are known by the other words of the
    line that the recognizer put them in.

    Args:
        texts: N words.
        boxes_xyxy: (N, 4) square units, upright.
        lines: N line numbers of the recognizer; None, where it gives none, leaves a box alone.
    """
    steady = boxes_xyxy.copy()
    members: dict[int, list[int]] = defaultdict(list)
    for i, line in enumerate(lines):
        if line is not None:
            members[line].append(i)
    for run in members.values():
        if len(run) > 2:
            own = np.array(run)
            steady[own] = _steady_line([texts[i] for i in run], boxes_xyxy[own])
    return steady


def _steady_line(texts: Sequence[str], boxes: FloatArray) -> FloatArray:
    heights = (boxes[:, 3] - boxes[:, 1]) / np.array([ink_share(text) for text in texts])
    widths = (boxes[:, 2] - boxes[:, 0]) / np.array([len(text) for text in texts])
    usual = float(np.median(heights))
    high = (heights > TOO_HIGH * usual) & (widths < _WIDER * np.median(widths))
    if not high.any() or high.all():
        return boxes
    steady = boxes.copy()
    sound = boxes[~high]
    for i in np.flatnonzero(high):
        near = sound[np.abs(sound[:, 0] + sound[:, 2] - boxes[i, 0] - boxes[i, 2]).argmin()]
        top = max(boxes[i, 1], near[1] - _SLACK * usual)
        bottom = min(boxes[i, 3], near[3] + _SLACK * usual)
        if bottom - top > _SLACK * usual:
            steady[i, [1, 3]] = top, bottom
    return steady
