"""Confidence fitted to labelled questions, and the figures that say how far to trust it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colregion.core.documents import Document
from colregion.core.geometry import Box
from colregion.core.interfaces import Parser
from colregion.core.regions import ParsedPage, Region
from colregion.engine import Engine
from colregion.errors import InvalidInput
from colregion.evaluation.calibrate import auroc, calibrate, calibration_error, fit, is_right
from colregion.evaluation.cases import Case
from colregion.indexes.memory import MemoryIndex
from colregion.retrieval.confidence import FEATURES
from colregion.testing import WordEncoder, make_parsed_page

EVIDENCE, OTHER = Box(0.1, 0.1, 0.5, 0.2), Box(0.2, 0.5, 0.9, 0.8)
WORDS = "apple bread cheese dates eggs flour".split()


class Named(Parser):
    """A page says its document's word, and something else."""

    @property
    def fingerprint(self) -> str:
        return "named"

    def parse(self, document: Document) -> Iterator[ParsedPage]:
        word = WORDS[int(Path(document.source).stem)]
        lines = ((f"{word} 1.50", EVIDENCE), ("zero yonder", OTHER))
        yield make_parsed_page(lines, doc_id=document.id)


def cases_in(folder: Path, n: int) -> list[Case]:
    cases = []
    for i, word in enumerate(WORDS[:n]):
        image = folder / f"{i}.png"
        Image.new("RGB", (100, 200 + i), "white").save(image)
        cases.append(Case(f"q{i}", "set", f"doc{i}", 0, image, f"{word}?", ("1.50",), (EVIDENCE,)))
    return cases


def engine() -> Engine:
    return Engine(MemoryIndex(), encoder=WordEncoder(), parser=Named())


@pytest.mark.slow
def test_calibration_gives_right_hits_more_confidence_than_wrong_ones(tmp_path: Path) -> None:
    cases = cases_in(tmp_path, 6)
    with engine() as open_engine:
        calibration, figures = calibrate(cases, open_engine)
        open_engine.set_calibration(calibration)
        hits = open_engine.rank("apple?", f"{cases[0].image.as_posix()}#p1", k=2)
    assert [hit.text for hit in hits] == ["apple 1.50", "zero yonder"]
    right, wrong = (hit.confidence or 0.0 for hit in hits)
    assert right > 0.5 > wrong
    # Two hits on a page, asked on the own one and on another; three over all pages, twice.
    assert figures["hits"] == 6 * (2 + 2 + 3 + 3)
    assert figures["right"] == 12
    assert figures["auroc"] == 1.0
    assert figures["page_abstains"] == figures["corpus_abstains"] == 1.0


def test_calibration_needs_five_documents(tmp_path: Path) -> None:
    with engine() as open_engine, pytest.raises(InvalidInput, match="5 documents"):
        calibrate(cases_in(tmp_path, 4), open_engine)


def test_hit_is_right_by_its_box_or_by_its_text(tmp_path: Path) -> None:
    case = cases_in(tmp_path, 1)[0]
    assert is_right(Region("d#p1", (1,), Box(0.1, 0.1, 0.4, 0.2), "smudge"), case)
    assert is_right(Region("d#p1", (1,), OTHER, "it was 1.50 then"), case)
    assert not is_right(Region("d#p1", (1,), OTHER, "it was 2.50 then"), case)


def test_calibration_error_is_the_mean_gap_over_tenths() -> None:
    chance = np.array([0.05, 0.05, 0.95, 0.95])
    # First tenth: confidence .05, .5 of them right; last: confidence .95, all right.
    right = np.array([False, True, True, True])
    assert calibration_error(chance, right) == pytest.approx(0.5 * 0.45 + 0.5 * 0.05)


def test_auroc_counts_ties_half() -> None:
    chance = np.array([0.1, 0.5, 0.5, 0.9])
    assert auroc(chance, np.array([False, False, True, True])) == pytest.approx(3.5 / 4)
    assert np.isnan(auroc(chance, np.ones(4, dtype=bool)))


class TestFit:
    def test_fit_recovers_the_feature_that_tells_right_from_wrong(self) -> None:
        draw = np.random.default_rng(0)
        features = draw.normal(size=(400, len(FEATURES)))
        probability = 1 / (1 + np.exp(-(2 * features[:, 1] - 1)))
        fitted = fit(features, draw.random(400) < probability)
        assert fitted.weights[1] == pytest.approx(2, abs=0.5)
        assert fitted.bias == pytest.approx(-1, abs=0.3)
        assert max(abs(weight) for i, weight in enumerate(fitted.weights) if i != 1) < 0.4

    @pytest.mark.parametrize("label", [True, False])
    def test_labels_that_are_all_equal_are_refused(self, label: bool) -> None:
        with pytest.raises(InvalidInput, match="right and wrong"):
            fit(np.zeros((3, len(FEATURES))), np.full(3, label))
