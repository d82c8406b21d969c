"""Answer types that a question's wording names."""

from __future__ import annotations

import pytest

from colregion.core.geometry import Box
from colregion.core.regions import Region
from colregion.retrieval.answer_types import (
    FORM_BONUS,
    KIND_BONUS,
    AnswerTypes,
    expected_answer_types,
)


def region(text: str, kind: str = "text") -> Region:
    return Region("doc#p1", (1,), Box(0, 0, 1, 1), text, kind)


@pytest.mark.parametrize(
    ("question", "kinds", "forms"),
    [
        ("", [], []),
        ("Is it signed?", [], []),
        ("Who signed the contract?", [], ["name"]),
        ("Which company issued it?", [], ["name"]),
        ("What is the shop's address?", [], ["address"]),
        ("Where is the store located?", [], ["address"]),
        ("What does the map on page 3 show?", ["figure"], []),
        ("Which column of the table is empty?", ["table"], []),
        ("When was it signed?", [], ["date"]),
        ("What is the TOTAL?", [], ["amount"]),
        ("How many people answered?", [], ["number"]),
        ("What percentage of the revenue in the chart?", ["figure"], ["percentage"]),
        ("When was the total paid?", [], ["date"]),
        ("How much was paid?", [], ["amount"]),
        ("How much does it weigh?", [], ["number"]),
        ("On the bill dated 3 May 2019, what is the total?", [], ["amount"]),
        ("The receipt with a total of RM 9.00: when was it issued?", [], ["date"]),
        ("What was the total revenue in 2015?", [], ["amount"]),
    ],
)
def test_words_of_a_question_name_kinds_and_forms(
    question: str, kinds: list[str], forms: list[str]
) -> None:
    types = expected_answer_types(question)
    assert (sorted(types.kinds), sorted(types.forms)) == (kinds, forms)


@pytest.mark.parametrize(
    ("form", "yes", "no"),
    [
        ("date", "12/03/2018", "12/03"),
        ("date", "3 March 2018", "the 3 marchers"),
        ("date", "March 3rd", "march on"),
        ("date", "2018-03-12", "2018312"),
        ("date", "in 1998", "in 19985"),
        ("amount", "RM 1,234.50", "1,234"),
        ("amount", "€ 5", "5"),
        ("amount", "3 million", "3 mills"),
        ("percentage", "12 %", "12"),
        ("percentage", "ten per cent", "a centre"),
        ("number", "7", "seven"),
    ],
)
def test_text_of_an_expected_form_has_a_bonus(form: str, yes: str, no: str) -> None:
    expected = AnswerTypes(frozenset(), frozenset([form]))
    assert expected.bonuses([region(yes), region(no)]).tolist() == [FORM_BONUS, 0.0]


def test_bonuses_of_kind_and_forms_add_up() -> None:
    expected = AnswerTypes(frozenset(["figure"]), frozenset(["number", "percentage"]))
    regions = [region("12", "figure"), region("12 %"), region("", "text")]
    assert expected.bonuses(regions).tolist() == pytest.approx(
        [KIND_BONUS + FORM_BONUS, 2 * FORM_BONUS, 0.0]
    )
    assert expected.bonuses([]).shape == (0,)


def test_question_that_names_no_type_prefers_no_region() -> None:
    assert expected_answer_types("Who?").bonuses([region("12 %", "figure")]).tolist() == [0.0]
