"""A second OCR engine for the pages of which the first is unsure."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image

from colregion.core.documents import Page
from colregion.core.geometry import Box
from colregion.core.regions import Word
from colregion.parsers.auto_reader import FallbackReader, legible_content
from colregion.parsers.ocr.orientation import character_confidence
from colregion.parsers.word_reader import WordReader
from colregion.testing import make_page

AT = Box(0.1, 0.1, 0.4, 0.2)
LIMIT = 0.85
"""Confidence of the first reading of a fine page from which there is no second."""
PAGE = Page("d", 1, 595, 842, "pt", make_page().load_image)


class FixedConfidence(WordReader):
    """Reads its name on every page with a fixed confidence; nothing for None."""

    def __init__(self, name: str, confidence: float | None) -> None:
        self.name = name
        self.confidence = confidence
        self.read_pages = 0

    @property
    def fingerprint(self) -> str:
        return self.name

    def read_upright(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        self.read_pages += 1
        return page, () if self.confidence is None else (Word(self.name, AT, self.confidence),)


@pytest.mark.parametrize(
    ("first", "second", "expected", "second_is_used"),
    [
        (LIMIT, 0.99, ["Einst"], False),
        (LIMIT - 0.01, 0.99, ["Zweit"], True),
        (0.84, 0.5, ["Einst"], True),
        (0.84, 0.84, ["Einst"], True),
        (None, 0.3, ["Zweit"], True),  # nothing read counts as confidence 0
        (None, None, [], True),
    ],
)
def test_reading_of_the_higher_confidence_is_used_where_both_are_as_long(
    first: float | None, second: float | None, expected: list[str], second_is_used: bool
) -> None:
    other = FixedConfidence("Zweit", second)
    reader = FallbackReader(FixedConfidence("Einst", first), other)
    assert [word.text for word in reader.read(PAGE)] == expected
    assert other.read_pages == int(second_is_used)


@pytest.mark.parametrize(
    ("unit", "width", "height", "limit"),
    [
        pytest.param("px", 827, 1168, 0.92, id="99.97 dpi as an A4 sheet"),
        pytest.param("px", 827, 1170, 0.85, id="100.05 dpi as an A4 sheet"),
        pytest.param("pt", 595, 842, 0.85, id="PDF page, rendered at 200 dpi"),
    ],
)
def test_first_reading_must_be_surer_of_images_below_100_dpi(
    unit: str, width: int, height: int, limit: float
) -> None:
    page = Page("d", 1, width, height, unit, make_page().load_image)
    for confidence, expected in ((limit, "Einst"), (limit - 0.01, "Zweit")):
        reader = FallbackReader(
            FixedConfidence("Einst", confidence), FixedConfidence("Zweit", 0.99)
        )
        assert [word.text for word in reader.read(page)] == [expected]


def test_two_commas_of_high_confidence_do_not_replace_a_line_of_text() -> None:
    reader = FallbackReader(FixedConfidence("Invoice", 0.8), FixedConfidence(",,", 0.99))
    assert [word.text for word in reader.read(PAGE)] == ["Invoice"]


def test_legible_content_is_the_expected_number_of_letters_and_digits() -> None:
    words = (Word("No.", AT, 0.5), Word("7,", AT, 0.75), Word("--", AT, 1.0), Word("unread", AT))
    assert legible_content(words) == 1.75
    assert legible_content(()) == 0.0


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Отчёт", id="Cyrillic"),
        pytest.param("Έκθεση", id="Greek"),
        pytest.param("تقرير", id="Arabic"),
        pytest.param("रिपोर्ट", id="Devanagari"),
        pytest.param("보고서", id="Korean"),
    ],
)
def test_second_reader_reads_no_page_of_a_script_that_it_does_not_know(text: str) -> None:
    second = FixedConfidence("Omyeoom", 0.99)
    reader = FallbackReader(FixedConfidence(text, 0.5), second)
    assert [word.text for word in reader.read(PAGE)] == [text]
    assert second.read_pages == 0


@pytest.mark.parametrize("text", ["Rapport", "報告", "レポート", "12-3"])
def test_second_reader_reads_pages_of_latin_chinese_and_japanese_script(text: str) -> None:
    reader = FallbackReader(FixedConfidence(text, 0.5), FixedConfidence("report", 0.9))
    assert [word.text for word in reader.read(PAGE)] == ["report"]


class MissingScript(FixedConfidence):
    def read_upright(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        page, words = super().read_upright(page)
        return replace(page, missing="it looks like Cyrillic script"), words


def test_missing_script_stays_named_when_the_second_reading_is_used() -> None:
    reader = FallbackReader(MissingScript("OTyet", 0.4), FixedConfidence("OTueT", 0.7))
    page, words = reader.read_upright(PAGE)
    assert [word.text for word in words] == ["OTueT"]
    assert page.missing == "it looks like Cyrillic script"


def test_what_the_second_reading_misses_is_named_when_it_is_used() -> None:
    reader = FallbackReader(FixedConfidence("Otuet", 0.4), MissingScript("OTueT", 0.7))
    assert reader.read_upright(PAGE)[0].missing == "it looks like Cyrillic script"


def test_character_confidence_weights_words_by_their_length() -> None:
    words = (Word("abc", AT, 0.9), Word("d", AT, 0.5))
    assert character_confidence(words) == pytest.approx(0.8)
    assert character_confidence(()) == 0.0


def test_fingerprint_names_both_readers_and_the_limit() -> None:
    reader = FallbackReader(FixedConfidence("a", 1), FixedConfidence("b", 1))
    assert reader.fingerprint == f"a, below {LIMIT} (coarse 0.92) also b"


class Lines(WordReader):
    """Reads fixed words, and keeps what it is shown."""

    fingerprint = "lines"

    def __init__(self, *words: Word) -> None:
        self.words = words
        self.shown: list[Page] = []

    def read_upright(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        self.shown.append(page)
        return page, self.words


# The mean over 26 characters is .857.
SURE = Word("Gesamtrechnungsbetrag", Box(0.1, 0.1, 0.4, 0.2), 0.99, line=3)
UNSURE = Word("l2,5O", Box(0.1, 0.5, 0.4, 0.6), 0.3, line=4)
AGAIN = Word("12.50", Box(0.1, 0.5, 0.4, 0.6), 0.9, line=0)


def test_of_a_cut_the_second_reader_is_shown_only_the_lines_of_which_the_first_is_unsure() -> None:
    dark = Page("d", 1, 60, 80, "px", lambda *, dpi=None: Image.new("L", (60, 80), 200))  # noqa: ARG005
    image = dark.load_image()
    image.paste(0, (6, 8, 24, 16))
    image.paste(0, (6, 40, 24, 48))
    page = replace(dark, load_image=lambda *, dpi=None: image)  # noqa: ARG005
    second = Lines(replace(AGAIN, text="edge", box=SURE.box), AGAIN)
    _, words = FallbackReader(Lines(SURE, UNSURE), second).read_cut(page, is_coarse=False)
    assert words == (SURE, replace(AGAIN, line=4))
    (shown,) = second.shown
    assert shown.load_image(dpi=200).getpixel((10, 10)) == 200
    assert shown.load_image(dpi=200).getpixel((10, 44)) == 0


def test_a_cut_of_which_the_first_reader_is_unsure_on_the_whole_is_read_again_whole() -> None:
    doubted = replace(SURE, confidence=0.95)  # the mean is .825
    second = Lines(replace(SURE, text="Gesamtbetrag", line=0), replace(AGAIN, line=1))
    _, words = FallbackReader(Lines(doubted, UNSURE), second).read_cut(PAGE, is_coarse=False)
    assert [word.text for word in words] == ["Gesamtrechnungsbetrag", "l2,5O"]  # more is legible
    second.words = (replace(SURE, line=0), replace(AGAIN, line=1))
    _, words = FallbackReader(Lines(doubted, UNSURE), second).read_cut(PAGE, is_coarse=False)
    assert words == second.words


def test_of_a_cut_the_first_reading_stays_where_the_second_is_less_legible() -> None:
    reader = FallbackReader(Lines(SURE, UNSURE), Lines(replace(AGAIN, confidence=0.1)))
    assert reader.read_cut(PAGE, is_coarse=False)[1] == (SURE, UNSURE)


@pytest.mark.parametrize(("is_coarse", "readings"), [(False, 0), (True, 1)])
def test_a_cut_of_a_coarse_page_is_read_again_at_a_higher_confidence(
    is_coarse: bool, readings: int
) -> None:
    second = FixedConfidence("Zweit", 0.5)
    FallbackReader(FixedConfidence("Einst", 0.9), second).read_cut(PAGE, is_coarse=is_coarse)
    assert second.read_pages == readings
