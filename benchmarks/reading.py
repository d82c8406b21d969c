"""Reading on demand beside reading everything first: time, right pages, evidence, answers.

Both indexes hold the pages of the cases, a few of each data set. The pages of the second go in
unread, and each of its questions reads what it needs. CPU time is that of this process, its workers
and the programs that they run.

Every step is recorded in the folder when it is done, and the same command goes on after the last
one: 200 pages take longer than a machine may be free for.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from colregion.core.geometry import boxes_to_array
from colregion.core.results import Hit
from colregion.engine import Engine
from colregion.evaluation import metrics
from colregion.evaluation.cases import Case, read_cases

AREAS = {"mmdocir": 0.10, "funsd": 0.02, "sroie": 0.05}
"""Of the page that may be returned, for each data set."""

_CONTEXT_TOKENS = 400
_K = 3
_READ_S = 0.15  # CPU time of a question from which it has read something


_PAGES_PER_STEP = 40


@dataclass(slots=True)
class _Sums:
    """Figures of the questions of one data set."""

    figures: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, **figures: float) -> None:
        for name, value in figures.items():
            self.figures[name].append(value)

    def means(self) -> dict[str, float]:
        return {name: round(statistics.fmean(values), 3) for name, values in self.figures.items()}


class _Steps:
    """The steps that are done, in a file: each is made once, however often the run is resumed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self._done: dict[str, dict[str, Any]] = {one["step"]: one for one in map(json.loads, lines)}

    def result(self, step: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        if step not in self._done:
            self._done[step] = {"step": step, **make()}
            with self._path.open("a") as file:
                file.write(json.dumps(self._done[step]) + "\n")
        return self._done[step]


def measure_reading(
    cases_file: Path,
    folder: Path,
    *,
    pages: int,
    questions: int | None = None,
    encoder: str = "visual_words",
    budget_s: float = 2.0,
) -> dict[str, Any]:
    """The figures of both ways of reading.

    Args:
        folder: for the indexes and the steps that are done.
        pages: of each data set, at most.
        questions: of each data set, at most, spread over its pages; None for all.
        encoder: of the pages that are read on demand; those read first have the default encoder.
    """
    cases = _read(cases_file, pages=pages)
    images = sorted({case.image for case in cases})
    cases = [one for name in AREAS for one in _spread(cases, name, most=questions)]
    folder.mkdir(parents=True, exist_ok=True)
    steps = _Steps(folder / "steps.jsonl")
    result: dict[str, Any] = {"pages": len(images), "questions": len(cases), "budget_s": budget_s}
    for name, spec, reading in (("now", None, "now"), ("seen", encoder, "on_demand")):
        parts = [images[i : i + _PAGES_PER_STEP] for i in range(0, len(images), _PAGES_PER_STEP)]
        added = [
            steps.result(
                f"add {name} {number}",
                partial(_add, folder / name, part, encoder=spec, reading=reading),
            )
            for number, part in enumerate(parts)
        ]
        totals = {key: sum(one[key] for one in added) for key in ("pages", "unread", "cpu_s", "s")}
        result[f"add {name}"] = {
            "pages": totals["pages"],
            "unread": totals["unread"],
            "cpu_s_per_page": round(totals["cpu_s"] / totals["pages"], 3),
            "pages_per_s": round(totals["pages"] / totals["s"], 3),
        }
    work = folder / f"asked {budget_s:g}"
    if not work.exists():
        shutil.copytree(folder / "seen", work)
    for name, index in (("now", folder / "now"), ("on demand", work)):
        with Engine.open(index, reading_budget_s=budget_s) as engine:
            asked = [
                steps.result(f"ask {index.name} {case.id}", partial(_ask, engine, case))
                for case in cases
            ]
            result[name] = _summary(asked)
            if index is work:
                left = len(engine.index.unread_pages())
                result["pages that questions completed"] = len(images) - left
    return result


def _spread(cases: Sequence[Case], dataset: str, *, most: int | None) -> list[Case]:
    """At most so many cases of a data set, at equal distances."""
    own = [case for case in cases if case.dataset == dataset]
    n = len(own) if most is None else min(most, len(own))
    return [own[i * len(own) // n] for i in range(n)]


def measure_one_ranking(cases_file: Path, folder: Path, *, pages: int) -> dict[str, Any]:
    """Whether read and unread pages rank on one scale: half of the pages, chosen at random, are
    read whole, and nothing is read for a question.

    Args:
        folder: with the index "seen" of `measure_reading`.
    """
    cases = _read(cases_file, pages=pages)
    ids = sorted({_document(case) for case in cases})
    read = set(random.Random(0).sample(ids, len(ids) // 2))
    work = folder / "half"
    if not work.exists():
        shutil.copytree(folder / "seen", work)
        with Engine.open(work) as engine:
            for one in sorted(read):
                engine.read(one)
    result: dict[str, Any] = {}
    for name in ("seen", "half"):
        with Engine.open(folder / name, reading_budget_s=0) as engine:
            sums: dict[str, _Sums] = defaultdict(_Sums)
            for case in cases:
                ranked = [hit.doc_id for hit in engine.search_pages(case.question, k=5)]
                state = "read" if _document(case) in read else "unread"
                sums[f"right page is {state}"].add(
                    right_page_among_5=_document(case) in ranked,
                    first=ranked[:1] == [_document(case)],
                )
                if ranked:
                    share = statistics.fmean(one in read for one in ranked)
                    sums["all"].add(share_of_read_pages_among_5=share)
            result[name] = {group: one.means() for group, one in sorted(sums.items())}
    return result


def _read(cases_file: Path, *, pages: int) -> list[Case]:
    cases = [case for case in read_cases(cases_file) if case.dataset in AREAS]
    return _of_first_pages(cases, pages=pages)


def _of_first_pages(cases: Sequence[Case], *, pages: int) -> list[Case]:
    """The cases of the first pages of each data set."""
    chosen: dict[str, list[Path]] = defaultdict(list)
    for case in cases:
        if case.image not in chosen[case.dataset] and len(chosen[case.dataset]) < pages:
            chosen[case.dataset].append(case.image)
    return [case for case in cases if case.image in chosen[case.dataset]]


def _add(folder: Path, images: Sequence[Path], *, encoder: str | None, reading: Any) -> Any:
    with Engine.open(folder, encoder=encoder) as engine:
        wall, cpu = time.perf_counter(), cpu_seconds()
        report = engine.add(images, reading=reading, progress=False)
    return {
        "pages": report.pages,
        "unread": report.unread_pages,
        "cpu_s": cpu_seconds() - cpu,
        "s": time.perf_counter() - wall,
    }


def _ask(engine: Engine, case: Case) -> dict[str, Any]:
    """A question over all pages, then again, and over its right page alone."""
    cpu, wall = cpu_seconds(), time.perf_counter()
    hits = engine.search(case.question, k=_K)
    first_s, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
    wall = time.perf_counter()
    engine.search(case.question, k=_K)
    again_s = time.perf_counter() - wall
    pages = [hit.doc_id for hit in engine.search_pages(case.question, k=5)]
    context = engine.context(case.question, max_tokens=_CONTEXT_TOKENS).text
    page_id = engine.index.page_ids(_document(case))[0]
    on_page = engine.rank(case.question, [page_id], k=_K)
    ranked = engine.rank(case.question, [page_id], k=None)
    return {
        "dataset": case.dataset,
        "cpu_s": cpu,
        "s": first_s,
        "again_s": again_s,
        "figures": {
            "right_page_among_5": _document(case) in pages,
            "answer_in_hits": _says(" ".join(hit.text for hit in hits), case),
            "answer_in_context": _says(context, case),
            "answer_in_hits_given_page": _says(" ".join(hit.text for hit in on_page), case),
            "evidence_recall": _recall(ranked, case),
            "unread_hits": statistics.fmean(hit.unread for hit in hits) if hits else 0.0,
        },
    }


def _summary(asked: Sequence[dict[str, Any]]) -> dict[str, Any]:
    sums: dict[str, _Sums] = defaultdict(_Sums)
    for one in asked:
        sums[one["dataset"]].add(**one["figures"])
    cpus, walls, again = ([one[name] for one in asked] for name in ("cpu_s", "s", "again_s"))
    return {
        "first answer after s": round(walls[0], 2),
        "cpu_s of 40 questions": round(40 * statistics.fmean(cpus), 1),
        "cpu_s, median": round(statistics.median(cpus), 2),
        "cpu_s where something was read, median": round(_median(c for c in cpus if c > _READ_S), 2),
        "cpu_s, 99th percentile": round(float(np.percentile(cpus, 99)), 2),
        "wall_s, median": round(statistics.median(walls), 2),
        "wall_s, 99th percentile": round(float(np.percentile(walls, 99)), 2),
        "wall_ms asked again, median": round(statistics.median(again) * 1000, 1),
        **{dataset: one.means() for dataset, one in sorted(sums.items())},
    }


def _median(values: Iterable[float]) -> float:
    known = list(values)
    return statistics.median(known) if known else 0.0


def _document(case: Case) -> str:
    return case.image.name


def _says(text: str, case: Case) -> float:
    return float(metrics.answer_end(text.split(), case.answers) is not None)


def _recall(hits: Sequence[Hit], case: Case) -> float:
    boxes = boxes_to_array(box for hit in hits for box in hit.region.boxes)
    evidence = boxes_to_array(case.boxes)
    areas = [AREAS[case.dataset]]
    (recall,) = metrics.evidence_recall_at_area(boxes, evidence, areas, box_mode=case.box_mode)
    return float(recall)


def cpu_seconds() -> float:
    """CPU time of this process, of the processes it has started, and of theirs (Linux)."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = resource.getrusage(resource.RUSAGE_SELF)
    total = sum(one.ru_utime + one.ru_stime for one in (own, ended))
    return total + sum(_of_tree(pid) for pid in _children(os.getpid()))


def _of_tree(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # ended meanwhile
        return 0.0
    ticks = sum(map(int, fields[11:15]))  # user and system time, its own and of ended children
    return ticks / os.sysconf("SC_CLK_TCK") + sum(map(_of_tree, _children(pid)))


def _children(pid: int) -> list[int]:
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children += map(int, task.read_text().split())
        except OSError:
            continue
    return children
