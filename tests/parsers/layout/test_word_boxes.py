from __future__ import annotations

import numpy as np
import pytest

from colregion.parsers.layout.word_boxes import ink_share, trim_tall_boxes

# A line of three words of a type of 0.02, the third with a box that reaches into the next line.
TEXTS = ["The", "Total", "Holt"]
BOXES = np.array(
    [(0.10, 0.100, 0.13, 0.120), (0.14, 0.100, 0.19, 0.120), (0.20, 0.100, 0.24, 0.145)]
)


@pytest.mark.parametrize(
    ("text", "share"),
    [("Ag", 1.0), ("Total", 0.78), ("see", 0.48), ("page", 0.7), ("12", 0.78), ("語", 0.78)],
)
def test_ink_share_depends_on_the_letters_of_a_word(text: str, share: float) -> None:
    assert ink_share(text) == pytest.approx(share)


def test_trimming_no_boxes_returns_none() -> None:
    assert trim_tall_boxes([], np.zeros((0, 4)), []).shape == (0, 4)


def test_box_that_reaches_into_the_next_line_is_trimmed() -> None:
    steady = trim_tall_boxes(TEXTS, BOXES, [7, 7, 7])

    assert steady[:2].tolist() == BOXES[:2].tolist()
    x0, y0, x1, y1 = steady[2]
    assert (x0, y0, x1) == (0.20, 0.100, 0.24)
    # a quarter of the type's height, 0.02 / 0.78, below the word beside it
    assert y1 == pytest.approx(0.120 + 0.25 * 0.02 / 0.78)


def test_box_of_larger_text_is_not_trimmed() -> None:
    larger = BOXES.copy()
    larger[2] = (0.20, 0.090, 0.29, 0.130)

    assert trim_tall_boxes(TEXTS, larger, [7, 7, 7]).tolist() == larger.tolist()


@pytest.mark.parametrize("lines", [[None, None, None], [1, 1, 2]])
def test_box_without_other_words_in_its_line_is_not_trimmed(lines: list[int | None]) -> None:
    assert trim_tall_boxes(TEXTS, BOXES, lines).tolist() == BOXES.tolist()
