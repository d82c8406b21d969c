"""Worker processes that make tensors ahead of a device.

Each has one core and no accelerator, and starts as a fresh interpreter: it does not matter which
threads and devices this process uses. Tasks go in pickled; tensors come out as a line of JSON and
their bytes, never pickled.
"""

from __future__ import annotations

import json
import os
import pickle
import select
import signal
import threading
import time
import weakref
from collections import defaultdict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from colregion import errors
from colregion.errors import BackendError, ColregionError, require
from colregion.interpreter import FreshInterpreter, take_pipes

Tensors = dict[str, Any]
_Result = TypeVar("_Result")
_Source = TypeVar("_Source")

_START_S = 180.0  # to import the model libraries, on a busy machine
_IDLE_S = 60.0
# Threads of one process per core would only wait for each other. A limit that the user set for
# other programs, as is often done for Tesseract, is none for torch.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "CUDA_VISIBLE_DEVICES": "",
    "HF_HUB_OFFLINE": "1",
    # The GNU C library would return the large tensors of each page to the system and take them
    # again, page fault by page fault: a fifth of a worker's time.
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "MALLOC_TOP_PAD_": str(1 << 26),
}
_NOT_INHERITED = ("OMP_THREAD_LIMIT",)


def completed(run: Callable[..., _Result], *arguments: Any) -> Future[_Result]:
    """The result of `run`, called here and now, or colregion's error, as a future."""
    future: Future[_Result] = Future()
    try:
        future.set_result(run(*arguments))
    except ColregionError as error:
        future.set_exception(error)
    return future


def then(source: Future[_Source], run: Callable[[_Source], _Result]) -> Future[_Result]:
    """What `run` makes of a result, once it is there, or the error in its place."""
    future: Future[_Result] = Future()

    def pass_on(done: Future[_Source]) -> None:
        error = done.exception()
        if error is None:
            future.set_result(run(done.result()))
        else:
            future.set_exception(error)

    source.add_done_callback(pass_on)
    return future


class ProcessPool:
    """Up to `workers` processes, started when there is work for them, kept for a minute after it.

    Args:
        tool: what the processes work with, such as a processor; picklable.
        timeout_s: that a task may take.

    Attributes:
        seconds: that the latest tasks took, by the names of their classes.
    """

    def __init__(self, tool: Any, *, workers: int, timeout_s: float) -> None:
        self.workers = workers
        self.seconds: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=256))
        self._tool = pickle.dumps(tool)
        self._timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="colregion-prepare")
        self._own = threading.local()
        self._processes: list[_Process] = []
        weakref.finalize(self, _stop_all, self._processes, self._threads)

    @property
    def is_warm(self) -> bool:
        """Whether a process is there that has loaded its libraries."""
        return any(process.is_ready and process.is_alive for process in list(self._processes))

    def warm_up(self) -> list[Future[None]]:
        """Start the processes; each future is done when one has loaded its libraries."""
        return [self._threads.submit(self._start) for _ in range(self.workers)]

    def submit(self, task: Callable[[Any], Tensors]) -> Future[Tensors]:
        """Call `task` with the tool in a process; it must be picklable.

        The future raises what the task raised, if that is of colregion, and BackendError for a
        process that dies, or that takes too long and is killed; the next task has a new process.
        """
        return self._threads.submit(self._run, pickle.dumps(task), type(task).__name__)

    def kill(self) -> None:
        """Kill the processes, with what they are at. The pool can be used again."""
        for process in list(self._processes):
            process.end("it was stopped")

    def _start(self) -> None:
        self._process().wait_until_ready()

    def _run(self, task: bytes, kind: str) -> Tensors:
        start = time.perf_counter()
        try:
            tensors = self._process().run(task, timeout_s=self._timeout_s)
        except _EndedIdle:
            tensors = self._process().run(task, timeout_s=self._timeout_s)
        self.seconds[kind].append(time.perf_counter() - start)
        return tensors

    def _process(self) -> _Process:
        process: _Process | None = getattr(self._own, "process", None)
        if process is not None and not process.is_alive:  # it was idle for a minute, or failed
            self._processes.remove(process)
            process.stop()
            process = None
        if process is None:
            process = self._own.process = _Process(self._tool)
            self._processes.append(process)
        return process


