"""What the network is trained for: contrastive losses over word vectors, and characters."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cosine_similarity,
    cross_entropy,
    normalize,
)

from colregion.encoders.static.encoder import DIMENSION
from colregion.encoders.static.token_table import DIMENSION as MEANING_SIZE
from training.visual_words.data import Batch, TrainingData
from training.visual_words.model import CellNetwork
from training.visual_words.shards import IGNORED
from training.visual_words.targets import CHARACTERS, PYRAMID_SIZE

_SHARPEST = 60.0
_EXCLUDED = -1e4
_HARD_CANDIDATES = 8192
_HARD_TERMS, _HARD_PER_TERM = 2048, 2
_VECTOR_SCALE = 4.0


class Losses(NamedTuple):
    """Of one batch.

    Args:
        word: cross entropy of the right vector among all of the batch and the negatives.
        spelling: the same over the last 256 components.
        cosine: 1 - cosine to the right vector.
        characters: of the word, from the vector.
        local: characters near the cell, from the first layers.
        pyramid: characters by their place in the word, from the last features.
        ink: whether there is text.
    """

    word: Tensor
    spelling: Tensor
    cosine: Tensor
    characters: Tensor
    local: Tensor
    pyramid: Tensor
    ink: Tensor

    def total(self, progress: float) -> Tensor:
        """The weighted sum; characters count more in the first two fifths of the training."""
        early = max(0.0, 1 - 2.5 * progress)
        return (
            self.word
            + 0.5 * self.spelling
            + 0.7 * self.cosine
            + 0.3 * self.ink
            + (0.2 + 0.8 * early) * self.characters
            + (0.3 + 1.2 * early) * self.local
            + (0.4 + 0.6 * early) * 10 * self.pyramid
        )


class Objective(nn.Module):
    """The losses, with the layers that only training needs.

    Args:
        n_positions: labelled cells of a batch that count, at most.
        n_negatives: random vocabulary words that each is compared with.
    """

    def __init__(self, network: CellNetwork, *, n_positions: int, n_negatives: int = 1500) -> None:
        super().__init__()
        early, late = network.feature_sizes
        self._n_positions, self._n_negatives = n_positions, n_negatives
        self.of_vector = nn.Linear(DIMENSION, len(CHARACTERS))
        self.of_early = nn.Linear(early, len(CHARACTERS))
        self.of_late = nn.Linear(late, PYRAMID_SIZE)
        self.log_sharpness = nn.Parameter(torch.full((2,), math.log(14.0)))

    @property
    def layers(self) -> list[nn.Parameter]:
        """The weights of the layers."""
        return [value for name, value in self.named_parameters() if name != "log_sharpness"]

    def forward(
        self, network: CellNetwork, images: Tensor, batch: Batch, data: TrainingData, *, hard: bool
    ) -> Losses:
        """The losses of augmented images (B, 1, H, W) of a batch. With `hard`, each term is also
        compared with those of many random words that are most like it."""
        device = images.device
        with torch.autocast(device.type, torch.bfloat16):
            early, late, ink = network.features(images)
        shown = batch.cells >= 0
        counts = batch.cells != IGNORED
        positions = shown.nonzero()
        positions = positions[torch.randperm(len(positions), device=device)[: self._n_positions]]
        crop, row, col = positions.unbind(dim=1)
        term = batch.cells[crop, row, col]

        def at(grid: Tensor) -> Tensor:
            return grid.permute(0, 2, 3, 1)[crop, row, col]

        late_features = at(late)
        with torch.autocast(device.type, torch.bfloat16):
            raw = network.vectors(late_features).float()
        terms, own = torch.unique(term, return_inverse=True)
        right = data.vectors[terms].float()
        others, excluded = self._candidates(terms, data, hard=hard)
        candidates = torch.cat([right, others])
        bias = torch.zeros(len(candidates), device=device)
        bias[len(right) :][excluded] = _EXCLUDED
        sharpness = self.log_sharpness.exp().clamp(max=_SHARPEST)
        spelling = slice(MEANING_SIZE, None)
        local_bits = batch.characters[crop, row, col][:, None] >> torch.arange(
            len(CHARACTERS), device=device
        )
        return Losses(
            word=cross_entropy(sharpness[0] * _cosines(raw, candidates) + bias, own),
            spelling=cross_entropy(
                sharpness[1] * _cosines(raw[:, spelling], candidates[:, spelling]) + bias, own
            ),
            cosine=(1 - cosine_similarity(raw, right[own])).mean(),
            characters=binary_cross_entropy_with_logits(
                self.of_vector(_VECTOR_SCALE * normalize(raw)), data.characters[term].float()
            ),
            local=binary_cross_entropy_with_logits(
                self.of_early(at(early).float()), (local_bits & 1).float()
            ),
            pyramid=binary_cross_entropy_with_logits(
                self.of_late(late_features.float()), data.pyramid[term].float()
            ),
            ink=binary_cross_entropy_with_logits(ink.float()[counts], shown[counts].float()),
        )

    def _candidates(
        self, terms: Tensor, data: TrainingData, *, hard: bool
    ) -> tuple[Tensor, Tensor]:
        """Vectors of other words, and which of them are terms of the batch."""
        device = terms.device
        n_words = data.vocabulary_size
        drawn = torch.randint(0, n_words, (self._n_negatives,), device=device)
        if hard:
            pool = torch.randint(0, n_words, (_HARD_CANDIDATES,), device=device)
            some = terms[torch.randperm(len(terms), device=device)[:_HARD_TERMS]]
            alike = data.vectors[some].float() @ data.vectors[pool].float().T
            alike.masked_fill_(some[:, None] == pool, -torch.inf)
            drawn = torch.cat([drawn, pool[alike.topk(_HARD_PER_TERM).indices.flatten()]])
        beyond = terms[terms >= n_words] - n_words
        vectors = torch.cat([data.vectors[drawn], data.wrong_vectors[beyond]]).float()
        never = torch.zeros(len(beyond), dtype=torch.bool, device=device)
        return vectors, torch.cat([torch.isin(drawn, terms), never])


def _cosines(vectors: Tensor, candidates: Tensor) -> Tensor:
    with torch.autocast(vectors.device.type, torch.bfloat16):
        return (normalize(vectors) @ normalize(candidates).T).float()
