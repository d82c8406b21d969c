"""Selection of a page's regions: an area whole, in blocks or in lines, a label with its value.

Positions are those of the R `ParsedPage.regions`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from statistics import median

import numpy as np
from numpy.typing import NDArray

from colregion.core.embeddings import Candidate
from colregion.core.geometry import Box, FloatArray, GridPlacement
from colregion.core.regions import LEVELS, ParsedPage, Region
from colregion.core.text import terms
from colregion.retrieval.evidence import PageEvidence, collect_evidence
from colregion.retrieval.labels import is_label, value_of
from colregion.retrieval.parts import divided_paragraphs, join_pieces
from colregion.retrieval.question import Question
from colregion.retrieval.scorer import ScoredRegion, Scorer

# Added evidence of a part's area, which says what a value is about when the part does not.
AREA_WEIGHT = 0.25
# The page's relevance beside a region's own evidence: the regions of one page keep their order,
# those of different pages follow their pages'.
PAGE_WEIGHT = 36.0
_LARGEST_GAIN = 4.0
# A region's words beside patches that saw them; vectors on words match by spelling already.
LEXICAL_WEIGHT = 0.5
# A title names what follows and is seldom the answer; a header or footer is on every page.
_FURNITURE_PENALTY = 0.1
_FURNITURE = frozenset(("title", "header", "footer"))

_COVERED = 0.9  # of a region's own area, inside a better one
_LEAST_FILLED = 0.5  # of a merged region's box, by its parts

# An area is returned in parts when one of them has at least this share of its worth; else the
# evidence is spread over the area. The same goes for the lines of a block.
_CONCENTRATION = 0.94
_PROSE_CONCENTRATION = 0.7
_PROSE_KINDS = frozenset(("text", "list"))
_SMALL_TABLE, _LONG_TABLE = 40, 400  # words
_LEAST_COLUMNS = 4
# The share of their block's additional evidence that the lines beside its best line retain.
_REST_SHARE = 0.5
# The words of a figure mean little apart, but a larger region is seldom one figure.
_LARGEST_FIGURE = 0.15
_BOUND_MARGIN = 1e-6  # sums are rounded in another order
_NAMING_KINDS = frozenset(("title", "caption"))
_WHOLE_KINDS = frozenset(("figure", "table", "equation", "title", "caption"))

# Running text has lines of one width; the lines of forms and receipts end anywhere.
_FULL_LINE = 0.75  # of the widest line of the block
_FULL_LINES_SHARE = 0.6
_WORDS_PER_LINE = 5
_WORDS_OF_RUNNING_LINE = 8


class RegionScorer(Scorer[PageEvidence]):
    """The default method: MaxSim inside regions, their surroundings and their page.

    Args:
        noise_floor: as in `collect_evidence`.
    """

    calibrated = True

    def __init__(self, *, noise_floor: float = 0.0) -> None:
        self.noise_floor = noise_floor

    def score_pages(
        self, question: Question, candidates: Sequence[Candidate]
    ) -> list[PageEvidence]:
        return collect_evidence(question, candidates, noise_floor=self.noise_floor)

    def score_regions(self, question: Question, page: PageEvidence) -> Iterator[ScoredRegion]:
        return without_covered(select_regions(question, page))

    def bound(self, question: Question, page: PageEvidence) -> float:
        own = float(page.regions.max(initial=0.0))
        if isinstance(page.candidate.placement, GridPlacement):
            own += LEXICAL_WEIGHT
        bonus = question.answer_types.largest_bonus(gain=answer_type_gain(page))
        return PAGE_WEIGHT * page.relevance + (1 + AREA_WEIGHT) * own + bonus + _BOUND_MARGIN


def answer_type_gain(evidence: PageEvidence) -> float:
    """The factor by which an expected answer type counts more where words of the question count
    less, so that a date beats the rest of a heading; 1 to `_LARGEST_GAIN`."""
    return min(1 / evidence.weight_left, _LARGEST_GAIN) if evidence.weight_left else 1.0


def select_regions(question: Question, evidence: PageEvidence) -> list[ScoredRegion]:
    """A page's regions in the best division, each part of the page once; [] without regions."""
    return _Selection(question, evidence).regions() if evidence.parsed.regions else []


