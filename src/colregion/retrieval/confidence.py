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
from colregion.retrieval.scorer import ScoredPage

_OF_HIT = tuple(
    """maxsim page_score page_mean page_geometric_mean page_weight_left answer_type_matches
    answer_type_expected log_question_length log_area score_gap page_lead log_rivals""".split()
)
FEATURES = (*_OF_HIT, *(f"{name}_alone" for name in _OF_HIT), "alone")
"""Features of a hit: its MaxSim; its page's score, mean and geometric mean (one missing word pulls
the latter down), and the share of the question's weight that counts inside the page; whether its
text has an expected form, and whether one was expected; the number of content tokens; the share of
the page it covers; how far its score lies behind the best hit's; how far its page lies before the
best page of another document, as a share of its score, and how many documents have a page that lies
less than 5 % behind. A page without other documents beside it has all of them once more, with
weights of their own."""

_RIVAL = 0.95


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


_VISUAL_WORDS = "visual_words-4 05d4c1e3aefc 7ea252118547 static_tokens-2"

# Fitted by `colregion calibrate` to 782 questions over reports, slides, papers, forms and receipts,
# 274 of which name their document.
_DEFAULTS = {
    "static_tokens-2": Calibration(
        (
            1.6,
            3.87,
            1.75,
            -2.31,
            -1.09,
            0.493,
            -0.614,
            0.986,
            0.413,
            -1.09,
            1.67,
            -0.418,
            1.55,
            2.1,
            3.79,
            -3.51,
            -1.09,
            1.23,
            -0.408,
            -0.672,
            0.565,
            -1.65,
            0.0,
            0.0,
            4.84,
        ),
        -4.5,
    ),
    # To 142 questions over 60 such pages (documents left out: calibration error .014).
    _VISUAL_WORDS: Calibration(
        (
            4.57,
            7.02,
            -0.712,
            -2.55,
            0.149,
            0.356,
            -1.54,
            1.57,
            0.778,
            -0.38,
            1.79,
            -0.5,
            1.15,
            6.69,
            1.85,
            -4.0,
            2.06,
            1.64,
            -0.83,
            -0.459,
            0.636,
            -2.14,
            0.0,
            0.0,
            4.03,
        ),
        -6.22,
    ),
}


# Where OCR reads a page well, most of its vectors are those of static_tokens.
_DEFAULTS[
    "read_and_seen-2 static_tokens-2 visual_words-4 05d4c1e3aefc 7ea252118547 static_tokens-2"
] = _DEFAULTS["static_tokens-2"]


def calibration_of(index: Index, encoder: Encoder) -> Calibration | None:
    """The calibration set for an index, else the package's own for the encoder; None without
    either."""
    if (stored := index.get_setting(IndexSetting.CALIBRATION)) is not None:
        return Calibration.from_json(stored)
    return _DEFAULTS.get(encoder.fingerprint)


def hit_features(
    ranked: Sequence[RankedRegion], question: Question, pages: Sequence[ScoredPage]
) -> FloatArray:
    """(N, F) the features of one question's N ranked regions, best first.

    Args:
        pages: the pages that were compared for the question.
    """
    if not ranked:
        return np.zeros((0, len(FEATURES)))
    types, best = question.answer_types, ranked[0].score
    by_document: dict[str, float] = {}
    for page in pages:
        doc_id = page.candidate.parsed.page.doc_id
        by_document[doc_id] = max(by_document.get(doc_id, 0.0), page.score)
    alone = len(by_document) < 2
    rows = []
    for one in ranked:
        scored, page = one.scored, one.page
        doc_id = page.candidate.parsed.page.doc_id
        others = [score for other, score in by_document.items() if other != doc_id]
        lead = page.score - max(others, default=page.score)
        rivals = sum(score >= _RIVAL * page.score for score in others)
        row = (
            scored.maxsim,
            page.score,
            scored.page_mean,
            scored.page_geometric_mean,
            scored.page_weight_left,
            float(types.match(scored.region)),
            float(bool(types.forms)),
            math.log(question.content_length + 0.5),
            math.log10(scored.region.box.area),
            best - one.score,
            lead / page.score if page.score > 0 else 0.0,
            math.log1p(rivals),
        )
        unused = (0.0,) * len(row)
        rows.append((*unused, *row, 1.0) if alone else (*row, *unused, 0.0))
    return np.array(rows)


def logistic(x: FloatArray) -> FloatArray:
    """1 / (1 + exp(-x))."""
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -50, 50))))
