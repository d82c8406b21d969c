"""Processes that make tensors ahead of a device: results, errors, deaths and their environment."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from colregion.encoders.torch_utils import process_pool
from colregion.encoders.torch_utils.process_pool import ProcessPool
from colregion.errors import BackendError, InvalidInput

pytestmark = pytest.mark.torch

TOOL = {"factor": 3}


class Multiply:
    """Tensors of several types from a number and the tool."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(self, tool: dict[str, int]) -> dict[str, Any]:
        import torch

        product = torch.tensor([[self.number * tool["factor"]]])
        half = torch.full((2, 3), self.number / 2, dtype=torch.bfloat16)
        return {"product": product, "half": half, "none": torch.zeros((1, 0)), "one": product[0, 0]}


class Refuse:
    def __call__(self, _: object) -> dict[str, Any]:
        print("a library that prints")
        raise InvalidInput("a page of 40,000 x 40 px")


class Fail:
    def __call__(self, _: object) -> dict[str, Any]:
        raise ZeroDivisionError("a bug")


class Die:
    def __call__(self, _: object) -> dict[str, Any]:
        os.kill(os.getpid(), signal.SIGKILL)
        return {}


class LeaveOnce:
    """Ends its process as one that is idle ends, unless another task has done so."""

    def __init__(self, folder: Path) -> None:
        self.mark = folder / "left"

    def __call__(self, _: object) -> dict[str, Any]:
        if not self.mark.exists():
            self.mark.touch()
            os._exit(0)
        return {}


class Hang:
    def __call__(self, _: object) -> dict[str, Any]:
        time.sleep(600)
        return {}


class Asleep:
    """A tool that takes minutes to load, before all of it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return time.sleep, (600,)


class Environment:
    """The number of threads, and whether a thread limit was inherited."""

    def __call__(self, _: object) -> dict[str, Any]:
        import torch

        inherited = "OMP_THREAD_LIMIT" in os.environ
        return {"threads": torch.tensor([torch.get_num_threads(), int(inherited)])}


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPool]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_THREAD_LIMIT", "1")  # as is often set for Tesseract
        pool = ProcessPool(TOOL, workers=1, timeout_s=600)
        assert not pool.is_warm
        for started in pool.warm_up():
            started.result()
    assert pool.is_warm
    yield pool
    pool.kill()


def test_tensors_come_back_with_their_types_and_shapes(pool: ProcessPool) -> None:
    import torch

    for number in (1, 2):
        tensors = pool.submit(Multiply(number)).result()
        assert list(tensors) == ["product", "half", "none", "one"]
        assert tensors["product"].tolist() == [[3 * number]]
        assert tensors["product"].dtype == torch.int64
        assert tensors["half"].dtype == torch.bfloat16
        assert tensors["half"].tolist() == [[number / 2] * 3] * 2
        assert tensors["none"].shape == (1, 0)
        assert tensors["one"].item() == 3 * number


def test_refusal_of_a_task_is_raised_as_itself_and_the_process_goes_on(pool: ProcessPool) -> None:
    (process,) = pool._processes
    with pytest.raises(InvalidInput, match="40,000 x 40 px"):
        pool.submit(Refuse()).result()
    assert pool.submit(Multiply(2)).result()["product"].item() == 6
    assert pool._processes == [process]


def test_processes_have_one_thread_and_no_thread_limit(pool: ProcessPool) -> None:
    assert pool.submit(Environment()).result()["threads"].tolist() == [1, 0]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_process_that_dies_fails_or_hangs_costs_its_task_only(
    pool: ProcessPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead, after = pool.submit(Die()), pool.submit(Multiply(5))
    with pytest.raises(BackendError, match=r"the system killed .* workers=2, or none, workers=0"):
        dead.result()
    assert after.result()["product"].item() == 15
    with pytest.raises(BackendError, match=r"failed \(ZeroDivisionError: a bug\); workers=0"):
        pool.submit(Fail()).result()
    monkeypatch.setattr(pool, "_timeout_s", 0.2)
    with pytest.raises(BackendError, match=r"took more than 0\.2 s and was stopped"):
        pool.submit(Hang()).result()


@pytest.mark.slow
def test_task_sent_to_a_process_that_ends_idle_is_sent_to_another(
    pool: ProcessPool, tmp_path: Path
) -> None:
    (before,) = pool._processes
    assert pool.submit(LeaveOnce(tmp_path)).result() == {}
    (after,) = pool._processes
    assert after is not before


@pytest.fixture
def slow_to_start() -> ProcessPool:
    return ProcessPool((Asleep(), bytes(1 << 20)), workers=1, timeout_s=600)


def test_process_that_does_not_read_its_tool_is_stopped(
    slow_to_start: ProcessPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_pool, "_START_S", 0.2)
    (starting,) = slow_to_start.warm_up()
    with pytest.raises(BackendError, match=r"took more than 0\.2 s and was stopped"):
        starting.result(timeout=60)


def test_kill_stops_processes_that_are_starting(slow_to_start: ProcessPool) -> None:
    (starting,) = slow_to_start.warm_up()
    while not slow_to_start._processes:
        time.sleep(0.01)
    slow_to_start.kill()
    with pytest.raises(BackendError, match="it was stopped"):
        starting.result(timeout=60)


def test_kill_stops_what_the_processes_are_at(pool: ProcessPool) -> None:
    running = pool.submit(Hang())
    while not pool.is_warm:  # it is given the task once it is
        time.sleep(0.01)
    pool.kill()
    with pytest.raises(BackendError, match="it was stopped"):
        running.result()
