"""What each labelled cell is trained towards: word vectors, and the characters of the word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from colregion.core.text import terms
from colregion.encoders.static.encoder import DIMENSION, StaticTokenEncoder
from training.visual_words.shards import CHARACTERS, IGNORED, NOTHING, Shard

PYRAMID_LEVELS = (2, 3, 4)
PYRAMID_SIZE = len(CHARACTERS) * sum(PYRAMID_LEVELS)

_AT_ONCE = 4096


def term_vectors(names: Sequence[str]) -> NDArray[np.float16]:
    """(N, 384) the vectors of terms in the default encoder."""
    encoder = StaticTokenEncoder()
    blocks = [np.zeros((0, DIMENSION), np.float16)]
    for start in range(0, len(names), _AT_ONCE):
        block = [encoder.term_vector(name) for name in names[start : start + _AT_ONCE]]
        blocks.append(np.stack(block).astype(np.float16))
    return np.concatenate(blocks)


def character_pyramid(names: Sequence[str]) -> NDArray[np.bool_]:
    """(N, 324) which characters stand in which half, third and quarter of a term (pyramidal
    histogram of characters, Almazan et al. 2014). A character counts where at least half of it
    lies."""
    bits = np.zeros((len(names), PYRAMID_SIZE), bool)
    for row, name in enumerate(names):
        for at, character in enumerate(name):
            if (column := CHARACTERS.find(character)) < 0:
                continue
            offset = 0
            for level in PYRAMID_LEVELS:
                for part in range(level):
                    # In units of one (len * level)-th of the term, to stay exact.
                    start = max(at * level, part * len(name))
                    end = min((at + 1) * level, (part + 1) * len(name))
                    if 2 * (end - start) >= level:
                        bits[row, offset + column] = True
                    offset += len(CHARACTERS)
    return bits


def characters_of(names: Sequence[str]) -> NDArray[np.bool_]:
    """(N, 36) which CHARACTERS each term has."""
    return np.array([[c in name for c in CHARACTERS] for name in names], bool).reshape(-1, 36)


def misspelled(name: str, rng: np.random.Generator) -> str:
    """A term with one character replaced: what a wrong reading of it would be."""
    at = int(rng.choice([i for i, c in enumerate(name) if c.isalnum()]))
    pool = CHARACTERS[26:] if name[at].isdigit() else CHARACTERS[:26]
    other = str(rng.choice([c for c in pool if c != name[at]]))
    changed = name[:at] + other + name[at + 1 :]
    return changed if terms(changed) == [changed] else f"{name}7"


class Batch(NamedTuple):
    """B crops, as in `Shard`; cells name rows of `TrainingData.vectors`."""

    images: Tensor
    cells: Tensor
    characters: Tensor


@dataclass(frozen=True, eq=False)
class TrainingData:
    """All crops of the shards, and one row for each of N distinct terms: first the vocabulary of V,
    then what else was drawn.

    Args:
        vectors: (N, 384) float16.
        wrong_vectors: (N - V, 384) of the misspelled terms beyond the vocabulary.
        pyramid: (N, 324) and characters (N, 36) bool.
    """

    images: Tensor
    cells: Tensor
    cell_characters: Tensor
    vocabulary_size: int
    vectors: Tensor
    wrong_vectors: Tensor
    pyramid: Tensor
    characters: Tensor

    @classmethod
    def load(cls, paths: Sequence[Path], vocabulary: Sequence[str]) -> TrainingData:
        """Read shards. The vocabulary has distinct terms."""
        row_of = {term: row for row, term in enumerate(vocabulary)}
        shards = [Shard.load(path) for path in paths]
        cells = []
        for shard in shards:
            rows = [row_of.setdefault(term, len(row_of)) for term in shard.terms]
            lookup = np.array([IGNORED, NOTHING, *rows], np.int32)
            cells.append(lookup[shard.cells - IGNORED])
        names = list(row_of)
        rng = np.random.default_rng(0)
        wrong = [misspelled(name, rng) for name in names[len(vocabulary) :]]
        return cls(
            torch.from_numpy(np.concatenate([shard.images for shard in shards])),
            torch.from_numpy(np.concatenate(cells)),
            torch.from_numpy(np.concatenate([shard.characters for shard in shards])),
            len(vocabulary),
            torch.from_numpy(term_vectors(names)),
            torch.from_numpy(term_vectors(wrong)),
            torch.from_numpy(character_pyramid(names)),
            torch.from_numpy(characters_of(names)),
        )

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: str) -> TrainingData:
        """The same on a device of torch."""
        moved = {
            name: value.to(device)
            for name, value in vars(self).items()
            if isinstance(value, Tensor)
        }
        return replace(self, **moved)

    def batch(self, rows: Tensor) -> Batch:
        return Batch(self.images[rows], self.cells[rows].long(), self.cell_characters[rows])
