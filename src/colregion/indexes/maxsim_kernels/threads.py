"""Threads that share out pages."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

from colregion.core.cpu import thread_count

# Below this many multiplications a second thread costs more than it saves.
_WORTH_SHARING = 1 << 24


def in_threads(scan: Callable[[range], None], *, n: int, cost: int) -> None:
    """Call `scan` with ranges that together make range(n), on the processors there are.

    Args:
        cost: multiplications in all. `scan` has to let go of the interpreter's lock.
    """
    workers = thread_count()
    if workers == 1 or cost < _WORTH_SHARING or n < 2:
        scan(range(n))
        return
    # A few ranges a thread, so that one which is held up does not hold up all.
    size = max(1, -(-n // (4 * workers)))
    list(_pool(os.getpid()).map(scan, [range(i, min(i + size, n)) for i in range(0, n, size)]))


@lru_cache(maxsize=1)
def _pool(_process: int) -> ThreadPoolExecutor:
    # Threads do not live on in a forked process, so each process has its own.
    return ThreadPoolExecutor(thread_count(), thread_name_prefix="colregion-maxsim")
