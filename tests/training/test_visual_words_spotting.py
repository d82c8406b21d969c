"""Word spotting: which words count, and when one is spotted."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from colregion.core.embeddings import PageEmbedding
from colregion.core.geometry import Box, BoxPlacement
from colregion.core.regions import ParsedPage, Word
from colregion.encoders.static.encoder import StaticTokenEncoder
from colregion.testing import make_page
from training.visual_words.spotting import spot_words


def word(text: str, row: int, *, confidence: float | None = 0.9) -> Word:
    return Word(text, Box(0.1, 0.1 * row, 0.4, 0.1 * row + 0.05), confidence)


class OneRowBelow(StaticTokenEncoder):
    """Places every vector a row below its word."""

    def encode_pages(self, pages: Sequence[ParsedPage]) -> list[PageEmbedding]:
        moved = []
        for embedding in super().encode_pages(pages):
            assert isinstance(embedding.placement, BoxPlacement)
            boxes = embedding.placement.boxes_xyxy + [0, 0.1, 0, 0.1]
            moved.append(PageEmbedding(embedding.vectors, BoxPlacement(boxes)))
        return moved


class SeesNothing(StaticTokenEncoder):
    """Sees nothing."""

    def encode_pages(self, pages: Sequence[ParsedPage]) -> list[PageEmbedding]:
        nothing = np.zeros((0, 384), np.float32)
        return [PageEmbedding(nothing, BoxPlacement(np.zeros((0, 4)))) for _ in pages]


def test_only_long_single_confident_words_that_stand_once_count() -> None:
    words = (
        word("garden", 1),
        word("1994", 2, confidence=None),
        word("cat", 3),  # short
        word("school", 4),
        word("School,", 5),  # twice
        word("well-known", 6),  # two terms
        word("invoice", 7, confidence=0.5),
    )
    page = ParsedPage(make_page(), words, ())
    result = spot_words(StaticTokenEncoder(), [page])
    assert dict(result.words) == {"word": 1, "number": 1}
    assert (result.share("word"), result.share("number")) == (1.0, 1.0)


def test_word_is_not_spotted_where_the_best_vector_lies_elsewhere_or_there_is_none() -> None:
    page = ParsedPage(make_page(), (word("garden", 1),), ())
    assert spot_words(OneRowBelow(), [page]).share("word") == 0.0
    assert spot_words(SeesNothing(), [page]).share("word") == 0.0
    assert math.isnan(spot_words(SeesNothing(), [page]).share("number"))
