"""Which words of a region are quoted for a question."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from colregion.core.geometry import Box
from colregion.core.quotes import Evidence, Quote, find_quotes
from colregion.core.regions import Cell, ParsedPage, Region, Word
from colregion.errors import InvalidInput
from colregion.testing import make_page

WIDTH, HEIGHT = 1 / 16, 1 / 8


def line_words(line: str, row: int) -> list[Word]:
    y = row * HEIGHT
    return [
        Word(text, Box(i * WIDTH, y, (i + 1) * WIDTH, y + HEIGHT))
        for i, text in enumerate(line.split())
    ]


def paragraph(*lines: str) -> ParsedPage:
    """An area with one block of these lines; each word is 1/16 wide, each line 1/8 high."""
    regions = [
        Region("doc#p1", (1,), Box(0, 0, 1, 1), "\n".join(lines)),
        Region("doc#p1", (1, 1), Box(0, 0, 1, 1), "\n".join(lines)),
    ]
    words: list[Word] = []
    for row, line in enumerate(lines):
        box = Box(0, row * HEIGHT, 1, (row + 1) * HEIGHT)
        regions.append(Region("doc#p1", (1, 1, row + 1), box, line))
        words += line_words(line, row)
    return ParsedPage(make_page(), tuple(words), tuple(regions))


def quotes(
    parsed: ParsedPage, *terms: str, region: Region | None = None, of: Sequence[float] = ()
) -> list[str]:
    evidence = np.array([*of, *[0.0] * (len(parsed.regions) - len(of))])
    asked = Evidence(evidence, dict.fromkeys(terms, 1.0))
    return [quote.text for quote in find_quotes(parsed, region or parsed.regions[0], asked)]


def test_sentence_with_the_terms_is_quoted_over_the_line_break() -> None:
    page = paragraph("It rained. The canal was", "closed in May. Boats waited.")
    asked = Evidence(np.zeros(4), {"canal": 1.0, "may": 1.0})
    (quote,) = find_quotes(page, page.regions[0], asked)
    assert quote.text == "The canal was closed in May."
    assert quote.boxes == (
        Box(2 * WIDTH, 0, 5 * WIDTH, HEIGHT),
        Box(0, HEIGHT, 3 * WIDTH, 2 * HEIGHT),
    )


@pytest.mark.parametrize(
    "sentence",
    [
        "Dr. Smith paid 3.5 million.",
        "See Fig. 2 for it.",
        "J. R. Hall paid.",
        "Was it paid? no one.",
    ],
)
def test_abbreviation_initial_or_lower_case_does_not_end_a_sentence(sentence: str) -> None:
    page = paragraph(f"Before it. {sentence}", "After it.")
    assert quotes(page, *sentence.lower().strip(".").split()) == [sentence]


def test_lines_evidence_decides_where_no_term_is_spelled_out() -> None:
    page = paragraph("One sentence here.", "Another there.")
    assert quotes(page, "autre", of=[0.9, 0.9, 0.2, 0.8]) == ["Another there."]


def test_sentences_that_match_about_as_well_are_quoted_in_reading_order() -> None:
    page = paragraph("A lock opened.", "Nothing else.", "The lock closed.")
    assert quotes(page, "lock") == ["A lock opened.", "The lock closed."]


def test_region_that_matches_nothing_is_quoted_from_its_start() -> None:
    assert quotes(paragraph("First words.", "Second words."), "canal") == ["First words."]


def test_row_of_a_table_is_quoted_whole() -> None:
    regions = [Region("doc#p1", (1,), Box(0, 0, 1, 0.5), "", "table")]
    for row, cells in enumerate((("part", "price"), ("A1", "9")), start=1):
        y = 0.25 * (row - 1)
        regions.append(Region("doc#p1", (1, row), Box(0, y, 1, y + 0.25), " | ".join(cells), "row"))
        for column, text in enumerate(cells):
            box = Box(column / 2, y, column / 2 + 0.5, y + 0.25)
            path, cell = (1, row, column + 1), Cell(row - 1, column)
            regions.append(Region("doc#p1", path, box, text, "row", cell=cell))
    page = ParsedPage(make_page(), (), tuple(regions))
    asked = Evidence(np.zeros(len(regions)), {"a1": 1.0})
    (quote,) = find_quotes(page, page.regions[0], asked)
    assert (quote.text, quote.boxes) == (
        "A1 9",
        (Box(0, 0.25, 0.5, 0.5), Box(0.5, 0.25, 1, 0.5)),
    )


def test_label_joined_with_its_value_is_one_quote() -> None:
    page = paragraph("Total due", "12.50 EUR")
    first, second = page.regions[2:]
    both = Region("doc#p1", (1, 1, 1), Box(0, 0, 1, 0.25), "x", parts=(first.box, second.box))
    assert quotes(page, "total", region=both) == ["Total due 12.50 EUR"]


def test_region_without_text_has_no_quotes() -> None:
    figure = Region("doc#p1", (1,), Box(0, 0, 1, 1), "", "figure")
    assert quotes(ParsedPage(make_page(), (), (figure,)), "total") == []


def test_quote_without_text_or_box_is_refused() -> None:
    with pytest.raises(InvalidInput, match="a quote needs text and a box"):
        Quote(" ", (Box(0, 0, 1, 1),))
    with pytest.raises(InvalidInput, match="a quote needs text and a box"):
        Quote("a", ())
