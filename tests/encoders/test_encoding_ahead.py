"""The stream of pages through preparation, device and placing: order, bounds, errors, the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import Any

import numpy as np
import pytest

from colregion.core.embeddings import PageEmbedding
from colregion.core.geometry import GridPlacement
from colregion.core.regions import ParsedPage
from colregion.encoders.colvision.ahead import EncodingAhead, Steps, _Stopped
from colregion.errors import BackendError, ColregionError, InvalidInput
from colregion.testing import make_parsed_page


class Machine:
    """A device that sleeps, and workers that sleep before it. A page's one vector is its number."""

    def __init__(self, *, workers: int = 2, prepare_s: float = 0.0, run_s: float = 0.0) -> None:
        self.threads = ThreadPoolExecutor(workers)
        self.prepare_s, self.run_s = prepare_s, run_s
        self.batches: list[list[int]] = []
        self.started: list[int] = []
        self.under_way = self.most_under_way = 0
        self.busy_s = 0.0
        self.refused: set[int] = set()
        self.broken: set[int] = set()
        self.gave_up = threading.Event()
        self.is_free = threading.Event()  # the device
        self.is_free.set()

    def prepare(self, page: ParsedPage) -> Future[dict[str, Any]]:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        return self.threads.submit(self._prepare, page)

    def _prepare(self, page: ParsedPage) -> dict[str, Any]:
        self.started.append(page.page.number)
        self.gave_up.wait(self.prepare_s)
        number = page.page.number
        if number in self.refused:
            raise InvalidInput(f"page {number} is refused")
        return {"input_ids": np.full((1, 1 + number % 3), number)}

    def run(
        self, pages: Sequence[ParsedPage], parts: Sequence[dict[str, Any]], whole: dict[str, Any]
    ) -> list[Any]:
        numbers = [page.page.number for page in pages]
        if broken := self.broken & set(numbers):
            raise BackendError(f"the model fails at {broken}")
        self.batches.append(numbers)
        assert self.is_free.wait(timeout=30)
        started = time.perf_counter()
        time.sleep(self.run_s * len(pages))
        self.busy_s += time.perf_counter() - started
        assert len(whole) == len(parts) or len(parts) == 1
        return [np.array([[part["input_ids"][0, 0]]], np.float32) for part in parts]

    def finish(self, page: ParsedPage, inputs: dict[str, Any], rows: Any) -> Future[PageEmbedding]:
        assert inputs["input_ids"][0, 0] == page.page.number
        return self.threads.submit(
            lambda: PageEmbedding(rows, GridPlacement((np.zeros((1, 1), int),), n_vectors=1))
        )

    def steps(self, **options: int) -> Steps:
        limits = {"batch_tokens": 6, "batch_pages": 4, "most_pages": 6, **options}
        return Steps(
            self.prepare,
            lambda parts: dict(enumerate(parts)),  # type: ignore[arg-type]
            self.run,
            self.finish,
            **limits,
        )


def pages(n: int) -> Iterator[ParsedPage | None]:
    for number in range(1, n + 1):
        yield make_parsed_page([], doc_id=f"d{number // 2}", number=number)
        if number % 5 == 0:
            yield None


def stream(machine: Machine, n: int, **options: int) -> EncodingAhead:
    return EncodingAhead(pages(n), machine.steps(**options), give_up=machine.gave_up.set)


def numbers(results: Sequence[PageEmbedding | ColregionError]) -> list[float | str]:
    return [str(r) if isinstance(r, ColregionError) else float(r.vectors[0, 0]) for r in results]


@pytest.mark.parametrize(("workers", "batch_tokens"), [(1, 1), (3, 6), (2, 100)])
def test_results_are_in_order_whatever_the_workers_and_batches(
    workers: int, batch_tokens: int
) -> None:
    machine = Machine(workers=workers)
    results = list(stream(machine, 23, batch_tokens=batch_tokens))
    assert numbers(results) == list(range(1, 24))
    assert sorted(chain(*machine.batches)) == list(range(1, 24))


def test_no_pages_give_no_results() -> None:
    assert list(stream(Machine(), 0)) == []


def test_pages_under_way_are_bounded_while_results_are_not_taken() -> None:
    machine = Machine()
    results = stream(machine, 50, most_pages=6)
    first = next(results)
    time.sleep(0.3)
    assert machine.under_way <= 7  # six, and one in the place of the one that was taken
    assert numbers([first, *results]) == list(range(1, 51))


def test_waiting_pages_of_several_documents_share_a_batch() -> None:
    machine = Machine(workers=6)
    machine.is_free.clear()
    results = stream(machine, 24, batch_tokens=100, most_pages=24)
    # Three batches of any size may wait for the device; half of the pages wait behind them.
    deadline = time.monotonic() + 30
    while len(machine.started) < 24 and time.monotonic() < deadline:
        time.sleep(0.001)
    machine.is_free.set()
    assert len(list(results)) == 24
    assert max(map(len, machine.batches)) == 4  # batch_pages, of pages of three lengths


def test_device_is_busy_while_workers_prepare() -> None:
    """20 ms of preparation in four workers suffice for 12 ms of the device."""
    machine = Machine(workers=4, prepare_s=0.02, run_s=0.012)
    started = time.perf_counter()
    list(stream(machine, 60, most_pages=12))
    assert machine.busy_s > 0.6 * (time.perf_counter() - started)  # .9 on a quiet machine


def test_page_that_is_refused_or_fails_is_an_error_in_its_place() -> None:
    machine = Machine()
    machine.refused, machine.broken = {2, 7}, {5}
    results = numbers(list(stream(machine, 8, batch_tokens=100)))
    assert results == [
        1,
        "page 2 is refused",
        3,
        4,
        "the model fails at {5}",
        6,
        "page 7 is refused",
        8,
    ]


def test_error_of_the_source_or_of_a_step_is_raised_to_the_one_who_iterates() -> None:
    def failing() -> Iterator[ParsedPage]:
        yield make_parsed_page([])
        raise OSError("the disk is gone")

    machine = Machine()
    with pytest.raises(OSError, match="the disk is gone"):
        list(EncodingAhead(failing(), machine.steps(), give_up=machine.gave_up.set))
    machine.batches = None  # type: ignore[assignment]
    with pytest.raises(AttributeError):
        list(stream(machine, 3))


def test_close_from_another_thread_ends_a_stream_that_waits_for_a_page_that_hangs() -> None:
    machine = Machine(prepare_s=600)
    results = stream(machine, 30)
    threading.Timer(0.2, results.close).start()
    started = time.monotonic()
    with pytest.raises(_Stopped):
        next(results)
    assert time.monotonic() - started < 60
    assert machine.gave_up.is_set()
    assert not machine.batches


def test_close_after_the_last_result_leaves_the_workers_alone() -> None:
    machine = Machine()
    for _ in range(20):  # its threads may still be about to end
        results = stream(machine, 3)
        assert len(list(results)) == 3
        results.close()
    assert not machine.gave_up.is_set()


def test_close_cancels_the_pages_that_wait_to_be_prepared() -> None:
    machine = Machine(prepare_s=600)
    results = stream(machine, 30)
    while len(machine.started) < 2 or results._ordered.qsize() < 6:  # most_pages
        time.sleep(0.01)
    results.close()
    machine.threads.shutdown(wait=True)
    assert machine.started == [1, 2]  # by the two workers
    with pytest.raises(_Stopped):
        next(results)
