"""All crops and terms that are trained on, as tensors on one device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from colregion.encoders.static.encoder import DIMENSION
from training.visual_words.drawing import CROP_HEIGHT, CROP_WIDTH
from training.visual_words.parts import Part
from training.visual_words.shards import COLS, ROWS
from training.visual_words.targets import Targets


class Batch(NamedTuple):
    """B crops, as in `Part`; cells name rows of `TrainingData.vectors`."""

    images: Tensor
    cells: Tensor
    characters: Tensor


class TrainingData:
    """The crops of the parts added, and one row for each of N terms: first the vocabulary of V,
    then what else was drawn.

    Args:
        vocabulary: its targets.

    Attributes:
        vectors: (N, 384) float16.
        wrong_vectors: (N - V, 384) of the misspelled terms beyond the vocabulary.
        pyramid: (N, 324) and characters (N, 36) bool.
    """

    def __init__(self, vocabulary: Targets, *, device: str) -> None:
        self._device = device
        self._row_beyond: dict[str, int] = {}
        self.vocabulary_size = len(vocabulary.vectors)
        self.images = self._moved(np.zeros((0, CROP_HEIGHT, CROP_WIDTH), np.uint8))
        self._cells = self._moved(np.zeros((0, ROWS, COLS), np.int32))
        self._cell_characters = self._moved(np.zeros((0, ROWS, COLS), np.int64))
        self.wrong_vectors = self._moved(np.zeros((0, DIMENSION), np.float16))
        self.vectors, self.pyramid, self.characters = map(self._moved, vocabulary)

    def __len__(self) -> int:
        return len(self.images)

    def add(self, parts: Sequence[Part]) -> None:
        """Take the crops of parts, and their terms that are new."""
        size = self.vocabulary_size
        all_cells = []
        new: list[list[np.ndarray]] = []
        for part in parts:
            known = len(self._row_beyond)
            rows = [self._row_beyond.setdefault(n, len(self._row_beyond)) for n in part.beyond]
            lookup = np.array(rows, np.int32) + size
            is_beyond = part.cells >= size
            cells = part.cells.copy()
            cells[is_beyond] = lookup[part.cells[is_beyond] - size]
            all_cells.append(cells)
            is_new = np.array(rows, np.int64) >= known
            new.append([one[is_new] for one in (*part.targets, part.wrong_vectors)])
        if not parts:
            return
        self.images = self._joined(self.images, [part.images for part in parts])
        self._cells = self._joined(self._cells, all_cells)
        self._cell_characters = self._joined(
            self._cell_characters, [part.characters for part in parts]
        )
        vectors, pyramid, characters, wrong = zip(*new, strict=True)
        self.vectors = self._joined(self.vectors, vectors)
        self.pyramid = self._joined(self.pyramid, pyramid)
        self.characters = self._joined(self.characters, characters)
        self.wrong_vectors = self._joined(self.wrong_vectors, wrong)

    def batch(self, rows: Tensor) -> Batch:
        return Batch(self.images[rows], self._cells[rows].long(), self._cell_characters[rows])

    def _moved(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(self._device)

    def _joined(self, before: Tensor, parts: Sequence[np.ndarray]) -> Tensor:
        return torch.cat([before, *map(self._moved, parts)])
