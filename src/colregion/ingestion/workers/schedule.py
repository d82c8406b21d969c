"""Which process reads which pages of which document, and what comes of it."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue

from colregion.core.documents import Limits
from colregion.errors import BackendError
from colregion.ingestion.workers.messages import Event, Gathered, Reading
from colregion.ingestion.workers.processes import ReadingProcess, Replies, borrow, give_back
from colregion.ingestion.workers.tasks import PAGES_AT_ONCE, Task
from colregion.ingestion.workers.worker import out_of_memory

# Documents taken up for each process and not yet kept: one that is being read and one that waits,
# on disk. This is what holds the processes back when keeping is slower than reading.
_DOCUMENTS_AHEAD = 2

# A further process is started when work has waited for so long: a document or two do not pay for
# it.
_PATIENCE_S = 0.3

_LOOK_S = 0.25  # how often time and memory are looked at
_START_S = 60.0  # that a machine under load may take to start a process
_MOST_LOSSES = 3  # pages of one document that may each cost a process


def default_workers() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def read_documents(
    readings: Iterator[Reading],
    *,
    parser: bytes,
    by_page: bool,
    workers: int,
    limits: Limits,
    folder: Path,
) -> Iterator[Event]:
    """Read documents in up to `workers` processes; they end in any order.

    `readings` is taken from as processes come free, so it may be endless. While an event is
    looked at, the processes go on with what they have been given. Whoever stops taking events,
    by an exception too, stops the processes.

    Args:
        parser: as `pickled_parser` gives it; `by_page` is its own.
        folder: an empty one, for pages on their way.

    Raises:
        BackendError: no process can be started, or none can load the parser.
    """
    schedule = _Schedule(readings, workers=workers, limits=limits, by_page=by_page)
    schedule.parser, schedule.folder = parser, folder
    try:
        yield from schedule.events()
    finally:
        schedule.stop()


@dataclass(slots=True, eq=False)
class _Document:
    """A document that has been taken up."""

    gathered: Gathered
    stem: str
    open_tasks: int = 0
    losses: int = 0


@dataclass(slots=True, eq=False)
class _Running:
    """What a process is doing."""

    document: _Document
    task: Task
    used_before: bool
    next_page: int
    begun: bool = False
    opened: bool = False
    started: float = field(default_factory=time.monotonic)
    since: float = field(default_factory=time.monotonic)  # the last message


class _Schedule:
    parser: bytes
    folder: Path

    def __init__(
        self, readings: Iterator[Reading], *, workers: int, limits: Limits, by_page: bool
    ) -> None:
        self._readings: Iterator[Reading] | None = readings
        self._workers, self._limits, self._by_page = workers, limits, by_page
        self._replies: Replies = SimpleQueue()
        self._idle: list[tuple[ReadingProcess, bool]] = []  # and whether it has been used before
        self._running: dict[ReadingProcess, _Running] = {}
        self._tasks: deque[tuple[_Document, Task]] = deque()
        self._documents: list[_Document] = []
        self._taken_up = 0
        self._busy_since = 0.0

    def stop(self) -> None:
        """Keep the processes that have nothing to do, end the others."""
        for process in self._running:
            process.stop()
        for process, _ in self._idle:
            give_back(process)

    def events(self) -> Iterator[Event]:
        while True:
            self._hand_out()
            for document in [d for d in self._documents if d.open_tasks == 0]:
                yield document.gathered.conclusion()
                self._documents.remove(document)
                document.gathered.delete_files()
            if self._running:
                yield from self._listen()
                yield from self._watch()
            elif not self._documents:
                return

    def _hand_out(self) -> None:
        """Give every process that waits a task, as long as there is one."""
        while self._tasks or self._take_up():
            document, task = self._tasks[0]
            if document.gathered.failure is not None:
                document.open_tasks -= 1
            else:
                waiting = self._waiting_process()
                if waiting is None:
                    return
                process, used_before = waiting
                self._running[process] = _Running(document, task, used_before, task.first)
                process.send(task)
            self._tasks.popleft()

    def _take_up(self) -> bool:
        """The next document's first task, unless enough are under way."""
        if self._readings is None or len(self._documents) >= _DOCUMENTS_AHEAD * self._workers:
            return False
        reading = next(self._readings, None)
        if reading is None:
            self._readings = None
            return False
        self._taken_up += 1
        document = _Document(Gathered(reading), stem=str(self._taken_up))
        self._documents.append(document)
        self._add_task(document, first=1)
        return True

    def _add_task(self, document: _Document, *, first: int, last: int | None = None) -> None:
        task = Task(
            reading=document.gathered.reading,
            first=first,
            last=last,
            parser=self.parser,
            folder=self.folder,
            stem=document.stem,
        )
        document.open_tasks += 1
        self._tasks.append((document, task))

    def _waiting_process(self) -> tuple[ReadingProcess, bool] | None:
        if self._idle:
            return self._idle.pop()
        now = time.monotonic()
        if not self._running:
            self._busy_since = now
        elif len(self._running) >= self._workers or now - self._busy_since < _PATIENCE_S:
            return None
        return borrow(self._replies)

    def _listen(self) -> Iterator[Event]:
        """Wait for a message, and take in all that have come."""
        wait_s = _LOOK_S
        while True:
            try:
                process, message = self._replies.get(timeout=wait_s)
            except Empty:
                return
            wait_s = 0.0
            running = self._running.get(process)
            if running is None:
                if message is None:  # it had nothing to do
                    self._idle = [waiting for waiting in self._idle if waiting[0] is not process]
                    process.stop()
            elif message is None:
                yield from self._lose(process, process.why_ended())
            else:
                running.since = time.monotonic()
                yield from self._take_in(process, running, message)

    def _take_in(
        self, process: ReadingProcess, running: _Running, message: list[object]
    ) -> Iterator[Event]:
        gathered = running.document.gathered
        match message:
            case ["ready"]:
                self._busy_since = time.monotonic()
            case ["begun"]:
                running.begun = True
                running.started = time.monotonic()
            case ["opened", int(page_count)]:
                running.opened = True
                self._split(running.document, page_count)
            case ["page", int(number), int(n_regions), str(missing)]:
                path = running.task.path(number)
                event = gathered.take(number, path, n_regions=n_regions, missing=missing)
                running.next_page = number + 1
                if gathered.failure is None:
                    yield event
            case ["done"]:
                self._end(process)
            case ["failed", str(reason)]:
                gathered.failure = reason
                self._end(process)
            case ["unfit", str(reason)]:
                raise BackendError(
                    f"the parser cannot be loaded in a reading process ({reason}); "
                    "workers=0 reads in this one"
                )

    def _split(self, document: _Document, page_count: int) -> None:
        """Queue the pages behind those that the process that has opened it reads."""
        if document.gathered.page_count == 0:
            document.gathered.page_count = page_count
            if self._by_page:
                for first in range(1 + PAGES_AT_ONCE, page_count + 1, PAGES_AT_ONCE):
                    self._add_task(document, first=first)

    def _end(self, process: ReadingProcess) -> None:
        running = self._running.pop(process)
        running.document.open_tasks -= 1
        running.document.gathered.seconds += time.monotonic() - running.started
        self._idle.append((process, True))

    def _watch(self) -> Iterator[Event]:
        """Stop what takes too long or too much."""
        now = time.monotonic()
        limits = self._limits
        for process, running in list(self._running.items()):
            allowed_s = limits.seconds_per_page
            if running.opened and not self._by_page:
                allowed_s *= running.document.gathered.page_count
            if not running.begun:
                allowed_s += _START_S
            if now - running.since > allowed_s:
                yield from self._lose(
                    process,
                    f"reading it took more than {limits.seconds_per_page:g} s a page; raise the "
                    "limit `seconds_per_page`",
                )
            elif process.resident_mb > limits.memory_mb:
                yield from self._lose(process, out_of_memory(limits.memory_mb))

    def _lose(self, process: ReadingProcess, reason: str) -> Iterator[Event]:
        """A process has ended or has to be. The page it was at is lost; those before are not, and
        another process goes on behind it."""
        running = self._running.pop(process)
        process.stop()
        document, gathered, task = running.document, running.document.gathered, running.task
        document.open_tasks -= 1
        gathered.seconds += time.monotonic() - running.started
        if not running.begun:
            if not running.used_before:
                raise BackendError(f"no reading process starts: {reason}")
            self._add_task(document, first=task.first, last=task.last)  # it ended while it waited
            return
        if gathered.failure is not None:
            return
        if not (running.opened and self._by_page):
            gathered.failure = reason
            return
        document.losses += 1
        last = task.numbers(gathered.page_count)[-1]
        if document.losses > _MOST_LOSSES:
            gathered.failure = f"given up after {document.losses} such pages: {reason}"
            return
        if running.next_page <= last:
            yield gathered.lose(running.next_page, reason)
        if running.next_page < last:
            self._add_task(document, first=running.next_page + 1, last=last)
