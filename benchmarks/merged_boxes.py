"""Several regions as one piece of evidence: candidates, how likely each is, and which to return.

OCR and layout split what belongs together: a figure into panels, a proof into paragraphs. Runs of
neighbouring regions are candidates beside the single ones; a declared prior over size, shape and
the regions' relevance says how likely each is the evidence; and the boxes returned are those that
can be expected to overlap it most. Pure functions; R regions, C candidates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from colregion.core.geometry import FloatArray, IntArray, box_areas, pairwise_iou, pairwise_overlap

_COLUMN_SHARE = 0.3  # of the narrower of two regions' widths: they stand in one column
_WHOLE, _TOUCHED = 0.8, 0.05  # shares of a region inside a candidate: contained, or disjoint
_WIDE_GAP = 0.05  # of the page's height


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Boxes that may be the evidence.

    Args:
        boxes_xyxy: (C, 4), each around the regions that made it; no two are the same.
        contained: (C, R) which regions lie inside, also regions that it was not made from.
        cut: (C,) how many regions lie partly inside.
    """

    boxes_xyxy: FloatArray
    contained: NDArray[np.bool_]
    cut: IntArray


@dataclass(frozen=True, slots=True)
class EvidencePrior:
    """What makes a candidate likely to be the evidence, as weights of a log-linear model:
    log p(c) = sum of weight times feature + constant, normalised over a page's candidates.

    Args:
        log_area, log_area_squared: of the candidate's area, a fraction of the page. Together they
            are a bell over the logarithm of the area: neither a huge box nor a line of one word
            wins by its size alone.
        log_height: of its height, a fraction of the page's.
        rank: of the mean rank of the regions contained, 0 (all first) to 1, by relevance.
        cut: for each region that it cuts.
        wide_gap: when white space of more than a twentieth of the page lies between its regions.
        largest_share: of its largest region's share (0-1) of the area of all it holds.
        single: when it holds one region.
    """

    log_area: float
    log_area_squared: float
    log_height: float
    rank: float
    cut: float
    wide_gap: float
    largest_share: float
    single: float

    @property
    def likeliest_area(self) -> float:
        """The fraction of the page at which the bell over the area has its top, shape aside."""
        return float(np.exp(-(self.log_area + self.log_height / 2) / (2 * self.log_area_squared)))


EVIDENCE_PRIOR = EvidencePrior(
    log_area=-2.23,
    log_area_squared=-0.279,
    log_height=1.25,
    rank=-1.87,
    cut=-1.01,
    wide_gap=-0.63,
    largest_share=1.35,
    single=-0.39,
)
"""Fitted by `benchmarks.fit_evidence_prior` to what two visual models ranked on pages of scientific
papers with known evidence; `docs/relevance.md` has the figures on held-out documents."""


def merge_candidates(boxes_xyxy: FloatArray, *, max_parts: int = 6) -> Candidates:
    """Every region alone, runs of up to `max_parts` neighbours in reading order, such runs within
    a column, and all pairs. No regions give no candidates.

    Args:
        boxes_xyxy: (R, 4), R up to some twenty: the number of candidates grows with its square.
    """
    made: dict[bytes, FloatArray] = {}
    for parts in _runs(boxes_xyxy, max_parts):
        of = boxes_xyxy[parts]
        box = np.concatenate([of[:, :2].min(axis=0), of[:, 2:].max(axis=0)])
        made.setdefault(np.round(box, 4).tobytes(), box)
    boxes = np.array(list(made.values())).reshape(-1, 4)
    inside = pairwise_overlap(boxes, boxes_xyxy) / box_areas(boxes_xyxy)[None, :]
    contained = inside > _WHOLE
    return Candidates(boxes, contained, np.sum((inside > _TOUCHED) & ~contained, axis=1))


