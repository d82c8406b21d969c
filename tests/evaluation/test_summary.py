"""Means of figures, with what does not count left out."""

from __future__ import annotations

import numpy as np
import pytest

from colregion.evaluation.summary import mean_figures


def test_budgets_stand_below_their_measure_and_nan_counts_in_none() -> None:
    figures = [
        {("miou", ""): 0.25, ("told", "64"): 1.0, ("told", "128"): np.nan},
        {("miou", ""): 0.75, ("told", "64"): np.nan, ("told", "128"): np.nan},
    ]
    row = mean_figures(figures, ["a", "a"])
    assert row["miou"] == 0.5
    assert row["told"] == {"64": 1.0, "128": None}
    # One document is drawn again and again: the interval has no width.
    assert row["ci95"]["miou"] == pytest.approx([0.5, 0.5])
    assert row["ci95"]["told"] == {"64": [1.0, 1.0], "128": None}
