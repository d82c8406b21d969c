"""Words of scripts without spaces, put together from the pieces that recognisers give."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from colregion.core.geometry import Box
from colregion.core.regions import Word
from colregion.core.text import has_unspaced

# Widest gap that is none, in heights of the smaller piece (of a line that runs down: in widths).
# Between the pieces of a Chinese line stand 0.05 to 0.3, between columns more than one. Korean
# sets spaces of 0.28 and more; what stands between its syllables is less.
_NO_GAP = 0.6
_NO_GAP_HANGUL = 0.27
_SHARED = 0.5  # of the smaller height, for two pieces to be of one line


def join_unspaced(words: Sequence[Word], *, aspect: float) -> list[Word]:
    """The words in the order given, neighbours joined that are of one line and of a script that
    sets no spaces, or are syllables of Korean without a space between.

    Recognisers cut such lines into pieces of a character or two, which neither read well nor are
    found by a question's pairs of characters.

    Args:
        aspect: the picture's width over its height.
    """
    joined: list[Word] = []
    for word in words:
        if joined and _is_continued(joined[-1], word, aspect=aspect):
            joined[-1] = _together(joined[-1], word)
        else:
            joined.append(word)
    return joined


def _is_continued(word: Word, following: Word, *, aspect: float) -> bool:
    if (word.block, word.line) != (following.block, following.line):
        return False
    before, after = word.text[-1], following.text[0]
    if _is_unspaced(before) and _is_unspaced(after):
        reach = _NO_GAP
    elif _is_hangul(before) and _is_hangul(after):
        reach = _NO_GAP_HANGUL
    else:
        return False
    a, b = word.box, following.box
    level = min(a.y1, b.y1) - max(a.y0, b.y0) >= _SHARED * min(a.height, b.height)
    upright = min(a.x1, b.x1) - max(a.x0, b.x0) >= _SHARED * min(a.width, b.width)
    if level:
        return b.x1 >= a.x0 and (b.x0 - a.x1) * aspect <= reach * min(a.height, b.height)
    if upright:
        return b.y0 - a.y1 <= reach * min(a.width, b.width) * aspect
    return False


def _together(word: Word, following: Word) -> Word:
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
    """Punctuation that is as wide as a Chinese character included."""
    return has_unspaced(character) or (
        unicodedata.east_asian_width(character) in "WF" and not character.isalpha()
    )


def _is_hangul(character: str) -> bool:
    return "\uac00" <= character <= "\ud7a3"
