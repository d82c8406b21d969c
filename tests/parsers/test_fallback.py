"""A second OCR engine for the pages of which the first is unsure."""

from __future__ import annotations

import pytest

from colregion.core.documents import Page
from colregion.core.geometry import Box
from colregion.core.regions import Word
from colregion.parsers.auto_reader import FallbackReader
from colregion.parsers.ocr.orientation import character_confidence
from colregion.parsers.word_reader import WordReader
from colregion.testing import make_page

AT = Box(0.1, 0.1, 0.4, 0.2)


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
        (0.85, 0.99, ["first"], False),
        (0.84, 0.99, ["second"], True),
        (0.84, 0.5, ["first"], True),
        (0.84, 0.84, ["first"], True),
        (None, 0.3, ["second"], True),  # nothing read counts as confidence 0
        (None, None, [], True),
    ],
)
def test_result_of_the_higher_confidence_is_used(
    first: float | None, second: float | None, expected: list[str], second_is_used: bool
) -> None:
    other = FixedConfidence("second", second)
    reader = FallbackReader(FixedConfidence("first", first), other)
    assert [word.text for word in reader.read(make_page())] == expected
    assert other.read_pages == int(second_is_used)


def test_character_confidence_weights_words_by_their_length() -> None:
    words = (Word("abc", AT, 0.9), Word("d", AT, 0.5))
    assert character_confidence(words) == pytest.approx(0.8)
    assert character_confidence(()) == 0.0


def test_fingerprint_names_both_readers_and_the_limit() -> None:
    reader = FallbackReader(FixedConfidence("a", 1), FixedConfidence("b", 1))
    assert reader.fingerprint == "a, below 0.85 b"