def _stop_all(processes: list[_Process], threads: ThreadPoolExecutor) -> None:
    threads.shutdown(wait=False, cancel_futures=True)
    for process in list(processes):
        process.stop()


class _EndedIdle(BackendError):
    """The process was ending, after a minute without tasks, when it was sent one."""


class _Process:
    """One process; used by one thread. `end` and `stop` may be called from others."""

    def __init__(self, tool: bytes) -> None:
        self.is_ready = False
        self.is_usable = True
        self._tool = tool
        self._ended_because = ""
        inherited = {k: v for k, v in os.environ.items() if k not in _NOT_INHERITED}
        try:
            self._process = FreshInterpreter(__name__, {**inherited, **_ENVIRONMENT})
        except OSError as cause:
            raise BackendError(
                f"cannot start a process that prepares pages ({cause}); workers=0 needs none"
            ) from cause

    @property
    def is_alive(self) -> bool:
        return self.is_usable and self._process.is_alive

    def wait_until_ready(self) -> None:
        if not self.is_ready:
            self._exchange(self._tool, timeout_s=_START_S)
            self.is_ready = True

    def run(self, task: bytes, *, timeout_s: float) -> Tensors:
        self.wait_until_ready()
        return self._exchange(task, timeout_s=timeout_s)

    def end(self, reason: str) -> None:
        self._ended_because = self._ended_because or reason
        self._process.kill()

    def stop(self) -> None:
        self.is_usable = False
        self.end("it was stopped")
        self._process.close()

    def _exchange(self, data: bytes, *, timeout_s: float) -> Tensors:
        """The reply to what is sent, which may itself wait for a process that does not read."""
        reason = f"preparing it for the model took more than {timeout_s:g} s and was stopped"
        timer = threading.Timer(timeout_s, self.end, [reason])
        timer.daemon = True
        timer.start()
        try:
            self._process.send(data)
            line = self._process.stdout.readline()
            head = json.loads(line) if line.endswith(b"\n") else None
            if head is None or not self._read_all(head):
                self.is_usable = False
                raise self._exit_error()
        finally:
            timer.cancel()
        if head["error"]:
            raise getattr(errors, head["error"])(head["message"])
        tensors: Tensors = head["tensors"]
        return tensors

    def _read_all(self, head: dict[str, Any]) -> bool:
        """Put the tensors that follow into `head`; false where the process ends before."""
        torch = require("torch", extra="colpali")
        tensors = {}
        for name, kind, shape in head.get("tensors", ()):
            tensors[name] = torch.empty(shape, dtype=getattr(torch, kind))
            place = memoryview(tensors[name].reshape(-1).view(torch.uint8).numpy())
            if self._process.stdout.readinto(place) < len(place):  # type: ignore[attr-defined]
                return False
        head["tensors"] = tensors
        return True

    def _exit_error(self) -> BackendError:
        status = self._process.wait()
        if self._ended_because:
            return BackendError(self._ended_because)
        if status == -signal.SIGKILL:
            return BackendError(
                "the system killed the process that prepared it for the model, as it does when "
                "memory runs short; use fewer, workers=2, or none, workers=0"
            )
        error = _EndedIdle if status == 0 else BackendError
        return error(
            f"the process that prepared it for the model failed ({self._process.last_error()}); "
            "workers=0 needs none"
        )


def main() -> None:
    """Work on tasks until standard input ends or none comes for a minute."""
    tasks, replies = take_pipes()
    tool = pickle.load(tasks)
    require("torch", extra="colpali").set_num_threads(1)
    _reply(replies, {})
    with suppress(EOFError, BrokenPipeError):
        while True:
            if os.name == "posix" and not select.select([tasks], [], [], _IDLE_S)[0]:
                return
            task = pickle.load(tasks)
            try:
                result = task(tool)
            except ColregionError as error:
                head = {"error": type(error).__name__, "message": str(error)}
                replies.write(json.dumps(head).encode() + b"\n")
                replies.flush()
            else:
                _reply(replies, result)


def _reply(replies: Any, tensors: Tensors) -> None:
    torch = require("torch", extra="colpali")
    whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
    listed = [
        (name, str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape))
        for name, tensor in whole.items()
    ]
    replies.write(json.dumps({"error": "", "tensors": listed}).encode() + b"\n")
    for tensor in whole.values():
        replies.write(memoryview(tensor.reshape(-1).view(torch.uint8).numpy()))
    replies.flush()
