"""Pages that are hard to read are drawn as they are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import hard_pages
from colregion.errors import InvalidInput

pytestmark = pytest.mark.fonts


def drawn() -> dict[str, np.ndarray]:
    kinds = hard_pages._kinds([], np.random.default_rng(0))
    return {name: np.asarray(draw(["total", "amount"])) for name, draw in kinds.items()}


def test_two_fifths_of_the_pixels_are_noise() -> None:
    page = drawn()["40 % noise"]
    paper = page[400:]  # below the words; one of 256 random levels is that of paper
    assert np.mean(paper != 255) == pytest.approx(0.4 * 255 / 256, abs=0.002)


def test_words_on_a_photo_are_white_and_it_is_not() -> None:
    page = drawn()["white on a photo"]
    assert (page[:400] == 255).sum() > 500
    assert page[400:].max() < 200
    assert page[400:].std() > 10


def test_small_letters_are_at_most_eight_pixels_high() -> None:
    rows = np.flatnonzero((drawn()["letters of 8 px"] < 255).any(axis=1))
    assert 5 <= rows[-1] - rows[0] + 1 <= 8


def test_file_that_is_no_font_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "letter.ttf"
    path.write_text("no font")
    with pytest.raises(InvalidInput, match=r"cannot read the font .*letter\.ttf; give a .ttf or"):
        hard_pages.measure_hard_pages([path], tmp_path / "pages")
