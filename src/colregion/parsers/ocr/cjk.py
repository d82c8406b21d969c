"""Joining the pieces into which OCR cuts text of scripts without spaces."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from colregion.core.geometry import Box
from colregion.core.regions import Word
from colregion.core.text import has_unspaced

# Largest gap inside a word, in heights of the smaller piece (widths for vertical lines). Pieces
# of a Chinese line are 0.05 to 0.3 apart, columns more than 1. Korean spaces are 0.28 and more,
# gaps between its syllables less.
_MAX_GAP = 0.6
_MAX_GAP_HANGUL = 0.27
_SAME_LINE_OVERLAP = 0.5  # of the smaller height (of a vertical line: width)


def join_unspaced(words: Sequence[Word], *, aspect: float) -> list[Word]:
    """Join neighbours on one line if their script has no spaces, or if they are Korean syllables
    without a space between them. The order is kept.

    OCR cuts such lines into pieces of a character or two, which read badly and do not match the
    character pairs of a question.

    Args:
        aspect: the image's width over its height.
    """
    joined: list[Word] = []
    for word in words:
        if joined and _continues(joined[-1], word, aspect=aspect):
            joined[-1] = _join(joined[-1], word)
        else:
            joined.append(word)
    return joined


def _continues(word: Word, following: Word, *, aspect: float) -> bool:
    if (word.block, word.line) != (following.block, following.line):
        return False
    before, after = word.text[-1], following.text[0]
    if _is_unspaced(before) and _is_unspaced(after):
        max_gap = _MAX_GAP
    elif _is_hangul(before) and _is_hangul(after):
        max_gap = _MAX_GAP_HANGUL
    else:
        return False
    a, b = word.box, following.box
    height, width = min(a.height, b.height), min(a.width, b.width)
    if min(a.y1, b.y1) - max(a.y0, b.y0) >= _SAME_LINE_OVERLAP * height:
        return b.x1 >= a.x0 and (b.x0 - a.x1) * aspect <= max_gap * height
    if min(a.x1, b.x1) - max(a.x0, b.x0) >= _SAME_LINE_OVERLAP * width:
        return b.y0 - a.y1 <= max_gap * width * aspect
    return False


def _join(word: Word, following: Word) -> Word:
    a, b = len(word.text), len(following.text)
    confidence = None
    if word.confidence is not None and following.confidence is not None:
        confidence = (a * word.confidence + b * following.confidence) / (a + b)
    return replace(
        word,
        text=word.text + following.text,
        box=Box.enclosing([word.box, following.box]),
        confidence=confidence,
    )


def _is_unspaced(character: str) -> bool:
    """Including punctuation as wide as a Chinese character."""
    return has_unspaced(character) or (
        unicodedata.east_asian_width(character) in "WF" and not character.isalpha()
    )


def _is_hangul(character: str) -> bool:
    return "\uac00" <= character <= "\ud7a3"
