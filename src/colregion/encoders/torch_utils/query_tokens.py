"""Which tokens of a question are its own words, and which word each of them came from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from colregion.core.text import content_terms, fold, terms, word_spans

_MAX_UNSPACED = 2


@dataclass(frozen=True, slots=True)
class Labels:
    """Args: tokens: T labels; content: (T,) which of them count for the map."""

    tokens: tuple[str, ...]
    content: NDArray[np.bool_]


def without_specials(text: str, specials: Sequence[str]) -> str:
    """The question with the names of special tokens broken up, so that nobody can put an image
    or the end of a prompt into it."""
    for special in sorted(specials, key=len, reverse=True):
        if len(special) > 1:
            text = text.replace(special, f"{special[0]} {special[1:]}")
    return text


def label(
    ids: Sequence[int], empty_ids: Sequence[int], *, decode: Callable[[Sequence[int]], str]
) -> Labels:
    """Labels of a question's T tokens.

    What the processor puts around a question is what it makes of the empty one: the ids that
    the two share at the beginning are the prefix, those at the end the suffix (template,
    special and augmentation tokens). No family's template has to be known for that.

    A token is labelled with the folded word that it came from, so that pieces of one word share
    its label; content are the tokens of words, without stop words unless there is nothing else.

    Args:
        ids: T token ids of the question.
        empty_ids: of the empty question, by the same processor.
        decode: token ids to text.
    """
    prefix = _shared(ids, empty_ids)
    most = min(len(ids), len(empty_ids)) - prefix
    suffix = min(_shared(ids[::-1], empty_ids[::-1]), most)
    own = label_words(ids[prefix : len(ids) - suffix], decode=decode)
    before = [decode([token]) for token in ids[:prefix]]
    after = [decode([token]) for token in ids[len(ids) - suffix :]]
    content = np.zeros(len(ids), dtype=bool)
    content[prefix : len(ids) - suffix] = own.content
    return Labels((*before, *own.tokens, *after), content)


def label_words(ids: Sequence[int], *, decode: Callable[[Sequence[int]], str]) -> Labels:
    """Labels of tokens that are all the question's own; see `label`."""
    words = _words(ids, decode)
    text = decode(ids)
    idle = set(terms(text)) - set(content_terms(text))
    content = np.array([is_word and word not in idle for word, is_word in words], dtype=bool)
    return Labels(tuple(word for word, _ in words), content)


def _shared(a: Sequence[int], b: Sequence[int]) -> int:
    """How many ids two sequences share from the start."""
    count = 0
    for left, right in zip(a, b, strict=False):
        if left != right:
            break
        count += 1
    return count


def _words(ids: Sequence[int], decode: Callable[[Sequence[int]], str]) -> list[tuple[str, bool]]:
    """For each token its label, and whether that is a word."""
    text = decode(ids)
    spans = word_spans(text)
    ends = [0]
    for n in range(1, len(ids) + 1):
        # Part of a character decodes to a stand-in of another length.
        ends.append(max(ends[-1], min(len(decode(ids[:n])), len(text))))
    found = []
    for start, end in pairwise(ends):
        # A token that ends within a character belongs to the character before its end.
        first = start if end > start else max(start - 1, 0)
        last = max(end, first + 1)
        touched = [(a, b) for a, b, _ in spans if a < last and first < b]
        if not touched:
            found.append((text[first:last].strip() or "␣", False))
            continue
        a, b = touched[0]
        unspaced = next(unspaced for x, _, unspaced in spans if x == a)
        if unspaced and b - a > _MAX_UNSPACED:
            a, b = max(a, first), min(b, last)
        found.append((fold(text[a:b]), True))
    return found
