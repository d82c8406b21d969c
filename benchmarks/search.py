"""CPU time and throughput of searches over real pages, also beside the sources of another commit.

Each side runs in a process of its own (`search_probe`) over an index that it built itself. The
processes take turns, so that both meet the same load of the machine.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import colregion
from benchmarks import search_probe
from benchmarks.timing import Row
from colregion.core.regions import ParsedPage
from colregion.documents import open_document
from colregion.errors import BackendError
from colregion.evaluation.cases import Case, read_cases
from colregion.evaluation.parse_cache import CachedParser
from colregion.parsers import load_parser

_QUESTIONS = 20
_PAUSE_S = 0.1  # threads of BLAS that still spin after the other side's turn come to rest


def search_rows(
    cases_file: Path,
    *,
    pages: Sequence[int] = (250, 5000),
    busy: Sequence[int] = (0, 2),
    against: Path | None = None,
    rounds: int = 3,
) -> Iterator[Row]:
    """Rows of CPU time per question and of throughput, k = 5, default encoder, a local index.

    Args:
        cases_file: as for `read_cases`; its page images are parsed once and cached, its
            questions are asked.
        pages: sizes of the index; pages repeat under other ids where the file has fewer.
        busy: how many busy processes run beside the measurement.
        against: the `src` folder of another checkout; without one `other` and `ratio` are None.
        rounds: turns of each side; a row has the medians.

    Yields:
        For each size and load "search-cpu": `ours` and `other` in milliseconds of CPU time of all
        threads per question, `ratio` = other / ours, `wall_ms` of ours; and "search-threads":
        questions per second of four threads over those of one.
    """
    cases = read_cases(cases_file)
    parsed = _parse(cases)
    sides = {"ours": Path(colregion.__file__).parents[1]}
    if against is not None:
        sides["other"] = against.resolve()
    for size in pages:
        with (
            tempfile.TemporaryDirectory(prefix="colregion-search-") as temporary,
            ExitStack() as on,
        ):
            folder = Path(temporary)
            write_pages(folder / "pages.json", parsed, cases, pages=size)
            probes = {
                name: on.enter_context(_probe(source, folder, name=name))
                for name, source in sides.items()
            }
            for load in busy:
                yield from _rows(probes, size=size, load=load, rounds=rounds)


def write_pages(
    path: Path, parsed: Sequence[ParsedPage], cases: Sequence[Case], *, pages: int
) -> None:
    """Write the pages and questions of a probe in a form that no commit changes."""
    rows = [
        {
            "width": page.page.width,
            "height": page.page.height,
            "unit": page.page.unit,
            "words": [(word.text, word.box.xyxy) for word in page.words if word.visible],
            "regions": [(r.path, r.box.xyxy, r.text, r.kind) for r in page.regions],
        }
        for page in parsed
    ]
    step = max(len(cases) // _QUESTIONS, 1)
    questions = [case.question for case in cases[::step]][:_QUESTIONS]
    content = {"pages": pages, "questions": questions, "rows": rows}
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _parse(cases: Sequence[Case]) -> list[ParsedPage]:
    parser = CachedParser(load_parser("auto"))
    images = dict.fromkeys(case.image for case in cases)
    return [page for image in images for page in parser.parse(open_document(image))]


def _rows(
    probes: Mapping[str, subprocess.Popen[str]], *, size: int, load: int, rounds: int
) -> Iterator[Row]:
    answers: dict[str, dict[str, list[dict[str, float]]]] = {"cpu": {}, "threads": {}}
    with _busy_processes(load):
        for _ in range(rounds):
            for command, by_side in answers.items():
                for name, probe in probes.items():
                    time.sleep(_PAUSE_S)
                    by_side.setdefault(name, []).append(_ask(probe, command))
    against = f"the other checkout, {size} pages, {load} busy processes beside it"
    cpu = {name: _median(of, "cpu_ms") for name, of in answers["cpu"].items()}
    wall = _median(answers["cpu"]["ours"], "wall_ms")
    yield _row("search-cpu", cpu, unit="ms", against=against, wall_ms=round(wall, 3))
    scaling = {
        name: statistics.median(one["threads_4"] / one["threads_1"] for one in of)
        for name, of in answers["threads"].items()
    }
    rate = _median(answers["threads"]["ours"], "threads_1")
    yield _row(
        "search-threads",
        scaling,
        unit="questions/s of four threads over one",
        against=against,
        questions_per_s=round(rate, 1),
    )


def _row(name: str, values: Mapping[str, float], *, unit: str, against: str, **more: Any) -> Row:
    other = values.get("other")
    return {
        "name": name,
        "ours": round(values["ours"], 4),
        "other": None if other is None else round(other, 4),
        "ratio": None if other is None else round(other / values["ours"], 3),
        "unit": unit,
        "against": against,
        **more,
    }


def _median(answers: Sequence[Mapping[str, float]], key: str) -> float:
    return statistics.median(answer[key] for answer in answers)


@contextmanager
def _probe(source: Path, folder: Path, *, name: str) -> Iterator[subprocess.Popen[str]]:
    """A probe on the package in `source`, once its index is filled."""
    pages, index = folder / "pages.json", folder / name
    command = [sys.executable, search_probe.__file__, str(pages), str(index)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(source)},
    ) as process:
        try:
            _read_line(process)
            yield process
        finally:
            process.kill()


def _ask(process: subprocess.Popen[str], command: str) -> dict[str, float]:
    assert process.stdin is not None
    print(command, file=process.stdin, flush=True)
    answer: dict[str, float] = json.loads(_read_line(process))
    return answer


def _read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise BackendError("a search probe ended; its error is above")
    return line


@contextmanager
def _busy_processes(n: int) -> Iterator[None]:
    loop = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(loop) for _ in range(n)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
