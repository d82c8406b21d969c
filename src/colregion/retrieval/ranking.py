"""One order over the regions of several pages, without repetitions and within a budget."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from colregion.core.filters import Filters
from colregion.core.geometry import FloatArray, union_area
from colregion.core.text import terms
from colregion.errors import InvalidInput
from colregion.retrieval.scorer import ScoredPage, ScoredRegion

# Words from which an equal text on another page of a document is a repetition, not a coincidence.
_SHORTEST_REPETITION = 4
_REPEATED_PAGE_PENALTY = 0.5


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on the regions that are returned, and on the work for them, beside their number.

    Args:
        min_confidence: 0-1; regions below are left out, those without a confidence stay.
        max_area: budget in pages, summed over all pages, above 0 (else InvalidInput); filled with
            the best regions that fit.
        reading_budget_s: seconds for reading unread regions, 0 or more (else InvalidInput); the
            area that is being read when they are over is still read.
    """

    min_confidence: float | None = None
    max_area: float | None = None
    reading_budget_s: float = 0.0

    def __post_init__(self) -> None:
        if self.max_area is not None and not self.max_area > 0:
            raise InvalidInput(f"max_area must be above 0, got {self.max_area}")
        if not self.reading_budget_s >= 0:
            raise InvalidInput(f"reading_budget_s must be 0 or more, got {self.reading_budget_s}")


@dataclass(frozen=True, slots=True, eq=False)
class RankedRegion:
    """A region in the order over all pages, with its page. `score` never rises along the order."""

    page: ScoredPage
    scored: ScoredRegion
    score: float


def rank_regions(
    batches: Iterable[Sequence[ScoredPage]],
    score_regions: Callable[[ScoredPage], Iterable[ScoredRegion]],
    *,
    bound: Callable[[ScoredPage], float],
    filters: Filters,
) -> Iterator[RankedRegion]:
    """The regions of all pages, best first; ties go to the earlier page, then to reading order.

    Each region of a page lowers the score of its next one by 0.5, so that evidence on other pages
    is not hidden behind a page's minor regions. Leaves out regions that the filters exclude, and
    repetitions: regions with the text of a better one on another page of their document, such as
    running headers. Lazy.

    Args:
        batches: pages; the regions of the first batch come before those of the second.
        score_regions: the regions of a page, best first; called when the page's turn comes.
        bound: a score that none of a page's regions exceeds.
    """
    first_page: dict[tuple[str, str], str] = {}
    for one in _merge(batches, score_regions, bound, filters):
        page = one.page.candidate.parsed
        words = terms(one.scored.region.text)
        key = (page.page.doc_id, " ".join(words))
        if len(words) < _SHORTEST_REPETITION or first_page.setdefault(key, page.id) == page.id:
            yield one


def _merge(
    batches: Iterable[Sequence[ScoredPage]],
    score_regions: Callable[[ScoredPage], Iterable[ScoredRegion]],
    bound: Callable[[ScoredPage], float],
    filters: Filters,
) -> Iterator[RankedRegion]:
    """Best-first search: a page waits under its bound until no region at hand is better."""

    def passes(one: ScoredRegion) -> bool:
        region = one.region
        return filters.kind(region.kind) and filters.hidden_text(bool(region.hidden_text))

    lowest = math.inf
    for pages in batches:
        n = len(pages)
        # No two entries share score and position; waiting pages go before regions of equal score.
        queue: list[tuple[float, int, int, ScoredRegion | None, Iterator[ScoredRegion]]]
        queue = [(-bound(page), i - n, 0, None, iter(())) for i, page in enumerate(pages)]
        heapq.heapify(queue)
        while queue:
            negated, position, rank, best, rest = heapq.heappop(queue)
            page = pages[position % n]
            if best is None:
                rest = filter(passes, score_regions(page))
            else:
                lowest = min(lowest, -negated)
                yield RankedRegion(page, best, lowest)
                rank += 1
            if (after := next(rest, None)) is not None:
                score = after.score - _REPEATED_PAGE_PENALTY * rank
                heapq.heappush(queue, (-score, position % n, rank, after, rest))


def within_area(page_ids: Sequence[str], boxes_xyxy: FloatArray, *, max_area: float) -> list[int]:
    """Positions of boxes (N, 4), on pages of N ids and best first, within a budget of area.

    Takes boxes greedily while the area they cover, in pages summed over all pages, stays within
    `max_area` (> 0); one that would exceed it is left out and the next is tried.
    """
    taken: dict[str, list[int]] = {}
    areas: dict[str, float] = {}
    chosen: list[int] = []
    for i, page in enumerate(page_ids):
        with_it = union_area(boxes_xyxy[[*taken.get(page, ()), i]])
        if sum(areas.values()) - areas.get(page, 0.0) + with_it <= max_area:
            taken.setdefault(page, []).append(i)
            areas[page] = with_it
            chosen.append(i)
    return chosen


def check_k(k: int) -> None:
    """Raise InvalidInput unless k is a whole number from 1 up, Python's or numpy's."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise InvalidInput(f"k must be a whole number from 1 up, got {k!r}")
