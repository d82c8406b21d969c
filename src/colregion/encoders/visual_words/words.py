"""Cells of one word, pooled to one vector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from colregion.core.components import connected
from colregion.core.geometry import FloatArray, IntArray
from colregion.encoders.visual_words.model import Cells

_ONE_WORD = 0.7
"""Cosine of neighbouring cells above which they show one word. From 0.4 up to here the best vector
of a page lies ever more often on the word asked for; beyond, only the number of vectors grows."""


@dataclass(frozen=True, slots=True)
class PooledWords:
    """W words of an image.

    Args:
        vectors: (W, 384) float32 of length 1: the mean over the word's cells, weighted by ink.
        boxes: (W, 4) int, the cells (left, top, right, bottom) around it; the last are excluded.
        word_of_cell: (rows, cols) the word of each cell, -1 for none.
    """

    vectors: FloatArray
    boxes: IntArray
    word_of_cell: IntArray

    def __len__(self) -> int:
        return len(self.vectors)


def pool_words(cells: Cells) -> PooledWords:
    """The words of an image; none for a blank one."""
    position = np.full(cells.shape, -1)
    position[cells.rows, cells.cols] = np.arange(len(cells.rows))
    directions = _normalized(cells.vectors)
    edges = [
        _alike(directions, position[:, :-1], position[:, 1:]),
        _alike(directions, position[:-1], position[1:]),
    ]
    a, b = np.concatenate(edges, axis=1)
    word = connected(len(cells.rows), a, b)
    n = int(word.max(initial=-1)) + 1
    sums = _sums(directions * cells.ink[:, None], word, n=n)
    low, high = np.full((n, 2), max(cells.shape)), np.zeros((n, 2), dtype=np.int64)
    places = np.stack([cells.cols, cells.rows], axis=1)
    np.minimum.at(low, word, places)
    np.maximum.at(high, word, places + 1)
    position[cells.rows, cells.cols] = word
    return PooledWords(_normalized(sums), np.hstack([low, high]), position)


def word_features(cells: Cells, words: PooledWords) -> FloatArray:
    """(W, 1155) float32, what tells the type of a word: the mean of its cells' vectors, weighted by
    ink, those of its first and its last cell, and its width, height and number of cells."""
    word, n = words.word_of_cell[cells.rows, cells.cols], len(words)
    ink = cells.ink[:, None]
    mean = _sums(cells.vectors * ink, word, n=n) / _sums(ink, word, n=n)
    # Of the cells in the outermost column, the one with most ink.
    by_start = np.lexsort((-cells.ink, cells.cols, word))
    by_end = np.lexsort((-cells.ink, -cells.cols, word))
    start = np.searchsorted(word[by_start], np.arange(n))
    first, last = cells.vectors[by_start[start]], cells.vectors[by_end[start]]
    left, top, right, bottom = words.boxes.T
    sizes = np.stack([right - left, bottom - top, np.bincount(word, minlength=n)], axis=1)
    return np.hstack([mean, first, last, sizes]).astype(np.float32)


def _normalized(vectors: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-6), dtype=np.float32)


def _sums(rows: FloatArray, word: IntArray, *, n: int) -> FloatArray:
    """(n, C) the sums of the rows (N, C) of each word; each has one at least."""
    order = np.argsort(word, kind="stable")
    starts = np.searchsorted(word[order], np.arange(n))
    return np.add.reduceat(rows[order], starts, axis=0) if n else np.zeros_like(rows)


def _alike(vectors: FloatArray, first: IntArray, second: IntArray) -> IntArray:
    """(2, E) pairs of neighbours, both inked, that show one word."""
    inked = (first >= 0) & (second >= 0)
    a, b = first[inked], second[inked]
    alike = np.einsum("ij,ij->i", vectors[a], vectors[b]) > _ONE_WORD
    return np.stack([a[alike], b[alike]])
