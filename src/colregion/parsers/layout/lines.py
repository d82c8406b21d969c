"""Lines and rows from the boxes of words.

All lengths are in square units: fractions of the page's height in both directions, so that widths
and heights compare. A *line* is a run of words without a wide gap; lines side by side (columns, a
label and its value, the cells of a table) make a *row*.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import median

import numpy as np

from colregion.core.geometry import Box, FloatArray, IntArray
from colregion.parsers.layout.word_boxes import ink_share

# A gap of more characters ends a line. Words of a sentence are about one apart, typewritten
# sentences two; gutters and table columns are wider.
_WIDE_GAP = 2.25
_SAME_ROW = 0.5  # overlap of two boxes in one row, as a share of the lower height
_MAX_HEIGHT_RATIO = 2.5  # a rule or a stamp is no word of the line that it crosses
_TALL = 1.3  # height of a word, as a multiple of its line's, from which it is not of its type
_OVERLAP = 0.25  # of two words that the source has next to each other, in heights
_MIN_CHAR, _MAX_CHAR = 0.5, 1.0  # character width in text heights: bounds for short words

# A narrow gutter, in text heights: wider than the spaces of its line, with words of both columns
# along it over several lines and hardly any across.
_GUTTER = 0.8
_GUTTER_TO_SPACE = 2.0
_GUTTER_REACH = 8.0  # above and below the line
_GUTTER_EDGE = 0.3  # by which the words along a gutter's edge may differ
_GUTTER_CROSSING = 0.25  # of as many words, by which a heading or page number may interrupt it
_GUTTER_WORDS = 4  # along each edge, those at the gap included


@dataclass(frozen=True, eq=False)
class Line:
    """A run of words."""

    words: tuple[int, ...]  # positions among the page's words, in reading order
    box: Box  # around the words, square units
    text: str  # the words joined by spaces
    height: float  # of its type ("Ag"), square units: the median over its words
    band: tuple[float, float] | None = None  # top and bottom without its tallest words

    @property
    def top(self) -> float:
        """Upper edge of its words, but for symbols whose boxes reach into the line above."""
        return self.band[0] if self.band else self.box.y0

    @property
    def bottom(self) -> float:
        """Lower edge of its words, but for symbols whose boxes reach into the next line."""
        return self.band[1] if self.band else self.box.y1


def find_lines(
    texts: Sequence[str], boxes_xyxy: FloatArray, *, blocks: Sequence[int | None] = ()
) -> list[Line]:
    """Join the N words of a page to lines, from the top, with every word in one; [] for no words.

    Args:
        boxes_xyxy: (N, 4) square units, upright.
        blocks: N block numbers from OCR, None if unknown. Words of two blocks are joined only
            over a normal gap: OCR detected a gutter there.
    """
    if not texts:
        return []
    source = np.array([-1 if block is None else block for block in blocks or [None] * len(texts)])
    chains = _chains(_next_words(texts, boxes_xyxy, source))
    heights = _type_heights(chains, texts, boxes_xyxy)
    chains = [part for chain in chains for part in _cut_at_gutters(chain, boxes_xyxy, heights)]
    lines = [_make_line(run, texts, boxes_xyxy, heights) for run in chains]
    return sorted(lines, key=lambda line: (line.box.y0, line.box.x0))


def _next_words(texts: Sequence[str], boxes: FloatArray, source: IntArray) -> IntArray:
    """(N,) the word that follows each on its line, -1 for none.

    Two words are joined if each is the other's nearest on that side: on a skewed scan a word may
    overlap two lines, but only on its own is the nearest mutual. A word that the source has next to
    another is nearest to it: fonts of symbols have boxes that reach far into the next line.
    """
    left, right, gaps = _neighbours(texts, boxes, source)
    heights = boxes[:, 3] - boxes[:, 1]
    follows = (np.abs(left - right) == 1) & (gaps > -_OVERLAP * heights[left])
    gaps = np.where(follows, -np.inf, gaps)
    order = np.lexsort((right, left, gaps))
    left, right = left[order], right[order]
    after = np.full(len(texts), -1)
    before = np.full(len(texts), -1)
    # Written from the widest gap on, so that the nearest neighbour remains.
    after[left[::-1]] = right[::-1]
    before[right[::-1]] = left[::-1]
    mutual = (after >= 0) & (before[after] == np.arange(len(texts)))
    following: IntArray = np.where(mutual, after, -1)
    return following


def _neighbours(
    texts: Sequence[str], boxes: FloatArray, source: IntArray
) -> tuple[IntArray, IntArray, FloatArray]:
    """Pairs of words that could follow each other on a line: left, right, gap."""
    x0, y0, x1, y1 = boxes.T
    i, j = _level_pairs(y0, y1)
    middle = x0 + x1
    i, j = np.where(middle[i] <= middle[j], i, j), np.where(middle[i] <= middle[j], j, i)
    height = y1 - y0
    low, high = np.minimum(height[i], height[j]), np.maximum(height[i], height[j])
    shared = np.minimum(y1[i], y1[j]) - np.maximum(y0[i], y0[j])
    gap = x0[j] - x1[i]
    chars = np.array([len(text) for text in texts])
    char = (x1[i] - x0[i] + x1[j] - x0[j]) / (chars[i] + chars[j])
    reach = _WIDE_GAP * np.clip(char, _MIN_CHAR * high, _MAX_CHAR * high)
    parted = (source[i] != source[j]) & (source[i] >= 0) & (source[j] >= 0)
    reach = np.where(parted, 0.5 * reach, reach)
    solid = np.array([any(c.isalnum() for c in text) for text in texts])
    fits = (shared >= _SAME_ROW * low) & (gap <= reach) & (gap > -high)
    fits &= (high <= _MAX_HEIGHT_RATIO * low) | ~solid[i] | ~solid[j]
    return i[fits], j[fits], gap[fits]


def _level_pairs(y0: FloatArray, y1: FloatArray) -> tuple[IntArray, IntArray]:
    """Every pair of words that overlap vertically, once."""
    order = np.argsort(y0, kind="stable")
    ends = np.searchsorted(y0[order], y1[order])
    counts = np.maximum(ends - np.arange(len(order)) - 1, 0)
    first = np.repeat(np.arange(len(order)), counts)
    offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return order[first], order[first + 1 + offset]


def _chains(following: IntArray) -> list[list[int]]:
    starts = np.setdiff1d(np.arange(len(following)), following[following >= 0])
    chains = []
    for start in starts.tolist():
        chain = [start]
        while (after := int(following[chain[-1]])) >= 0:
            chain.append(after)
        chains.append(chain)
    return chains


def _cut_at_gutters(chain: list[int], boxes: FloatArray, heights: FloatArray) -> list[list[int]]:
    """The chain's words in one or more parts, none of which runs over a narrow gutter."""
    if len(chain) < 4:
        return [chain]
    run = boxes[chain]
    gaps = run[1:, 0] - run[:-1, 2]
    if gaps.max() <= _GUTTER * heights[chain].min():
        return [chain]
    height = float(np.median(heights[chain]))
    wide = (gaps > _GUTTER * height) & (gaps > _GUTTER_TO_SPACE * np.median(gaps))
    cuts = [
        at + 1
        for at in np.flatnonzero(wide).tolist()
        if 1 <= at < len(chain) - 2 and _is_gutter(run[at], run[at + 1], boxes, height)
    ]
    return [chain[start:end] for start, end in pairwise([0, *cuts, len(chain)])]


