"""Two ways of doing the same, timed in turn."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, TypeAlias

Row: TypeAlias = dict[str, Any]
"""{"name", "ours", "other", "ratio", "unit", "against"}; `ours` and `other` in `unit`, `ratio` =
other / ours."""

_ROUNDS = 7


def timed(
    name: str, ours: Callable[[], object], other: Callable[[], object], *, per: int, against: str
) -> Row:
    """Times both in turn after one run of each to warm up; milliseconds for each of `per`."""
    seconds: dict[str, list[float]] = {"ours": [], "other": []}
    for turn in range(_ROUNDS + 1):
        for key, run in (("ours", ours), ("other", other)):
            started = time.perf_counter()
            run()
            if turn:
                seconds[key].append(time.perf_counter() - started)
    ours_ms, other_ms = (statistics.median(times) * 1000 / per for times in seconds.values())
    return {
        "name": name,
        "ours": round(ours_ms, 4),
        "other": round(other_ms, 4),
        "ratio": round(other_ms / ours_ms, 2),
        "unit": "ms",
        "against": against,
    }
