"""Training of the head that tells dates, amounts and percentages.

The network stays as it is: drawn crops are run through the exported file, and pooled to words as
the encoder pools them. A few hundred thousand words are learned in minutes on a CPU.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from colregion.encoders.static.answer_types import answer_words
from colregion.encoders.visual_words.answer_types import TYPES
from colregion.encoders.visual_words.model import VisualWordModel
from colregion.encoders.visual_words.words import pool_words, word_features
from training.visual_words.shards import NOTHING, Shard

_HIDDEN = 64
_BATCH = 256
_RATE, _DECAY, _DROPOUT = 3e-3, 0.05, 0.1
_WARM_UP_STEPS = 50
_PAPER = 255


@dataclass(frozen=True, eq=False)
class Examples:
    """N pooled words.

    Args:
        features: (N, F) float16 as by `word_features`.
        types: (N, 3) bool, which of `TYPES` the printed token of each looks like.
    """

    features: NDArray[np.float16]
    types: NDArray[np.bool_]

    @classmethod
    def joined(cls, parts: Iterable[Examples]) -> Examples:
        features, types = zip(*((part.features, part.types) for part in parts), strict=True)
        return cls(np.concatenate(features), np.concatenate(types))

    @classmethod
    def of(cls, shard: Shard, model: VisualWordModel) -> Examples:
        """The words of a shard of which more than half of the cells show one term, or nothing."""
        parts = list(_of_crops(shard, model))
        return cls(
            np.concatenate([features for features, _ in parts]).astype(np.float16),
            np.concatenate([types for _, types in parts]),
        )


def _of_crops(
    shard: Shard, model: VisualWordModel
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    asked = [answer_words(token) for token in shard.tokens]
    has_type = np.array([[one == words for words in TYPES] for one in asked]).reshape(
        -1, len(TYPES)
    )
    for image, labels in zip(shard.images, shard.cells, strict=True):
        cells = model.run(image, paper=_PAPER)
        words = pool_words(cells)
        word, shown = words.word_of_cell[cells.rows, cells.cols], labels[cells.rows, cells.cols]
        rows, types = [], []
        for row in range(len(words)):
            terms, counts = np.unique(shown[word == row], return_counts=True)
            term = int(terms[counts.argmax()])
            if 2 * counts.max() > counts.sum() and term >= NOTHING:
                rows.append(row)
                types.append(has_type[term] if term >= 0 else np.zeros(len(TYPES), bool))
        yield word_features(cells, words)[rows], np.array(types, bool).reshape(-1, len(TYPES))


def train_head(examples: Examples, path: Path, *, epochs: int = 20, seed: int = 0) -> None:
    """Train on examples and write the weights, float16, to the file that ships."""
    torch.manual_seed(seed)
    features = torch.from_numpy(examples.features).float()
    right = torch.from_numpy(examples.types).float()
    mean, spread = features.mean(dim=0), features.std(dim=0) + 1e-3
    hidden, types = nn.Linear(features.shape[1], _HIDDEN), nn.Linear(_HIDDEN, len(TYPES))
    network = nn.Sequential(hidden, nn.ReLU(), nn.Dropout(_DROPOUT), types)
    optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=_DECAY)
    steps = epochs * -(-len(features) // _BATCH)
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, step / _WARM_UP_STEPS) * (1 - step / steps)
    )
    for _ in range(epochs):
        for rows in torch.randperm(len(features)).split(_BATCH):
            logits = network((features[rows] - mean) / spread)
            loss = binary_cross_entropy_with_logits(logits, right[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
    # The scaling of the features goes into the first layer.
    scaled = hidden.weight.detach() / spread
    weights: dict[str, Tensor] = {
        "hidden": scaled.T,
        "hidden_bias": hidden.bias.detach() - scaled @ mean,
        "types": types.weight.detach().T,
        "types_bias": types.bias.detach(),
    }
    np.savez(path, **{name: value.half().numpy() for name, value in weights.items()})


@dataclass(frozen=True)
class TypeFigures:
    """Of one type: how many words have it, the share of the words told to have it that do, and the
    share of those that have it that are told."""

    n: int
    precision: float
    recall: float


def check_head(
    probabilities: NDArray[np.floating], right: NDArray[np.bool_]
) -> dict[str, TypeFigures]:
    """The figures of each type at the probability 0.5, for (N, 3) of both; NaN where undefined."""
    said = probabilities > 0.5
    figures = {}
    for column, words in enumerate(TYPES):
        both = int((said[:, column] & right[:, column]).sum())
        n_said, n_right = int(said[:, column].sum()), int(right[:, column].sum())
        figures[words[0]] = TypeFigures(
            n_right,
            both / n_said if n_said else float("nan"),
            both / n_right if n_right else float("nan"),
        )
    return figures