def _is_gutter(left: FloatArray, right: FloatArray, boxes: FloatArray, height: float) -> bool:
    """Whether columns end and start at a gap between two words, above and below it too."""
    edge = _GUTTER_EDGE * height
    middle = (boxes[:, 1] + boxes[:, 3]) / 2
    near = boxes[np.abs(middle - (left[1] + left[3]) / 2) < _GUTTER_REACH * height]
    crossing = ((near[:, 2] > left[2] + edge) & (near[:, 0] < right[0] - edge)).sum()
    # Lines of a column need not be justified.
    ends = (np.abs(near[:, 2] - left[2]) < height).sum()
    starts = (np.abs(near[:, 0] - right[0]) < edge).sum()
    words = min(ends, starts)
    return bool(words >= _GUTTER_WORDS and crossing <= _GUTTER_CROSSING * words)


def _type_heights(
    chains: Sequence[Sequence[int]], texts: Sequence[str], boxes: FloatArray
) -> FloatArray:
    """(N,) the height of each word's type ("Ag").

    OCR boxes the ink, so that "see" is half as high as "Ag" of the same type; many files have
    boxes as high as the type instead. The page's boxes are interpreted as whichever makes the
    words of a line agree better.
    """
    boxed = boxes[:, 3] - boxes[:, 1]
    inked = boxed / np.array([ink_share(text) for text in texts])
    runs = [chain for chain in chains if len(chain) > 1]

    def disagreement(heights: FloatArray) -> float:
        logs = np.log(heights).tolist()
        total = 0.0
        for run in runs:
            own = [logs[i] for i in run]
            middle = median(own)
            total += sum(abs(value - middle) for value in own)
        return total

    return inked if disagreement(inked) < disagreement(boxed) else boxed


