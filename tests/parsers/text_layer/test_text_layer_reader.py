"""Words from characters whose boxes were set by hand, and from real PDFium on the way."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from colregion.core.documents import TextLayer
from colregion.core.regions import Word
from colregion.documents import open_document
from colregion.parsers.text_layer.reader import TextLayerReader, extract_words, use_invisible

# Set on a page of 400 x 200 units: each character is 10 high and 5 wide by default.
WIDTH, HEIGHT = 400.0, 200.0


@dataclass(frozen=True)
class Run:
    """Characters set side by side from (x, y), `gaps` units apart."""

    text: str
    x: float = 100
    y: float = 50
    gap: float = 0
    gaps: Sequence[float] = ()
    down: bool = False
    visible: bool = True


def layer(*runs: Run) -> TextLayer:
    characters: list[str] = []
    boxes: list[tuple[float, float, float, float]] = []
    visible: list[bool] = []
    for run in runs:
        x, y = run.x, run.y
        gaps = iter(run.gaps)
        for character in run.text:
            empty = character.isspace() or character == "\u0301"
            wide, high = (0, 0) if empty else (10, 5) if run.down else (5, 10)
            characters.append(character)
            boxes.append((x, y, x + wide, y + high))
            visible.append(run.visible)
            step = (0 if empty and not character.isspace() else 5) + next(gaps, run.gap)
            x, y = (x, y + step) if run.down else (x + step, y)
    scale = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])
    return TextLayer(
        tuple(characters), np.array(boxes).reshape(-1, 4) / scale, np.array(visible, dtype=bool)
    )


def words(*runs: Run) -> tuple[Word, ...]:
    return extract_words(layer(*runs), width=WIDTH, height=HEIGHT)


def texts(*runs: Run) -> list[str]:
    return [word.text for word in words(*runs)]


def test_blanks_make_no_words() -> None:
    assert words() == ()
    assert words(Run(" \r\n\u00a0\u200b")) == ()


def test_word_box_is_around_its_characters() -> None:
    first, second = words(Run("ab cde"))
    assert first.box.xyxy == pytest.approx((100 / 400, 50 / 200, 110 / 400, 60 / 200))
    assert second.box.xyxy == pytest.approx((115 / 400, 50 / 200, 130 / 400, 60 / 200))
    assert (first.confidence, first.line, first.block, first.visible) == (None, None, None, True)


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([Run("one two\tthree\r\nfour\u00a0five")], ["one", "two", "three", "four", "five"]),
        ([Run("ab"), Run("cd", x=200)], ["ab", "cd"]),  # the next column, with no blank between
        ([Run("exam-", x=300), Run("ple", x=20, y=62)], ["exam-", "ple"]),
        ([Run("exam\u00ad", x=300), Run("ple", x=20, y=62)], ["exam-", "ple"]),
        ([Run("x"), Run("2", x=105, y=46)], ["x2"]),  # a raised figure
        ([Run("tightlyset", gaps=[-0.4] * 6 + [1.2] + [-0.4] * 2)], ["tightly", "set"]),
        ([Run("WIDE", gap=2.5)], ["WIDE"]),
        ([Run("WIDESET", gaps=[2.5] * 3 + [5.5] + [2.5] * 2)], ["WIDE", "SET"]),
        ([Run("WIDE", gap=6.5)], ["W", "I", "D", "E"]),
        ([Run("Total.....12")], ["Total", ".....", "12"]),
        ([Run("etc...")], ["etc..."]),
        ([Run("seen"), Run("not", x=120, visible=False)], ["seen", "not"]),
    ],
)
def test_characters_are_split_into_words(runs: list[Run], expected: list[str]) -> None:
    assert texts(*runs) == expected


def test_vertical_text_is_split_into_words() -> None:
    first, second = words(Run("up an", down=True))
    assert (first.text, second.text) == ("up", "an")
    assert first.box.xyxy == pytest.approx((100 / 400, 50 / 200, 110 / 400, 60 / 200))


def test_right_to_left_text_keeps_the_order_of_the_file() -> None:
    assert texts(Run("\u05e9\u05dc\u05d5\u05dd \u05e8\u05d1", x=300, gap=-10)) == [
        "\u05e9\u05dc\u05d5\u05dd",
        "\u05e8\u05d1",
    ]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("o\ufb03ce", "office"),
        ("\ufefb", "\u0644\u0627"),
        ("mid\u00addle", "middle"),
        ("\u200eab\u200f", "ab"),
        ("e\u0301t", "e\u0301t"),
        ("\U0001f600x", "\U0001f600x"),
        ("\u6771\u4eac", "\u6771\u4eac"),
    ],
)
def test_ligatures_and_letter_shapes_are_normalized(written: str, expected: str) -> None:
    assert texts(Run(written)) == [expected]


def test_characters_without_area_make_no_word() -> None:
    assert texts(Run("\u0301")) == []


def test_words_without_ink_are_not_visible() -> None:
    result = words(Run("seen"), Run("unseen", y=100, visible=False))
    assert [word.visible for word in result] == [True, False]


@pytest.mark.parametrize(
    ("again", "expected"),
    [
        pytest.param(Run("Total", x=101, y=51), ["Total", "due"], id="shadow"),
        pytest.param(Run("Total", x=100, y=56), ["Total", "due", "Total"], id="next line"),
        pytest.param(Run("Sum", x=100), ["Total", "due", "Sum"], id="another word"),
        pytest.param(Run("Total", visible=False), ["Total", "due"], id="invisible"),
    ],
)
def test_word_drawn_again_on_itself_is_one_word(again: Run, expected: list[str]) -> None:
    assert texts(Run("Total"), Run("due", x=200), again) == expected


def test_visible_one_of_two_words_on_each_other_stays() -> None:
    (word,) = words(Run("Total", visible=False), Run("Total"))
    assert word.visible


def test_invisible_words_are_used_and_marked_on_request() -> None:
    result = use_invisible(words(Run("seen"), Run("unseen", y=100, visible=False)))
    assert [(w.text, w.visible, w.hidden_text) for w in result] == [
        ("seen", True, ""),
        ("unseen", True, "invisible"),
    ]


def test_words_are_clipped_to_the_page_and_dropped_when_mostly_off_it() -> None:
    (word,) = words(Run("abcd", x=-5), Run("abcd", x=-12, y=80), Run("off", y=300))
    assert word.box.xyxy == pytest.approx((0, 50 / 200, 15 / 400, 60 / 200))


def test_image_has_no_text_layer_words() -> None:
    file = io.BytesIO()
    Image.new("RGB", (20, 10)).save(file, "PNG")
    assert TextLayerReader().read(next(open_document(file.getvalue()).pages())) == ()


def test_gaps_are_measured_in_the_aspect_of_the_page() -> None:
    # Two characters 4 units apart across a page so wide that they are 1 % of it apart.
    narrow, wide = (
        extract_words(layer(Run("ab", gap=4)), width=width, height=HEIGHT)
        for width in (WIDTH, 4 * WIDTH)
    )
    assert ([w.text for w in narrow], [w.text for w in wide]) == (["ab"], ["a", "b"])
