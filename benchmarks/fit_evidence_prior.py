"""Fit `merged_boxes.EVIDENCE_PRIOR` and the baseline `replay.GEOMETRY_PRIOR` to replay files.

    python -m benchmarks.fit_evidence_prior REPLAY.jsonl...

Prints, for each file, what rules fitted to the other documents reach on it (five folds by
document), then the weights fitted to everything. The fit is a conditional logit: of a page's
candidates, those that overlap an evidence box most should be the likeliest. Maximum likelihood by
Newton's method, with a small ridge.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from benchmarks.merged_boxes import EvidencePrior, features, merge_candidates, softmax
from benchmarks.replay import Replay, chosen, read_replays
from colregion.core.geometry import FloatArray, pairwise_iou

NAMES = tuple(field.name for field in fields(EvidencePrior))
FOLDS = 5
RIDGE = 3e-4
SHARPNESS = 6  # of the overlaps: the best candidates are to be likely, the poor ones not


@dataclass(frozen=True, eq=False)
class Example:
    """A question's candidates: features (C, F) and how much each should be believed (C,)."""

    features: FloatArray
    belief: FloatArray


def example(replay: Replay) -> Example:
    candidates = merge_candidates(replay.ranked_xyxy)
    overlap = pairwise_iou(candidates.boxes_xyxy, replay.on_page_xyxy)
    sharp = overlap**SHARPNESS
    shares = sharp / np.maximum(sharp.sum(axis=0), 1e-12) * overlap.max(axis=0, initial=0.0)
    return Example(features(candidates, replay.ranked_xyxy), shares.sum(axis=1))


def fit(examples: Sequence[Example], *, columns: Sequence[str]) -> EvidencePrior:
    """The weights of the named columns that make the beliefs likeliest; 0 for the others."""
    used = [NAMES.index(name) for name in columns]
    everything = np.concatenate([one.features[:, used] for one in examples])
    spread = everything.std(axis=0)
    weights = np.zeros(len(used))
    for _ in range(25):
        gradient = 2 * RIDGE * len(examples) * weights
        curvature = 2 * RIDGE * len(examples) * np.eye(len(used))
        for one in examples:
            scaled = one.features[:, used] / spread
            chances = softmax(scaled @ weights)
            mean = chances @ scaled
            total = one.belief.sum()
            gradient += total * mean - one.belief @ scaled
            centred = scaled - mean
            curvature += total * (centred * chances[:, None]).T @ centred
        weights -= np.linalg.solve(curvature, gradient)
    weight_of = dict(zip(columns, (weights / spread).tolist(), strict=True))
    return EvidencePrior(**{name: weight_of.get(name, 0.0) for name in NAMES})


def held_out(replays: Sequence[Replay], fitted: Callable[[list[int]], EvidencePrior]) -> str:
    documents = np.unique([replay.doc_id for replay in replays])
    order = np.random.default_rng(0).permutation(len(documents)) % FOLDS
    fold = dict(zip(documents, order, strict=True))
    scores = np.zeros(len(replays))
    firsts = np.zeros(len(replays))
    for k in range(FOLDS):
        prior = fitted([i for i, replay in enumerate(replays) if fold[replay.doc_id] != k])
        for i, replay in enumerate(replays):
            if fold[replay.doc_id] == k:
                selected = chosen(replay, 3, prior=prior)
                scores[i] = pairwise_iou(replay.evidence_xyxy, selected).max(axis=1).mean()
                firsts[i] = pairwise_iou(replay.on_page_xyxy, selected[:1]).max(initial=0.0)
    return (
        f"mIoU {scores.mean():.3f}  hit@.5 {(scores >= 0.5).mean():.3f}  "
        f"any by the first box @.5 {(firsts >= 0.5).mean():.3f}"
    )


def main(paths: Sequence[str]) -> None:
    shapes = tuple(name for name in NAMES if name != "rank")
    pooled: list[Example] = []
    for path in paths:
        replays = read_replays(path)
        examples = [example(replay) for replay in replays]
        pooled += examples
        for label, columns in (("ranks and geometry", NAMES), ("geometry", shapes)):

            def fitted(
                train: list[int],
                examples: list[Example] = examples,
                columns: tuple[str, ...] = columns,
            ) -> EvidencePrior:
                return fit([examples[i] for i in train], columns=columns)

            print(f"{Path(path).stem}, held out, {label}: {held_out(replays, fitted)}")
    for label, columns in (("EVIDENCE_PRIOR", NAMES), ("GEOMETRY_PRIOR", shapes)):
        print(label, fit(pooled, columns=columns))


if __name__ == "__main__":
    main(sys.argv[1:])
