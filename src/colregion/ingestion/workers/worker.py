"""A worker process: its handle in the parent, and what runs in it.

The parser and then tasks go in on standard input, pickled; a line of JSON for each step comes out,
never pickle:

["begun"]                               first reply to every task
["opened", page_count]
["page", number, regions, missing]      the page is written; `missing` as in `Page`
["done"]                                last reply to a task, or
["failed", reason]
["unusable", reason]                    the parser cannot be loaded; the process ends
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import pickle
import select
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeAlias

from colregion.core.cpu import core_count
from colregion.core.documents import Document
from colregion.core.interfaces import Parser
from colregion.errors import BackendError, ColregionError
from colregion.ingestion.workers.in_process import read_pages
from colregion.ingestion.workers.reading import Task
from colregion.ingestion.workers.spool import write_page
from colregion.interpreter import FreshInterpreter, take_pipes

Replies: TypeAlias = "SimpleQueue[tuple[WorkerProcess, list[Any] | None]]"

# Several workers share the cores: one thread each. Arenas of malloc cost address space, which is
# what the memory limit counts.
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
_IDLE_S = 60.0


class WorkerProcess:
    """One process.

    Args:
        parser: pickled.
        replies: receives its messages, and None when it has ended, from a thread.
    """

    def __init__(self, parser: bytes, replies: Replies) -> None:
        self.has_begun = False  # its first task
        self.parser = parser
        self.replies = replies
        try:
            self._process = FreshInterpreter(__name__, {**os.environ, **_ENVIRONMENT})
        except OSError as cause:
            raise BackendError(
                f"cannot start a worker process ({cause}); workers=0 reads in this process"
            ) from cause
        self._listener = threading.Thread(target=self._listen, name="colregion-worker", daemon=True)
        self._listener.start()
        self._process.send(parser)

    def start(self, task: Task) -> None:
        """Hand over a task. Whether the process has ended shows in the replies."""
        self._process.send(pickle.dumps(task))

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.is_alive

    @property
    def resident_mb(self) -> float:
        """Memory of the process and of the programs that it runs now, MiB; 0 where the system
        does not tell."""
        return _resident_mb(self._process.pid)

    def exit_reason(self) -> str:
        """Why a process that was not stopped has ended."""
        status = self._process.wait()
        if status == -signal.SIGKILL:
            return "the system killed the worker process, as it does when memory runs short"
        if status < 0:
            return f"a library crashed ({signal.Signals(-status).name})"
        return f"the worker process failed ({self._process.last_error()})"

    def stop(self) -> None:
        """Kill the process and everything that it has started."""
        self._process.kill()
        self._listener.join()
        self._process.close()

    def _listen(self) -> None:
        for line in self._process.stdout:
            try:
                message = json.loads(line)
            except ValueError:  # truncated
                break
            self.replies.put((self, message))
        self.replies.put((self, None))


# By the process that started them: a fork must not write to its parent's workers.
_idle: dict[int, list[WorkerProcess]] = {}
_idle_lock = threading.Lock()


def take_worker(parser: bytes, replies: Replies) -> WorkerProcess:
    """A worker that an earlier call left idle with this parser, which saves a second or two of
    loading models, or a new one."""
    with _idle_lock:
        idle = _idle.setdefault(os.getpid(), [])
        for worker in [one for one in idle if one.parser == parser]:
            idle.remove(worker)
            if worker.is_alive:
                worker.replies = replies
                return worker
            worker.stop()
    return WorkerProcess(parser, replies)


def keep_worker(worker: WorkerProcess) -> None:
    """Leave a worker idle for the next call, at most one per core; it ends after a minute."""
    with _idle_lock:
        idle = _idle.setdefault(os.getpid(), [])
        idle.append(worker)
        while len(idle) > core_count():
            idle.pop(0).stop()


@atexit.register
def stop_idle_workers() -> None:
    """Stop the workers that earlier calls left idle."""
    with _idle_lock:
        for worker in _idle.pop(os.getpid(), []):
            worker.stop()


def main() -> None:
    """Work on tasks until standard input ends or no task comes for a minute."""
    tasks, replies = take_pipes()

    def reply(*message: Any) -> None:
        replies.write(json.dumps(message).encode() + b"\n")
        replies.flush()

    try:
        parser: Parser = pickle.load(tasks).for_one_core()
    except (ImportError, AttributeError) as error:
        reply("unusable", str(error))
        return
    opened: dict[Path, Document] = {}
    while True:
        try:
            task: Task = pickle.load(tasks)
        except EOFError:
            return
        _work(task, parser, opened, reply)
        if os.name == "posix" and not select.select([tasks], [], [], _IDLE_S)[0]:
            return


def _work(
    task: Task, parser: Parser, opened: dict[Path, Document], reply: Callable[..., None]
) -> None:
    """Read a task's pages. `opened` holds the last task's document: the next often has the same."""
    reply("begun")
    memory_mb = task.request.limits.memory_mb
    _limit_memory(memory_mb)
    try:
        if task.folder not in opened:
            opened.clear()
            opened[task.folder] = task.request.open()
        document = opened[task.folder]
        reply("opened", document.page_count, document.unread)
        numbers = range(task.first, min(task.last, document.page_count) + 1)
        for parsed in read_pages(document, parser, numbers):
            write_page(parsed, task.folder / str(parsed.page.number))
            reply("page", parsed.page.number, len(parsed.regions), parsed.page.missing)
    except ColregionError as error:
        reply("failed", str(error))
    except MemoryError:
        opened.clear()
        gc.collect()
        reply("failed", memory_reason(memory_mb))
    else:
        reply("done")


def memory_reason(memory_mb: int) -> str:
    """The reason for a page or document that exceeds the memory limit."""
    return f"reading it takes more than {memory_mb:,} MiB; raise the limit `memory_mb`"


def _limit_memory(memory_mb: int) -> None:
    """Allow this process, and each that it starts, `memory_mb` more than it has now."""
    if sys.platform != "linux":
        return
    import resource

    bound = int((_memory_mb(os.getpid())[0] + memory_mb) * (1 << 20))
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        bound = min(bound, hard)
    resource.setrlimit(resource.RLIMIT_AS, (bound, hard))


def _resident_mb(pid: int) -> float:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return _memory_mb(pid)[1] + sum(_resident_mb(int(child)) for child in children)
    except (OSError, IndexError):  # ended meanwhile, or not Linux
        return 0.0


def _memory_mb(pid: int) -> tuple[float, float]:
    """Address space and resident memory of a process, MiB (Linux)."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()
    page_mb = os.sysconf("SC_PAGE_SIZE") / (1 << 20)
    return int(pages[0]) * page_mb, int(pages[1]) * page_mb
