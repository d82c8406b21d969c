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
    size: float = 1.0
    sets_spaces: bool = False


def layer(*runs: Run) -> TextLayer:
    characters: list[str] = []
    boxes: list[tuple[float, float, float, float]] = []
    visible: list[bool] = []
    for run in runs:
        x, y = run.x, run.y
        gaps = iter(run.gaps)
        for character in run.text:
            empty = character == "\u0301" or (character.isspace() and not run.sets_spaces)
            wide, high = (0, 0) if empty else (10, 5) if run.down else (5, 10)
            characters.append(character)
            boxes.append((x, y, x + run.size * wide, y + run.size * high))
            visible.append(run.visible)
            step = run.size * (0 if character == "\u0301" else 5) + next(gaps, run.gap)
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


UNEVEN = [0, 1.3, 0, 1.3, 0, 0, 0, 0]  # of type 10 high


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        pytest.param([Run("princ iple of it")], ["princ", "iple", "of", "it"], id="made up"),
        pytest.param([Run("a principle", gaps=UNEVEN)], ["a", "pr", "inciple"], id="not set"),
        pytest.param(
            [Run("a principle", gaps=UNEVEN, sets_spaces=True)], ["a", "principle"], id="set"
        ),
        pytest.param(
            [Run("of it\r\n", sets_spaces=True), Run("principle", y=80, gaps=UNEVEN[2:])],
            ["of", "it", "principle"],
            id="set on another line",
        ),
        pytest.param(
            [
                Run("so it is\r\n", sets_spaces=True),
                Run("a of\r\n", y=65),
                Run("a principle", y=80, gaps=UNEVEN),
            ],
            ["so", "it", "is", "a", "of", "a", "pr", "inciple"],
            id="set on another line but not on this one",
        ),
        pytest.param(
            [Run("so total", sets_spaces=True), Run("12", x=142)], ["so", "total", "12"], id="wide"
        ),
    ],
)
def test_uneven_gaps_part_words_only_where_the_file_sets_no_spaces(
    runs: list[Run], expected: list[str]
) -> None:
    assert texts(*runs) == expected


@pytest.mark.parametrize(
    ("gap", "expected"),
    [
        pytest.param(1.0, ["it", "principle"], id="narrow"),
        pytest.param(1.6, ["it", "prin", "ciple"], id="wide"),
        pytest.param(0.5, ["it", "prin", "ciple"], id="made up for another reason"),
    ],
)
def test_made_up_space_that_is_much_narrower_than_set_ones_parts_no_word(
    gap: float, expected: list[str]
) -> None:
    line = Run("it ", sets_spaces=True)
    assert texts(line, Run("prin ciple", x=115, gaps=[0, 0, 0, 0, gap - 5])) == expected


def test_narrow_space_before_a_unit_parts_it_from_the_number() -> None:
    line = Run("it ", sets_spaces=True)
    assert texts(line, Run("1500 kg", x=115, gaps=[0, 0, 0, 0, -4])) == ["it", "1500", "kg"]


def test_made_up_space_as_wide_as_the_set_ones_parts_words() -> None:
    tight = Run("a b c ", sets_spaces=True, gaps=[-1.9] * 5)
    made_up = Run("the U", x=118.6, gaps=[0, 0, 0, -3.8])
    assert texts(tight, made_up) == ["a", "b", "c", "the", "U"]


def test_letters_set_apart_are_joined_though_one_has_an_accent() -> None:
    raised = Run("Ё ", x=118, y=48, size=1.2)
    runs = Run("О Т Ч ", gap=-2), raised, Run("Т Н О", x=125, gap=-2)
    assert texts(*runs) == ["ОТЧЁТНО"]


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (Run("R E T U R N"), ["RETURN"]),
        (Run("R E T U R N", down=True), ["RETURN"]),
        (Run("S H I P P I N G  F E E S", gap=-2), ["SHIPPING", "FEES"]),
        (Run("ist s e h r a l t", sets_spaces=True, gap=-2), ["ist", "sehralt"]),
        (Run("N O T E S: three", gap=-2), ["NOTES:", "three"]),
        (Run("П Р А В И Л А", gap=-2), ["ПРАВИЛА"]),
    ],
)
def test_letters_set_apart_are_joined(run: Run, expected: list[str]) -> None:
    assert texts(run) == expected


@pytest.mark.parametrize(
    "runs",
    [
        pytest.param([Run("N E S W", gap=-2)], id="four letters"),
        pytest.param([Run("A B C D E F", gap=-2)], id="alphabet"),
        pytest.param([Run("2 0 2 4 1 7", gap=-2)], id="digits"),
        pytest.param([Run("C L C L L D", gap=-2)], id="cells"),
        pytest.param([Run("à À ç Ç é É ü Ü", gap=-2)], id="accents"),
        pytest.param([Run("M T W T F S S", gap=4)], id="columns"),
        pytest.param([Run("x u v a n", gaps=[0, -2, 0, 0, 0, -2])], id="uneven gaps"),
        pytest.param([Run("T O T", gap=-2), Run("A L", y=80, gap=-2)], id="two lines"),
        pytest.param([Run("T O T", gap=-2), Run("A L", x=125, gap=-2, size=0.7)], id="two sizes"),
    ],
)
def test_single_letters_that_make_no_word_stay_apart(runs: list[Run]) -> None:
    assert texts(*runs) == [c for run in runs for c in run.text.split()]


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([Run("250"), Run("9", x=115, y=49, size=0.6)], ["250", "9"]),
        ([Run("250"), Run("9", x=115, y=55.5, size=0.6)], ["250", "9"]),
        ([Run("12%"), Run("1,3", x=115, y=49, size=0.6)], ["12%", "1,3"]),
        ([Run("10"), Run("-6", x=110, y=49, size=0.6)], ["10-6"]),
        ([Run("2"), Run("1", x=105, y=49, size=0.6)], ["2", "1"]),
        ([Run("9", y=49, size=0.6), Run("250", x=103)], ["9", "250"]),
        ([Run("250", down=True), Run("9", x=105, y=65, size=0.6, down=True)], ["250", "9"]),
        ([Run("19."), Run("99", x=115, y=53.2, size=0.6)], ["19.99"]),  # on the base line
        ([Run("CO"), Run("2", x=110, y=55.5, size=0.6)], ["CO2"]),
        ([Run("m"), Run("3", x=105, y=49, size=0.6)], ["m3"]),
        (
            [Run("H"), Run("2", x=105, y=55.5, size=0.6), Run("O", x=108)],
            ["H2O"],
        ),
    ],
)
def test_raised_and_lowered_digits_are_apart_from_a_number_but_not_from_letters(
    runs: list[Run], expected: list[str]
) -> None:
    assert texts(*runs) == expected


def test_vertical_text_is_split_into_words() -> None:
    first, second = words(Run("up an", down=True))
    assert (first.text, second.text) == ("up", "an")
    assert first.box.xyxy == pytest.approx((100 / 400, 50 / 200, 110 / 400, 60 / 200))


def test_vertical_words_side_by_side_are_words_where_the_file_sets_spaces() -> None:
    line = Run("it is so\r\n", sets_spaces=True)
    assert texts(line, Run("be", y=80, down=True), Run("at", x=111, y=80, down=True)) == [
        "it",
        "is",
        "so",
        "be",
        "at",
    ]


def test_first_letter_of_a_line_stays_with_its_word() -> None:
    runs = Run("so it is\r\n", sets_spaces=True), Run("principle", x=30, y=65, gaps=[1])
    assert texts(*runs) == ["so", "it", "is", "principle"]


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
