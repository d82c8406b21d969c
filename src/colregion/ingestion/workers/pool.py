"""A pool of worker processes that read documents with one parser, within limits.

Documents are split into tasks of a few pages where the parser reads page by page. A page at which
a worker crashes or exceeds a limit is lost; the pages around it are not.
"""

from __future__ import annotations

import os
import pickle
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue

from colregion.core.documents import Limits
from colregion.core.interfaces import Parser
from colregion.errors import BackendError, InvalidInput
from colregion.ingestion.workers.in_process import read_in_process
from colregion.ingestion.workers.messages import DocumentProgress, Event, ReadRequest, Task
from colregion.ingestion.workers.worker import (
    Replies,
    WorkerProcess,
    keep_worker,
    memory_reason,
    take_worker,
)

# Few enough pages that two workers end together on a scanned booklet.
_PAGES_PER_TASK = 4

# Per worker: one document that is being read and one that waits, on disk, to be indexed. This
# holds the workers back when indexing is slower than reading.
_DOCUMENTS_PER_WORKER = 2

# A further worker is started when work has waited for this long: a document or two do not pay
# for one.
_PATIENCE_S = 0.3

_POLL_S = 0.25  # between looks at time and memory
_START_S = 60.0  # that a machine under load may take to start a worker
_MAX_LOST_PAGES = 3  # per document; each costs a worker
_IDLE_MEMORY = 0.5  # share of the memory limit that an idle worker may hold on to


@dataclass(frozen=True, slots=True)
class WorkerPool:
    """Reads documents with one parser in up to `workers` processes; 0 reads in this process.

    Args:
        pickled: the parser for other processes; None exactly when `workers` is 0.
    """

    parser: Parser
    pickled: bytes | None
    workers: int
    limits: Limits

    @classmethod
    def of(cls, parser: Parser, *, workers: int | None, limits: Limits) -> WorkerPool:
        """A pool for this parser.

        Args:
            workers: at most this many processes. None for one per core, or for 0 where the
                parser cannot be sent to other processes.

        Raises:
            InvalidInput: `workers` is negative, or above 0 for a parser that cannot be sent.
        """
        if workers is not None and workers < 0:
            raise InvalidInput(f"workers must be 0 or more, got {workers}")
        pickled = None if workers == 0 else _pickled(parser)
        if pickled is None:
            if workers:
                raise InvalidInput(
                    f"workers={workers}, but {type(parser).__name__} cannot be sent to other "
                    "processes: it is defined in the script that runs, or holds what cannot be "
                    "pickled; put its class into a module, or pass workers=0"
                )
            return cls(parser, None, 0, limits)
        return cls(parser, pickled, workers or _core_count(), limits)

    def read(self, requests: Iterator[ReadRequest], *, folder: Path) -> Iterator[Event]:
        """Read documents; the events come as they happen, so documents end in any order.

        `requests` is consumed as workers come free, so it may be endless. While an event is
        handled, the workers go on with their tasks. Closing the iterator, by an exception too,
        stops the workers.

        Args:
            folder: an empty one, for pages on their way.

        Raises:
            BackendError: no worker can be started, or none can load the parser.
        """
        if self.pickled is None:
            yield from read_in_process(requests, parser=self.parser, folder=folder)
            return
        schedule = _Schedule(self, self.pickled, requests, folder)
        try:
            yield from schedule.events()
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


def _core_count() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(slots=True, eq=False)
class _Run:
    """A task in a worker."""

    document: DocumentProgress
    task: Task
    next_page: int
    started: float = field(default_factory=time.monotonic)
    last_message: float = field(default_factory=time.monotonic)
    begun: bool = False
    opened: bool = False


