"""Drawn crops with the term that each cell shows, and the files that they are stored in."""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from colregion.encoders.visual_words.model import CELL_HEIGHT, CELL_WIDTH
from training.visual_words.drawing import CROP_HEIGHT, CROP_WIDTH, CropDrawer, DrawnTerm
from training.visual_words.fonts import FontSource
from training.visual_words.targets import CHARACTERS
from training.visual_words.texts import TextSource, WordLists

Split: TypeAlias = Literal["train", "seen", "words", "fonts"]
"""What is drawn: for training; the same for a check; with words that training never draws; in fonts
that training never draws."""

CROPS_PER_SHARD = 256
ROWS, COLS = CROP_HEIGHT // CELL_HEIGHT, CROP_WIDTH // CELL_WIDTH

NOTHING, IGNORED = -1, -2
"""Of a cell: no text; text that is cut off, or less than half of a term."""

_VISIBLE = 0.8  # of a term's box, from which it can be learned
_LOWEST_TEXT_PX = 9.0  # lower boxes are taken for as high
_LEAST_OVERLAP_PX, _LEAST_OF_NARROW_PX, _NARROW_PX = 3.5, 1.5, 7.0
_OFF_CENTER, _PENALTY_PX = 0.35, 12.0
_LAST_SEED = 100_000
_REACH_PX = 2  # beyond its sides, in which a cell sees characters


@dataclass(frozen=True, eq=False)
class Shard:
    """C crops.

    Args:
        images: (C, H, W) uint8, 0 black.
        cells: (C, rows, cols) int32, which of the N terms each cell shows, or NOTHING or IGNORED.
        characters: (C, rows, cols) int64, bit i is set where a cell sees CHARACTERS[i].
        terms, tokens: N strings, a term and the printed token that it is part of.
    """

    images: NDArray[np.uint8]
    cells: NDArray[np.int32]
    characters: NDArray[np.int64]
    terms: Sequence[str]
    tokens: Sequence[str]

    def save(self, path: Path) -> None:
        """Write it to a file in one step."""
        partial = path.with_suffix(".partial.npz")
        np.savez(
            partial,
            images=self.images,
            cells=self.cells,
            characters=self.characters,
            terms=np.array(self.terms, dtype=np.str_),
            tokens=np.array(self.tokens, dtype=np.str_),
        )
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> Shard:
        with np.load(path) as stored:
            texts = (stored[name].tolist() for name in ("terms", "tokens"))
            return cls(stored["images"], stored["cells"], stored["characters"], *texts)


def shard_paths(folder: Path, split: Split) -> list[Path]:
    """The shards of a split in a folder, in order."""
    return sorted(path for path in folder.glob(f"{split}-*.npz") if ".partial" not in path.name)


def draw_shard(sources: Path, *, split: Split, seed: int, n_crops: int = CROPS_PER_SHARD) -> Shard:
    """Draw crops with the fonts and words of a folder made by `fetch_sources`. The same for the
    same seed and split."""
    rng = random.Random(f"{split} {seed}")
    texts = TextSource(_word_lists(sources), rng, only_held_out=split == "words")
    drawer = CropDrawer(texts, _fonts(sources, held_out=split == "fonts"), rng)
    images, cells, characters = [], [], []
    names: list[str] = []
    tokens: list[str] = []
    for _ in range(n_crops):
        image, drawn = drawer.draw()
        labels = label_cells(drawn)
        images.append(image)
        characters.append(seen_characters(drawn, labels))
        number = np.array([NOTHING, *range(len(names), len(names) + len(drawn))])
        cells.append(np.where(labels >= 0, number[np.maximum(labels, -1) + 1], labels))
        names += [one.term or one.token for one in drawn]
        tokens += [one.token for one in drawn]
    return Shard(
        np.stack(images), np.stack(cells).astype(np.int32), np.stack(characters), names, tokens
    )


def draw_shards(
    sources: Path,
    shards: Path,
    *,
    split: Split,
    seeds: Iterable[int],
    n_crops: int = CROPS_PER_SHARD,
) -> None:
    """Draw a shard for each seed to a folder."""
    shards.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        shard = draw_shard(sources, split=split, seed=seed, n_crops=n_crops)
        shard.save(shards / f"{split}-{seed:05d}.npz")


