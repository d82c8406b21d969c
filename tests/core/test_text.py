"""Folding, terms and the token estimate."""

from __future__ import annotations

import pytest

from colregion.core.text import (
    content_terms,
    estimate_tokens,
    fold,
    join_broken,
    printable,
    quoted_terms,
    terms,
)


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,234²", ["1,234", "2"]),
        ("250⁹ 10²³ 4₁", ["250", "9", "10", "23", "4", "1"]),
        ("12①", ["12", "1"]),
        ("revenue⁴ Sales²1,234", ["revenue", "4", "sales", "2", "1,234"]),
        ("m² R³ CO₂ CaCO₃ ¹⁴C", ["m2", "r3", "co2", "caco3", "14c"]),
        ("2½ 12¾", ["2.5", "12.75"]),
        ("½ 2⅓", ["1", "2", "2", "1", "3"]),  # a third has no exact decimals
        ("№12 Acme™", ["no", "12", "acme"]),
    ],
)
def test_raised_digits_and_fractions_are_no_digits_of_the_number_before(
    text: str, expected: list[str]
) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9'876.50", ["9876.50"]),
        ("CHF 1\u2019234\u2019567.00", ["chf", "1234567.00"]),
        ("48\u00a0250,00 48\u2009250 48\u202f250", ["48250,00", "48250", "48250"]),
        ("48 250,00", ["48250,00", "48", "250,00"]),
        ("1 234 567 \u20ac", ["1234567", "1", "234", "567"]),
        ("12,34,567.89", ["12,34,567.89"]),
        ("Rs.48 250", ["rs", "48250", "48", "250"]),
        ("1.234 567", ["1.234", "567"]),
        ("in 2024 100 people", ["in", "2024", "100", "people"]),
        ("2023 2024 125 140", ["2023", "2024", "125", "140"]),
        ("12 345 678 901 234 567", ["12", "345", "678", "901", "234", "567"]),  # a row of numbers
        ("+49 172 123 4567", ["49", "172", "123", "4567"]),
        ("007 250", ["007", "250"]),
        ("it's 5'10 in the '90s", ["it", "s", "5", "10", "in", "the", "90s"]),
        ("12\n345", ["12", "345"]),
    ],
)
def test_thousands_parted_by_spaces_or_apostrophes_are_one_number(
    text: str, expected: list[str]
) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\u0662\u0660\u0662\u0664", ["2024"]),  # Arabic-Indic
        ("\u06f2\u06f0\u06f2\u06f4", ["2024"]),  # extended, of Persian and Urdu
        ("\u0968\u0966\u0968\u096a", ["2024"]),  # Devanagari
        ("\u09e7\u09e8 \u0be7\u0be8 \u0e51\u0e52", ["12", "12", "12"]),  # Bengali, Tamil, Thai
        ("\uff11\uff12", ["12"]),
        ("\u0661\u066c\u0662\u0663\u0664\u066b\u0665", ["1,234.5"]),  # with Arabic separators
    ],
)
def test_digits_of_all_scripts_are_ascii_digits(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("كتـــاب", "كتاب"),
        ("كِتَاب", "كتاب"),
        ("שָׁלוֹם", "שלום"),
        ("Ångström À", "angstrom a"),
        ("می\u200cخواهم", "میخواهم"),
        ("re\u00adgister", "register"),
        ("葛\U000e0100", "葛"),
    ],
)
def test_fold_drops_accents_points_tatweel_and_invisible_characters(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize(
    "words",
    [
        "राजा रोज",
        "की का को",
        "বাংলা বাংলো",
        "தமிழ் தமிழா",
        "മലയാളം മലയാളി",
        "ಕನ್ನಡ ಕನ್ನಡಿ",
        "ガス カス",
        "パリ バリ",
    ],
)
def test_vowel_and_sound_signs_tell_words_apart(words: str) -> None:
    assert terms(words) == words.split()


def test_thai_vowels_tell_words_apart() -> None:
    assert terms("กิน") == ["กิ", "ิน"]
    assert terms("กัน") == ["กั", "ัน"]


@pytest.mark.parametrize(
    ("before", "after", "whole"),
    [
        ("regis-", "tration", "registration"),
        ("(regis-", "tration),", "(registration),"),
        ("regis\u2010", "tration", "registration"),
        ("Regis\u00ad", "Tration", "RegisTration"),
        ("REGIS-", "TRATION.", "REGISTRATION."),
        ("X-", "RAY", ""),
        ("NATO-", "Staaten", ""),
        ("Wirt\u00ac", "schaft", "Wirtschaft"),
        ("Wirt\u2e17", "schaft", "Wirtschaft"),
        ("well-", "known", "wellknown"),
        ("реги-", "страция", "регистрация"),
        ("கண்-", "காணி", "கண்காணி"),
        ("", "tration", ""),
        ("-", "tration", ""),
        ("regis", "tration", ""),
        ("regis-", "", ""),
        ("regis--", "tration", ""),
        ("Rhine-", "Main", ""),
        ("2019-", "based", ""),
        ("COVID-", "19", ""),
        ("Haupt-", "und", ""),
        ("pre-", "or", ""),
    ],
)
def test_words_broken_at_the_end_of_a_line_are_joined(before: str, after: str, whole: str) -> None:
    assert join_broken(before, after) == whole


def test_terms_of_a_broken_word_are_the_whole_word_and_its_parts() -> None:
    assert terms("the regis-\ntration fee") == ["the", "registration", "regis", "tration", "fee"]
    assert terms("regis\u00ad\n tration") == ["registration"]
    assert terms("Haupt-\nund Nebenfach") == ["haupt", "und", "nebenfach"]


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
