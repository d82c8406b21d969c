"""A second OCR engine for the pages of which the first is unsure."""

from __future__ import annotations

from colregion.core.documents import Page
from colregion.core.regions import Word
from colregion.parsers.ocr.orientation import character_confidence
from colregion.parsers.word_reader import WordReader

# Tesseract's mean confidence over characters: of 135 rendered reports and slides half have .94,
# nine in ten more than this; of 105 scanned forms and receipts, which RapidOCR reads better,
# three in four have less.
MIN_CONFIDENCE = 0.85


class FallbackReader(WordReader):
    """Reads a page with `first` and, below a confidence, also with `second`; the result of the
    higher confidence counts, ties go to the first.

    Words without a confidence count as not read.

    Args:
        min_confidence: mean over characters, 0-1, from which the first result is used as it is.
    """

    def __init__(
        self, first: WordReader, second: WordReader, *, min_confidence: float = MIN_CONFIDENCE
    ) -> None:
        self.first = first
        self.second = second
        self.min_confidence = min_confidence

    @property
    def fingerprint(self) -> str:
        return f"{self.first.fingerprint}, below {self.min_confidence} {self.second.fingerprint}"

    def read_upright(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        first = self.first.read_upright(page)
        if character_confidence(first[1]) >= self.min_confidence:
            return first
        second = self.second.read_upright(page)
        return max(first, second, key=lambda result: character_confidence(result[1]))
