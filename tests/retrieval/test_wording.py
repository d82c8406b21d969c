"""Which words of a question ask, and which say what document is meant."""

from __future__ import annotations

import pytest

from colregion.retrieval.wording import asking_terms, naming_terms


@pytest.mark.parametrize(
    ("question", "asking"),
    [
        ("", []),
        ("Find the entry next to Country", ["entry", "find", "next"]),
        ("Which value is entered for Brand on this form?", ["entered", "form", "value"]),
        ('What is written in the field "Form value"?', ["field", "written"]),
        ("How many shops opened?", ["many"]),
        ("Quel est le montant ?", []),
    ],
)
def test_words_of_asking_are_those_of_questions_about_documents_unless_quoted(
    question: str, asking: list[str]
) -> None:
    assert sorted(asking_terms(question)) == asking


@pytest.mark.parametrize(
    ("question", "naming"),
    [
        ("", []),
        ("How much was paid in total?", []),
        ("How much was paid in total on the receipt from Acme Ltd?", ["acme", "from", "ltd"]),
        ("On the form titled Sales Order: what is the country?", ["on", "sales", "titled"]),
        ("Acme receipt: when was it paid?", ["acme"]),
        ("What is the total of the invoice dated 3 May 2019?", ["2019", "3", "dated", "may"]),
        ("In the letter from Smith, who is thanked?", ["from", "smith"]),
        # A clause that asks, one about a figure, and one that names no document.
        ("Which was larger at the time of the survey, A or B?", []),
        ("In the chart of sales, which bar is highest?", []),
        ("In 2014, which store had more apps?", []),
        ("COUNTRY: which value is entered?", []),
    ],
)
def test_words_that_name_the_document(question: str, naming: list[str]) -> None:
    ignored = set("the in of for form receipt invoice letter order".split())
    assert sorted(naming_terms(question) - ignored) == naming