def without_covered(scored: Iterable[ScoredRegion]) -> Iterator[ScoredRegion]:
    """Non-maximum suppression: best first, ties in reading order, without regions that lie to more
    than 90 % of their area inside a single better one. A line does not follow its paragraph; the
    paragraph may follow its line, because it says more."""
    better: list[tuple[float, float, float, float]] = []
    for one in sorted(scored, key=lambda one: (-one.score, one.region.path)):
        boxes = _compact_boxes(one.region)
        if not all(_is_covered(box, better) for box in boxes):
            better += [box.xyxy for box in boxes]
            yield one


def _is_covered(box: Box, better: Iterable[tuple[float, float, float, float]]) -> bool:
    x0, y0, x1, y1 = box.xyxy
    limit = _COVERED * box.area
    for left, top, right, bottom in better:
        width, height = min(x1, right) - max(x0, left), min(y1, bottom) - max(y0, top)
        if width > 0 and height > 0 and width * height > limit:
            return True
    return False


def _compact_boxes(region: Region) -> tuple[Box, ...]:
    """The box of a region; those of its parts where most of its box is none of its own, as for a
    paragraph in two columns."""
    own_area = sum(part.area for part in region.parts)
    is_scattered = bool(region.parts) and own_area < _LEAST_FILLED * region.box.area
    return region.parts if is_scattered else (region.box,)


class _Selection:
    """The division of one page. `own` is a region's evidence; `worth` adds that of its area and,
    except for lines, the bonus of its answer type, and orders the regions of the page."""

    def __init__(self, question: Question, evidence: PageEvidence) -> None:
        self.question = question
        self.evidence = evidence
        self.parsed = parsed = evidence.parsed
        own = evidence.regions
        if isinstance(evidence.candidate.placement, GridPlacement):
            share = lexical_share(parsed.regions, question.content_terms)
            # Before it is read, a region is expected to say what the image promises.
            share = np.where(parsed.is_unread, np.maximum(share, own), share)
            own = own + LEXICAL_WEIGHT * share
        bonus = question.answer_types.bonuses(parsed.regions, gain=answer_type_gain(evidence))
        area = np.where(parsed.parents >= 0, own[parsed.parents], own)
        # A line is compared with the other lines of its block only.
        coarse = np.where([len(r.path) < len(LEVELS) for r in parsed.regions], bonus, 0.0)
        self.worth: FloatArray = own + AREA_WEIGHT * area + coarse
        self.divided = divided_paragraphs(parsed)
        self.own: list[float] = own.tolist()
        self.own_with_bonus: list[float] = (own + bonus).tolist()

    def regions(self) -> list[ScoredRegion]:
        selected: list[ScoredRegion] = []
        page = PAGE_WEIGHT * self.evidence.relevance
        for position in np.flatnonzero(select_levels(self.parsed, self.worth)).tolist():
            score = float(self.worth[position]) + page
            if self.parsed.regions[position].kind in _FURNITURE:
                score -= _FURNITURE_PENALTY
            selected.extend(self._whole_or_lines(position, score))
        return selected

    def _whole_or_lines(self, position: int, score: float) -> list[ScoredRegion]:
        """A region whole, or its best line (with its value) and then its other lines."""
        lines = self._lines_apart(position)
        if not lines:
            return [self._scored((position,), score)]
        whole = self.own_with_bonus[position]
        best = max(lines, key=lambda line: self.own_with_bonus[line])
        first = self._with_value(best)
        selected = [self._scored(first, score)]
        for line in lines:
            if line not in first:
                rest = self.own_with_bonus[line]
                rest += _REST_SHARE * max(whole - rest, 0.0)
                selected.append(self._scored((line,), score - whole + rest))
        return selected

    def _lines_apart(self, position: int) -> Sequence[int]:
        """The lines of a region that are returned one by one; () when it is returned whole."""
        parts, types = self.parsed.parts[position], self.question.answer_types
        if types.several_lines:
            return ()
        if not types.forms and len(parts) > 1:
            best = max(self.own[part] for part in parts)
            if best < _CONCENTRATION * self.own[position]:
                return ()
        lines = separable_lines(self.parsed, position)
        if len(lines) < 2:
            return lines
        whole = self.own_with_bonus[position]
        best = max(self.own_with_bonus[line] for line in lines)
        return lines if whole > 0 and best >= _CONCENTRATION * whole else ()

    def _with_value(self, line: int) -> tuple[int, ...]:
        """A label of the question together with its value, any other line alone."""
        region = self.parsed.regions[line]
        if self.own[line] <= 0 or self.question.answer_types.match(region):
            return (line,)
        if not is_label(region, self.question.terms):
            return (line,)
        value = value_of(self.parsed, line)
        return (line,) if value is None else (line, value)

    def _scored(self, positions: Sequence[int], score: float) -> ScoredRegion:
        if len(positions) == 1:
            positions = self.divided.get(positions[0], positions)
        region = join_pieces(self.parsed, [self.parsed.regions[i] for i in positions])
        maxsim = max(self.own[i] for i in positions)
        page = self.evidence
        means = page.mean, page.geometric_mean
        return ScoredRegion(region, score, maxsim, *means, page.weight_left)


