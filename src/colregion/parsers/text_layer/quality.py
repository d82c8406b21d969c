"""Whether a page's text layer is sound enough to be used instead of OCR."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from colregion.core.documents import Page
from colregion.core.geometry import Box, boxes_to_array
from colregion.core.regions import Word
from colregion.parsers.ocr.orientation import has_lines, stroke_mask
from colregion.parsers.text_layer.reader import extract_words

SOUND = ("", "blank", "partial", "sparse")
"""Verdicts on a text layer that can be used instead of OCR."""

# Fewer characters than this, without those in the margins, may be a stamp, header or page number
# on a page whose text is a scan or drawn as outlines.
_STAMP_CHARACTERS = 100
_MARGIN = 0.08

# Share of unmapped, private and control characters; formulas and bullets of sound pages make up a
# few percent.
_MAX_UNREADABLE = 0.1
_CID = re.compile(r"\(cid:\d+\)")  # some writers' placeholder for a glyph without a name
_LEADERS = re.compile(r"(.)\1{2,}")

# Share of letters, marks and digits: 0.84-1.0 on sound pages of text and tables.
_MIN_ALPHANUMERIC = 0.5
# Share of vowels among at least this many Latin letters: 0.36-0.45 on sound pages of many
# languages, below 0.2 if letters are shifted by a font's own numbering. Codes and abbreviations
# have few vowels too, but few letters in a row.
_WORDLIKE = re.compile(r"[^\W\d_]{4,}")
_MIN_LATIN = 100
_MIN_VOWELS, _MAX_VOWELS = 0.2, 0.65
_VOWELS = frozenset("aeiouyæœøıəɛɔ")
_MAX_MIXED = 0.2  # share of words that mix alphabets
_MAX_SWAPPED = 0.5  # share of characters U+xx00: text with its bytes swapped

_MAX_COVERED = 0.3
_PROBES = 300  # words tested for overlap, spread over the page

_OUTSIDE_STROKES = 0.5  # share of the strokes
_ROUND = 0.01  # space left around the unread part, share of the page

_BLANK_PX = 12
_INK = 32  # gray levels (of 255) from the paper's


def assess_text_layer(page: Page) -> str:
    """Assess whether the page's text layer matches what the page shows; one of `SOUND` if so.

    It does not if it has no characters and something is drawn ("missing"); if most are drawn
    without ink, as OCR software puts them under a scan ("invisible"); if they are no text of any
    language ("garbled"); if words lie on each other ("doubled"). Images are always "missing".

    It is "partial" if more lines of text are drawn outside it than in it (`unread_part`): a scan
    pasted on a page, or a font without a mapping to characters. It is "sparse" if it has few
    characters and more is drawn outside them: a stamp on a scan, labels beside a drawing. An
    empty page is sound ("blank").
    """
    if page.load_text is None:
        return "missing"
    layer = page.load_text()
    inked = [i for i, character in enumerate(layer.characters) if not character.isspace()]
    if not inked:
        return "blank" if _drawn_px(page, [])[1] <= _BLANK_PX else "missing"
    shown = [layer.characters[i] for i in inked if layer.visible[i]]
    if len(shown) < len(inked) / 2:
        return "invisible"
    words = [w for w in extract_words(layer, width=page.width, height=page.height) if w.visible]
    if _is_garbled(shown, [word.text for word in words]):
        return "garbled"
    inner = [word for word in words if _MARGIN < word.box.center[1] < 1 - _MARGIN]
    if sum(len(word.text) for word in inner) < _STAMP_CHARACTERS:
        inside, outside = _drawn_px(page, words)
        if outside > inside:
            return "sparse"
    if _covered_share(words) > _MAX_COVERED:
        return "doubled"
    return "partial" if unread_part(page, words) else ""


def unread_part(page: Page, words: Iterable[Word]) -> Box | None:
    """The part of the page in which lines of text are drawn outside the words; None unless these
    have more than half of the page's strokes, rules and fills aside."""
    strokes = stroke_mask(page.image, with_rules=False)
    height, width = strokes.shape
    outside = strokes.copy()
    for word in words:
        x0, y0, x1, y1 = word.box.to_pixels(width_px=width, height_px=height)
        outside[y0:y1, x0:x1] = False
    if outside.sum() <= _OUTSIDE_STROKES * strokes.sum() or not has_lines(outside):
        return None
    ys, xs = np.nonzero(outside)
    corners = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
    part = Box.from_pixels(corners, width_px=width, height_px=height)
    return Box(part.x0 - _ROUND, part.y0 - _ROUND, part.x1 + _ROUND, part.y1 + _ROUND).clip()


