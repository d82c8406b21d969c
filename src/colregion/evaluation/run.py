"""An evaluation: every ranking of every case, measured, and averaged over the data sets.

Given the right page of each case, regions of that page are ranked. Over the corpus, the pages of
all cases are searched at once: area returned on another page is spent like any other and holds
no evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from rich.console import Console
from rich.progress import Progress as ProgressBar
from rich.progress import TaskID

from colregion.core.embeddings import EmbeddedPage
from colregion.core.geometry import IntArray, boxes_to_array
from colregion.core.results import Hit
from colregion.encoders import load_encoder
from colregion.engine import Engine
from colregion.errors import InvalidInput, UnreadableDocument
from colregion.evaluation import baselines, metrics
from colregion.evaluation.cases import Case, read_cases
from colregion.evaluation.overlays import write_overlay
from colregion.evaluation.parse_cache import CachedParser
from colregion.evaluation.rankings import RANKINGS, Answer, Pool, Ranking, best
from colregion.evaluation.summary import mean_figures
from colregion.evaluation.table import print_rows
from colregion.indexes.memory import MemoryIndex
from colregion.parsers import load_parser
from colregion.retrieval.paper import PaperScorer

__all__ = ["RANKINGS", "Bench", "evaluate", "evaluate_file", "index_pages", "print_rows"]

AREA_BUDGETS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
IOU_THRESHOLDS = (0.25, 0.5, 0.7)
TOKEN_BUDGETS = (64, 128, 256)
PAGE_RANKS = (1, 5)

# Hits asked of the engine over the corpus; enough to fill the budgets where it is any good.
_SEARCH_HITS = 50

_BY_ENGINE = ("colregion", "paper")

Progress: TypeAlias = Callable[[str, int, int], None]
"""Told of each step: what is being done, how many are done, how many there are."""
Figures: TypeAlias = dict[tuple[str, str], float]
"""Of one case: (measure, budget or threshold, "" where there is none) to its value; nan where
the case does not count for the measure."""


def evaluate_file(
    path: str | Path,
    *,
    encoder: str = "static_tokens",
    parser: str = "auto",
    rankings: Sequence[str] | None = None,
    corpus: bool = False,
    overlays: Path | None = None,
    console: Console,
) -> dict[str, Any]:
    """`evaluate` the cases of a file, with parsing cached in the user's cache folder.

    Args:
        path: as `read_cases` takes it.
        encoder, parser: specs for `load_encoder` and `load_parser`.
        rankings: some of `RANKINGS`; all of them for None.
        console: where progress is shown.
    """
    cases = read_cases(path)
    check_rankings(rankings or RANKINGS)
    engine = Engine(
        MemoryIndex(), encoder=load_encoder(encoder), parser=CachedParser(load_parser(parser))
    )
    with engine, progress_bars(console) as show:
        return evaluate(
            cases,
            engine,
            rankings=rankings or RANKINGS,
            corpus=corpus,
            overlays=overlays,
            on_progress=show,
        )


@contextmanager
def progress_bars(console: Console) -> Iterator[Progress]:
    """A bar for each step that is told of."""
    with ProgressBar(console=console, transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def show(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bar.add_task(step, total=total)
            bar.update(tasks[step], completed=done)

        yield show


def check_rankings(names: Sequence[str]) -> None:
    """Raises InvalidInput unless every name is one of `RANKINGS`."""
    if unknown := [name for name in names if name not in RANKINGS]:
        raise InvalidInput(f"unknown ranking {unknown[0]!r}; known are {', '.join(RANKINGS)}")


def evaluate(
    cases: Sequence[Case],
    engine: Engine,
    *,
    rankings: Sequence[str] = RANKINGS,
    corpus: bool = False,
    baseline_level: str = "block",
    overlays: Path | None = None,
    on_progress: Progress = lambda *_: None,
) -> dict[str, Any]:
    """Measure rankings on every case.

    Args:
        engine: over an index of its own, to which the pages of all cases are added.
        corpus: search all pages instead of ranking the regions of the right one.
        baseline_level: of the regions that "random" and "bm25" rank.
        overlays: a folder for a PNG a case: the evidence, and the engine's first hits.

    Returns:
        JSON-able: {"cases": n, "rows": {ranking: {dataset: figures}}}. Figures are means over the
        n cases of the data set: `recall_at_area`, `hit_at_1`, `hit_at_3`, `miou_at_1`;
        `answer_in_tokens` over the `answer_n` cases whose answer stands in the words of the page
        (null when there are none); with `corpus`, for rankings that rank pages, `page_at`: how
        often the right page is among the first 1 and 5. `ci95` has [low, high] in the same form.

    Raises:
        UnreadableDocument: the picture of a case cannot be read.
        InvalidInput: an unknown ranking or level.
    """
    check_rankings(rankings)
    pages = index_pages(cases, engine, on_progress)
    bench = Bench(engine, pages, corpus=corpus, baseline_level=baseline_level)
    measured: dict[str, list[Figures]] = {name: [] for name in rankings}
    for done, case in enumerate(cases, start=1):
        for name, figures in bench.measure(case, rankings).items():
            measured[name].append(figures)
        if overlays is not None:
            write_overlay(case, pages[case.image].parsed, bench.hits(case), overlays)
        on_progress("ranking", done, len(cases))
    rows = {name: summarise(cases, figures) for name, figures in measured.items()}
    return {"cases": len(cases), "rows": rows}


def index_pages(
    cases: Sequence[Case], engine: Engine, on_progress: Progress = lambda *_: None
) -> dict[Path, EmbeddedPage]:
    """The page of every picture that the cases name, added to the engine's index.

    Raises:
        UnreadableDocument: a picture cannot be read.
    """
    images = list(dict.fromkeys(case.image for case in cases))
    pages: dict[Path, EmbeddedPage] = {}
    for done, image in enumerate(images, start=1):
        doc_id = image.as_posix()
        for outcome in engine.add(image, doc_id=doc_id).failed:
            raise UnreadableDocument(f"{image}: {outcome.reason}")
        (pages[image],) = engine.index.load(engine.index.page_ids(doc_id)[:1])
        on_progress("reading", done, len(images))
    return pages


class Bench:
    """Ranks and measures cases, with what is prepared once for all of them."""

    def __init__(
        self,
        engine: Engine,
        pages: Mapping[Path, EmbeddedPage],
        *,
        corpus: bool,
        baseline_level: str,
    ) -> None:
        self._engines = {
            "colregion": engine,
            "paper": Engine(
                engine.index, encoder=engine.encoder, parser=engine.parser, scorer=PaperScorer()
            ),
        }
        self._engine = engine
        self._pages = pages
        self._corpus = corpus
        self._level = baseline_level
        self._position = {image: i for i, image in enumerate(pages)}
        self._page_position = {page.id: i for i, page in enumerate(pages.values())}
        self._pools: dict[tuple[Path | None, str], Pool] = {}
        self._page_bm25 = baselines.Bm25([page.parsed.text for page in pages.values()])

    def measure(self, case: Case, rankings: Sequence[str] = RANKINGS) -> dict[str, Figures]:
        """The figures of each ranking."""
        words = [word.text for word in self._pages[case.image].parsed.words]
        counts = metrics.answer_end(words, case.answers) is not None
        figures = {}
        for name in rankings:
            figures[name] = self._figures(case, self._answer(case, name), answer_counts=counts)
            if self._corpus and name in (*_BY_ENGINE, "bm25"):
                figures[name] |= self._page_figures(case, name)
        return figures

    def _page_figures(self, case: Case, name: str) -> Figures:
        if name == "bm25":
            order = baselines.descending(self._page_bm25.scores(case.question))
            ranked = [list(self._page_position)[i] for i in order[: max(PAGE_RANKS)]]
        else:
            found = self._engines[name].search_pages(case.question, k=max(PAGE_RANKS))
            ranked = [page.id for page in found]
        right = self._pages[case.image].id
        return {("page_at", str(k)): float(right in ranked[:k]) for k in PAGE_RANKS}

    def hits(self, case: Case, *, method: str = "colregion") -> list[Hit]:
        """What the engine returns for a case, best first."""
        if self._corpus:
            return self._engines[method].search(case.question, k=_SEARCH_HITS)
        page = self._pages[case.image]
        return self._engines[method].rank(case.question, [page], k=None)

    def _answer(self, case: Case, name: str) -> Answer:
        if name == "best":
            return best(case, self._pages[case.image].parsed)
        right = self._position[case.image]
        if name in _BY_ENGINE:
            hits = self.hits(case, method=name)
            placed = ((self._page_position[hit.page_id] - right, hit.region) for hit in hits)
            return Answer.same(Ranking.of(placed))
        pool = self._pool(case, self._level if name in ("random", "bm25") else "area")
        return pool.answer(_order(name, case, pool), right=right if self._corpus else 0)

    def _pool(self, case: Case, level: str) -> Pool:
        key = (None if self._corpus else case.image, level)
        if key not in self._pools:
            pages = self._pages.values() if self._corpus else [self._pages[case.image]]
            self._pools[key] = Pool([page.parsed for page in pages], level)
        return self._pools[key]

    def _figures(self, case: Case, answer: Answer, *, answer_counts: bool) -> Figures:
        evidence, alternatives = boxes_to_array(case.boxes), boxes_to_array(case.alt_boxes)
        recall = np.max(
            [
                metrics.evidence_recall_at_area(
                    ranking.boxes_xyxy, evidence, AREA_BUDGETS, box_mode=case.box_mode
                )
                for ranking in answer.by_area
            ],
            axis=0,
        )
        fit = metrics.best_iou(answer.by_fit.boxes_xyxy, evidence, alternatives)
        told = np.full(len(TOKEN_BUDGETS), np.nan)
        if answer_counts:
            told[:] = metrics.answer_in_tokens(
                answer.by_text.texts, case.answers, TOKEN_BUDGETS, self._engine.count_tokens
            )
        figures: Figures = {("miou_at_1", ""): metrics.miou_at_1(fit)}
        for name, keys, values in (
            ("recall_at_area", AREA_BUDGETS, recall),
            ("hit_at_1", IOU_THRESHOLDS, metrics.hit_at(fit, 1, IOU_THRESHOLDS)),
            ("hit_at_3", IOU_THRESHOLDS, metrics.hit_at(fit, 3, IOU_THRESHOLDS)),
            ("answer_in_tokens", TOKEN_BUDGETS, told),
        ):
            figures.update({(name, str(k)): float(v) for k, v in zip(keys, values, strict=True)})
        return figures


def _order(name: str, case: Case, pool: Pool) -> IntArray:
    if name == "random":
        return baselines.random_order(len(pool.members), key=case.id)
    if name == "bm25":
        return baselines.descending(pool.bm25.scores(case.question))
    if name == "largest":
        return baselines.largest_order(pool.boxes_xyxy)
    return np.arange(len(pool.members))


def summarise(cases: Sequence[Case], figures: Sequence[Figures]) -> dict[str, Any]:
    """Means and their intervals by data set, in the form that `evaluate` returns."""
    summary: dict[str, Any] = {}
    for dataset in dict.fromkeys(case.dataset for case in cases):
        which = [i for i, case in enumerate(cases) if case.dataset == dataset]
        own = [figures[i] for i in which]
        told = [one["answer_in_tokens", str(TOKEN_BUDGETS[0])] for one in own]
        summary[dataset] = {
            "n": len(which),
            "answer_n": int(np.isfinite(told).sum()),
            **mean_figures(own, [cases[i].doc_id for i in which]),
        }
    return summary
