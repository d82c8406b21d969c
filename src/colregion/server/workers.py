"""The threads in which the engine works, a bounded number at a time, with a bounded queue."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread

from colregion.core.interfaces import Index
from colregion.errors import BackendError, InvalidInput
from colregion.indexes import LocalIndex
from colregion.indexes.local.schema import DATABASE

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """Bounds on what one client can ask for.

    Args:
        question_characters: of a question.
        answer_characters: of an answer whose citations are resolved.
        request_bytes: of the body of a request.
        upload_bytes: of a document that is added.
        image_px: the longest side of an image of a page or a region.
        concurrent: how many requests the engine works on at a time.
        waiting: how many more wait for that; the next is refused with status 503.
    """

    question_characters: int = 4000
    answer_characters: int = 20_000
    request_bytes: int = 1 << 20
    upload_bytes: int = 256 << 20
    image_px: int = 2400
    concurrent: int = max(2, min(8, os.cpu_count() or 2))
    waiting: int = 200

    def check_question(self, question: str) -> str:
        """The question. Raises InvalidInput for one that is too long."""
        return _check_length(question, "question", most=self.question_characters)

    def check_answer(self, answer: str) -> str:
        """The answer. Raises InvalidInput for one that is too long."""
        return _check_length(answer, "answer", most=self.answer_characters)


class Busy(BackendError):
    """More requests wait than the server accepts."""


class Workers:
    """Runs calls of the engine in threads, never in the event loop, and only as long as the index
    in the folder is the one that was opened."""

    def __init__(self, index: Index, limits: ServerLimits) -> None:
        self.limiter = CapacityLimiter(limits.concurrent)
        self._adding = CapacityLimiter(1)  # so that adding documents leaves threads for questions
        self._waiting = limits.waiting
        self._stopped = threading.Event()
        self._database = index.folder / DATABASE if isinstance(index, LocalIndex) else None
        self._opened = self._file()
        self._asked = time.monotonic()

    @property
    def idle_s(self) -> float:
        """Seconds since the last request was answered; 0 while one is."""
        busy = self.limiter.borrowed_tokens or self._adding.borrowed_tokens
        if busy:
            self._asked = time.monotonic()
        return 0.0 if busy else time.monotonic() - self._asked

    async def run(self, call: Callable[..., _Result], *arguments: Any, **options: Any) -> _Result:
        """The result of `call` in a worker thread. Raises Busy when too many wait, BackendError
        when the index was removed or replaced, and what the call raises."""
        return await self._run(self.limiter, partial(call, *arguments, **options))

    async def run_add(self, call: Callable[[], _Result]) -> _Result:
        """As `run`, for a call that adds documents: one at a time."""
        return await self._run(self._adding, call)

    def stop(self) -> None:
        """Let the adding of documents end with the page being read."""
        self._stopped.set()

    def check_stopped(self) -> None:
        """Raises BackendError after `stop`."""
        if self._stopped.is_set():
            raise BackendError("the server was stopped before the document was read; add it again")

    def check(self) -> None:
        """Raises as `run` would before the call, for a request that is answered without it."""
        self._check_waiting(self.limiter)
        self._check_index()
        self._asked = time.monotonic()

    async def _run(self, limiter: CapacityLimiter, call: Callable[[], _Result]) -> _Result:
        self._check_waiting(limiter)

        def checked() -> _Result:
            self._check_index()
            self._asked = time.monotonic()
            return call()

        return await to_thread.run_sync(checked, limiter=limiter)

    def _check_waiting(self, limiter: CapacityLimiter) -> None:
        if limiter.statistics().tasks_waiting >= self._waiting:
            raise Busy("the server is busy; ask again in a moment")

    def _check_index(self) -> None:
        """An open database stays readable after it was deleted, but nothing else of it does."""
        if self._database is not None and self._file() != self._opened:
            raise BackendError(
                f"the index at {self._database.parent} was removed or replaced while it was "
                "served; start `colregion serve` again"
            )

    def _file(self) -> tuple[int, int] | None:
        """What identifies the database's file; None without one."""
        if self._database is None or not self._database.exists():
            return None
        status = self._database.stat()
        return status.st_dev, status.st_ino


def _check_length(text: str, name: str, *, most: int) -> str:
    if len(text) > most:
        raise InvalidInput(f"the {name} has {len(text):,} characters; shorten it to {most:,}")
    return text
