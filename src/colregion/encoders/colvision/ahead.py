"""Encoding that keeps the device busy: pages are prepared ahead of it by other processes, batches
cross documents, and what follows the model is done behind it.

    pages -> feed -> (processes) -> collate -> device -> results, to whoever iterates over them

Each arrow leads into a thread of its own. At most `most_pages` are under way at a time, which
bounds the memory, and holds everything back when the results are not taken.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotDone
from dataclasses import dataclass, field
from queue import Empty, Full, Queue
from typing import TypeVar

from colregion.core.embeddings import PageEmbedding
from colregion.core.geometry import FloatArray
from colregion.core.regions import ParsedPage
from colregion.encoders.colvision.inputs import Inputs
from colregion.encoders.torch_utils.batching import plan
from colregion.errors import ColregionError

_POLL_S = 0.1
_Item = TypeVar("_Item")


class _Stopped(Exception):
    """Nobody wants further results."""


@dataclass(frozen=True, slots=True)
class Steps:
    """What is done with a page, by an encoder.

    Args:
        prepare: start to make a page's inputs.
        collate: put the inputs of several pages together.
        run: the (V, D) vectors of each page of a batch: the pages, their inputs, and these
            collated.
        finish: start to make the embedding of a page from its inputs and vectors.
        batch_tokens: padded tokens of a batch.
        batch_pages: pages among which batches are chosen.
        most_pages: under way at a time.
    """

    prepare: Callable[[ParsedPage], Future[Inputs]]
    collate: Callable[[Sequence[Inputs]], Inputs]
    run: Callable[[Sequence[ParsedPage], Sequence[Inputs], Inputs], Sequence[FloatArray]]
    finish: Callable[[ParsedPage, Inputs, FloatArray], Future[PageEmbedding]]
    batch_tokens: int
    batch_pages: int
    most_pages: int


@dataclass(slots=True, eq=False)
class _Work:
    """One page on its way."""

    page: ParsedPage
    result: Future[Future[PageEmbedding]] = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class _Batch:
    work: list[_Work]
    parts: list[Inputs]
    whole: Inputs


class EncodingAhead(Iterator["PageEmbedding | ColregionError"]):
    """One stream of pages through the steps.

    Iterating gives an embedding for each page, or the error it ended in, in order. `close` stops
    it, from another thread too; the thread that waits for the next page ends when that comes.

    Args:
        give_up: called by a `close` before the end, to stop what is being prepared.
    """

    def __init__(
        self, pages: Iterable[ParsedPage | None], steps: Steps, *, give_up: Callable[[], None]
    ) -> None:
        self._pages = pages
        self._steps = steps
        self._give_up = give_up
        self._slots = threading.Semaphore(steps.most_pages)
        self._stopped = threading.Event()
        self._is_done = False
        # Bounded by the slots; a second batch is collated while the device has the first.
        self._fed: Queue[tuple[_Work, Future[Inputs]] | None] = Queue()
        self._batches: Queue[_Batch | None] = Queue(maxsize=1)
        self._ordered: Queue[_Work | None] = Queue()
        self._running: list[Future[None]] = []
        threads = ThreadPoolExecutor(3, thread_name_prefix="colregion-encode")
        self._running = [threads.submit(step) for step in (self._feed, self._collate, self._run)]
        threads.shutdown(wait=False)

    def __next__(self) -> PageEmbedding | ColregionError:
        try:
            work = self._take(self._ordered)
            if work is None:
                self._ordered.put(None)
                self._is_done = True
                raise StopIteration
            try:
                result: PageEmbedding | ColregionError = self._wait(self._wait(work.result))
            except ColregionError as error:
                result = error
            self._slots.release()
            self._check()
            return result
        except _Stopped:
            self.close()
            for step in self._running:
                if step.done() and not isinstance(step.exception(), _Stopped):
                    step.result()  # raises what stopped it
            raise

    def close(self) -> None:
        """Stop, unless all pages are done."""
        is_done = self._is_done or all(step.done() for step in self._running)
        if not is_done and not self._stopped.is_set():
            self._stopped.set()
            with self._fed.mutex:
                waiting = [fed[1] for fed in self._fed.queue if fed is not None]
            for inputs in waiting:  # or they would be made after what is being made is stopped
                inputs.cancel()
            self._give_up()

    def _feed(self) -> None:
        for page in self._pages:
            if page is None:
                continue
            while not self._slots.acquire(timeout=_POLL_S):
                self._check()
            self._check()
            work = _Work(page)
            self._fed.put((work, self._steps.prepare(page)))
            self._ordered.put(work)
        self._fed.put(None)
        self._ordered.put(None)

    def _collate(self) -> None:
        while (first := self._take(self._fed)) is not None:
            ready = self._with_inputs(*first)
            while len(ready) < self._steps.batch_pages and (more := self._take_ready()):
                ready += self._with_inputs(*more)
            tokens = [inputs["input_ids"].shape[1] for _, inputs in ready]
            for positions in plan(tokens, budget=self._steps.batch_tokens):
                work = [ready[i][0] for i in positions]
                parts = [ready[i][1] for i in positions]
                self._put(self._batches, _Batch(work, parts, self._steps.collate(parts)))
        self._put(self._batches, None)

    def _take_ready(self) -> tuple[_Work, Future[Inputs]] | None:
        """The next page, if its inputs are there; this thread is the only one that takes."""
        with self._fed.mutex:
            following = self._fed.queue[0] if self._fed.queue else None
        return self._fed.get() if following is not None and following[1].done() else None

    def _with_inputs(self, work: _Work, inputs: Future[Inputs]) -> list[tuple[_Work, Inputs]]:
        """The page with its inputs, once they are there; none for a page that has failed."""
        try:
            return [(work, self._wait(inputs))]
        except ColregionError as error:
            work.result.set_exception(error)
            return []

    def _run(self) -> None:
        while (batch := self._take(self._batches)) is not None:
            self._run_batch(batch)

    def _run_batch(self, batch: _Batch) -> None:
        """Where it fails, page by page, so that only one that fails by itself is lost."""
        try:
            vectors = self._steps.run([work.page for work in batch.work], batch.parts, batch.whole)
        except ColregionError as error:
            if len(batch.work) == 1:
                batch.work[0].result.set_exception(error)
                return
            for work, inputs in zip(batch.work, batch.parts, strict=True):
                self._run_batch(_Batch([work], [inputs], inputs))
            return
        for work, inputs, rows in zip(batch.work, batch.parts, vectors, strict=True):
            work.result.set_result(self._steps.finish(work.page, inputs, rows))

    def _wait(self, future: Future[_Item]) -> _Item:
        while True:
            try:
                return future.result(timeout=_POLL_S)
            except CancelledError:
                self._check()  # it was `close`
                raise
            except NotDone:
                if future.done() and not future.cancelled():
                    return future.result()
                self._check()

    def _take(self, queue: Queue[_Item]) -> _Item:
        while True:
            try:
                item = queue.get(timeout=_POLL_S)
            except Empty:
                self._check()
            else:
                self._check()  # the device is given nothing more after `close`
                return item

    def _put(self, queue: Queue[_Item], item: _Item) -> None:
        while True:
            try:
                return queue.put(item, timeout=_POLL_S)
            except Full:
                self._check()

    def _check(self) -> None:
        if self._stopped.is_set() or any(
            step.done() and step.exception() is not None for step in self._running
        ):
            raise _Stopped
