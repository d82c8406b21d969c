"""Windows of a page's tokens that fit a model. A token is used from where it has most context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from colregion.core.geometry import IntArray

# Consecutive windows share a quarter of their tokens, so that no token lacks context.
_OVERLAP = 4


@dataclass(frozen=True, slots=True)
class Window:
    """Tokens `start` to `stop` of a page, of which `use_from` to `use_to` are used."""

    start: int
    stop: int
    use_from: int
    use_to: int


def windows(n_tokens: int, *, size: int) -> list[Window]:
    """Windows of at most `size` tokens over a page. Each token is used once, from the window in
    which it is farthest from the edges. No tokens give [].

    >>> [(one.start, one.stop, one.use_from, one.use_to) for one in windows(10, size=8)]
    [(0, 8, 0, 7), (6, 10, 7, 10)]
    """
    if n_tokens == 0:
        return []
    overlap = size // _OVERLAP
    starts = [0]
    while starts[-1] + size < n_tokens:
        starts.append(starts[-1] + size - overlap)
    cuts = [0, *(start + overlap // 2 for start in starts[1:]), n_tokens]
    return [
        Window(start, min(start + size, n_tokens), cuts[i], cuts[i + 1])
        for i, start in enumerate(starts)
    ]


def word_of_character(words: Sequence[str], characters: IntArray) -> IntArray:
    """The index of the word that each character belongs to, for words joined by single spaces; a
    space belongs to the word before it."""
    starts = list(accumulate((len(word) + 1 for word in words[:-1]), initial=0))
    return np.searchsorted(np.array(starts), characters, side="right") - 1
