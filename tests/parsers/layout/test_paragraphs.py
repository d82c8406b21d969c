"""Paragraphs of columns on a square page; a line is set in a type of 0.01 x 0.02."""

from __future__ import annotations

import pytest

from colregion.core.geometry import Box
from colregion.parsers.layout.lines import Line, Row, find_rows
from colregion.parsers.layout.paragraphs import paragraphs

FULL = "Words of a line that fills its column"  # 37 characters
LEFT, EM = 0.1, 0.02


def row(text: str, *, indent: float = 0.0, at: int, scale: float = 1.0, wide: float = 0.0) -> Row:
    """A line of 37 characters at most, justified to the column's width when it is longer than 30;
    `indent` and the position `at` are in ems and lines from the first."""
    x0, y0 = LEFT + indent * EM, 0.1 + 0.03 * at
    x1 = LEFT + 0.37 if len(text) > 30 else x0 + 0.01 * len(text) * scale
    box = Box(x0, y0, x1 + wide, y0 + 0.02 * scale)
    return Row((Line(tuple(range(len(text.split()))), box, text, 0.02 * scale),))


def column(*lines: str | tuple[float, str]) -> list[Row]:
    """Rows from texts, or (indent, text)."""
    placed = [line if isinstance(line, tuple) else (0.0, line) for line in lines]
    return [row(text, indent=indent, at=at) for at, (indent, text) in enumerate(placed)]


def lengths(rows: list[Row]) -> list[int]:
    return [len(paragraph) for paragraph in paragraphs(rows)]


def test_column_without_rows_has_no_paragraphs() -> None:
    assert paragraphs([]) == []


@pytest.mark.parametrize("indent", [0.7, 1.0, 3.0])
def test_first_line_indents_start_paragraphs(indent: float) -> None:
    text = column(FULL, FULL + ".", (indent, FULL), FULL, FULL + ".", (indent, FULL), FULL)

    assert lengths(text) == [2, 3, 2]


def test_indents_less_than_a_word_space_are_noise() -> None:
    assert lengths(column(FULL, FULL + ".", (0.3, FULL), (0.1, FULL), FULL)) == [5]


def test_hanging_entries_start_where_a_line_begins_further_left() -> None:
    entries = column(
        "Abel, N. 2001. A history of the rail",
        (1, "ways of the north. Oslo."),
        "Berg, K. and Dahl, M. 2010. Canals of",
        (1, "the old town and of the harbour, with"),
        (1, "a map. Bergen."),
        "Carl, T. 1999. On locks and on dikes",
        (1, "in the delta."),
    )

    assert lengths(entries) == [2, 3, 2]


def test_one_hanging_entry_whose_first_line_ends_with_a_point_is_whole() -> None:
    entry = column(
        "Berg, K., Dahl, M., and Eide, P. 2010.",
        (1, "Canals of the old town and of its har"),
        (1, "bour. Bergen."),
    )

    assert lengths(entry) == [3]


def test_short_last_line_ends_a_paragraph_without_indent_or_spacing() -> None:
    text = column(FULL, "is over here.", FULL, FULL, "and so is this.", FULL, FULL)

    assert lengths(text) == [2, 3, 2]


def test_short_line_in_mid_sentence_ends_no_paragraph() -> None:
    """As beside an image, before a formula, or before a word too long for the line."""
    assert lengths(column(FULL, "of which we say that", "it goes on as it began, to this end")) == [
        3
    ]


@pytest.mark.parametrize("heading", ["3 Results", "Materials and methods", "Ergebnisse"])
def test_heading_in_the_type_of_the_text_is_apart(heading: str) -> None:
    text = column(FULL, FULL, "ends here.", heading, FULL, FULL, "ends as well.", heading, FULL)

    assert lengths(text) == [3, 1, 3, 1, 1]


def test_numbered_sections_start_paragraphs_where_the_line_before_is_full() -> None:
    text = column(FULL, FULL + ".", "3.1 Data. We count words of the lines", FULL, FULL + ".")

    assert lengths(text) == [2, 3]


def test_number_that_starts_a_line_by_chance_starts_no_paragraph() -> None:
    text = column(
        "Words of a line that refers to Section", "3.1 and to the columns of the list", FULL
    )
    listed = column(
        "Words of a line that counts the items", "2) and 3) of the contract in a row", FULL
    )

    assert lengths(text) == [3]
    assert lengths(listed) == [3]


