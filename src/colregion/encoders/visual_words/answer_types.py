"""What a word on the image looks like: a date, an amount, a percentage."""

from __future__ import annotations

import io
from functools import cached_property
from pathlib import Path

import numpy as np

from colregion.core.embeddings import similarity
from colregion.core.geometry import FloatArray, IntArray
from colregion.encoders.static.answer_types import AMOUNT, DATE, PERCENT
from colregion.encoders.visual_words.weights import read_weights

SHA256 = "7ea252118547a299cc8c324b2740e4e1385b40ec9eade677fa4e44877ecede82"
"""Of the weights."""

TYPES: tuple[tuple[str, ...], ...] = (DATE, AMOUNT, PERCENT)
"""The types by the words that ask for them, as in `static.answer_types`."""

_LIKELY = 0.5
_WEIGHTS = Path(__file__).with_name("answer_types.npz")


class AnswerTypeHead:
    """A small network over the features of pooled words. Its weights are read at the first use.

    Args:
        sha256: of the weights.
    """

    def __init__(self, path: Path = _WEIGHTS, *, sha256: str = SHA256) -> None:
        self._path, self._sha256 = path, sha256

    def likely(self, features: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
        """Rows of the words that probably have a type, the position of each one's type in `TYPES`,
        and its probability; for `word_features` (W, F). Raises as `probabilities`."""
        probabilities = self.probabilities(features)
        best = probabilities.max(axis=1, initial=0.0)
        rows = np.flatnonzero(best > _LIKELY)
        return rows, probabilities[rows].argmax(axis=1), best[rows]

    def probabilities(self, features: FloatArray) -> FloatArray:
        """(W, 3) of each of `TYPES`, 0-1, for `word_features` (W, F). Raises BackendError where
        the weights are missing or damaged."""
        layers = self._layers
        hidden = np.maximum(similarity(features, layers["hidden"].T) + layers["hidden_bias"], 0)
        logits = similarity(hidden, layers["types"].T) + layers["types_bias"]
        return np.asarray(0.5 + 0.5 * np.tanh(logits / 2))  # the logistic function

    @cached_property
    def _layers(self) -> dict[str, FloatArray]:
        with np.load(io.BytesIO(read_weights(self._path, sha256=self._sha256))) as stored:
            # Transposed without a copy by this order.
            return {name: stored[name].astype(np.float32, order="F") for name in stored.files}
