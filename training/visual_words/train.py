"""Training of the network on drawn shards, on a CPU or one GPU, for a given time.

Shards that other processes draw meanwhile join the crops: a GPU is faster than many renderers.
"""

from __future__ import annotations

import copy
import json
import math
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pad

from training.visual_words.checks import check_on_shard
from training.visual_words.data import TrainingData
from training.visual_words.losses import Losses, Objective
from training.visual_words.model import CellNetwork, save_state
from training.visual_words.parts import Part, ShardFeed, vocabulary_rows, vocabulary_targets
from training.visual_words.shards import Shard, Split, shard_paths

_WARM_UP_STEPS = 200
_FULL_RATE_UNTIL = 0.35  # of the time; a half cosine follows
_LEAST_RATE = 0.02
_HARD_FROM = 0.05  # of the time
_DECAY = 0.02
_LARGEST_GRADIENT = 2.0
_SLOWEST_AVERAGE = 0.999
_LOGGED_STEPS = 50
_TAKE_SECONDS, _SAVE_SECONDS = 5.0, 60.0
_POSITIONS_PER_CROP, _MOST_POSITIONS = 150, 6144


@dataclass(frozen=True)
class TrainingOptions:
    """How to train.

    Args:
        seconds: of training, without the checks.
        batch: crops per step; 8 on two CPU cores, 128 on a GPU.
        rate: of learning, at its highest.
        check_seconds: between checks on the drawn shards that are not trained on.
        first_crops: that are waited for.
        device: of torch.
    """

    seconds: float = 6600.0
    batch: int = 8
    rate: float = 2.2e-3
    check_seconds: float = 900.0
    first_crops: int = 1
    device: str = "cpu"
    seed: int = 0


def train(
    network: CellNetwork,
    shards: Path,
    words: Path,
    out: Path,
    options: TrainingOptions,
    *,
    pool: Executor,
    say: Callable[[str], None] = print,
) -> CellNetwork:
    """Train a network on the shards of a folder, those too that come meanwhile, which were drawn
    with the word lists `words`; writes `visual_words.pt`, the averaged weights, and
    `training.jsonl` to a folder. Returns the network with the averaged weights.

    Args:
        pool: reads shards.
    """
    torch.manual_seed(options.seed)
    random.seed(options.seed)
    np.random.seed(options.seed)
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    feed = ShardFeed(shards, words, pool)
    data = TrainingData(vocabulary_targets(words, pool), device=options.device)
    run = _Run(network, data, options)
    run.add(feed.first(at_least=options.first_crops))
    out.mkdir(parents=True, exist_ok=True)
    with (out / "training.jsonl").open("a", encoding="utf-8") as log:

        def note(**figures: object) -> None:
            line = json.dumps({"step": run.steps, "crops": len(data), **figures})
            print(line, file=log, flush=True)
            say(line)

        def check() -> None:
            save_state(run.average.state_dict(), out / "visual_words.pt")
            note(check=_checks(run.average, shards, list(vocabulary_rows(words)), options.device))

        note(options=asdict(options))
        spent, next_check, next_save, next_take = 0.0, options.check_seconds, _SAVE_SECONDS, 0.0
        while spent < options.seconds:
            began = time.monotonic()
            if spent >= next_take:
                next_take += _TAKE_SECONDS
                run.add(feed.take())
            losses = run.step(spent / options.seconds)
            spent += time.monotonic() - began
            if run.steps % _LOGGED_STEPS == 0:
                note(seconds=round(spent), **{k: round(float(v), 3) for k, v in losses.items()})
            if spent >= next_save:
                next_save += _SAVE_SECONDS
                save_state(run.average.state_dict(), out / "visual_words.pt")
            if spent >= next_check:
                next_check += options.check_seconds
                check()
        check()
    run.average.cpu().eval()
    return run.average


