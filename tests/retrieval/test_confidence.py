"""Calibrated confidence of hits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from colregion.core.embeddings import Candidate, EmbeddedPage
from colregion.core.geometry import Box
from colregion.core.interfaces import IndexSetting
from colregion.core.regions import Region
from colregion.errors import InvalidInput
from colregion.indexes.memory import MemoryIndex
from colregion.retrieval.answer_types import AnswerTypes
from colregion.retrieval.confidence import FEATURES, Calibration, calibration_of, hit_features
from colregion.retrieval.question import Question
from colregion.retrieval.ranking import RankedRegion
from colregion.retrieval.scorer import ScoredPage, ScoredRegion
from colregion.testing import WordEncoder, make_parsed_page

N = len(FEATURES)


def only(name: str, weight: float, *, bias: float = 0.0) -> Calibration:
    return Calibration(tuple(weight * (name == known) for known in FEATURES), bias)


class TestCalibration:
    def test_confidence_is_a_logistic_of_the_features(self) -> None:
        features = np.zeros((3, N))
        features[:, 0] = [0.0, 0.5, 1.0]
        probabilities = only("maxsim", 2.0, bias=-1.0).confidence(features)
        assert probabilities == pytest.approx([1 / (1 + np.e), 0.5, 1 / (1 + np.exp(-1))])
        assert only("maxsim", 2.0).confidence(np.zeros((0, N))).tolist() == []

    def test_calibration_survives_serialization(self) -> None:
        calibration = only("page_mean", 0.1, bias=0.25)
        assert Calibration.from_json(calibration.to_json()) == calibration

    @pytest.mark.parametrize(
        "text", ["", "[]", "{}", '{"weights": [1], "bias": 0}', '{"weights": "x", "bias": 0}']
    )
    def test_text_that_is_no_calibration_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidInput):
            Calibration.from_json(text)

    def test_infinite_weights_are_refused(self) -> None:
        with pytest.raises(InvalidInput, match="finite"):
            only("maxsim", np.nan)


def asking(*tokens: str, types: AnswerTypes) -> Question:
    query = WordEncoder().encode_query(" ".join(tokens))
    return replace(Question.of("x", query), answer_types=types)


class TestFeatures:
    AMOUNT = AnswerTypes(forms=frozenset(["amount"]))

    def test_no_hits_have_no_features(self) -> None:
        assert hit_features([], asking("net", types=self.AMOUNT)).shape == (0, N)

    def test_features_stand_in_the_declared_order(self) -> None:
        parsed = make_parsed_page([("net", Box(0, 0, 0.5, 0.2))])
        page = EmbeddedPage(parsed, WordEncoder().encode_pages([parsed])[0])
        question = asking("net", "tax", "sum", types=self.AMOUNT)
        scored_page = ScoredPage(Candidate.of(page, question.embedding), 1.0)
        first = Region("d#p1", (1,), Box(0, 0, 0.5, 0.2), "12.50")
        second = Region("d#p1", (2,), Box(0, 0.5, 1, 1), "none")
        ranked = [
            RankedRegion(scored_page, ScoredRegion(first, 1.5, 0.9, 0.8, 0.7)),
            RankedRegion(scored_page, ScoredRegion(second, 0.5, 0.1, 0.8, 0.7)),
        ]
        features = hit_features(ranked, question)
        assert features[0] == pytest.approx([0.9, 0.8, 0.7, 1, 1, np.log(3.5), -1, 0])
        assert features[1] == pytest.approx([0.1, 0.8, 0.7, 0, 1, np.log(3.5), np.log10(0.5), 1])


class TestCalibrationOf:
    class Static(WordEncoder):
        fingerprint = "static_tokens-1"

    def test_default_encoder_has_a_calibration_of_its_own(self) -> None:
        calibration = calibration_of(MemoryIndex(), self.Static())
        assert calibration is not None
        assert calibration.bias == -0.323

    def test_calibration_of_the_index_goes_first(self) -> None:
        index, own = MemoryIndex(), only("maxsim", 1.0)
        index.set_setting(IndexSetting.CALIBRATION, own.to_json())
        assert calibration_of(index, self.Static()) == own

    def test_unknown_encoder_has_none(self) -> None:
        assert calibration_of(MemoryIndex(), WordEncoder()) is None
