"""Correction of OCR word boxes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from colregion.core.geometry import FloatArray

_TOO_TALL = 1.5  # ratio to the line's type from which a box reaches into the next line, unless
_WIDER = 1.3  # the word is wider too, as larger text is
_SLACK = 0.25  # text heights by which a word may be higher or lower than its neighbour

_LOW = frozenset("acemnorsuvwxzαεικμνοπστυωавгдежзиклмнопстхчшъыьэюя.:_-–—~=+<>·•…")
_HANGING = frozenset("gpqyjçşţγηρφχψβζξцщруф,;()[]{}|@$/")


def ink_share(text: str) -> float:
    """Share of the type's height ("Ag") that the ink of a word takes up."""
    tall = any(c not in _LOW and c not in _HANGING for c in text)
    hanging = any(c in _HANGING for c in text)
    return (1.0 if tall else 0.7) - (0.0 if hanging else 0.22)


def trim_tall_boxes(
    texts: Sequence[str], boxes_xyxy: FloatArray, lines: Sequence[int | None]
) -> FloatArray:
    """Trim boxes that reach into a neighbouring line to the height of their own.

    Tesseract makes such boxes where lines are close. They stand out among the other words of
    their OCR line; a box without a line number is left alone. Boxes (N, 4) are in square units.
    """
    trimmed = boxes_xyxy.copy()
    members: dict[int, list[int]] = defaultdict(list)
    for i, line in enumerate(lines):
        if line is not None:
            members[line].append(i)
    for run in members.values():
        if len(run) > 2:
            own = np.array(run)
            trimmed[own] = _trim_line([texts[i] for i in run], boxes_xyxy[own])
    return trimmed


def _trim_line(texts: Sequence[str], boxes: FloatArray) -> FloatArray:
    heights = (boxes[:, 3] - boxes[:, 1]) / np.array([ink_share(text) for text in texts])
    widths = (boxes[:, 2] - boxes[:, 0]) / np.array([len(text) for text in texts])
    usual = float(np.median(heights))
    tall = (heights > _TOO_TALL * usual) & (widths < _WIDER * np.median(widths))
    if not tall.any() or tall.all():
        return boxes
    trimmed = boxes.copy()
    others = boxes[~tall]
    for i in np.flatnonzero(tall):
        near = others[np.abs(others[:, 0] + others[:, 2] - boxes[i, 0] - boxes[i, 2]).argmin()]
        top = max(boxes[i, 1], near[1] - _SLACK * usual)
        bottom = min(boxes[i, 3], near[3] + _SLACK * usual)
        if bottom - top > _SLACK * usual:
            trimmed[i, [1, 3]] = top, bottom
    return trimmed