@contextmanager
def drawing(
    sources: Path, shards: Path, *, processes: int, n_crops: int = CROPS_PER_SHARD
) -> Iterator[None]:
    """Draw shards to train on in other processes until the block ends, with seeds after those of
    the shards that are there."""
    last = max((int(path.stem.split("-")[1]) for path in shard_paths(shards, "train")), default=-1)
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(
            target=draw_shards,
            args=(sources, shards),
            kwargs={
                "split": "train",
                "seeds": range(first, _LAST_SEED, processes),
                "n_crops": n_crops,
            },
            daemon=True,
        )
        for first in range(last + 1, last + 1 + processes)
    ]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()


@lru_cache(maxsize=1)
def _word_lists(sources: Path) -> WordLists:
    return WordLists.read(sources / "words.tsv")


@lru_cache(maxsize=2)
def _fonts(sources: Path, *, held_out: bool) -> FontSource:
    return FontSource(sources / "fonts", held_out=held_out)


def label_cells(drawn: Sequence[DrawnTerm]) -> NDArray[np.int32]:
    """(rows, cols) the position in `drawn` of the term that each cell shows most of, or NOTHING or
    IGNORED."""
    labels = np.full((ROWS, COLS), NOTHING, np.int32)
    best = np.full((ROWS, COLS), -np.inf)
    for i, one in enumerate(drawn):
        label = i if one.term is not None and _visible_share(one) > _VISIBLE else IGNORED
        height = one.y1 - one.y0
        pad = max(1.5, (_LOWEST_TEXT_PX - height) / 2)
        middle = CELL_HEIGHT / 2
        top = max(0, int(np.ceil((one.y0 - pad - middle) / CELL_HEIGHT)))
        bottom = min(ROWS, int((one.y1 + pad - middle) // CELL_HEIGHT) + 1)
        left = max(0, int(one.x0 // CELL_WIDTH))
        right = min(COLS, int(one.x1 // CELL_WIDTH) + 1)
        narrow = one.x1 - one.x0 < _NARROW_PX
        least = _LEAST_OF_NARROW_PX if narrow else _LEAST_OVERLAP_PX
        for row in range(top, bottom):
            away = abs(CELL_HEIGHT * row + middle - (one.y0 + one.y1) / 2) / max(height, 8.0)
            penalty = _PENALTY_PX * max(0.0, away - _OFF_CENTER)
            for col in range(left, right):
                overlap = min(one.x1, (col + 1) * CELL_WIDTH) - max(one.x0, col * CELL_WIDTH)
                if overlap < least:
                    if labels[row, col] == NOTHING:
                        labels[row, col] = IGNORED
                elif overlap - penalty > best[row, col]:
                    best[row, col], labels[row, col] = overlap - penalty, label
    return labels


def seen_characters(drawn: Sequence[DrawnTerm], labels: NDArray[np.int32]) -> NDArray[np.int64]:
    """(rows, cols) bits of the characters that each labelled cell sees of its term."""
    bits = np.zeros(labels.shape, np.int64)
    for row, col in np.argwhere(labels >= 0).tolist():
        one = drawn[labels[row, col]]
        assert one.term is not None
        step = max(1.0, (one.x1 - one.x0) / len(one.term))
        start = int((CELL_WIDTH * col - _REACH_PX - one.x0) / step)
        stop = int((CELL_WIDTH * (col + 1) + _REACH_PX - one.x0) / step) + 1
        for character in one.term[max(0, start) : max(0, stop)]:
            if (at := CHARACTERS.find(character)) >= 0:
                bits[row, col] |= 1 << at
    return bits


def _visible_share(one: DrawnTerm) -> float:
    seen_x = max(0.0, min(one.x1, CROP_WIDTH) - max(one.x0, 0.0)) / max(1.0, one.x1 - one.x0)
    seen_y = max(0.0, min(one.y1, CROP_HEIGHT) - max(one.y0, 0.0)) / max(1.0, one.y1 - one.y0)
    return seen_x * seen_y
