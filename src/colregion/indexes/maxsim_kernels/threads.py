"""Threads for scanning pages."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

from colregion.core.cpu import thread_count

# Below this many multiplications a second thread costs more than it saves.
_WORTH_SHARING = 1 << 24


def in_threads(scan: Callable[[range], None], *, n: int, cost: int) -> None:
    """Call `scan`, which should release the GIL, with ranges that cover range(n), on all cores if
    `cost`, the total number of multiplications, is worth it."""
    workers = thread_count()
    if workers == 1 or cost < _WORTH_SHARING or n < 2:
        scan(range(n))
        return
    # Several ranges per thread, so that a slow thread does not delay all.
    size = max(1, -(-n // (4 * workers)))
    list(_pool(os.getpid()).map(scan, [range(i, min(i + size, n)) for i in range(0, n, size)]))


@lru_cache(maxsize=1)
def _pool(_process: int) -> ThreadPoolExecutor:
    # Threads do not survive a fork, so each process has its own.
    return ThreadPoolExecutor(thread_count(), thread_name_prefix="colregion-maxsim")
