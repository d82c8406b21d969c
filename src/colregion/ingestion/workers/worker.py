"""What runs in a reading process: tasks in on standard input, a line of JSON for each step out.

["ready"]                               once, when the process can be given a task
["begun"]                               with every task
["opened", page_count]
["page", number, regions, missing]      the page has been written; `missing` as in `Page`
["done"]                                the task's last message, or
["failed", reason]
["unfit", reason]                       the parser cannot be loaded in this process
"""

from __future__ import annotations

import gc
import json
import os
import pickle
import sys
from pathlib import Path
from typing import IO, Any

from colregion.core.documents import Document
from colregion.core.interfaces import Parser
from colregion.errors import ColregionError
from colregion.ingestion.workers.pages import read_pages
from colregion.ingestion.workers.spool import write_page
from colregion.ingestion.workers.tasks import Task

_IDLE_S = 60.0
"""A process that has had nothing to do for so long ends."""

_KEPT_MEMORY = 0.5
"""A process that holds more than this share of the memory limit between tasks ends."""


def main() -> None:
    """Work on tasks until standard input ends."""
    tasks = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "w", encoding="ascii", buffering=1)
    # Programs and libraries that read or print must not touch the two.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    worker = _Worker(replies)
    worker.say("ready")
    while _has_task(tasks):
        try:
            task: Task = pickle.load(tasks)
        except EOFError:
            return
        worker.work(task)
        if _resident_mb() > _KEPT_MEMORY * task.reading.limits.memory_mb:
            return


class _Worker:
    """Keeps the parser and the document of the last task: the next is often of the same."""

    def __init__(self, replies: IO[str]) -> None:
        self._replies = replies
        self._pickled = b""
        self._parser: Parser | None = None
        self._opened: tuple[tuple[Path, str], Document] | None = None

    def say(self, *message: Any) -> None:
        self._replies.write(json.dumps(message) + "\n")

    def work(self, task: Task) -> None:
        self.say("begun")
        _bound_memory(task.reading.limits.memory_mb)
        parser = self._load(task.parser)
        if parser is None:
            return
        try:
            document = self._open(task)
            self.say("opened", document.page_count)
            for parsed in read_pages(document, parser, numbers=task.numbers(document.page_count)):
                number = parsed.page.number
                write_page(parsed, task.path(number))
                self.say("page", number, len(parsed.regions), parsed.page.missing)
        except ColregionError as error:
            self.say("failed", str(error))
        except MemoryError:
            self._opened = None
            gc.collect()
            self.say("failed", out_of_memory(task.reading.limits.memory_mb))
        else:
            self.say("done")

    def _load(self, pickled: bytes) -> Parser | None:
        if self._parser is None or pickled != self._pickled:
            try:
                parser: Parser = pickle.loads(pickled)
            except (ImportError, AttributeError) as error:
                self.say("unfit", str(error))
                return None
            self._parser, self._pickled = parser.for_one_core(), pickled
        return self._parser

    def _open(self, task: Task) -> Document:
        key = (task.folder, task.stem)
        if self._opened is None or self._opened[0] != key:
            self._opened = None
            self._opened = key, task.reading.open()
        return self._opened[1]


def out_of_memory(memory_mb: int) -> str:
    """The reason that people are given."""
    return f"reading it takes more than {memory_mb:,} MiB; raise the limit `memory_mb`"


def _has_task(tasks: IO[bytes]) -> bool:
    if os.name != "posix":
        return True
    import select

    return bool(select.select([tasks], [], [], _IDLE_S)[0])


def _bound_memory(memory_mb: int) -> None:
    """From here on `memory_mb` more than now, for this process and each that it starts."""
    if sys.platform != "linux":
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    bound = pages * resource.getpagesize() + (memory_mb << 20)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        bound = min(bound, hard)
    resource.setrlimit(resource.RLIMIT_AS, (bound, hard))


def _resident_mb() -> float:
    if sys.platform != "linux":
        return 0.0
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / (1 << 20)


if __name__ == "__main__":
    main()
