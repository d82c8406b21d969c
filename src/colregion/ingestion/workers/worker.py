"""A worker process: its handle in the parent, and what runs in it.

Tasks go in on standard input, pickled; a line of JSON for each step comes out, never pickle:

["begun"]                               first reply to every task
["opened", page_count]
["page", number, regions, missing]      the page is written; `missing` as in `Page`
["done"]                                last reply to a task, or
["failed", reason]
["unusable", reason]                    the parser cannot be loaded in this process
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import pickle
import select
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any, TypeAlias

from colregion.core.documents import Document
from colregion.core.interfaces import Parser
from colregion.errors import BackendError, ColregionError
from colregion.ingestion.workers.in_process import read_pages
from colregion.ingestion.workers.messages import Task
from colregion.ingestion.workers.spool import write_page

Message: TypeAlias = "list[Any] | None"
Replies: TypeAlias = "SimpleQueue[tuple[WorkerProcess, Message]]"

_IDLE_S = 60.0  # after which a worker without a task exits

# Several workers share the cores: one thread each. Arenas of malloc cost address space, which is
# what the memory limit counts.
_ENVIRONMENT = {
    "OMP_THREAD_LIMIT": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
}
# With the parent's path and nothing else: Python would otherwise look for modules in the working
# folder first, and that may be a folder of documents.
_MAIN = """import sys
sys.path[:] = sys.argv[1:]
from colregion.ingestion.workers.worker import main
main()"""


class WorkerProcess:
    """One process. It runs no code of the parent's script, so scripts need no `__main__` guard.

    Attributes:
        replies: receives its messages, and None when it has ended, from a thread.
        is_new: whether it has never begun a task.
    """

    def __init__(self, replies: Replies) -> None:
        self.replies = replies
        self.is_new = True
        self._parent_pid = os.getpid()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `stop`)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _MAIN, *(entry or os.getcwd() for entry in sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env={**os.environ, **_ENVIRONMENT},
                # Ctrl-C is for the parent, which then stops this process and the programs that
                # it has started.
                start_new_session=True,
            )
        except OSError as cause:
            self._errors.close()
            raise BackendError(
                f"cannot start a worker process ({cause}); workers=0 reads in this process"
            ) from cause
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._listener = threading.Thread(target=self._listen, name="colregion-worker", daemon=True)
        self._listener.start()

    def send(self, task: Task) -> None:
        """Hand over a task. Whether the process has ended shows in the replies."""
        with suppress(OSError):
            pickle.dump(task, self._stdin)
            self._stdin.flush()

    @property
    def is_alive(self) -> bool:
        """Whether it still runs; false in a process forked from the one that started it."""
        return self._parent_pid == os.getpid() and self._process.poll() is None

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
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return f"the worker process failed ({lines[-1] if lines else f'exit status {status}'})"

    def stop(self) -> None:
        """Kill the process and everything that it has started."""
        if self._parent_pid != os.getpid():
            return
        if self.is_alive and os.name == "posix":
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        self._listener.join()
        for pipe in (self._stdin, self._stdout):
            with suppress(OSError):  # unsent data
                pipe.close()
        self._errors.close()

    def _listen(self) -> None:
        for line in self._stdout:
            try:
                message = json.loads(line)
            except ValueError:  # truncated
                break
            self.replies.put((self, message))
        self.replies.put((self, None))


_idle: list[WorkerProcess] = []
_idle_lock = threading.Lock()


def take_worker(replies: Replies) -> WorkerProcess:
    """An idle worker of an earlier call, which saves about a second, or a new one."""
    with _idle_lock:
        while _idle:
            worker = _idle.pop()
            if worker.is_alive:
                worker.replies = replies
                return worker
            worker.stop()
    return WorkerProcess(replies)


def keep_worker(worker: WorkerProcess) -> None:
    """Keep an idle worker for the next call; it exits after a minute without a task."""
    with _idle_lock:
        _idle.append(worker)


@atexit.register
def stop_idle_workers() -> None:
    """Stop the workers that have no task."""
    with _idle_lock:
        while _idle:
            _idle.pop().stop()


def main() -> None:
    """Work on tasks until standard input ends or no task comes for a while."""
    tasks = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "w", encoding="ascii", buffering=1)
    # Programs and libraries that read or print must not touch the two pipes.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    worker = _Worker(replies)
    while os.name != "posix" or select.select([tasks], [], [], _IDLE_S)[0]:
        try:
            task: Task = pickle.load(tasks)
        except EOFError:
            return
        worker.work(task)


class _Worker:
    """Keeps the last task's parser and document open: the next task often has the same."""

    def __init__(self, replies: IO[str]) -> None:
        self._replies = replies
        self._pickled = b""
        self._parser: Parser | None = None
        self._opened: tuple[Path, Document] | None = None

    def work(self, task: Task) -> None:
        self._reply("begun")
        memory_mb = task.request.limits.memory_mb
        _limit_memory(memory_mb)
        try:
            parser = self._load(task.parser)
        except (ImportError, AttributeError) as error:
            self._reply("unusable", str(error))
            return
        try:
            document = self._open(task)
            self._reply("opened", document.page_count)
            numbers = range(task.first, min(task.last, document.page_count) + 1)
            for parsed in read_pages(document, parser, numbers):
                page = parsed.page
                write_page(parsed, task.folder / str(page.number))
                self._reply("page", page.number, len(parsed.regions), page.missing)
        except ColregionError as error:
            self._reply("failed", str(error))
        except MemoryError:
            self._opened = None
            gc.collect()
            self._reply("failed", memory_reason(memory_mb))
        else:
            self._reply("done")

    def _reply(self, *message: Any) -> None:
        self._replies.write(json.dumps(message) + "\n")

    def _load(self, pickled: bytes) -> Parser:
        if self._parser is None or pickled != self._pickled:
            parser: Parser = pickle.loads(pickled)
            self._parser, self._pickled = parser.for_one_core(), pickled
        return self._parser

    def _open(self, task: Task) -> Document:
        if self._opened is None or self._opened[0] != task.folder:
            self._opened = None
            self._opened = task.folder, task.request.open()
        return self._opened[1]


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
