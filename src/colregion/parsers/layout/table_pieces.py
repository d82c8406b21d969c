"""Pieces of the lines of a table: runs of words without a gap as wide as the space between columns.

A piece is a cell, or one line of it. Lengths are in square units (see `lines`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate, pairwise
from typing import TypeAlias

from colregion.core.geometry import Box, FloatArray

# In text heights.
_WORD_SPACE = 0.45  # a wider gap may separate columns
_VALUE_SPACE = 0.25  # as much, between two numbers

_NUMBER = re.compile(
    r"[^\w.,]*(?:[A-Z]{2,3}\s?)?[^\w]*\d(?:[\d.,'’:/\s−–٫٬±×=%-]*\d)?\.?(?:\s?[^\W\d]{1,3}[²³]?)?"
    r"(?:\W*|\W*\(?[\w*]{1,2}\)\W*|\W*[(\[][±\d.,%\s–-]{1,12}[)\]]\W*)"
)
_LONGEST_VALUE = 40  # characters
_YEAR = re.compile(r"\W*(?:19|20)\d\d\W*")
_BLANK = re.compile(r"[^\w$€£¥]*[-–—−.]+\W*|\(?[nN]\s?[/.]\s?[aAmM]\.?\)?")

Span: TypeAlias = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Piece:
    """Words of a cell on one line, and the columns that they cover."""

    words: tuple[int, ...]  # positions among the page's words, in reading order
    text: str
    box: Box
    columns: tuple[int, int] = (0, 0)  # first and last

    @property
    def covered(self) -> range:
        """All its columns."""
        return range(self.columns[0], self.columns[1] + 1)

    @cached_property
    def is_value(self) -> bool:
        """Whether it is a number, or the mark for none; a year is not."""
        return is_value(self.text)


@lru_cache(maxsize=8192)
def is_value(text: str) -> bool:
    """Whether a text is a number, or the mark for none; a year is not."""
    if len(text) > _LONGEST_VALUE or _YEAR.fullmatch(text):
        return False
    return bool(_NUMBER.fullmatch(text) or _BLANK.fullmatch(text))


class Words:
    """Makes pieces of words."""

    def __init__(self, texts: Sequence[str], boxes_xyxy: FloatArray, height: float) -> None:
        self.texts = texts
        self.boxes: list[list[float]] = boxes_xyxy.tolist()
        self.height = height

    def piece(self, words: Sequence[int]) -> Piece:
        x0, y0, x1, y1 = zip(*(self.boxes[i] for i in words), strict=True)
        box = Box(min(x0), min(y0), max(x1), max(y1))
        return Piece(tuple(words), " ".join(self.texts[i] for i in words), box)

    def pieces(self, line: Sequence[int]) -> list[Piece]:
        """A line's words, parted at gaps wider than a space between words."""
        order = self.from_left(line)
        wide = [
            at
            for at, gap in enumerate(self.gaps(order), start=1)
            if gap > _WORD_SPACE * self.height
            or (
                gap > _VALUE_SPACE * self.height
                and is_value(self.texts[order[at - 1]])
                and is_value(self.texts[order[at]])
            )
        ]
        return [self.piece(part) for part in self.parts(line, order, wide)]

    def gaps(self, order: Sequence[int]) -> list[float]:
        """The white space before each word but the first, words from the left."""
        rights = accumulate((self.boxes[i][2] for i in order), max)
        return [self.boxes[i][0] - right for i, right in zip(order[1:], rights, strict=False)]

    def from_left(self, words: Sequence[int]) -> list[int]:
        return sorted(words, key=lambda i: self.boxes[i][0])

    def parts(
        self, words: Sequence[int], order: Sequence[int], cuts: Sequence[int]
    ) -> list[list[int]]:
        """Words, from the left in `order`, parted before some positions in it; each part in
        reading order."""
        if not cuts:
            return [list(words)]
        rank = {word: i for i, word in enumerate(words)}
        bounds = pairwise((0, *cuts, len(order)))
        return [sorted(order[start:end], key=rank.__getitem__) for start, end in bounds]
