"""Where the words of a text layer begin and end: its spaces, the gaps and the sizes of its type."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from colregion.core.documents import TextLayer
from colregion.core.geometry import FloatArray
from colregion.core.text import fold

# Gaps between neighbouring characters, in heights of the smaller one. A gap over _WORD_GAP always
# separates words. A gap over _MIN_GAP does if it exceeds the word's median gap by _GAP_OVER_MEDIAN:
# tight text has negative gaps inside words and narrow ones between them, wide text has gaps
# everywhere. Where the file itself sets spaces, gaps up to _SET_GAP are uneven type. There PDFium
# still makes up spaces: those much narrower than the page's set ones are uneven type too.
_WORD_GAP = 0.6
_MIN_GAP = 0.06
_GAP_OVER_MEDIAN = 0.1
_SET_GAP = 0.15
_MADE_UP = 0.6  # of the median set space
_MIN_SET = 0.05  # spaces in the characters of a page that sets them; words have fewer than 20 each

_LEADERS = re.compile(r"[.\u2024\u2026\u00b7]{4,}")

# A raised or lowered digit is smaller than the number beside it, and its base line lies higher or
# lower, in heights of the number.
_NOTE_SIZE = 0.8
_NOTE_SHIFT = 0.1
_DESCENT = 0.2  # from the base line to a box's lower edge, in heights

# Letters of a heading that are set apart.
_MIN_SPACED = 5  # fewer may be points of the compass, answers, or names of columns
_SAME_LINE = 0.8  # of the larger letter's height; accents make a capital a sixth higher
_MAX_SPACING = 0.8  # in heights; wider are columns
_MIN_DISTINCT = 4  # letters; fewer are cells of a table
_MIN_LETTERS = 2.5  # of a word, on average
_WORD_SPACING = 1.5  # gap between words, in those between letters

_Spans = list[tuple[int, int]]
BoolArray = NDArray[np.bool_]


def word_spans(layer: TextLayer, inked: list[int], boxes: FloatArray) -> _Spans:
    """(start, end) of each word in `inked`, the N positions of the characters that make words;
    `boxes` (N, 4) are theirs, in square units."""
    characters = [layer.characters[i] for i in inked]
    at = np.array(inked)
    visible = layer.visible[at]
    gaps = _gaps(boxes)
    leads = _are_leaders(characters)
    sets_spaces, is_made_up = _spaces(layer, at)
    has_space = np.diff(at) > 1
    set_gaps = gaps[has_space & ~is_made_up & (gaps <= _WORD_GAP)]
    usual = float(np.median(set_gaps)) if len(set_gaps) else 0.0
    is_narrow = (gaps > _MIN_GAP) & (gaps <= min(_SET_GAP, _MADE_UP * usual))
    is_uneven = sets_spaces & is_made_up & is_narrow & ~_are_units(characters)
    breaks = (has_space & ~is_uneven) | (gaps > _WORD_GAP)
    breaks |= (visible[1:] != visible[:-1]) | (leads[1:] != leads[:-1])
    directions = _directions(boxes)
    turns = (gaps[1:] > _MIN_GAP) & (directions[1:] != directions[:-1])
    breaks[1:] |= turns & ~breaks[:-1]
    breaks |= _are_notes(characters, boxes, directions)
    min_gaps = np.where(sets_spaces, _SET_GAP, _MIN_GAP)
    spans = list(_split_at_wide_gaps(breaks, gaps, min_gaps))
    return _join_spaced_letters(spans, characters, boxes, gaps)


@lru_cache(maxsize=8192)
def separates_words(character: str) -> bool:
    """Whether a character stands between words: white space, a control character."""
    return character.isspace() or unicodedata.category(character) == "Cc" or character == "\u200b"


def _spaces(layer: TextLayer, at: NDArray[np.int64]) -> tuple[BoolArray, BoolArray]:
    """For each character but the last: (N - 1,) whether the file sets the spaces of its line, and
    (N - 1,) whether all spaces behind it are made up from a gap, so that they have no area. A line
    without any is like most of the page."""
    widths, heights = (layer.boxes_xyxy[:, 2:] - layer.boxes_xyxy[:, :2]).T
    ends_line = np.array([c in "\r\n" for c in layer.characters], dtype=bool)
    is_space = np.array([separates_words(c) for c in layer.characters], dtype=bool) & ~ends_line
    is_set = is_space & (widths > 0) & (heights > 0)
    line = np.cumsum(ends_line)
    spaces, set_spaces = (np.bincount(line, weights=kind) for kind in (is_space, is_set))
    is_usual = is_set.sum() > max(is_space.sum() / 2, _MIN_SET * len(at))
    sets_spaces: BoolArray = np.where(spaces > 0, set_spaces > 0, is_usual)[line[at[:-1]]]
    separators = np.cumsum(is_set | ends_line)[at]
    is_made_up: BoolArray = separators[1:] == separators[:-1]
    return sets_spaces, is_made_up


def _are_units(characters: list[str]) -> BoolArray:
    """(N - 1,) true where a letter follows a digit: a narrow space is set before units."""
    digits = np.array([c.isdigit() for c in characters], dtype=bool)
    letters = np.array([c.isalpha() for c in characters], dtype=bool)
    units: BoolArray = digits[:-1] & letters[1:]
    return units


def _are_leaders(characters: list[str]) -> BoolArray:
    """(N,) true inside runs of dots."""
    leads = np.zeros(len(characters), dtype=bool)
    for run in _LEADERS.finditer("".join(character[0] for character in characters)):
        leads[slice(*run.span())] = True
    return leads


def _gaps(boxes: FloatArray) -> FloatArray:
    """(N - 1,) gap from each box to the next in either direction, negative for an overlap, in
    heights of the smaller; 0 next to a box without area."""
    widths, heights = (boxes[:, 2:] - boxes[:, :2]).T
    # The size of vertical text is the width of its boxes.
    sizes = np.maximum(widths, heights)
    here, after = boxes[:-1], boxes[1:]
    apart_x = np.maximum(after[:, 0] - here[:, 2], here[:, 0] - after[:, 2])
    apart_y = np.maximum(after[:, 1] - here[:, 3], here[:, 1] - after[:, 3])
    has_area = (widths > 0) & (heights > 0)
    size = np.where(has_area[:-1] & has_area[1:], np.minimum(sizes[:-1], sizes[1:]), np.inf)
    gaps: FloatArray = np.maximum(apart_x, apart_y) / size
    return gaps


def _directions(boxes: FloatArray) -> NDArray[np.int64]:
    """(N - 1,) whether each next box lies to the right (0), below (1), to the left (2) or above."""
    x, y = np.diff(boxes[:, :2] + boxes[:, 2:], axis=0).T
    is_level = np.abs(x) >= np.abs(y)
    directions: NDArray[np.int64] = np.where(
        is_level, np.where(x >= 0, 0, 2), np.where(y >= 0, 1, 3)
    )
    return directions


def _are_notes(
    characters: list[str], boxes: FloatArray, directions: NDArray[np.int64]
) -> BoolArray:
    """(N - 1,) true between a number and a raised or lowered one before or after it: a note, an
    exponent, the numerator of a fraction. Those at letters (m3, H2O) belong to them."""
    starts = np.array([c.isdigit() for c in characters], dtype=bool)
    ends = starts | np.array([c in "%\u2030" for c in characters], dtype=bool)
    notes: BoolArray = ends[:-1] & starts[1:]
    at = np.flatnonzero(notes)
    (size, line), (next_size, next_line) = (
        _base_lines(boxes[i], directions[at]) for i in (at, at + 1)
    )
    large, small = np.maximum(size, next_size), np.minimum(size, next_size)
    notes[at] = (small <= _NOTE_SIZE * large) & (np.abs(next_line - line) >= _NOTE_SHIFT * large)
    return notes


def _base_lines(boxes: FloatArray, directions: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    """(M,) type sizes, and (M,) places of the base lines, of text in these directions."""
    x0, y0, x1, y1 = boxes.T
    sizes = np.where(directions % 2 == 0, y1 - y0, x1 - x0)
    return sizes, np.choose(directions, [y1, -x0, -y0, x1]) - _DESCENT * sizes


def _runs(breaks: BoolArray) -> Iterator[tuple[int, int]]:
    """(start, end) of the runs between true entries."""
    ends = [*(np.flatnonzero(breaks) + 1).tolist(), len(breaks) + 1]
    yield from zip([0, *ends[:-1]], ends, strict=True)


def _split_at_wide_gaps(
    breaks: BoolArray, gaps: FloatArray, min_gaps: FloatArray
) -> Iterator[tuple[int, int]]:
    wide_before = [0, *np.cumsum(gaps > min_gaps).tolist()]
    for start, end in _runs(breaks):
        if end - start < 3 or wide_before[start] == wide_before[end - 1]:
            yield start, end
            continue
        inner = slice(start, end - 1)
        median = np.sort(gaps[inner])[(end - start - 2) // 2]
        wide = gaps[inner] > np.maximum(min_gaps[inner], median + _GAP_OVER_MEDIAN)
        yield from ((start + first, start + last) for first, last in _runs(wide))


def _join_spaced_letters(
    spans: _Spans, characters: list[str], boxes: FloatArray, gaps: FloatArray
) -> _Spans:
    """Join the letters of words that are set apart: "N O T E S", "S p e r r s a t z"."""
    joined: _Spans = []
    is_letter = [
        characters[start].isalpha() and not any(map(str.isalnum, characters[start + 1 : end]))
        for start, end in spans
    ]
    for letters, group in groupby(zip(spans, is_letter, strict=True), key=lambda item: item[1]):
        run = [span for span, _ in group]
        if letters and len(run) >= _MIN_SPACED:
            for line in _level_runs(run, boxes, gaps):
                joined.extend(_spaced_words(line, characters, gaps))
        else:
            joined.extend(run)
    return joined


def _level_runs(spans: _Spans, boxes: FloatArray, gaps: FloatArray) -> Iterator[_Spans]:
    """The spans, parted where the next one is on another line, of another size or far away."""
    start = 0
    for i, ((first, _), (following, _)) in enumerate(pairwise(spans), start=1):
        a, b = boxes[first], boxes[following]
        shared = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
        across = int(shared.argmax())
        size = max(a[2 + across] - a[across], b[2 + across] - b[across])
        if shared[across] < _SAME_LINE * size or gaps[following - 1] > _MAX_SPACING:
            yield spans[start:i]
            start = i
    yield spans[start:]


def _spaced_words(spans: _Spans, characters: list[str], gaps: FloatArray) -> _Spans:
    """The words that letters form if the gaps between them are equal, and those between words
    clearly wider; the letters as they are if not, or if they are an alphabet's."""
    if len(spans) < _MIN_SPACED:
        return spans
    between = np.array([gaps[start - 1] for start, _ in spans[1:]])
    usual = np.sort(between)[(len(between) - 1) // 2]
    ends_word = between > _WORD_SPACING * usual
    is_even = (np.abs(between[~ends_word] - usual) <= _GAP_OVER_MEDIAN).all()
    codes = np.array([ord(characters[start][0]) for start, _ in spans])
    is_alphabet = 2 * (np.diff(codes) == 1).sum() >= len(between)
    words = [(spans[first][0], spans[last - 1][1]) for first, last in _runs(ends_word)]
    texts = ["".join(characters[first:last]) for first, last in words]
    is_list = len({fold(c) for c in "".join(texts)}) < _MIN_DISTINCT or not all(
        text in (text.upper(), text.lower(), text.capitalize()) for text in texts
    )
    is_short = len(spans) < _MIN_LETTERS * len(words)
    if not is_even or usual <= _MIN_GAP or is_alphabet or is_list or is_short:
        return spans
    return words
