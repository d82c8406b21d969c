"""Whether the characters that a file carries for a page can stand for what the page shows."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from colregion.core.documents import Page
from colregion.core.geometry import boxes_to_array
from colregion.core.regions import Word
from colregion.parsers.ocr.orientation import SIDE_PX, has_lines, stroke_count, without
from colregion.parsers.text_layer.reader import words_of

# Fewer characters than these may be a stamp, a header or a page number on a page whose text is a
# scan or is drawn as outlines; so may all that stands in the margins.
_STAMP_CHARACTERS = 100
_MARGIN = 0.08

# Share of characters that are none: unmapped, private, control. Formulas and bullets of sound
# pages make up some percent.
_MOST_UNREADABLE = 0.1
_CID = re.compile(r"\(cid:\d+\)")  # what some writers put for a glyph that they cannot name
_LEADERS = re.compile(r"(.)\1{2,}")

# Share of letters, marks and digits: 0.84-1.0 on sound pages of text and tables.
_LEAST_ALPHANUMERIC = 0.5
# Share of vowels among this many Latin letters and more: 0.36-0.45 on sound pages of many
# languages, below 0.2 where letters are shifted by a font's own numbering. Codes and abbreviations
# have few too, but few letters in a row.
_WORDLIKE = re.compile(r"[^\W\d_]{4,}")
_ENOUGH_LATIN = 100
_LEAST_VOWELS, _MOST_VOWELS = 0.2, 0.65
_VOWELS = frozenset("aeiouyæœøıəɛɔ")
# Share of words that mix alphabets.
_MOST_MIXED = 0.2
# Share of characters U+xx00, which is what text with its bytes swapped consists of.
_MOST_SWAPPED = 0.5

_MOST_COVERED = 0.3
_PROBES = 300  # words looked at, spread over the page

_BESIDE = 0.5  # share of the strokes

_BLANK_PX = 12
_INK = 32  # grey levels of 255 away from the paper's


@dataclass(frozen=True, slots=True)
class Soundness:
    """A verdict on a page's own characters.

    Args:
        sound: whether they can be used in place of recognised words.
        reason: "", "blank" or "partial" for a sound page; else "missing", "invisible",
            "garbled" or "doubled".
    """

    sound: bool
    reason: str = ""


def judge(page: Page) -> Soundness:
    """Whether the page's own characters stand for what it shows.

    They do not when there are none on a page that shows something, or few and more is drawn
    beside than in them ("missing"); when most are drawn without ink, as other recognisers leave
    them under a scan ("invisible"); when they are no text of any language ("garbled"); when
    words lie on each other ("doubled"). They are sound as far as they go ("partial") where more is
    drawn in lines beside than in them: a scan on a set page, or a font that the file maps to
    nothing. A page that shows nothing is sound ("blank"): there is
    nothing to recognise. Pages of pictures are always "missing".
    """
    if page.load_text is None:
        return Soundness(False, "missing")
    layer = page.load_text()
    inked = [i for i, character in enumerate(layer.characters) if not character.isspace()]
    if not inked:
        _, beside = _drawn_px(page, [])
        return Soundness(True, "blank") if beside <= _BLANK_PX else Soundness(False, "missing")
    shown = [layer.characters[i] for i in inked if layer.visible[i]]
    if len(shown) < len(inked) / 2:
        return Soundness(False, "invisible")
    words = [w for w in words_of(layer, width=page.width, height=page.height) if w.visible]
    if _is_garbled(shown, [word.text for word in words]):
        return Soundness(False, "garbled")
    if _may_be_stamp(words):
        within, beside = _drawn_px(page, words)
        if beside > within:
            return Soundness(False, "missing")
    if _covered_share(words) > _MOST_COVERED:
        return Soundness(False, "doubled")
    return Soundness(True, "partial" if _has_lines_beside(page, words) else "")


def _has_lines_beside(page: Page, words: list[Word]) -> bool:
    grey = page.image.convert("L")
    grey.thumbnail((SIDE_PX, SIDE_PX), Image.Resampling.BOX)  # as the strokes are looked at
    beside = without(grey, words)
    return stroke_count(beside) > _BESIDE * stroke_count(grey) and has_lines(beside)


def _drawn_px(page: Page, words: list[Word]) -> tuple[int, int]:
    """How many pixels are drawn on within the words and beside them."""
    # The page's own picture, which whatever comes next wants too, at half its size.
    grey = np.asarray(page.image.convert("L").reduce(2), dtype=np.int16)
    drawn = np.abs(grey - np.median(grey)) > _INK
    every = int(drawn.sum())
    for word in words:
        x0, y0, x1, y1 = word.box.to_pixels(width_px=grey.shape[1], height_px=grey.shape[0])
        drawn[y0:y1, x0:x1] = False
    beside = int(drawn.sum())
    return every - beside, beside


def _may_be_stamp(words: list[Word]) -> bool:
    inside = [word for word in words if _MARGIN < word.box.center[1] < 1 - _MARGIN]
    return sum(len(word.text) for word in inside) < _STAMP_CHARACTERS


def _is_garbled(characters: list[str], texts: list[str]) -> bool:
    return (
        _unreadable_share(characters, texts) > _MOST_UNREADABLE
        or _swapped_share(characters) > _MOST_SWAPPED
        or _alphanumeric_share(texts) < _LEAST_ALPHANUMERIC
        or _mixed_share(texts) > _MOST_MIXED
        or not _LEAST_VOWELS <= _vowel_share(texts) <= _MOST_VOWELS
    )


def _unreadable_share(characters: list[str], texts: list[str]) -> float:
    unreadable = sum(map(_is_unreadable, characters))
    # A private character that stands alone is a bullet or a tick box.
    unreadable -= sum(len(text) == 1 and unicodedata.category(text) == "Co" for text in texts)
    unreadable += sum(map(len, _CID.findall("".join(characters))))
    return unreadable / len(characters)


@lru_cache(maxsize=8192)
def _is_unreadable(character: str) -> bool:
    return character == "\ufffd" or unicodedata.category(character) in ("Cc", "Cn", "Co", "Cs")


def _swapped_share(characters: list[str]) -> float:
    return sum(ord(c) > 0xFF and ord(c) & 0xFF == 0 for c in characters) / len(characters)


def _alphanumeric_share(texts: list[str]) -> float:
    """Runs of one sign (leaders, rules) count as two of it; 1 for no text."""
    text = _LEADERS.sub(r"\1\1", "".join(texts))
    return sum(unicodedata.category(c)[0] in "LMN" for c in text) / len(text) if text else 1.0


def _vowel_share(texts: list[str]) -> float:
    """Among the Latin letters of words, whatever their accents; a usual one for too few."""
    runs = "".join(_WORDLIKE.findall(" ".join(texts)))
    latin = [c for c in runs if _script(c) == "LATIN"]
    if len(latin) < _ENOUGH_LATIN:
        return (_LEAST_VOWELS + _MOST_VOWELS) / 2
    return sum(_is_vowel(c) for c in latin) / len(latin)


@lru_cache(maxsize=8192)
def _is_vowel(character: str) -> bool:
    return unicodedata.normalize("NFD", character.lower())[0] in _VOWELS


def _mixed_share(texts: list[str]) -> float:
    """Among the words of alphabets; Han, kana and hangul are mixed with them as a rule."""
    alphabets = [{_script(c) for c in text} - {""} for text in texts]
    alphabetic = [scripts for scripts in alphabets if scripts]
    return sum(len(s) > 1 for s in alphabetic) / len(alphabetic) if alphabetic else 0.0


@lru_cache(maxsize=8192)
def _script(character: str) -> str:
    """The first word of a letter's Unicode name; "" for the rest and for East Asian letters."""
    if not character.isalpha() or unicodedata.east_asian_width(character) in "WFH":
        return ""
    return unicodedata.name(character, "").split(" ")[0]


def _covered_share(words: list[Word]) -> float:
    """Among words spread over the page, those whose middle lies in another word's box."""
    boxes = boxes_to_array(word.box for word in words)
    probes = np.arange(len(boxes))[:: max(1, len(boxes) // _PROBES)]
    if len(boxes) < 2:
        return 0.0
    x, y = (boxes[probes, i] / 2 + boxes[probes, i + 2] / 2 for i in (0, 1))
    x0, y0, x1, y1 = boxes.T
    within = (x[:, None] > x0) & (x[:, None] < x1) & (y[:, None] > y0) & (y[:, None] < y1)
    return float((within.sum(axis=1) > 1).mean())
