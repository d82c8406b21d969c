"""Calibrated confidence: the probability that a hit is right, by a logistic model over F features
that is fitted to labelled questions. A hit is right when it overlaps an evidence box with an IoU of
0.5 or more, or contains the answer.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from colregion.core.geometry import FloatArray
from colregion.core.interfaces import Encoder, Index, IndexSetting
from colregion.errors import InvalidInput
from colregion.retrieval.question import Question
from colregion.retrieval.ranking import RankedRegion

FEATURES = tuple(
    """maxsim page_mean page_geometric_mean answer_type_matches answer_type_expected
    log_question_length log_area score_gap""".split()
)
"""Features of a hit: its MaxSim; mean and geometric mean of its page (one missing word pulls the
latter down); whether its text has an expected form, and whether one was expected; the number of
content tokens; the share of the page it covers; how far its score lies behind the best hit's."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """confidence = 1 / (1 + exp(-(weights . features + bias))), one weight per `FEATURES` entry."""

    weights: tuple[float, ...]
    bias: float

    def __post_init__(self) -> None:
        if len(self.weights) != len(FEATURES):
            raise InvalidInput(f"calibrations have {len(FEATURES)} weights, got {self.weights}")
        if not np.isfinite([*self.weights, self.bias]).all():
            raise InvalidInput("a calibration's weights must be finite")

    def confidence(self, features: FloatArray) -> FloatArray:
        """(N,) probabilities, 0-1, from features (N, F)."""
        return logistic(features @ np.array(self.weights) + self.bias)

    def to_json(self) -> str:
        """The form in which an index stores it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Calibration:
        """Raises InvalidInput when `text` is not what `to_json` wrote."""
        try:
            row = json.loads(text)
            return cls(tuple(float(weight) for weight in row["weights"]), float(row["bias"]))
        except (ValueError, TypeError, KeyError) as cause:
            raise InvalidInput(f"not a calibration: {text[:80]!r}") from cause


# Fitted by `colregion calibrate` to 508 questions over reports, slides, papers, forms and receipts.
_DEFAULTS = {
    "static_tokens-1": Calibration((1.86, 5.79, -5.88, 1.48, -0.655, -0.724, 0.775, -2.54), -0.323)
}


def calibration_of(index: Index, encoder: Encoder) -> Calibration | None:
    """The calibration set for an index, else the package's own for the encoder; None without
    either."""
    if (stored := index.get_setting(IndexSetting.CALIBRATION)) is not None:
        return Calibration.from_json(stored)
    return _DEFAULTS.get(encoder.fingerprint)


def hit_features(ranked: Sequence[RankedRegion], question: Question) -> FloatArray:
    """(N, F) the features of one question's N ranked regions, best first."""
    if not ranked:
        return np.zeros((0, len(FEATURES)))
    types, best = question.answer_types, ranked[0].scored.score
    return np.array(
        [
            (
                scored.maxsim,
                scored.page_mean,
                scored.page_geometric_mean,
                float(types.match(scored.region)),
                float(bool(types.forms)),
                math.log(question.content_length + 0.5),
                math.log10(scored.region.box.area),
                best - scored.score,
            )
            for scored in (one.scored for one in ranked)
        ]
    )


def logistic(x: FloatArray) -> FloatArray:
    """1 / (1 + exp(-x))."""
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -50, 50))))
