"""Confidences from evidence."""

from __future__ import annotations

import numpy as np
import pytest

from colregion.core.geometry import Box
from colregion.core.regions import Region
from colregion.errors import InvalidInput
from colregion.retrieval.answer_types import NOTHING, Expectation
from colregion.retrieval.confidence import FEATURES, Calibration, fit, hit_features
from colregion.retrieval.regions import Scored

N = len(FEATURES)


def only(name: str, weight: float, *, bias: float = 0.0) -> Calibration:
    return Calibration(tuple(weight * (name == known) for known in FEATURES), bias)


class TestCalibration:
    def test_it_is_a_logistic_of_the_features(self) -> None:
        features = np.zeros((3, N))
        features[:, 0] = [0.0, 0.5, 1.0]
        chances = only("own", 2.0, bias=-1.0).confidence(features)
        assert chances == pytest.approx([1 / (1 + np.e), 0.5, 1 / (1 + np.exp(-1))])
        assert only("own", 2.0).confidence(np.zeros((0, N))).tolist() == []

    def test_it_outlives_being_written(self) -> None:
        calibration = only("page", 0.1, bias=0.25)
        assert Calibration.from_json(calibration.to_json()) == calibration

    @pytest.mark.parametrize(
        "text", ["", "[]", "{}", '{"weights": [1], "bias": 0}', '{"weights": "x", "bias": 0}']
    )
    def test_what_is_none_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidInput):
            Calibration.from_json(text)

    def test_weights_are_finite(self) -> None:
        with pytest.raises(InvalidInput, match="finite"):
            only("own", np.nan)


class TestFeatures:
    def test_no_hits_have_none(self) -> None:
        assert hit_features([], expected=NOTHING, words_asked=2).shape == (0, N)

    def test_each_stands_in_its_place(self) -> None:
        first = Scored(Region("d#p1", (1,), Box(0, 0, 0.5, 0.2), "12.50"), 1.5, 0.9, 0.8, 0.7)
        second = Scored(Region("d#p1", (2,), Box(0, 0.5, 1, 1), "none"), 0.5, 0.1, 0.8, 0.7)
        expected = Expectation(frozenset(), frozenset(["amount"]))
        found = hit_features([first, second], expected=expected, words_asked=3)
        assert found[0] == pytest.approx([0.9, 0.8, 0.7, 1, 1, np.log(3.5), -1, 0])
        assert found[1] == pytest.approx([0.1, 0.8, 0.7, 0, 1, np.log(3.5), np.log10(0.5), 1])


class TestFit:
    def test_it_finds_what_tells_right_from_wrong(self) -> None:
        draw = np.random.default_rng(0)
        features = draw.normal(size=(400, N))
        chance = 1 / (1 + np.exp(-(2 * features[:, 1] - 1)))
        found = fit(features, draw.random(400) < chance)
        assert found.weights[1] == pytest.approx(2, abs=0.5)
        assert found.bias == pytest.approx(-1, abs=0.3)
        assert max(abs(weight) for i, weight in enumerate(found.weights) if i != 1) < 0.4

    @pytest.mark.parametrize("label", [True, False])
    def test_labels_that_are_all_the_same_tell_nothing(self, label: bool) -> None:
        with pytest.raises(InvalidInput, match="right and wrong"):
            fit(np.zeros((3, N)), np.full(3, label))