class _Run:
    """The state of a training."""

    def __init__(self, network: CellNetwork, data: TrainingData, options: TrainingOptions) -> None:
        self.steps = 0
        self._data, self._options = data, options
        self._network = network.to(options.device, memory_format=torch.channels_last).train()
        positions = min(_POSITIONS_PER_CROP * options.batch, _MOST_POSITIONS)
        self._objective = Objective(self._network, n_positions=positions).to(options.device)
        self.average: CellNetwork = copy.deepcopy(self._network)
        weights = [*self._network.parameters(), *self._objective.layers]
        groups = [
            {"params": weights, "weight_decay": _DECAY},
            {"params": [self._objective.log_sharpness], "weight_decay": 0.0},
        ]
        self._optimizer = torch.optim.AdamW(
            groups, lr=options.rate, betas=(0.9, 0.98), fused=options.device != "cpu"
        )
        self._order: list[Tensor] = []

    def add(self, parts: Sequence[Part]) -> None:
        """Take more crops; those that are new join the pass over all that is under way."""
        before = len(self._data)
        self._data.add(parts)
        self._order += self._batches(before, len(self._data))
        random.shuffle(self._order)

    def step(self, progress: float) -> dict[str, Tensor]:
        """One step of the optimizer, at this share (0-1) of the training; its losses by name."""
        for group in self._optimizer.param_groups:
            group["lr"] = self._options.rate * learning_rate(self.steps, progress)
        batch = self._data.batch(self._next_rows())
        images = augment(batch.images[:, None].float().div(255))
        images = images.contiguous(memory_format=torch.channels_last)
        hard = progress > _HARD_FROM and self.steps % 2 == 1
        losses: Losses = self._objective(self._network, images, batch, self._data, hard=hard)
        self._optimizer.zero_grad(set_to_none=True)
        losses.total(progress).backward()
        norm = nn.utils.clip_grad_norm_(self._network.parameters(), _LARGEST_GRADIENT)
        self.steps += 1
        if norm.isfinite():
            self._optimizer.step()
            self._update_average()
        return {name: value.detach() for name, value in losses._asdict().items()}

    def _next_rows(self) -> Tensor:
        if not self._order:
            self._order = self._batches(0, len(self._data))
        return self._order.pop()

    def _batches(self, start: int, stop: int) -> list[Tensor]:
        """Rows in random order, without those that fill no batch if there are more."""
        order = start + torch.randperm(stop - start, device=self._data.images.device)
        batch = min(self._options.batch, len(self._data))
        return [rows for rows in order.split(batch) if len(rows) == batch]

    @torch.no_grad()
    def _update_average(self) -> None:
        weight = 1 - min(_SLOWEST_AVERAGE, self.steps / (self.steps + 30))
        old, new = list(self.average.parameters()), list(self._network.parameters())
        torch._foreach_lerp_(old, new, weight)
        buffers = zip(self.average.buffers(), self._network.buffers(), strict=True)
        torch._foreach_copy_(*map(list, zip(*buffers, strict=True)))


def learning_rate(step: int, progress: float) -> float:
    """The share of the highest rate: a warm-up, a plateau, and a half cosine over the rest."""
    decay = max(0.0, progress - _FULL_RATE_UNTIL) / (1 - _FULL_RATE_UNTIL)
    shape = 0.5 * (1 + math.cos(math.pi * decay))
    warm_up = min(1.0, (step + 1) / _WARM_UP_STEPS)
    return warm_up * (_LEAST_RATE + (1 - _LEAST_RATE) * shape)


def augment(images: Tensor) -> Tensor:
    """Images (B, 1, H, W), 0-1, with less contrast, noise, blur, or black and white exchanged."""
    chance = torch.rand(len(images), 4, 1, 1, 1, device=images.device).unbind(dim=1)
    faint = (images * (0.55 + 0.45 * chance[1]) + 0.3 * chance[2]).clamp(0, 1)
    images = torch.where(chance[0] < 0.4, faint, images)
    images = images + torch.randn_like(images) * 0.12 * chance[3] * (chance[3] < 0.4)
    if random.random() < 0.2:
        blurred = avg_pool2d(pad(images, (1, 1, 1, 1), mode="replicate"), 3, 1)
        images = (images + blurred) / 2
    return 1 - images if random.random() < 0.06 else images


def _checks(
    network: CellNetwork, shards: Path, vocabulary: Sequence[str], device: str
) -> dict[str, dict[str, float]]:
    """The figures of each split that has a shard and is not trained on."""
    splits: tuple[Split, ...] = ("seen", "words", "fonts")
    return {
        split: check_on_shard(network, Shard.load(paths[0]), vocabulary, device=device)
        for split in splits
        if (paths := shard_paths(shards, split))
    }
