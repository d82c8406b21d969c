"""Words from the characters that a file itself carries, and whether those can be trusted."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from colregion.errors import InvalidBox
from colregion.geometry import Box, FloatArray
from colregion.parsers.words import WordReader
from colregion.records import Page, TextLayer, Word

SOFT_HYPHEN = "\u00ad"

# Distances between neighbouring characters, in heights of the smaller one. A gap of the first
# always parts words. A gap of the second does if it is wider than the word's usual one by the
# third: text that is set tight has gaps of less than nothing inside its words, and narrow ones
# between them; text that is set wide has gaps everywhere.
_FAR = 0.6
_GAP = 0.06
_GAP_OVER_USUAL = 0.1

# Ligatures, and the shapes of Arabic and Hebrew letters, stand for ordinary letters.
_PRESENTATION_FORMS = re.compile("[\ufb00-\ufdff\ufe70-\ufefc]+")


class TextLayerReader(WordReader):
    """Reads the file's own characters; a page without any gives no words.

    Neither lines nor blocks are named: a PDF has none, only an order of drawing.
    """

    @property
    def fingerprint(self) -> str:
        return "text_layer-1"

    def read(self, page: Page) -> tuple[Word, ...]:
        if page.load_text is None:
            return ()
        return words_of(page.load_text(), width=page.width, height=page.height)


def words_of(layer: TextLayer, *, width: float, height: float) -> tuple[Word, ...]:
    """The words of a page in the file's order.

    Words end at white space, where the next character is out of reach or at a gap wider than
    the others of the word, and between visible and invisible text. A hyphen at a line's end
    stays with the word before it. What lies mostly off the page is left out.

    Args:
        width, height: the page's size in one unit, whichever.
    """
    inked = [i for i, character in enumerate(layer.characters) if not _parts_words(character)]
    if not inked:
        return ()
    at = np.array(inked)
    boxes = layer.boxes_xyxy[at]
    visible = layer.visible[at]
    gaps = _gaps(boxes * (width, height, width, height))
    parted = (np.diff(at) > 1) | (visible[1:] != visible[:-1]) | (gaps > _FAR)
    found = []
    for start, end in _stretches(parted):
        for first, last in _split_at_wide_gaps(gaps, start, end):
            text = _plain("".join(layer.characters[at[i]] for i in range(first, last)))
            box = _box_on_page(boxes[first:last])
            if text and box is not None:
                found.append(Word(text, box, visible=bool(visible[first])))
    return tuple(found)


@lru_cache(maxsize=8192)
def _parts_words(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) == "Cc" or character == "\u200b"


def _gaps(boxes: FloatArray) -> FloatArray:
    """(N - 1,) distance from each box to the next in either direction, negative where they
    overlap, in heights of the smaller; 0 next to a box without area."""
    widths, heights = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    # Of text that runs up or down the page the width is what tells its size.
    sizes = np.maximum(widths, heights)
    here, after = boxes[:-1], boxes[1:]
    apart_x = np.maximum(after[:, 0] - here[:, 2], here[:, 0] - after[:, 2])
    apart_y = np.maximum(after[:, 1] - here[:, 3], here[:, 1] - after[:, 3])
    shaped = (widths > 0) & (heights > 0)
    size = np.where(shaped[:-1] & shaped[1:], np.minimum(sizes[:-1], sizes[1:]), np.inf)
    gaps: FloatArray = np.maximum(apart_x, apart_y) / size
    return gaps


def _stretches(parted: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """(first, end) of the runs between true entries."""
    ends = [*(np.flatnonzero(parted) + 1).tolist(), len(parted) + 1]
    yield from zip([0, *ends[:-1]], ends, strict=True)


def _split_at_wide_gaps(gaps: FloatArray, start: int, end: int) -> Iterator[tuple[int, int]]:
    inner = gaps[start : end - 1]
    if len(inner) < 2 or inner.max() <= _GAP:
        yield start, end
        return
    usual = np.sort(inner)[(len(inner) - 1) // 2]
    for first, last in _stretches((inner > _GAP) & (inner > usual + _GAP_OVER_USUAL)):
        yield start + first, start + last


def _plain(text: str) -> str:
    """Ligatures and letter shapes as letters; marks of direction and joining left out."""
    text = _PRESENTATION_FORMS.sub(lambda m: unicodedata.normalize("NFKC", m.group()), text)
    if text.endswith(SOFT_HYPHEN):
        text = text[:-1] + "-"
    return "".join(c for c in text if unicodedata.category(c) != "Cf")


def _box_on_page(boxes: FloatArray) -> Box | None:
    """Around the characters that have a shape; None when most of it is off the page."""
    shaped = boxes[(boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])]
    if len(shaped) == 0:
        return None
    low, high = shaped.min(axis=0), shaped.max(axis=0)
    box = Box(float(low[0]), float(low[1]), float(high[2]), float(high[3]))
    try:
        clipped = box.clip()
    except InvalidBox:
        return None
    return clipped if clipped.area > box.area / 2 else None