def _make_line(
    run: Sequence[int], texts: Sequence[str], boxes: FloatArray, heights: FloatArray
) -> Line:
    ordered = list(run)
    if reads_leftward("".join(texts[i] for i in ordered)):
        ordered.reverse()
    lettered = [i for i in ordered if any(c.isalnum() for c in texts[i])] or ordered
    rows = boxes[ordered]
    height = median(heights[lettered].tolist())
    usual = rows[heights[ordered] <= _TALL * height]
    return Line(
        words=tuple(ordered),
        box=Box(*rows[:, :2].min(axis=0).tolist(), *rows[:, 2:].max(axis=0).tolist()),
        text=" ".join(texts[i] for i in ordered),
        height=height,
        band=(float(usual[:, 1].min()), float(usual[:, 3].max())) if len(usual) else None,
    )


def reads_leftward(text: str) -> bool:
    directions = [unicodedata.bidirectional(c) for c in text]
    leftward = sum(d in ("R", "AL") for d in directions)
    return leftward > sum(d == "L" for d in directions)


@dataclass(frozen=True, eq=False)
class Row:
    """Lines side by side, from left to right."""

    lines: tuple[Line, ...]

    @cached_property
    def box(self) -> Box:
        """Around the lines, square units."""
        return Box.enclosing(line.box for line in self.lines)

    @cached_property
    def height(self) -> float:
        """Median height of the letters, square units."""
        return median(line.height for line in self.lines)


def find_rows(lines: Sequence[Line]) -> list[Row]:
    """Join lines side by side to rows, from the top; [] for no lines."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: (line.box.y0 + line.box.y1, line.box.x0)):
        # Only the latest rows can overlap the next line.
        own = next((row for row in reversed(rows[-4:]) if _beside(row, line)), None)
        if own is None:
            rows.append([line])
        else:
            own.append(line)
    sorted_rows = [Row(tuple(sorted(row, key=lambda line: line.box.x0))) for row in rows]
    return sorted(sorted_rows, key=lambda row: (row.box.y0 + row.box.y1, row.box.x0))


def lines_of(rows: Iterable[Row]) -> tuple[Line, ...]:
    """The lines of rows, in reading order."""
    return tuple(line for row in rows for line in row.lines)


def _beside(row: Sequence[Line], line: Line) -> bool:
    """Whether a line belongs to a row: beside its nearest member, above or below none."""
    box = line.box
    gaps = [max(m.box.x0, box.x0) - min(m.box.x1, box.x1) for m in row]
    nearest = row[min(range(len(row)), key=lambda i: abs(gaps[i]))].box
    shared = min(nearest.y1, box.y1) - max(nearest.y0, box.y0)
    return shared >= _SAME_ROW * min(nearest.height, box.height) and all(
        gap > -0.5 * min(member.height, line.height) for gap, member in zip(gaps, row, strict=True)
    )
