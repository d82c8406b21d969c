"""What each labelled cell is trained towards: word vectors, and the characters of the word."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from colregion.core.text import terms
from colregion.encoders.static.encoder import DIMENSION, StaticTokenEncoder

CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
PYRAMID_LEVELS = (2, 3, 4)
PYRAMID_SIZE = len(CHARACTERS) * sum(PYRAMID_LEVELS)

_AT_ONCE = 4096


class Targets(NamedTuple):
    """Of N terms.

    Args:
        vectors: (N, 384) float16, as by `term_vectors`.
        pyramid: (N, 324) bool, as by `character_pyramid`.
        characters: (N, 36) bool, as by `characters_of`.
    """

    vectors: NDArray[np.float16]
    pyramid: NDArray[np.bool_]
    characters: NDArray[np.bool_]

    @classmethod
    def of(cls, names: Sequence[str]) -> Targets:
        return cls(term_vectors(names), character_pyramid(names), characters_of(names))


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
    bits = np.zeros((len(names), sum(PYRAMID_LEVELS), len(CHARACTERS)), bool)
    for row, name in enumerate(names):
        for character, parts in zip(name, _parts_at(len(name)), strict=True):
            if (column := CHARACTERS.find(character)) >= 0:
                bits[row, parts, column] = True
    return bits.reshape(-1, PYRAMID_SIZE)


@lru_cache(maxsize=64)
def _parts_at(length: int) -> list[list[int]]:
    """For each character of a term, in which parts at least half of it lies: halves, thirds,
    quarters, from 0 on."""
    parts: list[list[int]] = [[] for _ in range(length)]
    first = 0
    for level in PYRAMID_LEVELS:
        for at, part in product(range(length), range(level)):
            # In units of one (length * level)-th of the term, to stay exact.
            start, end = max(at * level, part * length), min((at + 1) * level, (part + 1) * length)
            if 2 * (end - start) >= level:
                parts[at].append(first + part)
        first += level
    return parts


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