def select_levels(parsed: ParsedPage, worth: FloatArray) -> NDArray[np.bool_]:
    """(R,) whether a region represents its area: the area itself, or its blocks when one of several
    has most of its worth (`_least_share`). A figure up to 15 % of the page stays whole, and a
    larger one is not replaced by its title or caption."""
    selected = parsed.parents < 0
    values = worth.tolist()
    for area in np.flatnonzero(selected).tolist():
        region, blocks = parsed.regions[area], parsed.parts[area]
        if region.kind == "figure" and region.box.area <= _LARGEST_FIGURE:
            continue
        best = max(blocks, key=lambda i: values[i], default=area)
        if region.kind == "figure" and parsed.regions[best].kind in _NAMING_KINDS:
            continue
        if len(blocks) > 1 and values[best] >= _least_share(parsed, area) * values[area]:
            selected[area] = False
            selected[blocks] = True
    return selected


def _least_share(parsed: ParsedPage, area: int) -> float:
    """The share of an area's worth that one of its blocks needs to represent it. Paragraphs of
    running text say most alone, and so do the rows of a very long table; other tables whose columns
    have names are read whole, except for small and narrow ones, which are often forms."""
    region = parsed.regions[area]
    if region.kind in _PROSE_KINDS:
        return _PROSE_CONCENTRATION
    if region.kind == "table" and parsed.is_header[parsed.parts[area]].any():
        n_words = len(region.text.split())
        if n_words > _LONG_TABLE:
            return _PROSE_CONCENTRATION
        if n_words > _SMALL_TABLE and _n_columns(parsed, area) >= _LEAST_COLUMNS:
            return math.inf
    return _CONCENTRATION


def _n_columns(parsed: ParsedPage, table: int) -> int:
    cells = (cell for row in parsed.parts[table] for cell in parsed.cells_of(row))
    return max((cell.column + cell.column_span for cell in cells), default=0)


def separable_lines(parsed: ParsedPage, position: int) -> Sequence[int]:
    """The lines of a region that may be returned one by one, in reading order; an undivided region,
    or an area of one line, is its own line. () for running text, areas of several blocks, and
    `_WHOLE_KINDS`."""
    if parsed.regions[position].kind in _WHOLE_KINDS:
        return ()
    parts = parsed.parts[position]
    if not parts:
        return (position,)
    if len(parsed.regions[parts[0]].path) < len(LEVELS):
        lines = separable_lines(parsed, parts[0]) if len(parts) == 1 else ()
        return (position,) if len(lines) == 1 else lines
    return () if is_running_text([parsed.regions[line] for line in parts]) else parts


def is_running_text(lines: Sequence[Region]) -> bool:
    """Whether most lines but the last fill the block's width with words. A single line is running
    text when it has more than eight words."""
    words = [len(line.text.split()) for line in lines]
    if len(lines) < 2:
        return sum(words) > _WORDS_OF_RUNNING_LINE
    widths = [line.box.width for line in lines]
    widest = max(widths)
    full = sum(width > _FULL_LINE * widest for width in widths[:-1])
    return median(words) >= _WORDS_PER_LINE and full >= _FULL_LINES_SHARE * (len(lines) - 1)


def lexical_share(regions: Sequence[Region], content_terms: frozenset[str]) -> FloatArray:
    """(R,) the share of the content terms that are in each region's text, 0-1; 0 without terms."""
    shared = [len(content_terms & _term_set(region.text)) for region in regions]
    return np.array(shared, dtype=np.float64) / max(len(content_terms), 1)


@lru_cache(maxsize=1 << 14)
def _term_set(text: str) -> frozenset[str]:
    # The same pages answer many questions.
    return frozenset(terms(text))
