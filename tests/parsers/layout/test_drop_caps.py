"""Words on a square page in a type of 0.01 x 0.02, lines 0.03 apart; an initial is 0.05 high."""

from __future__ import annotations

import pytest

from colregion.core.documents import Page
from colregion.core.geometry import Box, Upright
from colregion.core.regions import Word
from colregion.parsers.layout import Layout
from colregion.parsers.layout.drop_caps import join_drop_caps
from colregion.parsers.layout.page_frame import Frame

UPRIGHT = Frame(Upright(0.0, 1000, 1000))
T = Word("T", Box(0.1, 0.1, 0.13, 0.15), confidence=0.9)


def row(text: str, y: float, x: float = 0.14) -> list[Word]:
    words = []
    for token in text.split():
        words.append(Word(token, Box(x, y, x + 0.01 * len(token), y + 0.02)))
        x += 0.01 * (len(token) + 1)
    return words


def texts(*words: Word) -> list[str]:
    return [word.text for word in join_drop_caps(words, UPRIGHT)]


def test_no_words_stay_none() -> None:
    assert texts() == []


@pytest.mark.parametrize("rest", ["he", "HE", "he,"])
def test_initial_is_joined_to_the_word_beside_its_top_line(rest: str) -> None:
    first, second = row(f"{rest} harbour", 0.1), row("master keeps", 0.13)

    words = join_drop_caps([*first, *second, T], UPRIGHT)

    assert [word.text for word in words] == [f"T{rest}", "harbour", "master", "keeps"]
    # from the initial's left edge, as high as the line
    assert words[0].box.xyxy == pytest.approx((0.1, 0.1, 0.14 + 0.01 * len(rest), 0.12))


def test_initial_with_an_opening_quotation_mark_is_joined() -> None:
    assert texts(Word("“W", T.box), *row("hen the", 0.1)) == ["“When", "the"]


def test_initial_of_a_sideways_page_is_joined() -> None:
    upright = Upright(90.0, 1000, 1000)
    words = [Word(w.text, upright.box_on_page(w.box)) for w in (T, *row("he harbour", 0.1))]

    joined = join_drop_caps(words, Frame(upright))

    assert [word.text for word in joined] == ["The", "harbour"]
    assert joined[0].box.xyxy == pytest.approx(upright.box_on_page(Box(0.1, 0.1, 0.16, 0.12)).xyxy)


def test_letter_that_is_a_word_starts_the_line() -> None:
    a = Word("A", T.box)

    alone = join_drop_caps([a, *row("harbour is", 0.1), *row("a harbour", 0.13)], UPRIGHT)

    assert [word.text for word in alone] == ["A", "harbour", "is", "a", "harbour"]
    assert alone[0].box.xyxy == pytest.approx((0.1, 0.1, 0.13, 0.12))
    assert texts(a, *row("fter this", 0.1)) == ["After", "this"]


@pytest.mark.parametrize(
    "words",
    [
        [T, *row("Harbour", 0.1)],  # another name
        [T, *row("he", 0.1, x=0.2)],  # too far
        [T, *row("he", 0.2)],  # below
        [Word("T", Box(0.1, 0.1, 0.12, 0.13)), *row("he", 0.1)],  # hardly larger
        [Word("7", T.box), *row("days", 0.1)],
        [T],
    ],
)
def test_other_large_letters_stay_words(words: list[Word]) -> None:
    assert texts(*words) == [word.text for word in words]


def test_paragraph_with_an_initial_is_one_block() -> None:
    page = Page("doc", 1, 1000, 1000, "px", lambda *, dpi=None: None)  # type: ignore[arg-type]  # noqa: ARG005
    full = "words that fill a line of this text"
    lines = [row(f"he {full}", 0.1), row(f"{full} as", 0.13), row(f"and {full}s", 0.16, x=0.1)]

    parsed = Layout("geometry").build(page, [T, *(word for line in lines for word in line)])

    assert [region.text for region in parsed.at_level("block")] == [
        f"The {full}\n{full} as\nand {full}s"
    ]
