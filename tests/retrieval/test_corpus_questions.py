"""Questions as people ask them of many documents, with the default encoder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from colregion import Engine
from colregion.core.embeddings import EmbeddedPage
from colregion.core.geometry import Box
from colregion.encoders import load_encoder
from colregion.indexes.memory import MemoryIndex
from colregion.parsers import load_parser
from colregion.testing import make_parsed_page

SHOPS = {
    "harbour.pdf": ("Blue Harbour Trading", "12/03/2018", "48.20"),
    "orchard.pdf": ("Orchard Lane Bakery", "05/07/2017", "7.90"),
    "f00d" * 50: ("Miller & Sons", "21/11/2016", "131.00"),
}


def receipt(doc_id: str, shop: str, date: str, total: str) -> EmbeddedPage:
    lines = [shop, "14 Quay Street, Fennick", f"Date: {date}", "Cashier: Lane", f"Total: {total}"]
    boxes = [Box(0.1, 0.06 + 0.12 * i, 0.7, 0.1 + 0.12 * i) for i in range(len(lines))]
    parsed = make_parsed_page(list(zip(lines, boxes, strict=True)), doc_id=doc_id)
    return EmbeddedPage(parsed, load_encoder("static_tokens").encode_pages([parsed])[0])


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(
        MemoryIndex(), encoder=load_encoder("static_tokens"), parser=load_parser("text_layer")
    ) as it:
        for doc_id, lines in SHOPS.items():
            it.add([receipt(doc_id, *lines)])
        yield it


@pytest.mark.parametrize(
    ("question", "doc_id", "text"),
    [
        ("How much was paid in total on the receipt from Blue Harbour Trading?", 0, "Total: 48.20"),
        ("Orchard Lane Bakery receipt: when was it issued?", 1, "Date: 05/07/2017"),
        ("In the receipt of Miller & Sons, what is the total?", 2, "Total: 131.00"),
        ("When was the receipt with a total of 7.90 issued?", 1, "Date: 05/07/2017"),
        ("How much was paid on the bill dated 12/03/2018?", 0, "Total: 48.20"),
    ],
)
def test_value_is_returned_and_not_the_heading_that_names_the_receipt(
    engine: Engine, question: str, doc_id: int, text: str
) -> None:
    first = engine.search(question)[0]
    assert (first.doc_id, first.text) == (list(SHOPS)[doc_id], text)


def test_page_of_the_document_whose_file_name_is_asked_comes_first(engine: Engine) -> None:
    assert engine.search_pages("total in orchard")[0].doc_id == "orchard.pdf"


@pytest.mark.parametrize(
    "question",
    [
        "the receipt from Blue Harbour Trading",
        "Find the entry in this form",
        '"How much was paid?"',
        "What is the total in the report of Acme Motors?",
        "Did Blue Harbour Trading or Orchard Lane Bakery charge more in total?",
        "Wie hoch ist die Summe der Quittung?",
        "合計はいくらですか",
        '""',
        "total " * 300,
    ],
)
def test_unusual_questions_are_answered_in_order_of_their_scores(
    engine: Engine, question: str
) -> None:
    if question == '""':
        with pytest.raises(ValueError, match="no words"):
            engine.search(question)
        return
    scores = [hit.score or 0.0 for hit in engine.search(question, k=9)]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("question", ["合計はいくらですか", "Zebra migration patterns"])
def test_question_to_which_nothing_is_similar_has_no_hits(engine: Engine, question: str) -> None:
    assert engine.search(question) == []
    assert engine.search_pages(question) == []


def test_corpus_of_one_page_answers_as_the_page_alone() -> None:
    page = receipt("harbour.pdf", *SHOPS["harbour.pdf"])
    with Engine(
        MemoryIndex(), encoder=load_encoder("static_tokens"), parser=load_parser("text_layer")
    ) as it:
        it.add([page])
        question = "How much was paid in total?"
        assert [hit.id for hit in it.search(question)] == [
            hit.id for hit in it.rank(question, page, k=5)
        ]


def test_of_many_copies_of_a_form_each_document_shows_its_value_once() -> None:
    with Engine(
        MemoryIndex(), encoder=load_encoder("static_tokens"), parser=load_parser("text_layer")
    ) as it:
        for n in range(60):
            it.add([receipt(f"copy{n:03}", "Blue Harbour", "12/03/2018", "48.20")])
        hits = it.search("How much was paid in total?", k=20)
    assert {hit.text for hit in hits} == {"Total: 48.20"}
    assert len({hit.doc_id for hit in hits}) == 20
