"""Folding, terms and the token estimate."""

from __future__ import annotations

import pytest

from colregion.core.text import content_terms, estimate_tokens, fold, printable, quoted_terms, terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  \n ", []),
        ("Café CAFÉ Ｃａｆｅ", ["cafe", "cafe", "cafe"]),
        ("Invoice-No.: 12.345,67", ["invoice", "no", "12.345,67"]),
        ("end. 3.", ["end", "3"]),  # a point at the end is no part of a number
        ("2015-2016", ["2015", "2016"]),
        ("snake_case", ["snake", "case"]),
        ("東京都庁", ["東京", "京都", "都庁"]),  # pairs where no spaces are set
        ("東", ["東"]),
        ("価格12円", ["価格", "12", "円"]),
        ("편의점 업종", ["편의점", "업종"]),  # Korean sets spaces
        ("Итого: 5", ["итого", "5"]),
    ],
)
def test_terms_are_folded_words(text: str, expected: list[str]) -> None:
    assert [fold(term) for term in terms(text)] == [fold(term) for term in expected]


def test_content_terms_leave_out_stop_words_unless_there_is_nothing_else() -> None:
    assert content_terms("What is the total?") == ["total"]
    assert content_terms("what is it") == ["what", "is", "it"]


@pytest.mark.parametrize(
    ("question", "content"),
    [
        ("Combien de logements le projet permet-il d’ajouter ?", "logements projet permet ajouter"),
        ("Wie hoch ist die Summe der Rechnung?", "hoch summe rechnung"),
        ("¿Cuánto cuesta el billete?", "cuesta billete"),
        ("Какой итог по счёту?", "итог счету"),
        ("When will the patient die?", "patient die"),  # a German article, but no German question
        ("Was kostet es?", "kostet"),
    ],
)
def test_stop_words_come_from_the_language_of_the_question(question: str, content: str) -> None:
    assert content_terms(question) == content.split()


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("", []),
        ('the field "Ship to"', ["ship", "to"]),
        ("the field \u2018Ship to\u2019, or \u201cFrom\u201d", ["from", "ship", "to"]),
        ("le champ \u00ab De \u00bb, das Feld \u201eVon\u201c", ["de", "von"]),
        ("\u300c\u6c0f\u540d\u300d\u306f?", ["\u6c0f\u540d"]),
        ("the firm's and the firms' don't", []),
        ('"nothing else"', []),
        ('a "never closed', []),
    ],
)
def test_quoted_terms_stand_in_quotation_marks(text: str, quoted: list[str]) -> None:
    assert sorted(quoted_terms(text)) == quoted


def test_content_terms_keep_stop_words_that_are_quoted() -> None:
    assert content_terms('What is in the field "To whom"?') == ["field", "to", "whom"]
    assert content_terms('"What is it?"') == ["what", "is", "it"]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("cat", 1), ("regions", 2), ("12345", 2), ("a, b", 3), ("東京", 2), ("\n\n", 0)],
)
def test_estimate_tokens_counts_letters_digits_and_signs(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


def test_printable_replaces_control_characters() -> None:
    assert (
        printable("a\x1b[31mb\x00\r\u202ec\ud800\n\td")
        == "a\ufffd[31mb\ufffd\ufffd\ufffdc\ufffd\n\td"
    )
