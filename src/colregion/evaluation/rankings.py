"""Rankings of regions: in order, from one page or from many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from colregion.core.geometry import Box, FloatArray, IntArray, boxes_to_array
from colregion.core.regions import ParsedPage, Region
from colregion.evaluation import baselines
from colregion.evaluation.cases import Case

CountTokens = Callable[[str], int]

CHUNK = "chunk_"
"""Starts the name of a division into chunks; the most tokens of one follow."""


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Regions best first: (R, 4) boxes, R texts, and R positions of their pages, 0 the right one.

    Boxes of other pages than the right one are moved off it, each page to a place of its own, so
    that areas and overlaps are right over several pages. `parts_xyxy` are the rectangles that the
    regions consist of, in order: a chunk has one per line, most regions one.
    """

    boxes_xyxy: FloatArray
    texts: Sequence[str]
    pages: IntArray
    parts_xyxy: FloatArray

    @classmethod
    def of(cls, placed: Iterable[tuple[int, Region]]) -> Ranking:
        """From (page, region) pairs, page 0 being the right one."""
        pairs = list(placed)
        pages = np.array([page for page, _ in pairs], dtype=np.int64)
        parts = [(page, box) for page, region in pairs for box in region.boxes]
        return cls(
            boxes_xyxy=_moved((page, region.box) for page, region in pairs),
            texts=[region.text for _, region in pairs],
            pages=pages,
            parts_xyxy=_moved(parts),
        )

    @property
    def on_right_page(self) -> NDArray[np.bool_]:
        """(R,) whether each region is of the right page."""
        return np.asarray(self.pages == 0)


def _moved(placed: Iterable[tuple[int, Box]]) -> FloatArray:
    pairs = list(placed)
    boxes = boxes_to_array(box for _, box in pairs)
    boxes[:, [1, 3]] += 2.0 * np.array([page for page, _ in pairs])[:, None]
    return boxes


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
    """The regions that some pages are divided into, which a baseline ranks.

    Args:
        division: "page" for whole pages, one of `LEVELS`, or "chunk_128": the lines in reading
            order, packed to chunks of at most 128 tokens.
    """

    pages: Sequence[ParsedPage]
    division: str
    count_tokens: CountTokens

    @cached_property
    def members(self) -> list[tuple[int, Region]]:
        """(position of the page, region) in order."""
        return [(i, region) for i, page in enumerate(self.pages) for region in self._divided(page)]

    def _divided(self, page: ParsedPage) -> Iterable[Region]:
        if self.division == "page":
            return [page.whole()]
        if self.division.startswith(CHUNK):
            size = int(self.division.removeprefix(CHUNK))
            return chunks(page, size=size, count_tokens=self.count_tokens)
        return page.at_level(self.division)

    @cached_property
    def texts(self) -> list[str]:
        """The regions' texts."""
        return [region.text for _, region in self.members]

    @cached_property
    def boxes_xyxy(self) -> FloatArray:
        """(R, 4), each on its own page."""
        return boxes_to_array(region.box for _, region in self.members)

    @cached_property
    def page_of(self) -> IntArray:
        """(R,) positions of the regions' pages."""
        return np.array([page for page, _ in self.members], dtype=np.int64)

    @cached_property
    def bm25(self) -> baselines.Bm25:
        """Over the regions' texts."""
        return baselines.Bm25(self.texts)

    def ranking(self, order: IntArray, *, right: int) -> Ranking:
        """The regions in this order; `right` is the position of the case's page."""
        chosen = (self.members[i] for i in order.tolist())
        return Ranking.of((i - right, region) for i, region in chosen)


def chunks(page: ParsedPage, *, size: int, count_tokens: CountTokens) -> Iterator[Region]:
    """The lines of a page in reading order, packed to chunks of at most `size` tokens; a longer
    line is a chunk of its own. A chunk's parts are the boxes of its lines."""
    lines: list[Region] = []
    used = 0
    for line in page.at_level("line"):
        cost = count_tokens(line.text)
        if lines and used + cost > size:
            yield _joined(lines)
            lines, used = [], 0
        if line.text:
            lines.append(line)
            used += cost
    if lines:
        yield _joined(lines)


def _joined(lines: Sequence[Region]) -> Region:
    boxes = tuple(line.box for line in lines)
    return Region(
        page_id=lines[0].page_id,
        path=lines[0].path,
        box=Box.enclosing(boxes),
        text="\n".join(line.text for line in lines),
        parts=boxes if len(boxes) > 1 else (),
    )


def best(case: Case, page: ParsedPage) -> CaseRanking:
    """The best order of any regions of the page's tree, for each group of measures."""
    boxes, evidence = page.region_boxes, boxes_to_array(case.boxes)
    texts = [region.text for region in page.regions]

    def ranking(order: IntArray) -> Ranking:
        on_page = np.zeros(len(order), dtype=np.int64)
        return Ranking(boxes[order], [texts[i] for i in order.tolist()], on_page, boxes[order])

    targets = [evidence] if case.box_mode == "all" else list(evidence[:, None, :])
    return CaseRanking(
        by_area=[ranking(baselines.best_area_order(boxes, target)) for target in targets],
        by_fit=ranking(baselines.best_fit_order(boxes, evidence)),
        by_text=ranking(baselines.best_text_order(texts, case.answers)),
    )
