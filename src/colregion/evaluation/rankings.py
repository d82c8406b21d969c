"""The rankings to compare: regions in order, from one page or from many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from colregion.core.geometry import FloatArray, IntArray, boxes_to_array
from colregion.core.regions import ParsedPage, Region
from colregion.evaluation import baselines
from colregion.evaluation.cases import Case

RANKINGS = ("colregion", "paper", "random", "largest", "bm25", "all", "best")
"""What is compared. "colregion", "paper": the engine with its two scorers. "random": regions in a
random order that the case's id determines. "largest": layout areas by size. "bm25": regions by
Okapi BM25. "all": layout areas in reading order. "best": the best order of any regions of the tree,
computed from the evidence itself, for each measure its own."""

_POOL_HITS = 300  # of a baseline; enough to fill the largest budget if it is any good


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Regions best first: (R, 4) boxes and R texts.

    Boxes of other pages than the right one are moved off it, each page to a place of its own, so
    that areas and overlaps are right over several pages.
    """

    boxes_xyxy: FloatArray
    texts: Sequence[str]

    @classmethod
    def of(cls, placed: Iterable[tuple[int, Region]]) -> Ranking:
        """From (page, region) pairs, page 0 being the right one."""
        pairs = list(placed)
        boxes = boxes_to_array(region.box for _, region in pairs)
        boxes[:, [1, 3]] += 2.0 * np.array([page for page, _ in pairs])[:, None]
        return cls(boxes, [region.text for _, region in pairs])


@dataclass(frozen=True, slots=True, eq=False)
class CaseRanking:
    """The ranking of a case for each group of measures: the same one for all but "best". Of the
    recalls of `by_area` the highest counts."""

    by_area: Sequence[Ranking]
    by_fit: Ranking
    by_text: Ranking

    @classmethod
    def same(cls, ranking: Ranking) -> CaseRanking:
        """One ranking for all measures."""
        return cls([ranking], ranking, ranking)


@dataclass(frozen=True, eq=False)
class Pool:
    """The regions of one level of some pages, which a baseline ranks."""

    pages: Sequence[ParsedPage]
    level: str

    @cached_property
    def members(self) -> list[tuple[int, Region]]:
        """(position of the page, region) in order."""
        return [
            (i, region) for i, page in enumerate(self.pages) for region in page.at_level(self.level)
        ]

    @cached_property
    def boxes_xyxy(self) -> FloatArray:
        """(R, 4), each on its own page."""
        return boxes_to_array(region.box for _, region in self.members)

    @cached_property
    def bm25(self) -> baselines.Bm25:
        """Over the regions' texts."""
        return baselines.Bm25([region.text for _, region in self.members])

    def ranking(self, order: IntArray, *, right: int) -> CaseRanking:
        """The first regions in this order; `right` is the position of the case's page."""
        chosen = (self.members[i] for i in order[:_POOL_HITS].tolist())
        return CaseRanking.same(Ranking.of((i - right, region) for i, region in chosen))


def best(case: Case, page: ParsedPage) -> CaseRanking:
    """The best order of any regions of the page's tree, for each group of measures."""
    boxes, evidence = page.region_boxes, boxes_to_array(case.boxes)
    texts = [region.text for region in page.regions]

    def ranking(order: IntArray) -> Ranking:
        return Ranking(boxes[order], [texts[i] for i in order.tolist()])

    targets = [evidence] if case.box_mode == "all" else list(evidence[:, None, :])
    return CaseRanking(
        by_area=[ranking(baselines.best_area_order(boxes, target)) for target in targets],
        by_fit=ranking(baselines.best_fit_order(boxes, evidence)),
        by_text=ranking(baselines.best_text_order(texts, case.answers)),
    )
