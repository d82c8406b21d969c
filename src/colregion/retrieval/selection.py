"""Which of the scored regions are returned: thresholds, overlap, order.

Pure functions on arrays; R regions, scores (R,), higher is better, -inf for a region that
nothing speaks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from colregion.core.geometry import FloatArray, IntArray, box_areas, pairwise_overlap, union_area
from colregion.errors import InvalidInput

Rule: TypeAlias = Literal["none", "absolute", "percentile", "mean_std", "max", "top_k"]


@dataclass(frozen=True, slots=True)
class Keep:
    """A threshold on one page's region scores.

    Args:
        rule: "none" keeps every region with a score; "absolute" those of at least `value`;
            "percentile" those of at least the page's `value`-th percentile (0-100), ties
            included; "mean_std" those of at least the mean plus `value` standard deviations;
            "max" the best, ties included; "top_k" the `value` best, ties in reading order.
        value: what the rule needs.
    """

    rule: Rule = "none"
    value: float = 0.0

    def __post_init__(self) -> None:
        if self.rule not in ("none", "absolute", "percentile", "mean_std", "max", "top_k"):
            raise InvalidInput(f"unknown rule {self.rule!r} for keeping regions")
        if self.rule == "percentile" and not 0 <= self.value <= 100:
            raise InvalidInput(f"a percentile lies in 0..100, got {self.value}")
        if self.rule == "top_k" and (self.value < 1 or self.value != int(self.value)):
            raise InvalidInput(f"top_k needs a whole number from 1 up, got {self.value}")

    def mask(self, scores: FloatArray) -> NDArray[np.bool_]:
        """(R,) which regions are kept. Scores of -inf are kept by no rule and count in none."""
        scored = np.isfinite(scores)
        if not scored.any():
            return scored
        if self.rule == "top_k":
            best = np.argsort(-scores, kind="stable")[: int(self.value)]
            kept = np.zeros(len(scores), dtype=bool)
            kept[best] = True
            return kept & scored
        finite = scores[scored]
        floor = {
            "none": -np.inf,
            "absolute": self.value,
            "percentile": np.percentile(finite, min(max(self.value, 0), 100)),
            "mean_std": finite.mean() + self.value * finite.std(),
            "max": finite.max(),
        }[self.rule]
        return np.asarray(scored & (scores >= floor))


def suppress_covered(boxes_xyxy: FloatArray, *, most_covered: float = 0.9) -> IntArray:
    """Non-maximum suppression of what adds nothing: positions of the boxes to return.

    Walks the boxes (N, 4), best first, and drops one of whose own area more than `most_covered`
    (0-1) lies inside a single box already taken. A line does not follow its own paragraph; the
    paragraph may follow its line, because it says more.
    """
    shared = pairwise_overlap(boxes_xyxy, boxes_xyxy)
    covered = shared > most_covered * box_areas(boxes_xyxy)[:, None]
    taken: list[int] = []
    dropped = np.zeros(len(boxes_xyxy), dtype=bool)
    for i in range(len(boxes_xyxy)):
        if not dropped[i]:
            taken.append(i)
            dropped |= covered[:, i]
    return np.array(taken, dtype=np.int64)


def within_area(pages: Sequence[str], boxes_xyxy: FloatArray, *, max_area: float) -> IntArray:
    """Positions of the boxes to return, best first, within a budget of area.

    Takes boxes greedily while the area they cover, in pages summed over all pages, stays within
    `max_area` (> 0); one that would pass it is left out and the next is tried.

    Args:
        pages: N ids, of the page that each box is on.
        boxes_xyxy: (N, 4) fractions, best first.
    """
    taken: dict[str, list[int]] = {}
    areas: dict[str, float] = {}
    chosen: list[int] = []
    for i, page in enumerate(pages):
        with_it = union_area(boxes_xyxy[[*taken.get(page, ()), i]])
        if sum(areas.values()) - areas.get(page, 0.0) + with_it <= max_area:
            taken.setdefault(page, []).append(i)
            areas[page] = with_it
            chosen.append(i)
    return np.array(chosen, dtype=np.int64)


def rank_across(
    scores_by_page: Sequence[Sequence[float]], *, k: int | None
) -> list[tuple[int, int]]:
    """The k best (page, position) pairs over all pages, best first; all of them for k None.

    Ties go to the earlier page, then to the earlier position. Scores of -inf are left out.
    """
    pairs = [
        (-float(score), page, position)
        for page, scores in enumerate(scores_by_page)
        for position, score in enumerate(scores)
        if score > -np.inf
    ]
    return [(page, position) for _, page, position in sorted(pairs)[:k]]
