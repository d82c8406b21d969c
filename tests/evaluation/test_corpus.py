from __future__ import annotations

from pathlib import Path

import pytest

from colregion.core.geometry import Box
from colregion.evaluation.cases import Case
from colregion.evaluation.corpus import Corpus, answerable
from colregion.testing import make_parsed_page

TEXTS = {
    "order": ("VENDOR: Acme", "Job No. 12", "from the office"),
    "other": ("VENDOR: Bolt", "the job was done", "total paid"),
    "third": ("total paid", "by the office"),
}


def corpus(*cases: Case) -> Corpus:
    pages = [
        make_parsed_page(
            [(text, Box(0.1, 0.2 * i, 0.9, 0.2 * i + 0.1)) for i, text in enumerate(texts)],
            doc_id=name,
        )
        for name, texts in TEXTS.items()
    ]
    names = list(TEXTS)
    return Corpus(pages, names, {case.id: names.index(case.doc_id) for case in cases}, {})


def case(question: str, document: str = "order") -> Case:
    box = Box(0.1, 0.1, 0.9, 0.2)
    return Case(f"{document}: {question}", "d", document, 0, Path("p.png"), question, (), (box,))


@pytest.mark.parametrize(
    ("question", "document", "expected"),
    [
        ('Find the entry next to "VENDOR".', "order", False),
        ("Who works for ACME?", "order", True),
        ("Who works for Acme?", "other", False),  # names another document
        ("What does the form give as the JOB NO.?", "order", True),
        ("Which job is it?", "order", False),
        ("Where does it come from?", "order", False),  # a stop word alone names nothing
        ("Who said it in the office?", "third", False),
        ("What was said by the office?", "third", True),
        ("Is this a zebra?", "order", False),
        ('What is filled in for "ZEBRA 12"?', "order", True),  # perhaps misread on the page
        ('What is filled in for "the office"?', "order", False),
        ("What is the “job no”?", "order", True),
        ('What is ""?', "order", False),
    ],
)
def test_question_is_answerable_if_it_names_what_one_document_has(
    question: str, document: str, expected: bool
) -> None:
    one = case(question, document)
    assert answerable([one], corpus(one)) == [expected]


def test_question_asked_about_two_documents_is_not_answerable() -> None:
    twice = [case("What did Acme do?"), case("What did ACME do?", "other")]
    assert answerable(twice, corpus(*twice)) == [False, False]


def test_pages_of_one_document_do_not_compete() -> None:
    one = case("Who works for Acme?")
    pages = corpus(one).pages
    names = ["order", "other", "order"]
    both = Corpus([pages[0], pages[1], pages[0]], names, {one.id: 2}, {})
    assert answerable([one], both) == [True]
