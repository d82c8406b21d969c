from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.reading import _of_first_pages, _spread, _Steps, cpu_seconds
from colregion.core.geometry import Box
from colregion.evaluation.cases import Case


def case(number: int, image: str, dataset: str) -> Case:
    box = Box(0, 0, 1, 1)
    return Case(str(number), dataset, image, 0, Path(image), "q?", ("a",), (box,))


def test_cases_of_the_first_pages_of_each_data_set_are_asked() -> None:
    cases = [
        case(1, "a", "forms"),
        case(2, "b", "forms"),
        case(3, "a", "forms"),
        case(4, "c", "receipts"),
        case(5, "d", "receipts"),
    ]
    assert [one.id for one in _of_first_pages(cases, pages=1)] == ["1", "3", "4"]


def test_questions_are_taken_from_all_pages_of_a_data_set() -> None:
    cases = [case(n, str(n), "forms") for n in range(10)] + [case(10, "x", "receipts")]
    assert [one.id for one in _spread(cases, "forms", most=4)] == ["0", "2", "5", "7"]
    assert [one.id for one in _spread(cases, "receipts", most=4)] == ["10"]
    assert len(_spread(cases, "forms", most=None)) == 10


def test_a_step_that_is_done_is_not_made_again_by_a_later_run(tmp_path: Path) -> None:
    def fail() -> dict[str, int]:
        raise AssertionError

    assert _Steps(tmp_path / "steps").result("one", lambda: {"s": 5})["s"] == 5
    again = _Steps(tmp_path / "steps")
    assert again.result("one", fail)["s"] == 5
    assert again.result("two", lambda: {"s": 6})["s"] == 6


def test_cpu_time_counts_processes_that_run_and_those_that_have_ended() -> None:
    busy = "import time; end = time.process_time() + 0.3\nwhile time.process_time() < end: pass\n"
    before = cpu_seconds()
    with subprocess.Popen(
        [sys.executable, "-c", busy + "print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        running = cpu_seconds()
        process.stdin.close()
    ended = cpu_seconds()
    assert running - before >= 0.25
    assert ended - before >= 0.25
