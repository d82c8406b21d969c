"""Two ways of doing the same, timed in turn."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Row: TypeAlias = dict[str, Any]
"""{"name", "ours", "other", "ratio", "unit", "against"} and what else a row has to say; `ours` and
`other` in `unit`, `ratio` = other / ours."""

_ROUNDS = 7


def timed(
    name: str, ours: Callable[[], object], other: Callable[[], object], *, per: int, against: str
) -> Row:
    """Times both in turn after one run of each to warm up; milliseconds for each of `per`."""
    times = medians_ms({"ours": ours, "other": other})
    return row(name, times["ours"] / per, times["other"] / per, against=against)


def medians_ms(
    runs: Mapping[str, Callable[[], object]], *, rounds: int = _ROUNDS
) -> dict[str, float]:
    """The median time of each, all run in turn, after one run of each to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + 1):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            if turn:
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(times) * 1000 for name, times in seconds.items()}


def row(name: str, ours_ms: float, other_ms: float, *, against: str, **more: Any) -> Row:
    """A row of milliseconds; `more` is what else there is to say."""
    return {
        "name": name,
        "ours": round(ours_ms, 4),
        "other": round(other_ms, 4),
        "ratio": round(other_ms / ours_ms, 2),
        "unit": "ms",
        "against": against,
        **more,
    }
