"""Unread pages are read while nobody asks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from colregion.engine import Engine
from colregion.errors import BackendError, ColregionError
from colregion.indexes import LocalIndex
from colregion.ingestion.pipeline import Progress
from colregion.server.workers import Workers

_IDLE_S = 5.0  # without requests, before pages are read
_SLICE_S = 2.0  # of reading, between looks at whether somebody asks
_NOTHING_S = 60.0  # pause when nothing is unread, or nothing can be read


@contextmanager
def idle_reading(engine: Engine, workers: Workers) -> Iterator[None]:
    """Complete unread pages in a thread meanwhile, whenever no request came for five seconds; not
    for an index that cannot be written."""
    if isinstance(engine.index, LocalIndex) and engine.index.read_only:
        yield
        return
    stopped = threading.Event()
    arguments = engine, workers, stopped
    thread = threading.Thread(target=_read, args=arguments, name="colregion-idle", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def _read(engine: Engine, workers: Workers, stopped: threading.Event) -> None:
    def check(_step: Progress) -> None:
        if stopped.is_set():
            raise BackendError("stopped")

    pause_s = _IDLE_S
    while not stopped.wait(pause_s):
        pause_s = max(_IDLE_S - workers.idle_s, 0.0)
        if pause_s:
            continue
        try:
            has_read = engine.read(budget_s=_SLICE_S, on_progress=check).pages > 0
        except ColregionError:  # the next attempt may find the index free again
            has_read = False
        pause_s = 0.0 if has_read else _NOTHING_S
