"""Measures of a ranking of regions, on plain arrays, and their means over questions.

Boxes are (n, 4) fractions of the page; R ranked regions best first, E evidence boxes. Areas are
exact unions of rectangles.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from colregion.core.geometry import (
    FloatArray,
    box_areas,
    pairwise_iou,
    pairwise_overlap,
    union_area,
)
from colregion.core.text import terms
from colregion.evaluation.cases import BoxMode

Figures: TypeAlias = dict[tuple[str, str], float]
"""Of one question: (measure, budget or threshold, "" if the measure has none) to its value; NaN
where the question does not count for the measure."""

NO_BOXES: FloatArray = np.zeros((0, 4))

_FITTING_IOU = 0.5
_CONTAINED_SHARE = 0.9
# "1,234,567" and "1234567.00" are one number. A short number keeps its decimals: "7" is not "7.00".
_SEPARATOR = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_ZERO_DECIMALS = re.compile(r"(?<=\d{4})\.0+$")


def evidence_recall_at_area(
    ranked_xyxy: FloatArray,
    evidence_xyxy: FloatArray,
    budgets: Sequence[float],
    *,
    box_mode: BoxMode = "all",
) -> FloatArray:
    """Share of the evidence's area that the first regions cover within each budget of area.

    The regions are taken in rank order; area that an earlier one covered is neither spent nor
    gained again. Inside the region that crosses a budget the recall grows linearly with area;
    after the last region it stays. With `box_mode` "any" every evidence box has its own recall
    and the best one counts.

    Args:
        ranked_xyxy: (R, 4); no regions give recall 0.
        evidence_xyxy: (E, 4), E >= 1.
        budgets: shares of the page's area, >= 0, any order. Each gives a recall, 0-1.
    """
    targets = [evidence_xyxy] if box_mode == "all" else list(evidence_xyxy[:, None, :])
    spent, gained = _walk(ranked_xyxy, targets, stop=max(budgets, default=0.0))
    curves = [
        _at(np.asarray(budgets, dtype=np.float64), spent, gains / union_area(target))
        for gains, target in zip(gained.T, targets, strict=True)
    ]
    return np.asarray(np.clip(np.max(curves, axis=0), 0.0, 1.0))


def _walk(
    ranked: FloatArray, targets: Sequence[FloatArray], *, stop: float
) -> tuple[FloatArray, FloatArray]:
    """What each region adds until `stop` is passed: area spent (n,), area gained (n, targets).

    What a region adds to a union S is its area less the union of S clipped to it, so only the
    few boxes that meet it are considered.
    """
    spent: list[float] = []
    gained: list[list[float]] = []
    total = 0.0
    for i, (box, area) in enumerate(zip(ranked, box_areas(ranked), strict=True)):
        if total > stop:
            break
        seen = clipped(ranked[:i], box)
        known = covered(seen)
        parts = [np.concatenate([seen, clipped(target, box)]) for target in targets]
        spent.append(max(float(area) - known, 0.0))
        gained.append([max(covered(part) - known, 0.0) for part in parts])
        total += spent[-1]
    return np.array(spent), np.array(gained).reshape(-1, len(targets))


def covered(boxes: FloatArray) -> float:
    """`union_area`, faster for at most one box, which is the usual case here."""
    return float(box_areas(boxes).sum()) if len(boxes) < 2 else union_area(boxes)


def clipped(boxes: FloatArray, to: FloatArray) -> FloatArray:
    """The parts of `boxes` inside the box `to`, without those that have no area."""
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


def countable(
    ranked_xyxy: FloatArray, evidence_xyxy: FloatArray, alt_xyxy: FloatArray
) -> NDArray[np.bool_]:
    """(R,) which ranked regions count for the measures of single regions.

    Alternatives are neither right nor wrong: a region that has an IoU of 0.5 or more with one,
    and more than with any evidence box, is left out, so that the next one takes its rank. (The
    recall at an area ignores them: area that was returned is spent.)
    """
    right = pairwise_iou(ranked_xyxy, evidence_xyxy).max(axis=1, initial=0.0)
    beside = pairwise_iou(ranked_xyxy, alt_xyxy).max(axis=1, initial=0.0)
    return np.asarray((beside < _FITTING_IOU) | (beside <= right))


def best_iou(
    ranked_xyxy: FloatArray, evidence_xyxy: FloatArray, alt_xyxy: FloatArray = NO_BOXES
) -> FloatArray:
    """(R',) IoU of each region that is `countable` with the evidence box it fits best."""
    counted = countable(ranked_xyxy, evidence_xyxy, alt_xyxy)
    return np.asarray(pairwise_iou(ranked_xyxy, evidence_xyxy).max(axis=1, initial=0.0)[counted])


def fits(ranked_xyxy: FloatArray, evidence_xyxy: FloatArray) -> NDArray[np.bool_]:
    """(R,) whether each region has an IoU of 0.5 with an evidence box."""
    best = pairwise_iou(ranked_xyxy, evidence_xyxy).max(axis=1, initial=0.0)
    return np.asarray(best >= _FITTING_IOU)


def fits_or_contains(ranked_xyxy: FloatArray, evidence_xyxy: FloatArray) -> NDArray[np.bool_]:
    """(R,) whether each region has an IoU of 0.5 with an evidence box, or contains 90 % of one."""
    inside = pairwise_overlap(ranked_xyxy, evidence_xyxy) / box_areas(evidence_xyxy)
    contains = inside.max(axis=1, initial=0.0) >= _CONTAINED_SHARE
    return np.asarray(fits(ranked_xyxy, evidence_xyxy) | contains)


def fits_or_meets_centre(ranked_xyxy: FloatArray, evidence_xyxy: FloatArray) -> NDArray[np.bool_]:
    """(R,) whether each region has an IoU of 0.5 with an evidence box, or contains the centre of
    one. Large regions do so easily."""
    centres = (evidence_xyxy[:, :2] + evidence_xyxy[:, 2:]) / 2
    ranked = ranked_xyxy[:, None]
    inside = np.logical_and(ranked[..., :2] <= centres, centres <= ranked[..., 2:])
    meets = np.asarray(inside.all(axis=2)).any(axis=1)
    return np.asarray(fits(ranked_xyxy, evidence_xyxy) | meets)


def any_at(right: NDArray[np.bool_], ranks: Sequence[int]) -> NDArray[np.bool_]:
    """(len(ranks),) whether one of the first values is true, for each number of them."""
    return np.array([bool(right[:k].any()) for k in ranks])


def reciprocal_rank(right: NDArray[np.bool_]) -> float:
    """1 / the 1-based rank of the first true value; 0 without one. Its mean is the MRR."""
    return 1.0 / (1 + int(right.argmax())) if right.any() else 0.0


def hit_at(best: FloatArray, k: int, thresholds: Sequence[float]) -> NDArray[np.bool_]:
    """(len(thresholds),) whether one of the first `k` values of `best_iou` reaches each."""
    return np.asarray(best[:k].max(initial=0.0) >= np.asarray(thresholds))


def miou_at_1(best: FloatArray) -> float:
    """The first value of `best_iou`; 0 when nothing was returned."""
    return float(best[0]) if len(best) else 0.0


@lru_cache(maxsize=1 << 16)
def _terms_of_word(word: str) -> tuple[str, ...]:
    return tuple(
        _ZERO_DECIMALS.sub("", _SEPARATOR.sub("", term)) if term[0].isdigit() else term
        for term in terms(word)
    )


def answer_end(words: Sequence[str], answers: Sequence[str]) -> int | None:
    """Number of `words`, from the first, that contain every part of the answer.

    Case, accents, punctuation, spaces and the separators of thousands are folded and only whole
    words match: "2" is neither in "2.5" nor in "12". None if a part is missing or has no word in
    it, or there are no parts.
    """
    pairs = [(term, i) for i, word in enumerate(words) for term in _terms_of_word(word)]
    text = [term for term, _ in pairs]
    ends = []
    for answer in answers:
        phrase = [term for word in answer.split() for term in _terms_of_word(word)]
        n = len(phrase)
        starts = (i for i, term in enumerate(text) if n and term == phrase[0])
        start = next((i for i in starts if text[i : i + n] == phrase), None)
        if start is None:
            return None
        ends.append(pairs[start + n - 1][1] + 1)
    return max(ends, default=None)


def answer_in_tokens(
    texts: Sequence[str],
    answers: Sequence[str],
    budgets: Sequence[int],
    count_tokens: Callable[[str], int],
    *,
    counted: Sequence[bool] | None = None,
) -> NDArray[np.bool_]:
    """(len(budgets),) whether the answer is within the first tokens of the returned text.

    Args:
        texts: of the ranked regions, joined by a line break.
        answers: the parts of the answer; every one is required.
        count_tokens: of a text; at least one per word, and never fewer when the text grows.
        counted: which texts the answer may stand in, such as those from the right page; the
            others spend tokens only. None for all.
    """
    chosen = [True] * len(texts) if counted is None else counted
    every = ((word, use) for text, use in zip(texts, chosen, strict=True) for word in text.split())
    words = list(islice(every, max(budgets, default=0)))
    places = [i for i, (_, use) in enumerate(words) if use]
    end = answer_end([words[i][0] for i in places], answers)
    if end is None:
        return np.zeros(len(budgets), dtype=bool)
    tokens = count_tokens(" ".join(word for word, _ in words[: places[end - 1] + 1]))
    return np.asarray(tokens <= np.asarray(budgets))


def bootstrap_ci(
    values: FloatArray, groups: Sequence[str], *, n: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """95 % confidence interval of the mean of `values`, by resampling whole groups.

    Questions on one document are not independent, so documents are drawn with replacement, each
    with all its values. The same seed draws the same documents for every ranking.

    Args:
        values, groups: (N,), at least one, and N keys; values of equal keys are drawn together.
        n: resamples.
    """
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.bincount(member, weights=values)
    counts = np.bincount(member)
    drawn = np.random.default_rng(seed).integers(len(sums), size=(n, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def mean_figures(
    figures: Sequence[Mapping[tuple[str, str], float]], documents: Sequence[str]
) -> dict[str, Any]:
    """Average every figure: {measure: mean} or {measure: {budget: mean}}, to five digits.

    "ci95" has [low, high] of each in the same form, by bootstrap over documents. Where no question
    counts, mean and interval are None. `figures` are of one or more questions, with the same keys.
    """
    row: dict[str, Any] = {}
    intervals: dict[str, Any] = {}
    for measure, budget in figures[0]:
        values = np.array([one[measure, budget] for one in figures])
        counted = np.isfinite(values)
        mean, interval = _mean(values[counted], np.array(documents)[counted])
        if budget:
            row.setdefault(measure, {})[budget] = mean
            intervals.setdefault(measure, {})[budget] = interval
        else:
            row[measure], intervals[measure] = mean, interval
    return {**row, "ci95": intervals}


def _mean(values: FloatArray, documents: Any) -> tuple[float | None, list[float] | None]:
    if len(values) == 0:
        return None, None
    interval = bootstrap_ci(values, documents)
    return round(float(values.mean()), 5), [round(bound, 5) for bound in interval]
