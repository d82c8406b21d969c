"""What is measured of a ranking of regions, on plain arrays.

Boxes are (n, 4) fractions of the page; R ranked regions best first, E evidence boxes. Areas are
exact unions of rectangles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from colregion.core.geometry import (
    FloatArray,
    box_areas,
    pairwise_iou,
    union_area,
)
from colregion.core.text import terms
from colregion.evaluation.cases import BoxMode

NO_BOXES: FloatArray = np.zeros((0, 4))


def evidence_recall_at_area(
    ranked_xyxy: FloatArray,
    evidence_xyxy: FloatArray,
    budgets: Sequence[float],
    *,
    box_mode: BoxMode = "all",
) -> FloatArray:
    """Share of the evidence's area that the first regions cover when they may cover `budgets`.

    The regions are walked in rank order; area that an earlier one covered is neither spent nor
    gained again. Inside the region that crosses a budget the recall grows linearly with area;
    once the regions are used up it stays. With `box_mode` "any" every evidence box has its own
    recall and the best one counts.

    Args:
        ranked_xyxy: (R, 4); no regions give recall 0.
        evidence_xyxy: (E, 4), E >= 1.
        budgets: shares of the page's area, >= 0, any order.

    Returns:
        (len(budgets),) recall, 0-1.
    """
    targets = [evidence_xyxy] if box_mode == "all" else list(evidence_xyxy[:, None, :])
    spent, gained = _walk(ranked_xyxy, targets, stop=max(budgets, default=0.0))
    totals = np.array([union_area(target) for target in targets])
    curves = [
        _at(np.asarray(budgets, dtype=np.float64), spent, gains / total)
        for gains, total in zip(gained.T, totals, strict=True)
    ]
    return np.asarray(np.clip(np.max(curves, axis=0), 0.0, 1.0))


def _walk(
    ranked: FloatArray, targets: Sequence[FloatArray], *, stop: float
) -> tuple[FloatArray, FloatArray]:
    """What each region adds until `stop` is passed: area spent (n,), area gained (n, targets).

    What a region adds to a union S is its area less the union of S clipped to it, so only the
    few boxes that meet it are ever looked at.
    """
    spent: list[float] = []
    gained: list[list[float]] = []
    total = 0.0
    for i, (box, area) in enumerate(zip(ranked, box_areas(ranked), strict=True)):
        if total > stop:
            break
        seen = clipped(ranked[:i], box)
        known = covered(seen)
        parts = [clipped(target, box) for target in targets]
        spent.append(max(float(area) - known, 0.0))
        gained.append([_added(part, seen, known) for part in parts])
        total += spent[-1]
    return np.array(spent), np.array(gained).reshape(-1, len(targets))


def _added(boxes: FloatArray, seen: FloatArray, known: float) -> float:
    if len(boxes) == 0:
        return 0.0
    return max(covered(np.concatenate([seen, boxes])) - known, 0.0)


def covered(boxes: FloatArray) -> float:
    """`union_area`, at once for the one box or none that it nearly always is here."""
    return float(box_areas(boxes).sum()) if len(boxes) < 2 else union_area(boxes)


def clipped(boxes: FloatArray, to: FloatArray) -> FloatArray:
    """The parts of `boxes` inside the box `to`, those without area left out."""
    low, high = np.maximum(boxes[:, :2], to[:2]), np.minimum(boxes[:, 2:], to[2:])
    meets = (high > low).all(axis=1)
    return np.concatenate([low[meets], high[meets]], axis=1)


def _at(budgets: FloatArray, spent: FloatArray, gained: FloatArray) -> FloatArray:
    x = np.concatenate([[0.0], np.cumsum(spent)])
    y = np.concatenate([[0.0], np.cumsum(gained)])
    whole = np.searchsorted(x, budgets, side="right") - 1  # regions that fit the budget whole
    crossed = np.minimum(whole + 1, len(x) - 1)
    width = x[crossed] - x[whole]
    share = np.divide(budgets - x[whole], width, out=np.zeros_like(budgets), where=width > 0)
    return np.asarray(y[whole] + np.clip(share, 0.0, 1.0) * (y[crossed] - y[whole]))


def best_iou(
    ranked_xyxy: FloatArray, evidence_xyxy: FloatArray, alt_xyxy: FloatArray = NO_BOXES
) -> FloatArray:
    """(R',) IoU of each ranked region with the evidence box it fits best.

    Alternatives are neither right nor wrong: a region that has an IoU of 0.5 or more with one,
    and more than with any evidence box, is left out, so that the next one takes its rank. (The
    recall at an area does not know them: area that was returned has been spent.)
    """
    right = pairwise_iou(ranked_xyxy, evidence_xyxy).max(axis=1, initial=0.0)
    beside = pairwise_iou(ranked_xyxy, alt_xyxy).max(axis=1, initial=0.0)
    return np.asarray(right[(beside < 0.5) | (beside <= right)])


def hit_at(best: FloatArray, k: int, thresholds: Sequence[float]) -> NDArray[np.bool_]:
    """(len(thresholds),) whether one of the first `k` values of `best_iou` reaches each."""
    return np.asarray(best[:k].max(initial=0.0) >= np.asarray(thresholds))


def miou_at_1(best: FloatArray) -> float:
    """The first value of `best_iou`; 0 when nothing was returned."""
    return float(best[0]) if len(best) else 0.0


@lru_cache(maxsize=1 << 16)
def _terms_of_word(word: str) -> tuple[str, ...]:
    return tuple(terms(word))


def answer_end(words: Sequence[str], answers: Sequence[str]) -> int | None:
    """How many of `words` it takes, from the first, until every part of the answer has stood.

    Case, accents, punctuation and spaces are folded and only whole words match: "2" is neither
    in "2.5" nor in "12". None when a part is not there, has no word in it, or there is none.
    """
    text: list[str] = []
    owner: list[int] = []
    for i, word in enumerate(words):
        found = _terms_of_word(word)
        text.extend(found)
        owner.extend([i] * len(found))
    ends = []
    for answer in answers:
        wanted = terms(answer)
        start = _find(text, wanted)
        if start is None:
            return None
        ends.append(owner[start + len(wanted) - 1] + 1)
    return max(ends, default=None)


def _find(text: Sequence[str], wanted: Sequence[str]) -> int | None:
    n = len(wanted)
    if n == 0:
        return None
    starts = (i for i, word in enumerate(text) if word == wanted[0])
    return next((i for i in starts if text[i : i + n] == wanted), None)


def answer_in_tokens(
    texts: Sequence[str],
    answers: Sequence[str],
    budgets: Sequence[int],
    count_tokens: Callable[[str], int],
) -> NDArray[np.bool_]:
    """(len(budgets),) whether the answer stands within the first tokens of the returned text.

    Args:
        texts: of the ranked regions, joined by a line break.
        answers: the parts of the answer; every one has to stand there.
        count_tokens: of a text; must not shrink when the text grows.
    """
    words = "\n".join(texts).split()
    end = answer_end(words, answers)
    if end is None:
        return np.zeros(len(budgets), dtype=bool)
    return np.asarray(count_tokens(" ".join(words[:end])) <= np.asarray(budgets))


def bootstrap_ci(
    values: FloatArray, groups: Sequence[str], *, n: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """95 % confidence interval of the mean of `values`, by resampling whole groups.

    Questions on one document are not independent, so documents are drawn with replacement, each
    with all its values. The same seed draws the same documents for every ranking.

    Args:
        values: (N,), at least one.
        groups: N keys; equal keys are drawn together.
        n: resamples.
    """
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.bincount(member, weights=values)
    counts = np.bincount(member)
    drawn = np.random.default_rng(seed).integers(len(sums), size=(n, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
