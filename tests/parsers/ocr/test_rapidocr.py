from __future__ import annotations

from importlib.metadata import version

import numpy as np
import pytest
from PIL import Image, ImageDraw

from colregion.core.documents import Page
from colregion.core.geometry import Box, FloatArray
from colregion.core.regions import Word
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


def page_of_lines() -> Page:
    """300 x 400 pixels, with 20 lines from y = 140 to 374."""
    image = Image.new("RGB", (300, 400), "white")
    for y in range(140, 380, 12):
        for x in range(20, 260, 14):
            ImageDraw.Draw(image).rectangle((x, y, x + 8, y + 6), fill="black")
    return Page("d", 1, 300, 400, "px", lambda *, dpi=None: image)  # noqa: ARG005


@pytest.mark.parametrize(
    ("read", "is_missing"),
    [
        pytest.param([], True, id="nothing read"),
        pytest.param([Word(",", Box(0.1, 0.4, 0.2, 0.45), 0.9)], True, id="two signs read"),
        pytest.param([Word("text", Box(0, 0.34, 1, 0.8), 0.9)], False, id="most lines read"),
    ],
)
def test_page_whose_lines_rapidocr_does_not_read_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, read: list[Word], is_missing: bool
) -> None:
    monkeypatch.setattr("colregion.parsers.ocr.rapidocr._recognize", lambda _: read)

    page, words = RapidOcrReader().read_upright(page_of_lines())

    assert words == tuple(read)
    assert ("tesseract-ocr-rus for Russian" in page.missing) == is_missing
