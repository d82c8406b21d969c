"""Shards as training takes them: what their cells show as rows of one table of terms."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import Executor, Future
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.visual_words.shards import IGNORED, NOTHING, Shard, shard_paths
from training.visual_words.targets import Targets, misspelled, term_vectors
from training.visual_words.texts import WordLists

_AT_ONCE = 4096
_POLL_SECONDS = 0.2


class Part(NamedTuple):
    """What a shard adds to the training data.

    Args:
        images, characters: as in `Shard`.
        cells: as in `Shard`, of rows: first the terms of the vocabulary, then `beyond`.
        beyond: the N other terms.
        targets: of these.
        wrong_vectors: (N, 384) float16, of each of these, misspelled.
    """

    images: NDArray[np.uint8]
    cells: NDArray[np.int32]
    characters: NDArray[np.int64]
    beyond: list[str]
    targets: Targets
    wrong_vectors: NDArray[np.float16]


@lru_cache(maxsize=1)
def vocabulary_rows(words: Path) -> dict[str, int]:
    """The terms of the word lists in a file, and the row of each."""
    return {term: row for row, term in enumerate(WordLists.read(words).terms)}


def read_part(path: Path, words: Path) -> Part:
    """Read a shard that was drawn with the word lists of a file."""
    shard, rows = Shard.load(path), vocabulary_rows(words)
    shown = np.unique(shard.cells[shard.cells >= 0])
    beyond = sorted({shard.terms[i] for i in shown} - rows.keys())
    row_beyond = {term: len(rows) + i for i, term in enumerate(beyond)}
    row_of_term = np.full(len(shard.terms), IGNORED, np.int32)
    for i in shown:
        term = shard.terms[i]
        row_of_term[i] = rows[term] if term in rows else row_beyond[term]
    lookup = np.concatenate([np.array([IGNORED, NOTHING], np.int32), row_of_term])
    rng = np.random.default_rng(0)
    wrong = [misspelled(name, rng) for name in beyond]
    return Part(
        shard.images,
        lookup[shard.cells - IGNORED],
        shard.characters,
        beyond,
        Targets.of(beyond),
        term_vectors(wrong),
    )


def vocabulary_targets(words: Path, pool: Executor) -> Targets:
    """Of the terms of the word lists in a file, worked out in a pool."""
    names = list(vocabulary_rows(words))
    blocks = [names[start : start + _AT_ONCE] for start in range(0, len(names), _AT_ONCE)]
    return Targets(*map(np.concatenate, zip(*pool.map(Targets.of, blocks), strict=True)))


class ShardFeed:
    """The shards of a folder to train on, those too that other processes draw meanwhile, each read
    once, in a pool."""

    def __init__(self, shards: Path, words: Path, pool: Executor) -> None:
        self._shards, self._words, self._pool = shards, words, pool
        self._seen: set[Path] = set()
        self._reading: list[Future[Part]] = []

    def take(self) -> list[Part]:
        """Those that were read since the last time; does not wait."""
        for path in shard_paths(self._shards, "train"):
            if path not in self._seen:
                self._seen.add(path)
                self._reading.append(self._pool.submit(read_part, path, self._words))
        done = [future for future in self._reading if future.done()]
        self._reading = [future for future in self._reading if future not in done]
        return [future.result() for future in done]

    def first(self, *, at_least: int) -> list[Part]:
        """All that are there already, and those that come until there are so many crops."""
        parts = self.take()
        there = list(self._reading)
        while _crops(parts) < at_least or not all(future.done() for future in there):
            time.sleep(_POLL_SECONDS)
            parts += self.take()
        return parts + self.take()


def _crops(parts: Iterable[Part]) -> int:
    return sum(len(part.images) for part in parts)
