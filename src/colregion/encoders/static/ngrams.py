"""Hashed character n-grams: vectors whose dot product measures how similarly words are spelled."""

from __future__ import annotations

import math
import re
import zlib
from collections import defaultdict

import numpy as np

from colregion.core.geometry import FloatArray

DIMENSION = 256
"""Dot products of words without common n-grams have standard deviation 1 / sqrt(256) = 0.06."""

_LENGTHS = (2, 3, 4)
_GROUPED_NUMBER = re.compile(
    r"[1-9]\d{0,2}([.,])\d{3}(?:\1\d{3})*(?:[.,]\d+)?"
    r"|[1-9]\d?(?:,\d{2})+(,)\d{3}(?:\.\d+)?"  # Indian: 12,34,567
)
# "12.00" may be a version or a clause beside "12".
_WHOLE_AMOUNT = re.compile(r"(\d{4,})\.0+")


def ngram_vector(term: str) -> FloatArray:
    """(256,) float32 of length 1: the signed hash (Weinberger et al., arXiv 0902.2206) of the
    term's runs of 2, 3 and 4 characters, with its start and end marked.

    The dot product of two is near the cosine of their n-gram counts: 1 for equal terms, 0.6-0.7
    for one wrong letter in seven. The same on every machine.

    Args:
        term: not empty, as returned by `text.terms`. In numbers thousands separators are dropped
            and the decimal comma becomes a point: "1,234.50" and "1.234,50" are "1234.50".
            Decimals of 0 after four digits or more are dropped too: "48,250.00" is "48250".
    """
    marked = f"<{_plain_number(term)}>"
    counts: dict[int, int] = defaultdict(int)
    for length in _LENGTHS:
        for start in range(len(marked) - length + 1):
            hashed = zlib.crc32(marked[start : start + length].encode())
            # Sign and component come from different bits, so that they are independent.
            counts[(hashed >> 1) % DIMENSION] += 1 if hashed & 1 else -1
    length_of_vector = math.hypot(*counts.values())
    vector = np.zeros(DIMENSION, dtype=np.float32)
    if length_of_vector == 0:
        # All n-grams of a very short term may cancel; it then has its last one only.
        vector[(hashed >> 1) % DIMENSION] = 1.0
    else:
        vector[list(counts)] = [count / length_of_vector for count in counts.values()]
    return vector


def _plain_number(term: str) -> str:
    if match := _GROUPED_NUMBER.fullmatch(term):
        term = term.replace(match[1] or match[2], "").replace(",", ".")
    elif term.replace(",", "").isdecimal():
        term = term.replace(",", ".")
    whole = _WHOLE_AMOUNT.fullmatch(term)
    return whole[1] if whole else term
