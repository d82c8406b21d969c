"""A second reader for the pages that a first, faster one is not sure of."""

from __future__ import annotations

from collections.abc import Sequence

from colregion.core.documents import Page
from colregion.core.regions import Word
from colregion.parsers.words import WordReader

# Mean confidence over characters, by Tesseract: half of 135 rendered reports and slides have .94,
# and nine in ten more than this; of 105 scanned forms and receipts, which RapidOCR reads better,
# three in four have less.
SURE = 0.85


class SecondReading(WordReader):
    """Reads with `first`, and reads a page again with `second` where the first is not sure; of
    the two readings the surer one is taken, ties to the first.

    Both readers' words have to carry a confidence; words without one count as not read.

    Args:
        sure: mean confidence over characters, 0-1, from which the first reading is taken as it is.
    """

    def __init__(self, first: WordReader, second: WordReader, *, sure: float = SURE) -> None:
        self.first = first
        self.second = second
        self.sure = sure

    @property
    def fingerprint(self) -> str:
        return f"{self.first.fingerprint}, below {self.sure} {self.second.fingerprint}"

    def read(self, page: Page) -> tuple[Word, ...]:
        return self.read_turned(page)[1]

    def read_turned(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        first = self.first.read_turned(page)
        if mean_confidence(first[1]) >= self.sure:
            return first
        second = self.second.read_turned(page)
        return second if mean_confidence(second[1]) > mean_confidence(first[1]) else first


def mean_confidence(words: Sequence[Word]) -> float:
    """Over the characters of the words, 0-1; 0 when there are none."""
    letters = sum(len(word.text) for word in words)
    return sum(len(word.text) * (word.confidence or 0.0) for word in words) / max(letters, 1)
