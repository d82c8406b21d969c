"""Reading processes from outside: started, asked, listened to, stopped, used again."""

from __future__ import annotations

import atexit
import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeAlias

from colregion.errors import BackendError
from colregion.ingestion.workers.tasks import Task

Message: TypeAlias = "list[Any] | None"
Replies: TypeAlias = "SimpleQueue[tuple[ReadingProcess, Message]]"

# Several processes share the cores: one thread each. Arenas of malloc cost address space, which
# is what the memory limit counts.
_ENVIRONMENT = {
    "OMP_THREAD_LIMIT": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
}


class ReadingProcess:
    """One process. It runs no code of the script that started it, so scripts need no guard.

    Its messages, and None when it has ended, come to the queue `replies` from a thread.
    """

    def __init__(self) -> None:
        self.replies: Replies = SimpleQueue()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `stop`)
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "colregion.ingestion.workers.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env={**os.environ, **_ENVIRONMENT, "PYTHONPATH": path},
                # Ctrl-C is for the process that keeps the index, which then stops this one; and
                # with it whatever programs it has started.
                start_new_session=True,
            )
        except OSError as cause:
            self._errors.close()
            raise BackendError(
                f"cannot start a reading process ({cause}); workers=0 reads in this one"
            ) from cause
        self._listener = threading.Thread(
            target=self._listen, name="colregion-reading", daemon=True
        )
        self._listener.start()

    def send(self, task: Task) -> None:
        """Ask for a task. That the process has ended shows among the replies."""
        with suppress(OSError):
            pickle.dump(task, self._stdin)
            self._stdin.flush()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def resident_mb(self) -> float:
        """Memory of the process and of the programs that it runs now, MiB; 0 where the system
        does not say."""
        return _resident_mb(self._process.pid)

    def why_ended(self) -> str:
        """What a process that has ended of itself died of."""
        status = self._process.wait()
        if status == -signal.SIGKILL:
            return "the system killed the reading process, as it does when memory runs short"
        if status < 0:
            return f"a library crashed ({signal.Signals(-status).name})"
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return f"the reading process failed ({lines[-1] if lines else f'exit status {status}'})"

    def stop(self) -> None:
        """End the process and all that it has started, at once."""
        if self.alive and os.name == "posix":
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        self._listener.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(OSError):  # what could not be sent
                pipe.close()
        self._errors.close()

    @property
    def _stdin(self) -> Any:
        return self._process.stdin

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                message = json.loads(line)
            except ValueError:  # cut off in the middle
                break
            self.replies.put((self, message))
        self.replies.put((self, None))


def _resident_mb(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (OSError, IndexError):  # ended meanwhile, or another system than Linux
        return 0.0
    own = pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
    return own + sum(_resident_mb(int(child)) for child in children)


_idle: list[ReadingProcess] = []
_lock = threading.Lock()


def borrow(replies: Replies) -> tuple[ReadingProcess, bool]:
    """A process that waits for a task, and whether it has been used before."""
    with _lock:
        while _idle:
            process = _idle.pop()
            if process.alive:
                process.replies = replies
                return process, True
            process.stop()
    process = ReadingProcess()
    process.replies = replies
    return process, False


def give_back(process: ReadingProcess) -> None:
    """Keep a process that waits for a task for the next who needs one; it ends by itself when
    none comes within a minute."""
    with _lock:
        _idle.append(process)


@atexit.register
def stop_idle() -> None:
    """End the processes that wait for a task."""
    with _lock:
        while _idle:
            _idle.pop().stop()


def _forget_idle() -> None:
    # They belong to the process that has forked; their pipes must not be used from two.
    _idle.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_idle)