def test_items_of_a_list_start_paragraphs_and_their_further_lines_do_not() -> None:
    items = column(
        "The house has the following three parts:",
        "(a) the cellar with its vaults, where",
        (1, "wine is stored, and"),
        "(b) the hall, which is open to all on",
        (1, "the first day of the month;"),
        "• the roof with its two hundred tiles",
    )

    assert lengths(items) == [1, 2, 2, 1]


def test_extra_spacing_and_larger_type_part_paragraphs() -> None:
    spaced = [row(FULL, at=at) for at in (0, 1, 2)] + [row(FULL, at=at + 1) for at in (3, 4)]
    sized = [*column(FULL, FULL), row(FULL, at=3, scale=1.5), row(FULL, at=5)]

    assert lengths(spaced) == [3, 2]
    assert lengths(sized) == [2, 1, 1]


def test_small_capitals_inside_a_sentence_part_nothing() -> None:
    text = [*column(FULL, FULL), row("OF WHICH ALL ARE small, i.e. { A, B }", at=2, scale=0.8)]

    assert lengths(text) == [3]


def test_centered_lines_are_no_indents() -> None:
    text = "A long first line of a centered text."
    lines = [row(text, at=0), row("and its second", indent=5.75, at=1)]
    assert lines[0].box.center[0] == pytest.approx(lines[1].box.center[0])

    assert lengths(lines) == [2]


def test_title_is_divided_by_size_but_not_by_indents() -> None:
    title = [row(FULL, at=0), row("and more of it", indent=2, at=1)]
    authors = row("A. Berg, K. Dahl", at=2, scale=0.7)

    assert [len(run) for run in paragraphs([*title, authors], of_title=True)] == [2, 1]


def test_words_that_justification_spread_are_one_line() -> None:
    left, right = (
        row("soning for numerical tasks.", at=2).lines[0],
        row("CoRR,", indent=16, at=2).lines[0],
    )
    assert right.box.x1 == pytest.approx(LEFT + 0.37)
    rows = [*column(FULL, FULL), *find_rows([left, right]), *(row(FULL, at=at) for at in (3, 4))]

    (paragraph,) = paragraphs(rows)

    assert [line.text for line in paragraph[2].lines] == ["soning for numerical tasks. CoRR,"]


def test_labels_with_values_are_rows_of_their_own() -> None:
    rows = find_rows(
        [
            part
            for at in range(3)
            for part in (row("Label", at=at).lines[0], row("value", indent=9, at=at).lines[0])
        ]
    )

    assert [len(run[0].lines) for run in paragraphs(rows)] == [2, 2, 2]


def test_lines_of_an_address_stay_together() -> None:
    assert lengths(column("Harbour Office", "12 Quay Street.", "N-5003 Bergen", "Norway")) == [4]


ENDING = "abc de fgh ij klm no pqr st uvw words."  # ten words, 38 characters
INSIDE = ENDING.replace(".", ",")  # in mid-sentence


def test_long_paragraph_is_divided_near_its_middle_where_a_sentence_ends() -> None:
    """200 words in 20 lines, of which the 5th, 10th and 15th end a sentence."""
    lines = [ENDING if at in (5, 10, 15) else INSIDE for at in range(1, 21)]

    assert lengths(column(*lines)) == [10, 10]


def test_long_paragraph_is_cut_where_fewest_words_of_a_sentence_are_cut_off() -> None:
    """A sentence ends near the start of the 10th line: the cut is above that line."""
    lines = [INSIDE.replace("de f", "de. F") if at == 10 else INSIDE for at in range(1, 21)]

    assert lengths(column(*lines)) == [9, 11]


def test_long_paragraph_without_sentences_and_one_of_150_words_stay_whole() -> None:
    assert lengths(column(*[INSIDE] * 20)) == [20]
    assert lengths(column(*[ENDING] * 15)) == [15]


def test_points_of_initials_and_abbreviations_end_no_sentence() -> None:
    initials = INSIDE.replace("klm no pqr", "A. Berg et al. (")

    assert lengths(column(*[initials] * 20)) == [20]
