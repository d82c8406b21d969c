"""Words from the text layer: the characters in the file itself."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from colregion.core.documents import Page, TextLayer
from colregion.core.geometry import (
    Box,
    FloatArray,
    Upright,
    box_areas,
    boxes_to_array,
    pairwise_overlap,
)
from colregion.core.regions import Word
from colregion.core.text import has_unspaced
from colregion.parsers.word_reader import WordReader

SOFT_HYPHEN = "\u00ad"

# Gaps between neighbouring characters, in heights of the smaller one. A gap over _WORD_GAP always
# separates words. A gap over _MIN_GAP does if it exceeds the word's median gap by _GAP_OVER_MEDIAN:
# tight text has negative gaps inside words and narrow ones between them, wide text has gaps
# everywhere.
_WORD_GAP = 0.6
_MIN_GAP = 0.06
_GAP_OVER_MEDIAN = 0.1

_LEADERS = re.compile(r"[.\u2024\u2026\u00b7]{4,}")

# Ligatures and the shapes of Arabic and Hebrew letters; normalized to ordinary letters.
_PRESENTATION_FORMS = re.compile("[\ufb00-\ufdff\ufe70-\ufefc]+")

_REPEAT_OVERLAP = 0.5  # of a word's area

# To detect that a page lies on its side.
_MIN_STEPS = 20  # from letter to letter; a word or two in the margin are not enough
_MAJORITY = 0.7  # share of them
_MAX_STEP = 1.5  # within a word, in heights of a letter


class TextLayerReader(WordReader):
    """Reads the file's own characters; a page without any has no words.

    Words have no lines or blocks: a PDF has only a drawing order.

    Args:
        invisible: use text that is drawn without ink, as under a scan, like any other; it is
            marked as hidden.
    """

    def __init__(self, *, invisible: bool = False) -> None:
        self.invisible = invisible

    @property
    def fingerprint(self) -> str:
        return "text_layer-3" + (" with invisible text" if self.invisible else "")

    def read_upright(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        if page.load_text is None:
            return page, ()
        layer = page.load_text()
        words = extract_words(layer, width=page.width, height=page.height)
        if page.upright is None:
            degrees = turn_to_upright(layer, width=page.width, height=page.height)
            upright = Upright(degrees, page.width, page.height) if degrees else None
            page = replace(page, upright=upright) if upright else page
        return page, use_invisible(words) if self.invisible else words


def use_invisible(words: Iterable[Word]) -> tuple[Word, ...]:
    """The words, those drawn without ink marked as hidden and no longer left out of regions."""
    return tuple(
        word if word.visible else replace(word, visible=True, hidden_text="invisible")
        for word in words
    )


def extract_words(layer: TextLayer, *, width: float, height: float) -> tuple[Word, ...]:
    """The words of a page in the file's order.

    Words end at white space, at gaps wider than the others of the word, before and after leaders
    ("Total.....12"), and between visible and invisible text. A hyphen at the end of a line stays
    with its word. Words mostly off the page are left out, and so are those drawn again on
    themselves, as for a shadow or bold type. The page's size is in any one unit.
    """
    inked = [i for i, character in enumerate(layer.characters) if not _separates_words(character)]
    if not inked:
        return ()
    at = np.array(inked)
    boxes = layer.boxes_xyxy[at]
    visible = layer.visible[at]
    gaps = _gaps(boxes * (width, height, width, height))
    leads = _are_leaders([layer.characters[i] for i in inked])
    breaks = (np.diff(at) > 1) | (gaps > _WORD_GAP)
    breaks |= (visible[1:] != visible[:-1]) | (leads[1:] != leads[:-1])
    spans = [span for start, end in _runs(breaks) for span in _split_at_wide_gaps(gaps, start, end)]
    word_boxes = _boxes_on_page(boxes, starts=[first for first, _ in spans])
    words = []
    for (first, last), box in zip(spans, word_boxes, strict=True):
        text = _normalize("".join(layer.characters[i] for i in inked[first:last]))
        if text and box is not None:
            words.append(Word(text, box, visible=bool(visible[first])))
    return tuple(_without_repeats(words))


def _without_repeats(words: Sequence[Word]) -> list[Word]:
    """The words without those of which half lies in an earlier one of the same text; of two the
    visible one stays."""
    same: dict[str, list[int]] = {}
    for i, word in enumerate(words):
        same.setdefault(word.text, []).append(i)
    repeats: set[int] = set()
    for group in same.values():
        if len(group) < 2:
            continue
        ranked = sorted(group, key=lambda i: not words[i].visible)
        boxes = boxes_to_array(words[i].box for i in ranked)
        on_earlier = np.tril(pairwise_overlap(boxes, boxes), -1).max(axis=1)
        hidden = on_earlier > _REPEAT_OVERLAP * box_areas(boxes)
        repeats.update(i for i, is_hidden in zip(ranked, hidden.tolist(), strict=True) if is_hidden)
    return [word for i, word in enumerate(words) if i not in repeats]


@lru_cache(maxsize=8192)
def _separates_words(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) == "Cc" or character == "\u200b"


def _are_leaders(characters: list[str]) -> NDArray[np.bool_]:
    """(N,) true inside runs of dots."""
    leads = np.zeros(len(characters), dtype=bool)
    for run in _LEADERS.finditer("".join(character[0] for character in characters)):
        leads[slice(*run.span())] = True
    return leads


def _gaps(boxes: FloatArray) -> FloatArray:
    """(N - 1,) gap from each box to the next in either direction, negative for an overlap, in
    heights of the smaller; 0 next to a box without area."""
    widths, heights = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    # The size of vertical text is the width of its boxes.
    sizes = np.maximum(widths, heights)
    here, after = boxes[:-1], boxes[1:]
    apart_x = np.maximum(after[:, 0] - here[:, 2], here[:, 0] - after[:, 2])
    apart_y = np.maximum(after[:, 1] - here[:, 3], here[:, 1] - after[:, 3])
    has_area = (widths > 0) & (heights > 0)
    size = np.where(has_area[:-1] & has_area[1:], np.minimum(sizes[:-1], sizes[1:]), np.inf)
    gaps: FloatArray = np.maximum(apart_x, apart_y) / size
    return gaps


def _runs(breaks: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """(start, end) of the runs between true entries."""
    ends = [*(np.flatnonzero(breaks) + 1).tolist(), len(breaks) + 1]
    yield from zip([0, *ends[:-1]], ends, strict=True)


def _split_at_wide_gaps(gaps: FloatArray, start: int, end: int) -> Iterator[tuple[int, int]]:
    inner = gaps[start : end - 1]
    if len(inner) < 2 or inner.max() <= _MIN_GAP:
        yield start, end
        return
    median = np.sort(inner)[(len(inner) - 1) // 2]
    for first, last in _runs((inner > _MIN_GAP) & (inner > median + _GAP_OVER_MEDIAN)):
        yield start + first, start + last


def _normalize(text: str) -> str:
    """Replace ligatures and letter shapes by letters; drop direction and joining marks."""
    if text.isascii():
        return text
    text = _PRESENTATION_FORMS.sub(lambda m: unicodedata.normalize("NFKC", m.group()), text)
    if text.endswith(SOFT_HYPHEN):
        text = text[:-1] + "-"
    return "".join(c for c in text if unicodedata.category(c) != "Cf")


def _boxes_on_page(boxes: FloatArray, *, starts: list[int]) -> list[Box | None]:
    """The box around the characters from each start to the next, clipped to the page; None if no
    character has an area or most of it is off the page."""
    has_area = ((boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1]))[:, None]
    low = np.minimum.reduceat(np.where(has_area, boxes[:, :2], np.inf), starts)
    high = np.maximum.reduceat(np.where(has_area, boxes[:, 2:], -np.inf), starts)
    on_page = np.clip(np.hstack([low, high]), 0.0, 1.0)
    areas = np.prod(np.maximum(high - low, 0), axis=1)
    keep = (areas > 0) & (np.prod(on_page[:, 2:] - on_page[:, :2], axis=1) > areas / 2)
    rows = zip(on_page.tolist(), keep.tolist(), strict=True)
    return [Box(*row) if is_kept else None for row, is_kept in rows]


def turn_to_upright(layer: TextLayer, *, width: float, height: float) -> float:
    """The clockwise turn (0, 90, 180 or 270 degrees) that makes most letters run from left to
    right; 0 if no direction has a majority. Right-to-left and vertical scripts are ignored. The
    page's size is in any one unit."""
    counted = np.array([_runs_rightward(character) for character in layer.characters], dtype=bool)
    if counted.sum() <= _MIN_STEPS:
        return 0.0
    boxes = layer.boxes_xyxy * (width, height, width, height)
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2
    steps = np.diff(centers, axis=0)
    size = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])[:-1]
    near = np.abs(steps).max(axis=1, initial=0.0) <= _MAX_STEP * size
    seen = layer.visible == layer.visible.any()  # all of a page without visible text
    steps = steps[counted[:-1] & counted[1:] & near & seen[1:]]
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
