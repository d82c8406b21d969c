"""A second reader for pages that the first is not sure of."""

from __future__ import annotations

import pytest

from colregion.core.documents import Page
from colregion.core.geometry import Box
from colregion.core.regions import Word
from colregion.parsers.ocr.fallback import SecondReading, mean_confidence
from colregion.parsers.words import WordReader
from colregion.testing import make_page

AT = Box(0.1, 0.1, 0.4, 0.2)


class Sure(WordReader):
    """Reads its name on every page, as sure as it was told to be; nothing for None."""

    def __init__(self, name: str, confidence: float | None) -> None:
        self.name = name
        self.confidence = confidence
        self.read_pages = 0

    @property
    def fingerprint(self) -> str:
        return self.name

    def read(self, page: Page) -> tuple[Word, ...]:  # noqa: ARG002
        self.read_pages += 1
        return () if self.confidence is None else (Word(self.name, AT, self.confidence),)


@pytest.mark.parametrize(
    ("first", "second", "taken", "asked_again"),
    [
        (0.85, 0.99, ["first"], False),
        (0.84, 0.99, ["second"], True),
        (0.84, 0.5, ["first"], True),
        (0.84, 0.84, ["first"], True),
        (None, 0.3, ["second"], True),  # nothing read is nothing to be sure of
        (None, None, [], True),
    ],
)
def test_the_surer_reading_is_taken(
    first: float | None, second: float | None, taken: list[str], asked_again: bool
) -> None:
    other = Sure("second", second)
    reader = SecondReading(Sure("first", first), other)
    assert [word.text for word in reader.read(make_page())] == taken
    assert other.read_pages == int(asked_again)


def test_long_words_count_for_more() -> None:
    words = (Word("abc", AT, 0.9), Word("d", AT, 0.5))
    assert mean_confidence(words) == pytest.approx(0.8)
    assert mean_confidence(()) == 0.0


def test_the_fingerprint_names_both_and_the_limit() -> None:
    name = SecondReading(Sure("a", 1), Sure("b", 1), sure=0.7).fingerprint
    assert all(part in name for part in ("a", "b", "0.7"))