def _runs(boxes: FloatArray, max_parts: int) -> Iterator[list[int]]:
    order = np.lexsort((boxes[:, 0], boxes[:, 1])).tolist()
    yield from ([i] for i in range(len(boxes)))
    for start, first in enumerate(order):
        for end in range(start + 2, min(start + max_parts, len(order)) + 1):
            yield order[start:end]
        column = [first]
        for other in order[start + 1 :]:
            shared = min(boxes[first, 2], boxes[other, 2]) - max(boxes[first, 0], boxes[other, 0])
            widths = boxes[[first, other], 2] - boxes[[first, other], 0]
            if shared > _COLUMN_SHARE * widths.min() and len(column) < max_parts:
                column.append(other)
                yield list(column)
    yield from (list(pair) for pair in combinations(range(len(boxes)), 2))


def features(candidates: Candidates, boxes_xyxy: FloatArray) -> FloatArray:
    """(C, 8) what the weights of an `EvidencePrior` are multiplied with, in its order.

    Args:
        boxes_xyxy: (R, 4) of the regions, most relevant first.
    """
    boxes, contained = candidates.boxes_xyxy, candidates.contained
    count = contained.sum(axis=1)
    areas = box_areas(boxes_xyxy)
    log_area = np.log(box_areas(boxes))
    rank = contained @ np.arange(len(boxes_xyxy)) / np.maximum(count, 1) / len(boxes_xyxy)
    largest = np.max(contained * areas, axis=1) / np.maximum(contained @ areas, 1e-12)
    gap = np.array([_widest_gap(boxes_xyxy[row]) for row in contained])
    columns = (
        log_area,
        log_area**2,
        np.log(boxes[:, 3] - boxes[:, 1]),
        rank,
        candidates.cut,
        gap > _WIDE_GAP,
        largest,
        count == 1,
    )
    return np.stack(columns, axis=1).astype(np.float64)


def _widest_gap(boxes: FloatArray) -> float:
    """The highest band of white between boxes (N, 4), fraction of the page's height."""
    order = np.argsort(boxes[:, 1], kind="stable")
    ends = np.maximum.accumulate(boxes[order, 3])
    return float(np.max(boxes[order, 1][1:] - ends[:-1], initial=0.0))


def probabilities(
    candidates: Candidates, boxes_xyxy: FloatArray, *, prior: EvidencePrior = EVIDENCE_PRIOR
) -> FloatArray:
    """(C,) how likely each candidate is the evidence, sum 1; none for no candidates."""
    if len(candidates.boxes_xyxy) == 0:
        return np.zeros(0)
    weights = np.array([getattr(prior, name) for name in prior.__slots__])
    return softmax(features(candidates, boxes_xyxy) @ weights)


def softmax(scores: FloatArray) -> FloatArray:
    """exp(s) over its sum, for at least one finite score."""
    odds = np.exp(scores - scores.max())
    return np.asarray(odds / odds.sum())


def expected_overlap_choice(
    boxes_xyxy: FloatArray, chances: FloatArray, *, k: int, max_iou: float = 0.5
) -> IntArray:
    """Positions of up to k boxes that can be expected to overlap the evidence most, best first.

    Greedy: each step takes the box that raises sum_c p(c) max_{taken t} u(IoU(t, c)) most, where
    u(x) = x / 2 + sigmoid(12 (x - 1/2)) / 2 prizes the overlap itself and a hit at half. A box
    that overlaps one already taken by an IoU above `max_iou` is passed over, so that nested
    guesses of one region do not count as several.

    Args:
        boxes_xyxy: (C, 4).
        chances: (C,) sum 1. Minimum Bayes risk over them.
    """
    iou = pairwise_iou(boxes_xyxy, boxes_xyxy)
    use = iou / 2 + 1 / (1 + np.exp(-12 * (iou - 0.5))) / 2
    gained = np.zeros(len(boxes_xyxy))
    free = np.ones(len(boxes_xyxy), dtype=bool)
    taken: list[int] = []
    while len(taken) < k and free.any():
        worth = np.maximum(use, gained) @ chances
        best = int(np.argmax(np.where(free, worth, -np.inf)))
        taken.append(best)
        gained = np.maximum(gained, use[best])
        free &= iou[best] <= max_iou
        free[best] = False
    return np.array(taken, dtype=np.int64)
