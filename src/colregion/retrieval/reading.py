"""Reading on demand: which unread areas of the best pages are read before the hits are chosen.

The step between evidence and hits. An `AreaReader` reads and stores; the question then meets the
pages again, with what was read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from colregion.core.embeddings import Candidate
from colregion.core.interfaces import AreaReader
from colregion.core.regions import ParsedPage, Region
from colregion.retrieval.question import Question
from colregion.retrieval.ranking import RankedRegion
from colregion.retrieval.scorer import ScoredPage, Scorer

DEFAULT_BUDGET_S = 2.0
"""Seconds that a question may spend on reading, unless the engine or the call says otherwise."""

MOST_HITS = 8
"""So many of the best regions are read for a question, however many it asks for."""

# What stands beside and just above or below of what the question lights up is read with it: the
# question names a label, the answer stands beside it.
_STRIP = 0.02  # of the page's height, above and below; over the full width
_IN_STRIP = 0.5  # of a leaf's height

# A reading that takes so much longer than the budget is given up: a page of noise has no end.
_GRACE = 2.0


@dataclass(slots=True)
class Reading:
    """The reading for one question.

    Args:
        reader: None to read nothing.
        budget_s: time for it; the last area may exceed it, and 0 reads nothing.
        rank: the best regions of scored pages that are worth reading, best first.
        reasons: why pages were not read, or not far enough, by page id.
    """

    question: Question
    scorer: Scorer[Any]
    reader: AreaReader | None
    budget_s: float
    rank: Callable[[Sequence[ScoredPage]], list[RankedRegion]]
    spent_s: float = 0.0
    reasons: dict[str, str] = field(default_factory=dict)

    def read(self, pages: Sequence[ScoredPage]) -> Sequence[ScoredPage]:
        """The pages after reading what may change the hits, scored again."""
        if self.reader is None or self.budget_s == 0:
            return pages
        while areas := self._areas(pages):
            fresh = self._read_areas(areas, self.reader)
            if not fresh:
                break
            candidates = [fresh.get(page.candidate.page_id, page.candidate) for page in pages]
            scored = self.scorer.score_pages(self.question, candidates)
            pages = sorted(scored, key=lambda page: -page.score)
        return pages

    def _areas(self, pages: Sequence[ScoredPage]) -> dict[str, set[tuple[int, ...]]]:
        """Page id -> paths of the leaves to read next, the best region's page first; {} when no
        more reading can change the hits, or nothing is left to read with."""
        areas: dict[str, set[tuple[int, ...]]] = {}
        # Ranking takes up to half of a search, and most indexes have nothing unread.
        if not any(page.candidate.parsed.is_unread.any() for page in pages):
            return areas
        ranked = self.rank(pages)
        for one in ranked:
            parsed = one.page.candidate.parsed
            if one.scored.region.unread and parsed.id not in self.reasons:
                leaves = leaves_around(parsed, one.scored.region)
                areas.setdefault(parsed.id, set()).update(leaves)
        if not areas and ranked and self._lacks_form(ranked):
            parsed = ranked[0].page.candidate.parsed
            if parsed.is_unread.any() and parsed.id not in self.reasons:
                areas[parsed.id] = {parsed.regions[i].path for i in parsed.unread_leaves}
        return areas

    def _lacks_form(self, ranked: Sequence[RankedRegion]) -> bool:
        """Whether a form of answer is expected, such as a date, that no region of the best page
        has: then it may stand anywhere in the rest of the page."""
        types, best = self.question.answer_types, ranked[0].page
        own = [one.scored.region for one in ranked if one.page is best]
        return bool(types.forms) and not any(types.match(region) for region in own)

    def reason(self, region: Region) -> str:
        """Why a region is unread; "" for one that is not."""
        if not region.unread:
            return ""
        if self.reader is None or self.budget_s == 0:
            return "no time was given to read it (reading_budget_s is 0)"
        return self.reasons.get(region.page_id, f"only the best {MOST_HITS} regions are read")

    def _read_areas(
        self, areas: dict[str, set[tuple[int, ...]]], reader: AreaReader
    ) -> dict[str, Candidate]:
        """The pages of which something was read, as candidates."""
        waiting = iter(areas.items())  # of all threads
        fresh: dict[str, Candidate] = {}

        def read() -> float:
            """Read pages until none waits; the time that this thread has spent."""
            spent_s = self.spent_s
            for page_id, paths in waiting:
                if spent_s >= self.budget_s:
                    self.reasons[page_id] = f"the reading budget of {self.budget_s:g} s was used up"
                    continue
                limit_s = self.budget_s - spent_s + _GRACE * self.budget_s
                reading = reader.read(page_id, sorted(paths), limit_s=limit_s)
                spent_s += reading.seconds
                if reading.page is None:
                    self.reasons[page_id] = reading.problem
                else:
                    fresh[page_id] = Candidate.of(reading.page, self.question.embedding)
            return spent_s

        n = min(reader.pages_at_once, len(areas))
        if n == 1:
            self.spent_s = read()
        else:
            with ThreadPoolExecutor(n, thread_name_prefix="colregion-read") as pool:
                running = [pool.submit(read) for _ in range(n)]
            self.spent_s = max(one.result() for one in running)
        return fresh


def leaves_around(parsed: ParsedPage, region: Region) -> set[tuple[int, ...]]:
    """The paths of the unread leaves of a region and of its block, as a paragraph is read whole,
    and of those in the strip of the page around it."""
    leaves = parsed.unread_leaves
    boxes = parsed.region_boxes[leaves]
    heights = boxes[:, 3] - boxes[:, 1]
    top, bottom = region.box.y0 - _STRIP, region.box.y1 + _STRIP
    inside = np.minimum(boxes[:, 3], bottom) - np.maximum(boxes[:, 1], top)
    chosen = inside >= _IN_STRIP * heights
    paths = [parsed.regions[leaf].path for leaf in leaves]
    block = region.path[:2]
    own = [path[: len(block)] == block for path in paths]
    return {path for path, near, part in zip(paths, chosen, own, strict=True) if near or part}