@dataclass(slots=True, eq=False)
class _Schedule:
    """Which worker reads which pages, for one call of `WorkerPool.read`."""

    pool: WorkerPool
    parser: bytes
    requests: Iterator[ReadRequest]
    folder: Path
    _replies: Replies = field(default_factory=SimpleQueue)
    _idle: list[WorkerProcess] = field(default_factory=list)
    _runs: dict[WorkerProcess, _Run] = field(default_factory=dict)
    _tasks: deque[tuple[DocumentProgress, Task]] = field(default_factory=deque)
    _documents: list[DocumentProgress] = field(default_factory=list)
    _started: int = 0  # documents
    _busy_since: float = 0.0

    def stop(self) -> None:
        """Stop the workers that have a task, keep the others for later calls."""
        for worker in self._runs:
            worker.stop()
        for worker in self._idle:
            keep_worker(worker)

    def events(self) -> Iterator[Event]:
        while True:
            self._assign_tasks()
            for document in [d for d in self._documents if d.open_tasks == 0]:
                yield document.conclude()
                self._documents.remove(document)
                document.delete_files()
            if self._runs:
                yield from self._handle_messages()
                yield from self._enforce_limits()
            elif not self._documents:
                return

    def _assign_tasks(self) -> None:
        while self._tasks or self._start_document():
            document, task = self._tasks[0]
            if document.failure is not None:
                document.open_tasks -= 1
            else:
                worker = self._free_worker()
                if worker is None:
                    return
                self._runs[worker] = _Run(document, task, next_page=task.first)
                worker.send(task)
            self._tasks.popleft()

    def _start_document(self) -> bool:
        """Queue the first task of the next document, unless enough are under way."""
        if len(self._documents) >= _DOCUMENTS_PER_WORKER * self.pool.workers:
            return False
        request = next(self.requests, None)
        if request is None:
            return False
        document = DocumentProgress(request, self.folder / str(self._started))
        self._started += 1
        self._documents.append(document)
        self._add_task(document, 1, _PAGES_PER_TASK)
        return True

    def _add_task(self, document: DocumentProgress, first: int, last: int) -> None:
        task = Task(document.request, self.parser, document.folder, first, last)
        document.open_tasks += 1
        self._tasks.append((document, task))

    def _free_worker(self) -> WorkerProcess | None:
        if self._idle:
            return self._idle.pop()
        now = time.monotonic()
        if not self._runs:
            self._busy_since = now
        elif len(self._runs) >= self.pool.workers or now - self._busy_since < _PATIENCE_S:
            return None
        return take_worker(self._replies)

    def _handle_messages(self) -> Iterator[Event]:
        """Wait for a message, and handle all that have come."""
        wait_s = _POLL_S
        while True:
            try:
                worker, message = self._replies.get(timeout=wait_s)
            except Empty:
                return
            wait_s = 0.0
            run = self._runs.get(worker)
            if message is None and run is None:  # it ended while it was idle, or was stopped
                self._idle = [other for other in self._idle if other is not worker]
                worker.stop()
            elif message is None:
                yield from self._lose(worker, worker.exit_reason())
            elif run is not None:
                run.last_message = time.monotonic()
                yield from self._handle(message, worker, run)

    def _handle(self, message: list[object], worker: WorkerProcess, run: _Run) -> Iterator[Event]:
        document = run.document
        match message:
            case ["begun"]:
                run.begun = True
                run.started = run.last_message
                if worker.is_new:
                    worker.is_new = False
                    self._busy_since = run.last_message
            case ["opened", int(page_count)]:
                run.opened = True
                if document.page_count == 0:
                    document.page_count = page_count
                    if self.pool.parser.by_page:
                        for first in range(1 + _PAGES_PER_TASK, page_count + 1, _PAGES_PER_TASK):
                            self._add_task(document, first, first + _PAGES_PER_TASK - 1)
            case ["page", int(number), int(regions), str(missing)]:
                run.next_page = number + 1
                event = document.add_page(number, missing=missing, region_count=regions)
                if document.failure is None:
                    yield event
            case ["done"]:
                self._end(worker)
            case ["failed", str(reason)]:
                document.failure = reason
                self._end(worker)
            case ["unusable", str(reason)]:
                raise BackendError(
                    f"the parser cannot be loaded in a worker process ({reason}); "
                    "workers=0 reads in this one"
                )

    def _end(self, worker: WorkerProcess) -> _Run:
        """Take the task off a worker, and the worker out of use if it has grown too large."""
        run = self._runs.pop(worker)
        run.document.open_tasks -= 1
        run.document.seconds += time.monotonic() - run.started
        if not worker.is_alive or worker.resident_mb > _IDLE_MEMORY * self.pool.limits.memory_mb:
            worker.stop()
        else:
            self._idle.append(worker)
        return run

    def _enforce_limits(self) -> Iterator[Event]:
        now = time.monotonic()
        limits = self.pool.limits
        for worker, run in list(self._runs.items()):
            allowed_s = limits.seconds_per_page
            if run.opened and not self.pool.parser.by_page:
                allowed_s *= run.document.page_count
            if not run.begun:
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

    def _lose(self, worker: WorkerProcess, reason: str) -> Iterator[Event]:
        """Give up a worker and the page that it was at; the pages behind it become a new task."""
        worker.stop()
        run = self._end(worker)
        document, task = run.document, run.task
        if not run.begun:
            if worker.is_new:
                raise BackendError(f"no worker process starts: {reason}")
            self._add_task(document, task.first, task.last)  # it ended while it was idle
            return
        if document.failure is not None:
            return
        if not (run.opened and self.pool.parser.by_page):
            document.failure = reason
            return
        document.lost_pages += 1
        if document.lost_pages > _MAX_LOST_PAGES:
            document.failure = f"given up after {document.lost_pages} such pages: {reason}"
            return
        last = min(task.last, document.page_count)
        if run.next_page <= last:
            yield document.add_page(run.next_page, missing=reason, on_disk=False)
        if run.next_page < last:
            self._add_task(document, run.next_page + 1, last)
