from __future__ import annotations

from importlib.metadata import version

import numpy as np
import pytest

from colregion.core.geometry import FloatArray
from colregion.parsers.ocr.rapidocr import RapidOcrReader, split_line

LINE = np.array([[0.1, 0.2], [0.5, 0.2], [0.5, 0.3], [0.1, 0.3]])


def upright(x0: float, x1: float) -> FloatArray:
    return np.array([[x0, 0.2], [x1, 0.2], [x1, 0.3], [x0, 0.3]])


def boxes(words: list[tuple[str, FloatArray]]) -> list[tuple[str, list[float]]]:
    return [(text, [*at.min(axis=0).round(6), *at.max(axis=0).round(6)]) for text, at in words]


def test_line_of_spaces_has_no_words() -> None:
    assert list(split_line("  ", LINE, [])) == []


def test_words_get_the_boxes_of_their_pieces() -> None:
    pieces = [("Net", upright(0.1, 0.2)), ("4", upright(0.25, 0.3)), ("2.0", upright(0.3, 0.5))]

    assert boxes(list(split_line("Net 42.0", LINE, pieces))) == [
        ("Net", [0.1, 0.2, 0.2, 0.3]),
        ("42.0", [0.25, 0.2, 0.5, 0.3]),
    ]


@pytest.mark.parametrize("pieces", [[], [("Net", upright(0.1, 0.2))]])
def test_words_with_missing_pieces_share_the_line_by_their_characters(
    pieces: list[tuple[str, FloatArray]],
) -> None:
    assert boxes(list(split_line("Net 42.0", LINE, pieces))) == [
        ("Net", [0.1, 0.2, 0.25, 0.3]),
        ("42.0", [0.3, 0.2, 0.5, 0.3]),
    ]


def test_words_of_a_vertical_line_follow_it() -> None:
    # The line's text begins at its upper right corner.
    corners = np.array([[0.4, 0.1], [0.4, 0.9], [0.3, 0.9], [0.3, 0.1]])

    assert boxes(list(split_line("ab cd", corners, []))) == [
        ("ab", [0.3, 0.1, 0.4, 0.42]),
        ("cd", [0.3, 0.58, 0.4, 0.9]),
    ]


def test_rapidocr_fingerprint_names_its_version() -> None:
    assert version("rapidocr") in RapidOcrReader().fingerprint
