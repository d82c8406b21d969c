"""Paragraphs of a column, from spacing, indents, line ends, list markers and size of type.

Lengths are in text heights. A line *ends* a paragraph's thought if it ends as a sentence does or
has room for the next line's first word, which running text would have filled.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate, pairwise
from statistics import fmean, median

from colregion.core.geometry import Box
from colregion.parsers.layout.groups import (
    HEADING_RATIO,
    MIN_LINE_CHARS,
    gap,
    size_ratio,
    starts_bullet,
    starts_item,
)
from colregion.parsers.layout.lines import Line, Row

_GAP = 0.25  # a paragraph ends where a gap exceeds the median one by this
_INDENT = 0.6  # least shift of a line's left edge against the line before
_CENTERED = 0.3  # largest shift of the middle of centered lines
_SPACE = 0.3  # width of a word space
_ROOM = 1.5  # widths of a word, judged by its letters, into which it fits for sure
_SIZE = 1.2  # ratio of type sizes from which two lines are of two paragraphs
_FULL = 0.75  # share of the column's width from which a line is full
_FULL_SHARE = 0.4  # of the lines that are full in running text
_HEADING_WORDS = 8  # in a line of its own before a paragraph, at most
_MAX_PIECES_SHARE = 0.25  # of the rows of running text that stretched spaces cut into pieces
_MAX_STRETCH = 4.0  # widest space between words of a justified line

MAX_WORDS = 150
"""A paragraph of more words is divided where a sentence ends."""
_LEAST_PART = 0.25  # of a divided paragraph's words

_STOP = re.compile(
    r"(?<!\b\w)(?<!\bal)(?<!\b[A-Z][a-z])[.!?][\"'”’»)\]]*(?=\s+[\"'“‘«(\[]?[^\W\d_a-z]|$)|[。！？]"
)
SENTENCE_END = re.compile(r"[.!?:;…。！？：；][\"'”’»)\]]*[\d*†‡]{0,2}$")
_SECTION = re.compile(r"(\d+\.)+\d+\.?|§+\s?\d*\w?\.?")
_CONJUNCTION = re.compile(r"(?:,|\b(?:and|or|und|oder|et|ou|y|o|e))$")


def paragraphs(rows: Sequence[Row], *, of_title: bool = False) -> list[list[Row]]:
    """Divide the rows of a column, from the top, into paragraphs; [] for no rows.

    A row of lines side by side is a paragraph of its own, unless the rest is running text whose
    justification stretched its spaces: its lines then become one.

    Args:
        of_title: a heading of several lines, which only size and spacing divide.
    """
    if not rows:
        return []
    column = _Column(_join_pieces(rows))
    runs: list[list[Row]] = []
    for row in column.rows:
        if runs and not column.is_break(runs[-1], row, by_indent=not of_title):
            runs[-1].append(row)
        else:
            runs.append([row])
    return [part for run in runs for part in _divide(run)]


def _divide(rows: list[Row]) -> list[list[Row]]:
    """Divide a long paragraph near the middle, where few words of a sentence are cut off by
    whole lines; one whose sentences do not end stays whole."""
    words = [_n_words(row) for row in rows]
    if sum(words) <= MAX_WORDS:
        return [rows]
    before = list(accumulate(words, initial=0))
    ends = [
        (abs(2 * before[at] / sum(words) - 1) + 2 * cut, at)
        for i, row in enumerate(rows)
        for share in _sentence_ends(row)
        for at, cut in ((i, share), (i + 1, 1 - share))
        if _LEAST_PART * sum(words) <= before[at] <= (1 - _LEAST_PART) * sum(words)
    ]
    if not ends:
        return [rows]
    _, at = min(ends)
    return [*_divide(rows[:at]), *_divide(rows[at:])]


def _sentence_ends(row: Row) -> list[float]:
    """Where sentences end in a row of one line, as shares of its length."""
    text = row.lines[-1].text
    return [match.end() / len(text) for match in _STOP.finditer(text)]


def _join_pieces(rows: Sequence[Row]) -> list[Row]:
    box = Box.enclosing(row.box for row in rows)
    cut = [len(row.lines) > 1 for row in rows]
    whole = [row for row, is_cut in zip(rows, cut, strict=True) if not is_cut]
    if sum(cut) > _MAX_PIECES_SHARE * len(rows) or not _is_running(whole):
        return list(rows)
    return [
        Row((_joined(row.lines),)) if is_cut and _is_stretched(row, box) else row
        for row, is_cut in zip(rows, cut, strict=True)
    ]


def _is_stretched(row: Row, column: Box) -> bool:
    spaces = [right.box.x0 - left.box.x1 for left, right in pairwise(row.lines)]
    fills = row.box.width >= column.width - 2 * row.height
    return fills and max(spaces) <= _MAX_STRETCH * row.height


def _joined(lines: Sequence[Line]) -> Line:
    return Line(
        words=tuple(i for line in lines for i in line.words),
        box=Box.enclosing(line.box for line in lines),
        text=" ".join(line.text for line in lines),
        height=median(line.height for line in lines),
        band=(min(line.top for line in lines), max(line.bottom for line in lines)),
    )


def _is_running(rows: Sequence[Row]) -> bool:
    """Whether many rows are a long line that fills the width."""
    if not rows:
        return False
    box = Box.enclosing(row.box for row in rows)
    long = fmean(len(row.lines[0].text) for row in rows) >= MIN_LINE_CHARS
    full = sum(len(row.lines) == 1 and row.box.width >= _FULL * box.width for row in rows)
    return long and full >= _FULL_SHARE * len(rows)


class _Column:
    """A column's rows with what its paragraphs have in common."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        spaces = [gap(a, b) for a, b in pairwise(rows)]
        self.usual_gap = median(spaces) if spaces else 0.0
        self.right = max(row.box.x1 for row in rows)
        self.is_running = _is_running(rows)
        self.after = dict(pairwise(rows))
        inward = [self.ends(a, b) for a, b in pairwise(rows) if _shift(a, b) > _INDENT]
        outward = [self.ends(a, b) for a, b in pairwise(rows) if _shift(a, b) < -_INDENT]
        # Entries of a bibliography or a glossary hang: their first line starts further left.
        self.hangs = bool(outward) and fmean(outward) > (fmean(inward) if inward else 0.0)

    def is_break(self, paragraph: Sequence[Row], below: Row, *, by_indent: bool) -> bool:
        """Whether `below` starts a paragraph after the rows of the one before."""
        above = paragraph[-1]
        if len(above.lines) > 1 or len(below.lines) > 1:
            return True
        if gap(above, below) > self.usual_gap + _GAP:
            return True
        if self._is_other_size(above, below):
            return True
        return by_indent and (
            self._starts_item(above, below)
            or self._is_indent(above, below)
            or self._is_full_stop(paragraph, below)
        )

    def _is_other_size(self, above: Row, below: Row) -> bool:
        # Formulas, small capitals and single words of another typeface change the height less.
        ratio = size_ratio(above, below)
        is_new = self.ends(above, below) and not starts_lower(below)
        return ratio > HEADING_RATIO or (
            ratio > _SIZE and is_new and min(_n_words(above), _n_words(below)) > 1
        )

    def ends(self, above: Row, below: Row) -> bool:
        """Whether a line ends as a sentence does or has room for the next one's first word."""
        return ends_sentence(above) or self._has_room(above, below)

    def _has_room(self, above: Row, below: Row) -> bool:
        text = below.lines[-1].text if len(below.lines) > 1 else below.lines[0].text
        word = below.box.width * len(text.split()[0]) / len(text)
        return self.right - above.box.x1 > _ROOM * word + _SPACE * above.height

    def _starts_item(self, above: Row, below: Row) -> bool:
        if starts_bullet(below):
            return True
        is_item = starts_item(below) or _SECTION.fullmatch(below.lines[0].text.split()[0])
        if not is_item:
            return False
        # A number or a dash that starts a line of running text by chance is no marker.
        if not self.is_running:
            return True
        follows = self.ends(above, below) or _CONJUNCTION.search(above.lines[-1].text)
        is_dash = below.lines[0].text[0] in "-–—"
        return bool(follows) or (abs(_shift(above, below)) > _INDENT and not is_dash)

    def _is_indent(self, above: Row, below: Row) -> bool:
        shift = _shift(above, below)
        middle = (below.box.center[0] - above.box.center[0]) / below.height
        if abs(shift) <= _INDENT or abs(middle) <= min(_CENTERED, 0.4 * abs(shift)):
            return False
        if self.hangs:
            return shift < 0
        if shift < 0 or not self.is_running:
            return False
        # One line only: further lines at the same indent are a quotation, or one hanging entry.
        after = self.after.get(below)
        if after is None:
            is_first = self.right - below.box.x1 <= below.height
        else:
            is_first = _shift(below, after) < -_INDENT
        if self._has_room(above, below):
            return True
        return is_first and (ends_sentence(above) or not starts_lower(below))

    def _is_full_stop(self, paragraph: Sequence[Row], below: Row) -> bool:
        above = paragraph[-1]
        if not self.is_running or starts_lower(below) or not self._has_room(above, below):
            return False
        is_heading = len(paragraph) == 1 and _n_words(above) <= _HEADING_WORDS
        return ends_sentence(above) or (is_heading and not starts_lower(above))


def _shift(above: Row, below: Row) -> float:
    """How far a row starts to the right of the one before, in text heights."""
    return (below.box.x0 - above.box.x0) / min(above.height, below.height)


def ends_sentence(row: Row) -> bool:
    """Whether a row's last line ends with a point, a colon or their like."""
    return SENTENCE_END.search(row.lines[-1].text) is not None


def starts_lower(row: Row) -> bool:
    """Whether a row starts with a small letter."""
    return row.lines[0].text[0].islower()


def _n_words(row: Row) -> int:
    return sum(len(line.words) for line in row.lines)
