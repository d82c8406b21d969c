"""Words broken at the ends of lines and numbers in several words, as the default encoder sees them.

Lines are one above the other; the words of a line have one width.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from colregion.core.geometry import Box, BoxPlacement
from colregion.core.regions import ParsedPage, Region, Word
from colregion.encoders.static.encoder import StaticTokenEncoder
from colregion.encoders.static.joined_words import JoinedTerm, joined_terms
from colregion.testing import PlainImage, make_page, make_parsed_page

FIRST, SECOND = Box(0.1, 0.10, 0.5, 0.12), Box(0.1, 0.13, 0.5, 0.15)
NEXT_COLUMN = Box(0.55, 0.05, 0.95, 0.07)
RIGHT_CELL, FAR_BELOW = Box(0.55, 0.10, 0.95, 0.12), Box(0.1, 0.2, 0.5, 0.22)
PAGE = make_page(image=PlainImage(width_px=600, height_px=800))


def page_of(*lines: tuple[str, Box], kinds: Sequence[str] = ()) -> ParsedPage:
    """A page of lines, each an area of its own; the kinds of the areas are "text" by default."""
    parsed = make_parsed_page(lines, image=PlainImage(width_px=600, height_px=800))
    regions = [
        Region(
            page_id=one.page_id,
            path=one.path,
            box=one.box,
            text=one.text,
            kind=kinds[one.path[0] - 1] if kinds else "text",
        )
        for one in parsed.regions
    ]
    return ParsedPage(parsed.page, parsed.words, tuple(regions))


def paragraph_of(*lines: tuple[str, Box]) -> ParsedPage:
    """A page of one region without lines below it."""
    parsed = page_of(*lines)
    box = Box.enclosing(box for _, box in lines)
    region = Region(page_id=parsed.id, path=(1,), box=box, text="")
    return ParsedPage(parsed.page, parsed.words, (region,))


def number_page(*words: tuple[str, float, float]) -> ParsedPage:
    """A line of words (text, x0, x1), 16 pixels high."""
    placed = tuple(Word(text, Box(x0, 0.1, x1, 0.12)) for text, x0, x1 in words)
    return ParsedPage(PAGE, placed, ())


def test_word_broken_over_two_lines_of_a_region_is_one_term() -> None:
    for page in (
        page_of(("the regis-", FIRST), ("tration fee", SECOND)),
        paragraph_of(("the regis-", FIRST), ("tration fee", SECOND)),
    ):
        assert list(joined_terms(page)) == [JoinedTerm("registration", 1, 2)]


def test_word_broken_at_the_end_of_a_column_is_one_term() -> None:
    page = page_of(("the (regis-", SECOND), ("tration) fee", NEXT_COLUMN))
    assert list(joined_terms(page)) == [JoinedTerm("registration", 1, 2)]


def test_word_broken_in_a_cell_whose_lines_are_rows_is_one_term() -> None:
    page = page_of(("the regis-", FIRST), ("tration fee", SECOND), kinds=["row", "text"])
    assert list(joined_terms(page)) == [JoinedTerm("registration", 1, 2)]


def test_soft_hyphen_leaves_no_parts() -> None:
    page = page_of(("the Regis\u00ad", FIRST), ("tration fee", SECOND))
    assert list(joined_terms(page)) == [JoinedTerm("registration", 1, 2, replaces_parts=True)]


def test_word_broken_in_sideways_text_is_one_term() -> None:
    words = (Word("regis-", Box(0.1, 0.1, 0.12, 0.2)), Word("tration", Box(0.13, 0.1, 0.15, 0.2)))
    region = Region(page_id=PAGE.id, path=(1,), box=Box(0.1, 0.1, 0.15, 0.2), text="")
    page = ParsedPage(PAGE, words, (region,))
    assert list(joined_terms(page)) == [JoinedTerm("registration", 0, 1)]


def test_word_broken_in_a_region_without_places_of_its_words_is_one_term() -> None:
    page = ParsedPage(PAGE, (Word("regis-", FIRST), Word("tration", FIRST)), ())
    assert list(joined_terms(page)) == [JoinedTerm("registration", 0, 1)]


@pytest.mark.parametrize(
    "page",
    [
        page_of(),
        page_of(("pre- tax", FIRST)),  # on one line
        page_of(("the Rhine-", FIRST), ("Main area", SECOND)),
        page_of(("the regis-", FIRST), ("— tration", SECOND)),
        page_of(("the regis-", FIRST), ("tration fee", SECOND), kinds=["text", "caption"]),
        page_of(("the regis-", RIGHT_CELL), ("tration fee", SECOND), kinds=["row", "row"]),
        page_of(("the regis-", FIRST), ("tration fee", FAR_BELOW), kinds=["row", "row"]),
        page_of(("the regis-", SECOND), ("Fees", FIRST), ("tration fee", NEXT_COLUMN)),
    ],
    ids=["empty", "one line", "capital", "no word", "other kind", "cells", "rows apart", "between"],
)
def test_words_that_do_not_continue_are_not_joined(page: ParsedPage) -> None:
    assert list(joined_terms(page)) == []


@pytest.mark.parametrize(
    ("words", "number"),
    [
        # Gaps of 6 pixels, less than 0.7 of the height of 16.
        ([("48", 0.10, 0.13), ("250,00", 0.14, 0.2)], JoinedTerm("48250,00", 0, 1, is_number=True)),
        (
            [("€1", 0.10, 0.13), ("234", 0.14, 0.2), ("567", 0.21, 0.26), ("net", 0.27, 0.3)],
            JoinedTerm("1234567", 0, 2, is_number=True),
        ),
        (
            [("\u0664\u0668", 0.10, 0.13), ("\u0662\u0665\u0660", 0.14, 0.2)],
            JoinedTerm("48250", 0, 1, is_number=True),
        ),
        # The next number is a column apart.
        (
            [("48", 0.10, 0.13), ("250,00", 0.14, 0.2), ("12,5", 0.3, 0.34)],
            JoinedTerm("48250,00", 0, 1, is_number=True),
        ),
    ],
)
def test_number_parted_by_spaces_is_one_term(
    words: list[tuple[str, float, float]], number: JoinedTerm
) -> None:
    assert list(joined_terms(number_page(*words))) == [number]


@pytest.mark.parametrize(
    "words",
    [
        [("48", 0.10, 0.13), ("250,00", 0.16, 0.2)],  # a gap of 18 pixels: two columns
        [("2024", 0.10, 0.13), ("100", 0.14, 0.2)],
        [("48", 0.10, 0.13), ("25", 0.14, 0.2)],
        [("48", 0.14, 0.17), ("250", 0.10, 0.13)],  # from right to left
        [("10", 0.10, 0.13), ("345", 0.14, 0.2), ("6789", 0.21, 0.26)],  # a telephone number
    ],
)
def test_numbers_side_by_side_are_not_joined(words: list[tuple[str, float, float]]) -> None:
    assert list(joined_terms(number_page(*words))) == []


def test_digits_of_two_lines_are_no_number() -> None:
    words = (Word("48", Box(0.1, 0.1, 0.15, 0.12)), Word("250", Box(0.1, 0.12, 0.17, 0.14)))
    assert list(joined_terms(ParsedPage(PAGE, words, ()))) == []


def test_broken_word_has_a_vector_at_each_of_its_parts() -> None:
    encoder = StaticTokenEncoder()
    page = page_of(("the regis-", FIRST), ("tration fee", SECOND))
    (embedding,) = encoder.encode_pages([page])
    assert isinstance(embedding.placement, BoxPlacement)
    boxes = [word.box for word in page.words]
    expected = [boxes[0], boxes[1], boxes[1], boxes[2], boxes[2], boxes[3]]
    np.testing.assert_allclose(embedding.placement.boxes_xyxy, [box.xyxy for box in expected])
    question = encoder.encode_query("registration")
    matches = (embedding.vectors @ question.vectors[0]) > 0.999
    assert matches.tolist() == [False, True, False, False, True, False]
    compound = encoder.encode_query("regis tration")  # as "well known" for "well-/known"
    np.testing.assert_array_equal(embedding.vectors[2:4], compound.vectors)


def test_word_with_a_soft_hyphen_has_vectors_of_the_whole_word_only() -> None:
    encoder = StaticTokenEncoder()
    page = page_of(("the regis\u00ad", FIRST), ("tration fee", SECOND))
    (embedding,) = encoder.encode_pages([page])
    question = encoder.encode_query("registration")
    matches = (embedding.vectors @ question.vectors[0]) > 0.999
    assert matches.tolist() == [False, True, True, False]


def test_number_in_two_words_has_a_vector_at_both_before_its_parts() -> None:
    encoder = StaticTokenEncoder()
    page = number_page(("48", 0.10, 0.13), ("250,75", 0.14, 0.2))
    (embedding,) = encoder.encode_pages([page])
    assert isinstance(embedding.placement, BoxPlacement)
    np.testing.assert_allclose(embedding.placement.boxes_xyxy[0], (0.1, 0.1, 0.2, 0.12))
    assert encoder.encode_query("48250.75").vectors[0] @ embedding.vectors[0] > 0.999
