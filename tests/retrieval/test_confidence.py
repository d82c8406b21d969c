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

    def page(self, doc_id: str, score: float) -> ScoredPage:
        parsed = make_parsed_page([("net", Box(0, 0, 0.5, 0.2))], doc_id=doc_id)
        page = EmbeddedPage(parsed, WordEncoder().encode_pages([parsed])[0])
        return ScoredPage(Candidate.of(page, WordEncoder().encode_query("net")), score)

    def ranked(self, page: ScoredPage) -> list[RankedRegion]:
        first = Region("d#p1", (1,), Box(0, 0, 0.5, 0.2), "12.50")
        second = Region("d#p1", (2,), Box(0, 0.5, 1, 1), "none")
        return [
            RankedRegion(page, ScoredRegion(first, 1.5, 0.9, 0.8, 0.7, 0.6), 1.5),
            RankedRegion(page, ScoredRegion(second, 0.8, 0.1, 0.8, 0.7, 0.6), 0.5),
        ]

    def test_no_hits_have_no_features(self) -> None:
        assert hit_features([], asking("net", types=self.AMOUNT), []).shape == (0, N)

    def test_features_stand_in_the_declared_order(self) -> None:
        pages = [self.page("d", 0.5), self.page("e", 0.4), self.page("f", 0.48)]
        question = asking("net", "tax", "sum", types=self.AMOUNT)
        first, second = hit_features(self.ranked(pages[0]), question, pages)
        page, beside = [0.5, 0.8, 0.7, 0.6], [0.04, np.log(2)]  # .02 of .5 before "f", its rival
        unused = [0.0] * 13
        assert first == pytest.approx([0.9, *page, 1, 1, np.log(3.5), -1, 0, *beside, *unused])
        expected = [0.1, *page, 0, 1, np.log(3.5), np.log10(0.5), 1, *beside, *unused]
        assert second == pytest.approx(expected)

    def test_pages_of_one_document_have_features_of_their_own(self) -> None:
        pages = [self.page("d", 0.5)]
        question = asking("net", "tax", "sum", types=self.AMOUNT)
        first, _ = hit_features(self.ranked(pages[0]), question, pages)
        own = [0.9, 0.5, 0.8, 0.7, 0.6, 1, 1, np.log(3.5), -1, 0, 0, 0]
        assert first == pytest.approx([*[0.0] * 12, *own, 1])


class TestCalibrationOf:
    class Static(WordEncoder):
        fingerprint = "static_tokens-2"

    def test_default_encoder_has_a_calibration_of_its_own(self) -> None:
        calibration = calibration_of(MemoryIndex(), self.Static())
        assert calibration is not None
        assert calibration.bias == -4.5

    def test_calibration_of_the_index_goes_first(self) -> None:
        index, own = MemoryIndex(), only("maxsim", 1.0)
        index.set_setting(IndexSetting.CALIBRATION, own.to_json())
        assert calibration_of(index, self.Static()) == own

    def test_unknown_encoder_has_none(self) -> None:
        assert calibration_of(MemoryIndex(), WordEncoder()) is None
