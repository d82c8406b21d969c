"""The default encoder: one vector per word, from its meaning and its spelling. Needs numpy only.

A vector is [a * meaning (128), b * spelling (256)] with a^2 + b^2 = 1 and both parts of length 1.
The dot product of two is 1 for equal words, else about 0.4 times the cosine of their meanings plus
0.6 times that of their spellings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np

from colregion.core.embeddings import PageEmbedding, QueryEmbedding
from colregion.core.geometry import Box, BoxPlacement, FloatArray, boxes_to_array
from colregion.core.interfaces import Encoder
from colregion.core.regions import ParsedPage, Word
from colregion.core.text import content_terms, terms
from colregion.encoders.static import ngrams, token_table
from colregion.encoders.static.answer_types import answer_words
from colregion.encoders.static.joined_words import joined_terms
from colregion.errors import InvalidInput

DIMENSION = token_table.DIMENSION + ngrams.DIMENSION

# The share of the meaning, a^2, for a word that is one piece of the table. A word of n pieces has
# 1/n of it, because the mean of more pieces means less: misread words split into many. Evidence
# recall on OCR lines (FUNSD, SROIE, MMDocIR) is flat from 0.4 to 0.6; at 0.2 receipts lose 0.07,
# because dates and amounts are matched by meaning.
_MEANING_SHARE = 0.4

_CACHED_TERMS = 8192


class StaticTokenEncoder(Encoder):
    """Static vectors at the boxes of the words. Runs no model and downloads nothing.

    A page has one vector for each term (`text.terms`) of each word, in the words' order. Terms of
    one word divide its width in proportion to their length, so that a line of Chinese that was
    read as one word still has distinct places. A word that is broken at the end of a line has a
    vector at each of its parts, besides theirs, and so has a number whose thousands are parted by
    spaces at its whole box. A word that looks like a date, an amount or another
    answer type has one more vector, at its whole box, with the meaning of "date" or "amount" and
    no spelling. Words without letters or digits have no vector. Invisible words are encoded too.

    A question has one vector for each of its content terms, and one for "date" when it starts with
    "when". Numbers and words with characters other than a-z have no meaning here, only spelling.
    Safe to use from threads.
    """

    # Exceeded by one in a thousand pairs of random words, and by equal words, misread words,
    # inflected words and close synonyms.
    noise_floor = 0.4
    spec = "static_tokens"

    def __init__(self) -> None:
        self._table = token_table.TokenTable()
        self._vector = lru_cache(maxsize=_CACHED_TERMS)(self.term_vector)
        self._answer = lru_cache(maxsize=None)(self.answer_vector)

    @property
    def fingerprint(self) -> str:
        # Raise with every change of the vectors; a test pins their checksum.
        return "static_tokens-2"

    def encode_pages(self, pages: Sequence[ParsedPage]) -> list[PageEmbedding]:
        """One embedding per page, float32, D = 384; a page without words gives (0, 384)."""
        return [self._encode(page) for page in pages]

    def encode_query(self, text: str) -> QueryEmbedding:
        """The question's content terms, or all its terms if they are all stop words. Raises
        InvalidInput when the text has no letter or digit."""
        all_terms = terms(text)
        if not all_terms:
            raise InvalidInput(f"the question has no words: {text!r}")
        tokens = content_terms(text)
        if all_terms[0] == "when" and "date" not in tokens:
            tokens.append("date")
        return QueryEmbedding(
            vectors=np.stack([self._vector(token) for token in tokens]),
            tokens=tuple(tokens),
            content=np.ones(len(tokens), dtype=bool),
            weights=np.ones(len(tokens), dtype=np.float32),
        )

    def _encode(self, page: ParsedPage) -> PageEmbedding:
        vectors: list[FloatArray] = []
        boxes: list[Box] = []
        for word, placed in zip(page.words, _placed_terms(page), strict=True):
            for term, box in placed:
                vectors.append(self._vector(term))
                boxes.append(box)
            types = answer_words(word.text)
            if types:
                vectors.append(self._answer(types))
                boxes.append(word.box)
        stacked = np.stack(vectors) if vectors else np.zeros((0, DIMENSION), dtype=np.float32)
        return PageEmbedding(stacked, BoxPlacement(boxes_to_array(boxes)))

    def known_words(self) -> list[str]:
        """The words of letters a-z that are one piece of the table, commonest first."""
        return self._table.words()

    def term_vector(self, term: str) -> FloatArray:
        """(384,) float32 of length 1, read-only, for a term as returned by `text.terms`."""
        meaning, n_pieces = self._table.lookup(term)
        share = _MEANING_SHARE / n_pieces if n_pieces else 0.0
        spelling = ngrams.ngram_vector(term)
        return _read_only(np.concatenate([share**0.5 * meaning, (1 - share) ** 0.5 * spelling]))

    def answer_vector(self, words: tuple[str, ...]) -> FloatArray:
        """(384,) float32, read-only, the meaning of the words that ask for an answer type and no
        spelling; shorter than 1."""
        meaning = np.sum([self._table.lookup(word)[0] for word in words], axis=0)
        meaning *= _MEANING_SHARE**0.5 / np.linalg.norm(meaning)
        return _read_only(np.concatenate([meaning, np.zeros(ngrams.DIMENSION, dtype=np.float32)]))


def _read_only(vector: FloatArray) -> FloatArray:
    # Cached vectors are shared by all callers.
    vector = np.asarray(vector, dtype=np.float32)
    vector.flags.writeable = False
    return vector


def _placed_terms(page: ParsedPage) -> list[list[tuple[str, Box]]]:
    """The terms of each word with their boxes. A broken word comes before its first part and after
    its second one, at their boxes, so that it stands beside the words around it; a number in
    several words comes before its parts, at the box of all."""
    aspect = page.page.width / page.page.height
    placed = [list(_term_boxes(word, aspect=aspect)) for word in page.words]
    for joined in joined_terms(page):
        first, last = placed[joined.first], placed[joined.last]
        if joined.is_number:
            box = Box.enclosing(word.box for word in page.words[joined.first : joined.last + 1])
            first.insert(-1, (joined.text, box))
        elif joined.replaces_parts:
            first[-1], last[0] = (joined.text, first[-1][1]), (joined.text, last[0][1])
        else:
            first.insert(-1, (joined.text, first[-1][1]))
            last.insert(1, (joined.text, last[0][1]))
    return placed


def _term_boxes(word: Word, *, aspect: float) -> Iterator[tuple[str, Box]]:
    """The word's terms, each with its part of the word's width. A word that is taller than wide
    may be vertical, so that each of its terms has the whole box."""
    word_terms = terms(word.text)
    box = word.box
    if len(word_terms) < 2 or box.height > box.width * aspect:
        yield from ((term, box) for term in word_terms)
        return
    step = box.width / sum(map(len, word_terms))
    start = box.x0
    for term in word_terms:
        end = min(start + step * len(term), box.x1)
        yield term, Box(start, box.y0, end, box.y1)
        start = end
