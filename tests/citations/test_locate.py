"""Where an answer's words stand on the pages of hits."""

from __future__ import annotations

import pytest
from PIL import Image

from colregion import Engine, Hit
from colregion.citations.locate import locate
from colregion.core.documents import DocumentEntry
from colregion.core.geometry import Box
from colregion.core.regions import ParsedPage
from colregion.indexes.memory import MemoryIndex
from colregion.testing import LineParser, WordEncoder, make_parsed_page

ENTRY = DocumentEntry("doc", "doc.pdf", "", "")
LINES = [
    ("Total due 1,250.00 EUR", Box(0.1, 0.1, 0.9, 0.2)),
    ("Paid by Ann Berger", Box(0.1, 0.3, 0.9, 0.4)),
    ("Balance 1,250.00 EUR", Box(0.1, 0.5, 0.9, 0.6)),
]


def page(number: int = 1) -> ParsedPage:
    return make_parsed_page(LINES, number=number)


def line_hits(*lines: int, parsed: ParsedPage | None = None) -> list[Hit]:
    parsed = parsed or page()
    return [Hit(parsed.regions[parsed.leaves[line]], parsed, ENTRY, 1.0) for line in lines]


def test_value_in_the_first_hit_comes_before_the_same_value_elsewhere() -> None:
    places = locate("1,250.00 EUR", line_hits(2))
    assert [place.hit.id for place in places] == ["doc#p1#3.1.1", "doc#p1#1.1.1"]
    assert [place.quote.text for place in places] == ["1,250.00 EUR", "1,250.00 EUR"]
    assert [place.match for place in places] == [1.0, 1.0]
    assert [place.reason for place in places] == [
        "'1,250.00 EUR' stands 2 times on the pages of the hits; in hit 1",
        "'1,250.00 EUR' stands 2 times on the pages of the hits; beside the hits of its page",
    ]


def test_quote_is_boxed_by_its_own_words() -> None:
    (place,) = locate("Ann Berger", line_hits(0))
    words = {word.text: word.box for word in page().words}
    assert place.quote.boxes == (Box.enclosing([words["Ann"], words["Berger"]]),)


def test_answer_over_two_lines_lies_in_the_region_around_both() -> None:
    (place,) = locate("EUR paid by", line_hits(0))
    assert (place.hit.kind, place.quote.text, len(place.quote.boxes)) == ("page", "EUR Paid by", 2)


@pytest.mark.parametrize(
    ("answer", "match", "quote"),
    [
        ("ANN BERGER", 1.0, "Ann Berger"),
        ("paid by Ann Bergor", 1.0, "Paid by Ann Berger"),  # a letter read wrongly
        ("paid by Mr Ann Berger now", 2 / 3, None),
        ("paid by old Berger", 0.75, "Paid by Ann Berger"),
    ],
)
def test_answer_in_other_letters_or_with_a_word_more_is_located(
    answer: str, match: float, quote: str | None
) -> None:
    places = locate(answer, line_hits(1))
    assert [(place.match, place.quote.text) for place in places] == (
        [(match, quote)] if quote else []
    )


@pytest.mark.parametrize("answer", ["1,251.00", "Miller", "12,50.00 EUR"])
def test_answer_that_stands_nowhere_gives_none_and_says_so(answer: str) -> None:
    places = locate(answer, line_hits(0))
    assert places == []
    assert places.reason == f"{answer!r} stands nowhere on the 1 page of the hits"


def test_answer_without_words_and_no_hits_say_so() -> None:
    assert locate("--", line_hits(0)).reason == "the answer '--' has no words to look for"
    assert locate("Ann", []).reason == "'Ann' stands nowhere on the 0 pages of the hits"


def test_engine_locates_an_answer_among_the_hits_of_the_question() -> None:
    with Engine(MemoryIndex(), encoder=WordEncoder(), parser=LineParser(LINES)) as engine:
        engine.add(Image.new("RGB", (80, 60)), doc_id="doc")
        (place, *_) = engine.locate("Ann Berger", question="who paid")
        assert place.quote.text == "Ann Berger"
        assert [one.quote.text for one in engine.locate("Berger")] == ["Berger"]
        assert engine.locate("Miller", hits=engine.search("who paid")) == []
