"""The shipped table of word pieces and their vectors, and WordPiece tokenization."""

from __future__ import annotations

import io
import math
from collections.abc import Container
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from colregion.core.geometry import FloatArray
from colregion.errors import BackendError

DIMENSION = 128

_LONGEST_WORD = 64


def split_pieces(word: str, vocabulary: Container[str]) -> list[str]:
    """WordPiece: repeatedly the longest known piece from the left, all but the first with the
    prefix "##"; [] when the word does not consist of known pieces.

    >>> split_pieces("subtotals", {"sub", "##to", "##total", "##s"})
    ['sub', '##total', '##s']
    """
    pieces: list[str] = []
    start = 0
    while start < len(word):
        mark = "##" if start else ""
        ends = range(len(word), start, -1)
        end = next((end for end in ends if mark + word[start:end] in vocabulary), None)
        if end is None:
            return []
        pieces.append(mark + word[start:end])
        start = end
    return pieces


class TokenTable:
    """Vectors of the word pieces of all-MiniLM-L6-v2, 8 bits per component.

    Made by `scripts/build_static_tokens.py`. Files are read at the first lookup.

    Args:
        folder: contains `static_tokens.npy`, (N, 128) int8, and `static_tokens.txt`, N lines.
    """

    def __init__(self, folder: Path = Path(__file__).parent) -> None:
        self._folder = folder

    def lookup(self, word: str) -> tuple[FloatArray, int]:
        """The (128,) float32 unit vector of a folded word, and the number of pieces it is the mean
        of; zeros and 0 for a word that the English model does not know: one with characters
        other than a-z, or longer than 64."""
        nothing = (np.zeros(DIMENSION, dtype=np.float32), 0)
        if not (word.isascii() and word.isalpha()) or len(word) > _LONGEST_WORD:
            return nothing
        if not (pieces := split_pieces(word, self._rows)):
            return nothing
        # Weighted by letters, the mean's cosine with the model's vector of the whole word is 0.71,
        # unweighted 0.68 (1500 words of 2 and 3 pieces).
        rows = [
            len(piece.removeprefix("##")) * _unit(self._vectors[self._rows[piece]])
            for piece in pieces
        ]
        return _unit(np.sum(rows, axis=0)), len(pieces)

    def words(self) -> list[str]:
        """The pieces that are words of letters a-z, commonest first."""
        return [piece for piece in self._rows if piece.isascii() and piece.isalpha()]

    @cached_property
    def _rows(self) -> dict[str, int]:
        pieces = self._read("static_tokens.txt").decode().splitlines()
        return {piece: row for row, piece in enumerate(pieces)}

    @cached_property
    def _vectors(self) -> NDArray[np.int8]:
        vectors: NDArray[np.int8] = np.load(io.BytesIO(self._read("static_tokens.npy")))
        return vectors

    def _read(self, name: str) -> bytes:
        path = self._folder / name
        try:
            return path.read_bytes()
        except OSError as cause:
            raise BackendError(
                f"{path} is part of colregion and cannot be read; install colregion again"
            ) from cause


def _unit(vector: NDArray[np.generic]) -> FloatArray:
    numbers = np.asarray(vector, dtype=np.float32)
    return numbers / np.float32(math.sqrt(numbers @ numbers))
