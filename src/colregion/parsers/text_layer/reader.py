"""Words from the characters that a file itself carries, and whether those can be trusted."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from colregion.core.documents import Page, TextLayer
from colregion.core.geometry import Box, FloatArray, Upright
from colregion.core.regions import Word
from colregion.parsers.text_layer.direction import turn_to_upright
from colregion.parsers.words import WordReader

SOFT_HYPHEN = "\u00ad"

# Distances between neighbouring characters, in heights of the smaller one. A gap of the first
# always parts words. A gap of the second does if it is wider than the word's usual one by the
# third: text that is set tight has gaps of less than nothing inside its words, and narrow ones
# between them; text that is set wide has gaps everywhere.
_FAR = 0.6
_GAP = 0.06
_GAP_OVER_USUAL = 0.1

_LEADERS = re.compile(r"[.\u2024\u2026\u00b7]{4,}")

# Ligatures, and the shapes of Arabic and Hebrew letters, stand for ordinary letters.
_PRESENTATION_FORMS = re.compile("[\ufb00-\ufdff\ufe70-\ufefc]+")


class TextLayerReader(WordReader):
    """Reads the file's own characters; a page without any gives no words.

    Neither lines nor blocks are named: a PDF has none, only an order of drawing.
    """

    @property
    def fingerprint(self) -> str:
        return "text_layer-2"

    def read(self, page: Page) -> tuple[Word, ...]:
        if page.load_text is None:
            return ()
        return words_of(page.load_text(), width=page.width, height=page.height)

    def read_turned(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        words = self.read(page)
        if page.load_text is None or page.upright is not None:
            return page, words
        degrees = turn_to_upright(page.load_text(), width=page.width, height=page.height)
        if degrees:
            page = replace(page, upright=Upright(degrees, page.width, page.height))
        return page, words


def words_of(layer: TextLayer, *, width: float, height: float) -> tuple[Word, ...]:
    """The words of a page in the file's order.

    Words end at white space, where the next character is out of reach or at a gap wider than
    the others of the word, before and after leaders ("Total.....12"), and between visible and
    invisible text. A hyphen at a line's end
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
    leads = _are_leaders([layer.characters[i] for i in inked])
    parted = (np.diff(at) > 1) | (gaps > _FAR)
    parted |= (visible[1:] != visible[:-1]) | (leads[1:] != leads[:-1])
    spans = [
        span for start, end in _stretches(parted) for span in _split_at_wide_gaps(gaps, start, end)
    ]
    around = _boxes_on_page(boxes, starts=[first for first, _ in spans])
    found = []
    for (first, last), box in zip(spans, around, strict=True):
        text = _plain("".join(layer.characters[i] for i in inked[first:last]))
        if text and box is not None:
            found.append(Word(text, box, visible=bool(visible[first])))
    return tuple(found)


@lru_cache(maxsize=8192)
def _parts_words(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) == "Cc" or character == "\u200b"


def _are_leaders(characters: list[str]) -> NDArray[np.bool_]:
    """(N,) true within runs of dots."""
    leads = np.zeros(len(characters), dtype=bool)
    for run in _LEADERS.finditer("".join(character[0] for character in characters)):
        leads[slice(*run.span())] = True
    return leads


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
    if text.isascii():
        return text
    text = _PRESENTATION_FORMS.sub(lambda m: unicodedata.normalize("NFKC", m.group()), text)
    if text.endswith(SOFT_HYPHEN):
        text = text[:-1] + "-"
    return "".join(c for c in text if unicodedata.category(c) != "Cf")


def _boxes_on_page(boxes: FloatArray, *, starts: list[int]) -> list[Box | None]:
    """Around the characters from each start to the next that have a shape, clipped to the page;
    None when none has or most of it is off the page."""
    shaped = ((boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1]))[:, None]
    low = np.minimum.reduceat(np.where(shaped, boxes[:, :2], np.inf), starts)
    high = np.maximum.reduceat(np.where(shaped, boxes[:, 2:], -np.inf), starts)
    on_page = np.clip(np.hstack([low, high]), 0.0, 1.0)
    areas = np.prod(np.maximum(high - low, 0), axis=1)
    kept = (areas > 0) & (np.prod(on_page[:, 2:] - on_page[:, :2], axis=1) > areas / 2)
    return [Box(*row) if keep else None for row, keep in zip(on_page.tolist(), kept, strict=True)]
