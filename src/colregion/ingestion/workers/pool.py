"""A pool of worker processes that read documents with one parser, within limits.

A file that crashes or hangs a native library then costs that file only. Documents are split into
tasks of a few pages where the parser reads page by page. A page at which a worker crashes or
exceeds a limit is lost; the pages around it are not.
"""

from __future__ import annotations

import pickle
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue

from colregion.core.cpu import core_count
from colregion.core.documents import Limits
from colregion.core.interfaces import Parser
from colregion.errors import BackendError, InvalidInput
from colregion.ingestion.workers.in_process import read_in_process
from colregion.ingestion.workers.reading import Reading, ReadRequest, Task
from colregion.ingestion.workers.worker import (
    Replies,
    WorkerProcess,
    keep_worker,
    memory_reason,
    take_worker,
)

# Few enough pages that two workers end together on a scanned booklet.
_PAGES_PER_TASK = 4

# Per worker: one document that is being read and one whose last pages are.
_DOCUMENTS_PER_WORKER = 2

# A further worker is started when work has waited for this long: a document or two do not pay
# for one.
_PATIENCE_S = 0.3

_POLL_S = 0.25  # between looks at time and memory
_START_S = 60.0  # that a machine under load may take to start a worker
_MAX_LOST_PAGES = 3  # per document; each costs a worker
_IDLE_MEMORY = 0.5  # share of the memory limit that a worker may hold on to between tasks


class WorkerPool:
    """Reads documents with one parser in up to `workers` processes; 0 reads in this process.

    Args:
        workers: at most this many processes. None for one per core, or for 0 where the parser
            cannot be sent to other processes.

    Raises:
        InvalidInput: `workers` is negative, or above 0 for a parser that cannot be sent.
    """

    def __init__(self, parser: Parser, *, workers: int | None, limits: Limits) -> None:
        if workers is not None and workers < 0:
            raise InvalidInput(f"workers must be 0 or more, got {workers}")
        self.parser = parser
        self.limits = limits
        self._pickled = None if workers == 0 else _pickled(parser)
        if workers and self._pickled is None:
            raise InvalidInput(
                f"workers={workers}, but {type(parser).__name__} cannot be sent to other "
                "processes: it is defined in the script that runs, or holds what cannot be "
                "pickled; put its class into a module, or pass workers=0"
            )
        self.workers = 0 if self._pickled is None else workers or core_count()

    def read(self, requests: Iterator[ReadRequest], *, folder: Path) -> Iterator[Reading | None]:
        """Read documents; yields a document's reading after each of its pages and at its end, and
        None several times a second, for the caller to do what else is due.

        Documents end in any order. `requests` is consumed as workers come free, so it may be
        endless. While the caller handles a reading, the workers go on with their tasks. The files
        of a reading that has ended are the caller's to delete. Closing the iterator, by an
        exception too, stops the workers that read.

        Args:
            folder: an empty one, for pages on their way.

        Raises:
            BackendError: no worker can be started, or none can load the parser.
        """
        if self._pickled is None:
            yield from read_in_process(requests, parser=self.parser, folder=folder)
            return
        schedule = _Schedule(self, self._pickled, requests, folder)
        try:
            yield from schedule.readings()
        finally:
            schedule.stop()


def _pickled(parser: Parser) -> bytes | None:
    """The parser for other processes; None where it holds what has no meaning elsewhere (locks,
    open files, lambdas) or is defined in the running script, which others cannot import."""
    try:
        data = pickle.dumps(parser)
    except (pickle.PicklingError, TypeError, AttributeError):
        return None
    return None if b"__main__" in data else data


@dataclass(slots=True, eq=False)
class _Run:
    """A task, in the queue or in a worker."""

    reading: Reading
    task: Task
    next_page: int
    started: float = 0.0
    last_message: float = 0.0
    has_begun: bool = False
    has_opened: bool = False


