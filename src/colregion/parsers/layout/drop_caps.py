"""Large initial letters, joined to the word that they begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from colregion.core.geometry import Box, FloatArray, boxes_to_array
from colregion.core.regions import Word
from colregion.parsers.layout.line_ends import strip_signs
from colregion.parsers.layout.page_frame import Frame

_LARGE = 1.8  # height of an initial, as a multiple of the text's
_NEAR = 1.0  # text heights from the initial to its word
_OVERLAP = 0.5
_WORDS = frozenset("AIOÀÓÉYEÚ")  # letters that are words in some language


def join_drop_caps(words: Sequence[Word], frame: Frame) -> list[Word]:
    """The words with each large initial letter joined to the rest of its word, beside its top line.

    A letter that is a word of its own ("A", before a word that the page has elsewhere too) becomes
    the first word of that line. The box is as high as the line, though the letter is higher.
    """
    initials = [i for i, word in enumerate(words) if _may_be_initial(word.text)]
    if not initials:
        return list(words)
    squares = frame.square(boxes_to_array(word.box for word in words))
    joined: dict[int, Word | None] = {}
    for at in initials:
        rest = _rest_of(at, words, squares)
        if rest is None:
            continue
        (x0, _, x1, _), (_, top, end, bottom) = squares[at], squares[rest]
        others = (word.text for i, word in enumerate(words) if i != rest)
        following = strip_signs(words[rest].text)
        if words[at].text[-1] in _WORDS and following in map(strip_signs, others):
            joined[at] = replace(words[at], box=frame.on_page(Box(x0, top, x1, bottom)))
        else:
            text = words[at].text + words[rest].text
            box = frame.on_page(Box(x0, top, end, bottom))
            joined[at] = None
            joined[rest] = replace(words[rest], text=text, box=box)
    return [word for i, old in enumerate(words) if (word := joined.get(i, old)) is not None]


def _may_be_initial(text: str) -> bool:
    letter = text.lstrip("\"'“‘«„¿¡")
    return len(letter) == 1 and letter.isupper()


def _rest_of(at: int, words: Sequence[Word], squares: FloatArray) -> int | None:
    """The word beside the top of a large letter, which goes on in small letters or capitals."""
    _, top, right, bottom = squares[at]
    heights = squares[:, 3] - squares[:, 1]
    middles = (squares[:, 1] + squares[:, 3]) / 2
    beside = (
        (heights * _LARGE <= bottom - top)
        & (squares[:, 0] > right - _OVERLAP * heights)
        & (squares[:, 0] < right + _NEAR * heights)
        & (middles > top)
        & (middles < bottom)
    )
    if not beside.any():
        return None
    rest = int(np.where(beside, middles, np.inf).argmin())
    text = strip_signs(words[rest].text)
    return rest if text and (text[0].islower() or (text.isupper() and text.isalpha())) else None
