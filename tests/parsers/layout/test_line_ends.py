from __future__ import annotations

import pytest

from colregion.parsers.layout.line_ends import join_lines, strip_signs


def test_lines_without_a_broken_word_stay_as_they_are() -> None:
    assert join_lines([], ()) == ""
    assert join_lines(["one line", "and another"], ()) == "one line\nand another"


def test_broken_word_is_whole_in_its_first_line() -> None:
    lines = ["The regis-", "tration of a boat is re-", "newed."]

    assert join_lines(lines, ()) == "The registration\nof a boat is renewed."


def test_word_broken_twice_is_one_word() -> None:
    assert join_lines(["the Donau-", "dampf-", "schiff sails"], ()) == "the Donaudampfschiff\nsails"


@pytest.mark.parametrize(
    ("page_words", "text"),
    [
        ((), "a wellknown\nplace"),
        (("well-known",), "a well-known\nplace"),
        (("well-known", "wellknown"), "a wellknown\nplace"),
    ],
)
def test_hyphen_of_a_compound_stays_where_the_page_has_it_elsewhere(
    page_words: tuple[str, ...], text: str
) -> None:
    assert join_lines(["a well-", "known place"], page_words) == text


def test_signs_around_a_word_are_stripped() -> None:
    assert strip_signs("“(well-known),”") == "well-known"
