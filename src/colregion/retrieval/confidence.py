"""From scores to chances: how likely it is that a hit is right.

A logistic model over a few features of a hit, fitted to labelled questions. What counts as right:
the hit overlaps an evidence box with an IoU of 0.5 or more, or contains the answer. N hits.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from colregion.core.geometry import FloatArray
from colregion.errors import InvalidInput
from colregion.retrieval.answer_types import Expectation
from colregion.retrieval.regions import Scored

FEATURES = (
    "own",
    "page",
    "together",
    "form_met",
    "form_expected",
    "log_words_asked",
    "log_area",
    "behind",
)
"""Of a hit: what it holds of the question, and its page; the page's geometric mean over the words
asked, which one missing word pulls down; whether an expected form is there, and whether one was
expected; how many words were asked; the share of the page it covers; how far its score lies behind
the best of the same question."""

_RIDGE = 1.0
_STEPS = 30


@dataclass(frozen=True, slots=True)
class Calibration:
    """confidence = 1 / (1 + exp(-(weights . features + bias))).

    Args:
        weights: one for each of `FEATURES`.
    """

    weights: tuple[float, ...]
    bias: float

    def __post_init__(self) -> None:
        if len(self.weights) != len(FEATURES):
            raise InvalidInput(
                f"a calibration needs {len(FEATURES)} weights, got {len(self.weights)}"
            )
        if not np.isfinite([*self.weights, self.bias]).all():
            raise InvalidInput("a calibration's weights must be finite")

    def confidence(self, features: FloatArray) -> FloatArray:
        """(N,) chances, 0-1, of features (N, F)."""
        return _logistic(features @ np.array(self.weights) + self.bias)

    def to_json(self) -> str:
        """As an index keeps it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Calibration:
        """Raises InvalidInput when `text` is not what `to_json` wrote."""
        try:
            row = json.loads(text)
            return cls(tuple(float(weight) for weight in row["weights"]), float(row["bias"]))
        except (ValueError, TypeError, KeyError) as cause:
            raise InvalidInput(f"not a calibration: {text[:80]!r}") from cause


def hit_features(found: Sequence[Scored], *, expected: Expectation, words_asked: int) -> FloatArray:
    """(N, F) the features of one question's hits, best first.

    Args:
        words_asked: content tokens of the question.
    """
    best = max((one.score for one in found), default=0.0)
    rows = [
        (
            one.own,
            one.page,
            one.together,
            float(expected.met(one.region)),
            float(bool(expected.forms)),
            np.log(words_asked + 0.5),
            np.log10(one.region.box.area),
            best - one.score,
        )
        for one in found
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, len(FEATURES))


def fit(features: FloatArray, right: NDArray[np.bool_]) -> Calibration:
    """The calibration that makes the labels likeliest, with a ridge of 1 on features scaled to
    their spread: Newton's method on the logistic likelihood.

    Args:
        features: (N, F).
        right: (N,).

    Raises:
        InvalidInput: all labels are the same; there is nothing to tell apart.
    """
    if right.all() or not right.any():
        raise InvalidInput(
            f"a calibration needs right and wrong hits, got {int(right.sum())} right of "
            f"{len(right)}"
        )
    centre, spread = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-9)
    scaled = np.column_stack([(features - centre) / spread, np.ones(len(features))])
    ridge = np.array([_RIDGE] * features.shape[1] + [1e-6])
    found = np.zeros(len(ridge))
    for _ in range(_STEPS):
        chance = _logistic(scaled @ found)
        gradient = scaled.T @ (chance - right) + ridge * found
        curvature = (scaled * (chance * (1 - chance))[:, None]).T @ scaled + np.diag(ridge)
        found -= np.linalg.solve(curvature, gradient)
    weights = found[:-1] / spread
    return Calibration(tuple(weights.tolist()), float(found[-1] - weights @ centre))


def _logistic(x: FloatArray) -> FloatArray:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -50, 50))))
