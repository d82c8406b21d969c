"""A page's words as windows of tokens that fit a model, each token kept from where it has most
context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from colregion.core.geometry import IntArray

# Each window shares this part of itself with the next, so that no word loses its context.
_SHARED = 4


@dataclass(frozen=True, slots=True)
class Window:
    """Tokens `start` to `stop` of the page, of which `keep_from` to `keep_to` are used."""

    start: int
    stop: int
    keep_from: int
    keep_to: int


def windows(n_tokens: int, *, size: int) -> list[Window]:
    """Windows of at most `size` tokens over a page of `n_tokens`; each token is kept once, from
    the window in whose middle it stands. No tokens give [].

    >>> [(one.start, one.stop, one.keep_from, one.keep_to) for one in windows(10, size=8)]
    [(0, 8, 0, 7), (6, 10, 7, 10)]
    """
    if n_tokens == 0:
        return []
    shared = size // _SHARED
    starts = [0]
    while starts[-1] + size < n_tokens:
        starts.append(starts[-1] + size - shared)
    cuts = [0, *(start + shared // 2 for start in starts[1:]), n_tokens]
    return [
        Window(start, min(start + size, n_tokens), cuts[i], cuts[i + 1])
        for i, start in enumerate(starts)
    ]


def word_of_token(words: Sequence[str], spans: Sequence[tuple[int, int]]) -> IntArray:
    """(tokens,) the word that each token belongs to, for the words joined by single spaces.

    Args:
        spans: of characters, half-open; a token that is a space belongs to the word before it.
    """
    starts = list(accumulate((len(word) + 1 for word in words[:-1]), initial=0))
    last = np.array([max(end - 1, start) for start, end in spans], dtype=np.int64)
    return np.searchsorted(np.array(starts), last, side="right") - 1
