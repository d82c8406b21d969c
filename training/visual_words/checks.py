"""How well a network names the words of drawn shards."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import normalize

from training.visual_words.model import CellNetwork
from training.visual_words.shards import IGNORED, Shard
from training.visual_words.targets import term_vectors

_DISTRACTORS = 5000
_CROPS = 192
_AT_ONCE = 16
_SHORTEST_WORD = 4
_TIE = 1e-4


def check_on_shard(
    network: CellNetwork, shard: Shard, vocabulary: Sequence[str], *, device: str = "cpu"
) -> dict[str, float]:
    """Shares of the terms, of those whose middle cell's vector is nearest to the right one among
    5,000 random words of the vocabulary: `words` of four letters and more, `numbers`; their mean
    `cosine` to the right one; `ink`, the share of cells with and without text told apart. NaN where
    there is none."""
    network = network.to(device).eval()
    vectors, names, ink_right = _middle_vectors(network, shard, device=device)
    chosen = np.random.default_rng(5).permutation(len(vocabulary))[:_DISTRACTORS]
    others = [vocabulary[i] for i in chosen]
    right = term_vectors(names).astype(np.float32)
    own = (vectors * right).sum(axis=1)
    similar = vectors @ term_vectors(others).astype(np.float32).T
    similar[np.array(names)[:, None] == np.array(others)] = -np.inf
    nearest = own + _TIE >= similar.max(axis=1)
    number = np.array([any(map(str.isdigit, name)) for name in names])
    word = np.array([len(name) >= _SHORTEST_WORD for name in names]) & ~number
    return {
        "words": _mean(nearest[word]),
        "numbers": _mean(nearest[number]),
        "cosine": _mean(own),
        "ink": _mean(ink_right),
    }


@torch.no_grad()
def _middle_vectors(
    network: CellNetwork, shard: Shard, *, device: str
) -> tuple[NDArray[np.float32], list[str], NDArray[np.bool_]]:
    """Unit vectors (N, 384) at the middle cell of each of N terms, the terms, and for each cell
    that counts whether its ink is right."""
    vectors, names, ink_right = [], [], []
    for start in range(0, min(len(shard.images), _CROPS), _AT_ONCE):
        images = torch.from_numpy(shard.images[start : start + _AT_ONCE, None]).to(device)
        grid, ink = network(images.float().div(255))
        grid = normalize(grid, dim=1).permute(0, 2, 3, 1).cpu().numpy()
        cells = shard.cells[start : start + _AT_ONCE]
        ink_right.append(((ink.cpu().numpy() > 0) == (cells >= 0))[cells != IGNORED])
        for crop, labels in enumerate(cells):
            for term in np.unique(labels[labels >= 0]).tolist():
                places = np.argwhere(labels == term)
                middle = ((places - places.mean(axis=0)) ** 2).sum(axis=1).argmin()
                vectors.append(grid[crop][tuple(places[middle])])
                names.append(shard.terms[term])
    return np.stack(vectors), names, np.concatenate(ink_right)


def _mean(values: NDArray[np.generic]) -> float:
    return round(float(values.mean()), 4) if len(values) else float("nan")
