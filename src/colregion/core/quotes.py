"""The words of a region that carry its evidence: sentences of running text, rows of tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from colregion.core.geometry import Box, FloatArray, boxes_to_array
from colregion.core.regions import ParsedPage, Region, Word
from colregion.core.repr import one_line_repr
from colregion.core.text import terms
from colregion.errors import InvalidInput

_MOST = 3
_AS_GOOD = 0.9  # of the best quote's score
_ROW_KINDS = frozenset(("row", "table", "figure", "equation"))
# A word that ends a sentence; initials and common abbreviations do not.
_END = re.compile(r"""[.!?\u3002\uff01\uff1f]["'\u201d\u2019)\]]*$""")
_ABBREVIATION = re.compile(
    r"^\W*([^\W\d]|[a-z](\.[a-z])+|al|approx|ca|cf|dr|eq|fig|mr|mrs|ms|no|nr|pp|prof|sec|st|tab|vs)"
    r"\.$",
    re.IGNORECASE,
)


@one_line_repr("text", "boxes")
@dataclass(frozen=True, slots=True)
class Quote:
    """Words of a page as they stand there: `text`, and one box for each line of them."""

    text: str
    boxes: tuple[Box, ...]

    def __post_init__(self) -> None:
        if not self.text.strip() or not self.boxes:
            raise InvalidInput("a quote needs text and a box")


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What of a page matches a question.

    Args:
        regions: (R,) MaxSim of the question inside each region of the page, 0-1.
        term_weights: the question's terms, and how much each counts.
    """

    regions: FloatArray
    term_weights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Unit:
    """A part that is quoted whole: its words, or a text without words, and its leaves' evidence."""

    text: str
    boxes: tuple[Box, ...]
    evidence: float


def find_quotes(parsed: ParsedPage, region: Region, evidence: Evidence) -> tuple[Quote, ...]:
    """The one to three sentences or rows of a region that match best, in reading order.

    Each scores the share of the terms' weight that is in it plus the evidence of its best line.
    A label joined with its value is one quote. () for a region without text.
    """
    leaves = _leaves_of(parsed, region)
    if region.parts:
        units = [_whole(parsed, leaves, evidence)] if leaves else []
    else:
        units = list(_units(parsed, leaves, evidence))
    if not units:
        return ()
    scores = [unit.evidence + _term_share(unit.text, evidence.term_weights) for unit in units]
    least = _AS_GOOD * max(scores)
    best = sorted(range(len(units)), key=lambda i: -scores[i])[:_MOST]
    chosen = [i for i in sorted(best) if scores[i] >= least]
    if max(scores) == 0:
        chosen = chosen[:1]
    return tuple(Quote(units[i].text, units[i].boxes) for i in chosen)


def words_in(parsed: ParsedPage, positions: Sequence[int]) -> list[list[Word]]:
    """The words in each of the regions at `positions`, in the page's order: those whose center lies
    in its box, each in the first region that contains it."""
    boxes = boxes_to_array(word.box for word in parsed.words)
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2
    free = np.ones(len(centers), dtype=bool)
    words = []
    for position in positions:
        x0, y0, x1, y1 = parsed.regions[position].box.xyxy
        x, y = centers.T
        inside = free & (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)
        free &= ~inside
        words.append([parsed.words[i] for i in np.flatnonzero(inside).tolist()])
    return words


def quote_words(lines: Iterable[Sequence[Word]]) -> Quote:
    """A quote of words, given line by line; lines without words are skipped."""
    present = [line for line in lines if line]
    return Quote(
        " ".join(word.text for line in present for word in line),
        tuple(Box.enclosing(word.box for word in line) for line in present),
    )


def _leaves_of(parsed: ParsedPage, region: Region) -> list[int]:
    def within(leaf: Region) -> bool:
        if not region.parts:
            return leaf.path[: len(region.path)] == region.path
        return any(part.contains(leaf.box.center) for part in region.parts)

    return [i for i in parsed.leaves if parsed.regions[i].text and within(parsed.regions[i])]


def _units(parsed: ParsedPage, leaves: Sequence[int], evidence: Evidence) -> Iterator[_Unit]:
    for _, block in groupby(leaves, key=lambda i: parsed.regions[i].path[:2]):
        own = list(block)
        if parsed.regions[own[0]].kind in _ROW_KINDS:
            yield _whole(parsed, own, evidence)
            continue
        lines = words_in(parsed, own)
        if not all(lines):
            yield _whole(parsed, own, evidence)
            continue
        for sentence in _sentences(lines):
            quote = quote_words(sentence)
            of_lines = [evidence.regions[own[i]] for i, line in enumerate(sentence) if line]
            yield _Unit(quote.text, quote.boxes, float(max(of_lines)))


def _whole(parsed: ParsedPage, leaves: Sequence[int], evidence: Evidence) -> _Unit:
    regions = [parsed.regions[i] for i in leaves]
    text = " ".join(" ".join(region.text.split()) for region in regions)
    best = float(evidence.regions[list(leaves)].max())
    return _Unit(text, tuple(region.box for region in regions), best)


def _sentences(lines: Sequence[Sequence[Word]]) -> Iterator[list[list[Word]]]:
    """The sentences of lines of words, each as its words in each of the lines."""
    sentence: list[list[Word]] = [[] for _ in lines]
    words = [(i, word) for i, line in enumerate(lines) for word in line]
    for at, (line, word) in enumerate(words):
        sentence[line].append(word)
        after = words[at + 1][1].text if at + 1 < len(words) else ""
        is_number = sum(map(len, sentence)) == 1  # of a list item, "3. Loans"
        if not after or (not is_number and _ends_sentence(word.text, after)):
            yield sentence
            sentence = [[] for _ in lines]


def _ends_sentence(word: str, after: str) -> bool:
    starts = not after[:1].islower()
    return starts and _END.search(word) is not None and _ABBREVIATION.match(word) is None


def _term_share(text: str, weights: Mapping[str, float]) -> float:
    present = set(terms(text))
    total = sum(weights.values())
    return sum(weight for term, weight in weights.items() if term in present) / (total or 1.0)