@dataclass(slots=True, eq=False)
class _Schedule:
    """Which worker reads which pages, for one call of `WorkerPool.read`."""

    pool: WorkerPool
    parser: bytes
    requests: Iterator[ReadRequest]
    folder: Path
    _replies: Replies = field(default_factory=SimpleQueue)
    _idle: list[WorkerProcess] = field(default_factory=list)
    _running: dict[WorkerProcess, _Run] = field(default_factory=dict)
    _queue: deque[_Run] = field(default_factory=deque)
    _readings: list[Reading] = field(default_factory=list)
    _document_count: int = 0
    _busy_since: float = 0.0

    def stop(self) -> None:
        for worker in self._running:
            worker.stop()
        for worker in self._idle:
            keep_worker(worker)

    def readings(self) -> Iterator[Reading | None]:
        while True:
            self._start_tasks()
            for reading in [r for r in self._readings if r.open_tasks == 0]:
                reading.end()
                yield reading
                self._readings.remove(reading)
            if self._running:
                yield from self._handle_messages()
                yield from self._enforce_limits()
                yield None
            elif not self._readings:
                return

    def _start_tasks(self) -> None:
        while self._queue or self._open_next():
            run = self._queue[0]
            if run.reading.failure is not None:
                run.reading.open_tasks -= 1
            else:
                worker = self._free_worker()
                if worker is None:
                    return
                run.started = run.last_message = time.monotonic()
                self._running[worker] = run
                worker.start(run.task)
            self._queue.popleft()

    def _open_next(self) -> bool:
        """Queue the first task of the next document, unless enough are under way."""
        if len(self._readings) >= _DOCUMENTS_PER_WORKER * self.pool.workers:
            return False
        request = next(self.requests, None)
        if request is None:
            return False
        reading = Reading(request, self.folder / str(self._document_count))
        self._document_count += 1
        self._readings.append(reading)
        self._add_task(reading, 1, _PAGES_PER_TASK)
        return True

    def _add_task(self, reading: Reading, first: int, last: int) -> None:
        task = Task(reading.request, reading.folder, first, last)
        reading.open_tasks += 1
        self._queue.append(_Run(reading, task, next_page=first))

    def _free_worker(self) -> WorkerProcess | None:
        if self._idle:
            return self._idle.pop()
        now = time.monotonic()
        if not self._running:
            self._busy_since = now
        elif len(self._running) >= self.pool.workers or now - self._busy_since < _PATIENCE_S:
            return None
        return take_worker(self.parser, self._replies)

    def _handle_messages(self) -> Iterator[Reading]:
        """Wait for a message, and handle all that have come."""
        wait_s = _POLL_S
        while True:
            try:
                worker, message = self._replies.get(timeout=wait_s)
            except Empty:
                return
            wait_s = 0.0
            run = self._running.get(worker)
            if run is None:  # it ended while it was idle, or was stopped
                self._idle = [other for other in self._idle if other is not worker]
                worker.stop()
            elif message is None:
                yield from self._lose(worker, worker.exit_reason())
            else:
                run.last_message = time.monotonic()
                yield from self._handle(message, worker, run)

    def _handle(self, message: list[object], worker: WorkerProcess, run: _Run) -> Iterator[Reading]:
        reading = run.reading
        match message:
            case ["begun"]:
                run.has_begun = True
                run.started = run.last_message
                if not worker.has_begun:
                    worker.has_begun = True
                    self._busy_since = run.last_message
            case ["opened", int(page_count), str(unread)]:
                run.has_opened = True
                if reading.page_count == 0:
                    reading.page_count, reading.unread = page_count, unread
                    if self.pool.parser.by_page:
                        for first in range(1 + _PAGES_PER_TASK, page_count + 1, _PAGES_PER_TASK):
                            self._add_task(reading, first, first + _PAGES_PER_TASK - 1)
            case ["page", int(number), int(regions), str(missing)]:
                run.next_page = number + 1
                reading.add_page(number, missing=missing, region_count=regions)
                if reading.failure is None:
                    yield reading
            case ["done"]:
                self._end(worker)
            case ["failed", str(reason)]:
                reading.failure = reason
                self._end(worker)
            case ["unusable", str(reason)]:
                raise BackendError(
                    f"the parser cannot be loaded in a worker process ({reason}); "
                    "workers=0 reads in this one"
                )

    def _end(self, worker: WorkerProcess) -> None:
        """Take the task off a worker, and the worker out of use if it has grown too large."""
        self._detach(worker)
        if worker.resident_mb > _IDLE_MEMORY * self.pool.limits.memory_mb:
            worker.stop()
        else:
            self._idle.append(worker)

    def _detach(self, worker: WorkerProcess) -> _Run:
        run = self._running.pop(worker)
        run.reading.open_tasks -= 1
        run.reading.seconds += time.monotonic() - run.started
        return run

    def _enforce_limits(self) -> Iterator[Reading]:
        now = time.monotonic()
        limits = self.pool.limits
        for worker, run in list(self._running.items()):
            allowed_s = limits.seconds_per_page
            if run.has_opened and not self.pool.parser.by_page:
                allowed_s *= run.reading.page_count
            if not run.has_begun:
                allowed_s += _START_S
            if now - run.last_message > allowed_s:
                reason = (
                    f"reading it took more than {limits.seconds_per_page:g} s per page; raise the "
                    "limit `seconds_per_page`"
                )
            elif worker.resident_mb > limits.memory_mb:
                reason = memory_reason(limits.memory_mb)
            else:
                continue
            yield from self._lose(worker, reason)

    def _lose(self, worker: WorkerProcess, reason: str) -> Iterator[Reading]:
        """Give up a worker and the page that it was at; the pages behind it become a new task."""
        worker.stop()
        run = self._detach(worker)
        reading, task = run.reading, run.task
        if not run.has_begun:
            if not worker.has_begun:
                raise BackendError(f"no worker process starts: {reason}")
            self._add_task(reading, task.first, task.last)  # it ended while it was idle
            return
        if reading.failure is not None:
            return
        if not (run.has_opened and self.pool.parser.by_page):
            reading.failure = reason
            return
        reading.lost_pages += 1
        if reading.lost_pages > _MAX_LOST_PAGES:
            reading.failure = f"given up after {reading.lost_pages} such pages: {reason}"
            return
        last = min(task.last, reading.page_count)
        if run.next_page <= last:
            reading.add_page(run.next_page, missing=reason, on_disk=False)
            yield reading
        if run.next_page < last:
            self._add_task(reading, run.next_page + 1, last)
