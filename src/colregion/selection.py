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

from colregion.errors import InvalidInput
from colregion.geometry import FloatArray, IntArray, box_areas, pairwise_overlap

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


def suppress_overlaps(
    boxes_xyxy: FloatArray, scores: FloatArray, *, max_shared: float = 0.5
) -> IntArray:
    """Non-maximum suppression by containment: positions of the regions to return, best first.

    Walks the regions by score (ties in reading order) and drops one that shares more than
    `max_shared` (0-1) of the smaller's area with a region already taken, so that neither a line
    follows its own paragraph nor the paragraph its line. Scores of -inf are never taken.
    """
    order = np.argsort(-scores, kind="stable")
    order = order[np.isfinite(scores[order])]
    boxes = boxes_xyxy[order]
    areas = box_areas(boxes)
    shared = pairwise_overlap(boxes, boxes)
    clash = shared > max_shared * np.minimum(areas[:, None], areas[None, :])
    taken: list[int] = []
    blocked = np.zeros(len(order), dtype=bool)
    for i in range(len(order)):
        if not blocked[i]:
            taken.append(i)
            blocked |= clash[i]
    return np.asarray(order[taken])


def rank_across(scores_by_page: Sequence[FloatArray], *, k: int | None) -> list[tuple[int, int]]:
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
