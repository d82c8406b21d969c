"""The processor cores that this process may use."""

from __future__ import annotations

import os


def core_count() -> int:
    """Cores that this process may use, at least 1."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_count(most: int = 16) -> int:
    """Threads for one computation: one per core, at most `most` and `OMP_NUM_THREADS`."""
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(most, core_count(), int(limit) if limit.isdigit() else most))