def _drawn_px(page: Page, words: list[Word]) -> tuple[int, int]:
    """Number of inked pixels inside the words and outside them."""
    # The cached page image, which later steps use too, at half its size.
    gray = np.asarray(page.image.convert("L").reduce(2), dtype=np.int16)
    drawn = np.abs(gray - np.median(gray)) > _INK
    total = int(drawn.sum())
    for word in words:
        x0, y0, x1, y1 = word.box.to_pixels(width_px=gray.shape[1], height_px=gray.shape[0])
        drawn[y0:y1, x0:x1] = False
    outside = int(drawn.sum())
    return total - outside, outside


def _is_garbled(characters: list[str], texts: list[str]) -> bool:
    return (
        _unreadable_share(characters, texts) > _MAX_UNREADABLE
        or sum(ord(c) > 0xFF and ord(c) & 0xFF == 0 for c in characters)
        > _MAX_SWAPPED * len(characters)
        or _alphanumeric_share(texts) < _MIN_ALPHANUMERIC
        or _mixed_share(texts) > _MAX_MIXED
        or not _MIN_VOWELS <= _vowel_share(texts) <= _MAX_VOWELS
    )


def _unreadable_share(characters: list[str], texts: list[str]) -> float:
    unreadable = sum(map(_is_unreadable, characters))
    # A single private character is a bullet or a tick box.
    unreadable -= sum(len(text) == 1 and unicodedata.category(text) == "Co" for text in texts)
    unreadable += sum(map(len, _CID.findall("".join(characters))))
    return unreadable / len(characters)


@lru_cache(maxsize=8192)
def _is_unreadable(character: str) -> bool:
    return character == "\ufffd" or unicodedata.category(character) in ("Cc", "Cn", "Co", "Cs")


def _alphanumeric_share(texts: list[str]) -> float:
    """Runs of one sign (leaders, rules) count as two; 1 for no text."""
    text = _LEADERS.sub(r"\1\1", "".join(texts))
    return sum(unicodedata.category(c)[0] in "LMN" for c in text) / len(text) if text else 1.0


def _vowel_share(texts: list[str]) -> float:
    """Among the Latin letters of words, accents ignored; a normal share for too few."""
    runs = "".join(_WORDLIKE.findall(" ".join(texts)))
    latin = [c for c in runs if _script(c) == "LATIN"]
    if len(latin) < _MIN_LATIN:
        return (_MIN_VOWELS + _MAX_VOWELS) / 2
    return sum(_is_vowel(c) for c in latin) / len(latin)


@lru_cache(maxsize=8192)
def _is_vowel(character: str) -> bool:
    return unicodedata.normalize("NFD", character.lower())[0] in _VOWELS


def _mixed_share(texts: list[str]) -> float:
    """Among the words of alphabets; Han, kana and hangul are often mixed with them."""
    alphabets = [{_script(c) for c in text} - {""} for text in texts]
    alphabetic = [scripts for scripts in alphabets if scripts]
    return sum(len(s) > 1 for s in alphabetic) / len(alphabetic) if alphabetic else 0.0


@lru_cache(maxsize=8192)
def _script(character: str) -> str:
    """The first word of a letter's Unicode name; "" for other characters and East Asian letters."""
    if not character.isalpha() or unicodedata.east_asian_width(character) in "WFH":
        return ""
    return unicodedata.name(character, "").split(" ")[0]


def _covered_share(words: list[Word]) -> float:
    """Share of the probed words whose center is in another word's box."""
    boxes = boxes_to_array(word.box for word in words)
    probes = np.arange(len(boxes))[:: max(1, len(boxes) // _PROBES)]
    if len(boxes) < 2:
        return 0.0
    x, y = (boxes[probes, i] / 2 + boxes[probes, i + 2] / 2 for i in (0, 1))
    x0, y0, x1, y1 = boxes.T
    within = (x[:, None] > x0) & (x[:, None] < x1) & (y[:, None] > y0) & (y[:, None] < y1)
    return float((within.sum(axis=1) > 1).mean())
