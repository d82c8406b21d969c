"""Words from the text layer: the characters in the file itself."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from colregion.core.documents import Page, TextLayer
from colregion.core.geometry import Box, FloatArray, Upright
from colregion.core.regions import Word
from colregion.core.text import has_unspaced
from colregion.parsers.text_layer.word_breaks import separates_words, word_spans
from colregion.parsers.word_reader import WordReader

SOFT_HYPHEN = "\u00ad"

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

    reads_images = False

    def __init__(self, *, invisible: bool = False) -> None:
        self.invisible = invisible

    @property
    def fingerprint(self) -> str:
        return "text_layer-4" + (" with invisible text" if self.invisible else "")

    def read_upright(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        if page.load_text is None:
            return page, ()
        layer = page.load_text()
        words = extract_words(layer, width=page.width, height=page.height)
        if page.upright is None and (
            degrees := turn_to_upright(layer, width=page.width, height=page.height)
        ):
            page = replace(page, upright=Upright(degrees, page.width, page.height))
        return page, use_invisible(words) if self.invisible else words


def use_invisible(words: Iterable[Word]) -> tuple[Word, ...]:
    """The words, those drawn without ink marked as hidden and no longer left out of regions."""
    return tuple(
        word if word.visible else replace(word, visible=True, hidden_text="invisible")
        for word in words
    )


def extract_words(layer: TextLayer, *, width: float, height: float) -> tuple[Word, ...]:
    """The words of a page in the file's order.

    Words end at white space, at gaps wider than the others of the word where the file sets no
    spaces, before and after leaders ("Total.....12"), between a number and a raised or lowered
    digit, and between visible and invisible text. Letters set apart are joined ("N O T E S"). A
    hyphen at the end of a line stays with its word. Words mostly off the page are left out, and
    so are those drawn again on themselves, as for a shadow or bold type. The page's size is in
    any one unit.
    """
    inked = [i for i, character in enumerate(layer.characters) if not separates_words(character)]
    if not inked:
        return ()
    boxes = layer.boxes_xyxy[inked]
    visible = layer.visible[inked]
    spans = word_spans(layer, inked, boxes * (width, height, width, height))
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
        if len(group) > 1:
            repeats.update(_repeats(words, sorted(group, key=lambda i: not words[i].visible)))
    return [word for i, word in enumerate(words) if i not in repeats]


def _repeats(words: Sequence[Word], group: Sequence[int]) -> Iterator[int]:
    """Those of a group of which half lies in an earlier one; each is compared with those near it
    only, as a table may have a thousand of one text."""
    width = max(words[i].box.width for i in group)
    height = max(words[i].box.height for i in group)
    cells: dict[tuple[int, int], list[Box]] = {}
    for i in group:
        box = words[i].box
        x, y = box.center[0] / width, box.center[1] / height
        near = [(int(x + a), int(y + b)) for a in (0, 1) for b in (0, 1)]
        area = _REPEAT_OVERLAP * box.area
        if any(box.overlap(other) > area for cell in near for other in cells.get(cell, ())):
            yield i
        else:
            cells.setdefault((int(x + 0.5), int(y + 0.5)), []).append(box)


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
