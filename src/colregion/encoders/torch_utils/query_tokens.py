"""Labels for a question's tokens: the word of each, and whether it counts for the map."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from colregion.core.text import content_terms, fold, terms, word_spans

_MAX_UNSPACED = 2


class Labels(NamedTuple):
    """The labels of T tokens, and which of them, (T,), count for the map."""

    tokens: tuple[str, ...]
    content: NDArray[np.bool_]


def without_specials(text: str, specials: Sequence[str]) -> str:
    """The text with a space inserted into each special token's name, so that a text cannot contain
    an image or the end of a prompt."""
    for special in sorted(specials, key=len, reverse=True):
        if len(special) > 1:
            text = text.replace(special, f"{special[0]} {special[1:]}")
    return text


def label(
    ids: Sequence[int], empty_ids: Sequence[int], *, decode: Callable[[Sequence[int]], str]
) -> Labels:
    """Labels of a question's T tokens.

    A token's label is the folded word that contains it, so that pieces of one word share a label.
    Content tokens are those of words that are not stop words, or of all words if there are only
    stop words. The ids shared with the empty question at start and end are the processor's
    template, special and augmentation tokens. `decode` converts token ids to text.
    """
    prefix = _shared_prefix(ids, empty_ids)
    end = len(ids) - _shared_prefix(ids[prefix:][::-1], empty_ids[prefix:][::-1])
    own = label_words(ids[prefix:end], decode=decode)
    before = [decode([token]) for token in ids[:prefix]]
    after = [decode([token]) for token in ids[end:]]
    content = np.zeros(len(ids), dtype=bool)
    content[prefix:end] = own.content
    return Labels((*before, *own.tokens, *after), content)


def label_words(ids: Sequence[int], *, decode: Callable[[Sequence[int]], str]) -> Labels:
    """Labels of tokens without a template around them; see `label`."""
    words = _words(ids, decode)
    text = decode(ids)
    stop_words = set(terms(text)) - set(content_terms(text))
    content = np.array([is_word and word not in stop_words for word, is_word in words], dtype=bool)
    return Labels(tuple(word for word, _ in words), content)


def _shared_prefix(a: Sequence[int], b: Sequence[int]) -> int:
    pairs = enumerate(zip(a, b, strict=False))
    return next((i for i, (left, right) in pairs if left != right), min(len(a), len(b)))


def _words(ids: Sequence[int], decode: Callable[[Sequence[int]], str]) -> list[tuple[str, bool]]:
    """Each token's label, and whether that is a word."""
    text = decode(ids)
    spans = word_spans(text)
    ends = [0]
    for n in range(1, len(ids) + 1):
        # Part of a character decodes to a replacement character, perhaps of another length.
        ends.append(max(ends[-1], min(len(decode(ids[:n])), len(text))))
    labels = []
    for start, end in pairwise(ends):
        # A token that ends inside a character belongs to that character.
        first = start if end > start else max(start - 1, 0)
        last = max(end, first + 1)
        touched = [(a, b) for a, b, _ in spans if a < last and first < b]
        if not touched:
            labels.append((text[first:last].strip() or "␣", False))
            continue
        a, b = touched[0]
        unspaced = next(unspaced for x, _, unspaced in spans if x == a)
        if unspaced and b - a > _MAX_UNSPACED:
            a, b = max(a, first), min(b, last)
        labels.append((fold(text[a:b]), True))
    return labels
