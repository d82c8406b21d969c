"""Reading vectors of the visual model against the words that it may have seen."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from colregion.core.embeddings import similarity
from colregion.core.geometry import FloatArray, IntArray
from colregion.encoders.static.encoder import StaticTokenEncoder

_WORDS = 20_000
_COMMON_WORDS = 4_000

# probability = softmax(44 x cosine) over the vocabulary. A direction is made twice as long: its
# cosine with the right word's vector is 0.28 on average. From the second probability on the word's
# own vector stands in; from the first on, the mean of both by the probability. With the word's own
# vector from 0.3 on, six of a hundred words that are seen at the right place are lost, because the
# vocabulary has a word that is similar; evidence recall and page rank are no better.
_SHARPNESS = 44.0
_UNSURE_LENGTH = 2.0
_LIKELY = 0.3
SURE = 0.9
"""The probability from which the word's own vector stands in."""

_ROWS_AT_ONCE = 256  # 20 MB of similarities


class Vocabulary:
    """The vectors of the commonest English words, made at the first use. Safe to use from threads.

    Args:
        encoder: makes the words' vectors.
    """

    def __init__(self, encoder: StaticTokenEncoder) -> None:
        self._encoder = encoder
        self._lock = threading.Lock()
        self._made: FloatArray | None = None

    def read(self, vectors: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(V, 384) float32: the vector of the word that each of `vectors` (V, 384) shows, where
        that is sure; the vector itself, longer, where it is not; a mean of both between. And (V,)
        the probability of the likeliest word, 0-1."""
        result = _UNSURE_LENGTH * vectors
        certainty = np.zeros(len(vectors))
        for rows, word, probability in self._best(vectors, n_words=_WORDS):
            share = np.where(probability > SURE, 1.0, probability)
            share = np.where(probability > _LIKELY, share, 0.0)[:, None].astype(np.float32)
            part = slice(rows.start, rows.stop)
            result[part] = share * self._vectors[word] + (1 - share) * result[part]
            certainty[part] = probability
        return result, certainty

    def certainty(self, vectors: FloatArray) -> FloatArray:
        """(V,) the probability, 0-1, of the likeliest common word for each of `vectors`; 0 where it
        is a single letter, which much looks like: letters of text that stands sideways, too."""
        result = np.zeros(len(vectors))
        for rows, word, probability in self._best(vectors, n_words=_COMMON_WORDS):
            part = slice(rows.start, rows.stop)
            result[part] = np.where(self._is_letter[word], 0.0, probability)
        return result

    def _best(
        self, vectors: FloatArray, *, n_words: int
    ) -> Iterator[tuple[range, IntArray, FloatArray]]:
        """The likeliest word of each row and its probability, in blocks of rows."""
        words = self._vectors[:n_words]
        for start in range(0, len(vectors), _ROWS_AT_ONCE):
            rows = range(start, min(start + _ROWS_AT_ONCE, len(vectors)))
            logits = _SHARPNESS * similarity(vectors[rows.start : rows.stop], words)
            best = logits.argmax(axis=1)
            logits -= logits[np.arange(len(best)), best][:, None]
            yield rows, best, 1 / np.exp(logits, out=logits).sum(axis=1)

    @property
    def _vectors(self) -> FloatArray:
        with self._lock:
            if self._made is None:
                self._made = np.stack([self._encoder.term_vector(word) for word in self._words])
            return self._made

    @cached_property
    def _words(self) -> list[str]:
        return self._encoder.known_words()[:_WORDS]

    @cached_property
    def _is_letter(self) -> NDArray[np.bool_]:
        return np.array([len(word) == 1 for word in self._words])
