"""Figures of many questions to means with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from colregion.core.geometry import FloatArray
from colregion.evaluation import metrics


def mean_figures(
    figures: Sequence[Mapping[tuple[str, str], float]], documents: Sequence[str]
) -> dict[str, Any]:
    """The mean of every figure, {measure: mean} or {measure: {budget: mean}}, and under "ci95"
    [low, high] of each in the same form, by bootstrap over documents; to five digits.

    Args:
        figures: of one or more questions, all with the same (measure, budget), budget "" for a
            measure that has none. A question whose figure is NaN does not count in it; where none
            counts, mean and interval are None.
        documents: whose question each is.
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
    interval = metrics.bootstrap_ci(values, documents)
    return round(float(values.mean()), 5), [round(bound, 5) for bound in interval]
