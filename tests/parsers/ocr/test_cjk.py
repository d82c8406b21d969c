from __future__ import annotations

import pytest

from colregion.core.geometry import Box
from colregion.core.regions import Word
from colregion.parsers.ocr.cjk import join_unspaced

# An image twice as wide as high: 0.01 of its width is 0.02 of its height.
ASPECT = 2.0


def in_a_row(*texts: str, gap: float, line: int = 0) -> list[Word]:
    """Words 0.1 of the height high and half as wide, apart by `gap` of that height."""
    step = 0.025 + gap * 0.1 / ASPECT
    return [
        Word(text, Box(0.1 + step * i, 0.3, 0.125 + step * i, 0.4), 0.5 + 0.1 * i, line, 0)
        for i, text in enumerate(texts)
    ]


def test_joining_no_words_returns_none() -> None:
    assert join_unspaced([], aspect=ASPECT) == []


@pytest.mark.parametrize(
    ("texts", "gap", "joined"),
    [
        (("東", "京", "都"), 0.3, ["東京都"]),
        (("東", "京"), 0.7, ["東", "京"]),  # two columns
        (("東京", "、", "大阪"), 0.1, ["東京、大阪"]),
        (("할", "인", "점"), 0.1, ["할인점"]),
        (("적립", "대상"), 0.3, ["적립", "대상"]),  # Korean sets spaces
        (("Total", "due"), 0.1, ["Total", "due"]),
        (("価格", "12"), 0.1, ["価格", "12"]),
    ],
)
def test_pieces_of_scripts_without_spaces_are_joined(
    texts: tuple[str, ...], gap: float, joined: list[str]
) -> None:
    words = join_unspaced(in_a_row(*texts, gap=gap), aspect=ASPECT)
    assert [word.text for word in words] == joined


def test_joined_word_has_the_box_and_mean_confidence_of_its_pieces() -> None:
    (word,) = join_unspaced(in_a_row("東京", "都", gap=0.0), aspect=ASPECT)
    assert word.box.xyxy == pytest.approx((0.1, 0.3, 0.15, 0.4))
    assert word.confidence == pytest.approx((2 * 0.5 + 0.6) / 3)


def test_pieces_of_a_vertical_line_are_joined() -> None:
    pieces = [
        Word(c, Box(0.8, 0.1 + 0.12 * i, 0.85, 0.2 + 0.12 * i)) for i, c in enumerate("縦書き")
    ]
    (word,) = join_unspaced(pieces, aspect=ASPECT)
    assert word.text == "縦書き"
    assert word.box.xyxy == pytest.approx((0.8, 0.1, 0.85, 0.44))


def test_pieces_of_two_lines_are_not_joined() -> None:
    words = [*in_a_row("東", gap=0.0), *in_a_row("京", gap=0.0, line=1)]
    assert len(join_unspaced(words, aspect=ASPECT)) == 2
