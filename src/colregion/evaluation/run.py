"""Evaluation of rankings: each one measured on every case, averaged over the data sets.

Given the right page of each case, regions of that page are ranked. Over the corpus, the pages of
all cases are searched at once: area returned on another page counts as spent, and contains no
evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
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
from colregion.evaluation.rankings import RANKINGS, CaseRanking, Pool, Ranking, best
from colregion.indexes.memory import MemoryIndex
from colregion.parsers import load_parser
from colregion.retrieval.paper import PaperScorer

AREA_BUDGETS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
IOU_THRESHOLDS = (0.25, 0.5, 0.7)
TOKEN_BUDGETS = (64, 128, 256)
PAGE_RANKS = (1, 5)

_CORPUS_HITS = 50  # of an engine over the corpus; enough to fill the budgets if it is any good

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with the name of a step, how many of its items are done, and how many there are."""


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
    """`evaluate` the cases of a file, with parsed pages cached in the user's cache folder.

    `encoder` and `parser` are specs; `rankings` defaults to all; progress is shown on `console`.
    """
    cases = read_cases(path)
    names = check_rankings(rankings or RANKINGS)
    cached = CachedParser(load_parser(parser))
    with (
        Engine(MemoryIndex(), encoder=load_encoder(encoder), parser=cached) as engine,
        progress_bars(console) as show,
    ):
        return evaluate(
            cases, engine, rankings=names, corpus=corpus, overlays=overlays, on_progress=show
        )


@contextmanager
def progress_bars(console: Console) -> Iterator[Progress]:
    """Show one bar per step that the yielded function is called with."""
    with ProgressBar(console=console, transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def show(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bar.add_task(step, total=total)
            bar.update(tasks[step], completed=done)

        yield show


def check_rankings(names: Sequence[str]) -> Sequence[str]:
    """The names. Raises InvalidInput unless every one is in `RANKINGS`."""
    if unknown := [name for name in names if name not in RANKINGS]:
        raise InvalidInput(f"unknown ranking {unknown[0]!r}; known are {', '.join(RANKINGS)}")
    return names


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
        overlays: a folder for one PNG per case, with the evidence and the engine's first hits.

    Returns:
        JSON-able: {"cases": n, "rows": {ranking: {dataset: figures}}}. Figures are means over the
        n cases of the data set: `recall_at_area`, `hit_at_1`, `hit_at_3`, `miou_at_1`;
        `answer_in_tokens` over the `answer_n` cases whose answer is in the words of the page
        (null if there are none); with `corpus`, for rankings that rank pages, `page_at`: how
        often the right page is among the first 1 and 5. `ci95` has [low, high] in the same form.

    Raises:
        UnreadableDocument: the image of a case cannot be read.
        InvalidInput: an unknown ranking or level.
    """
    check_rankings(rankings)
    pages = index_pages(cases, engine, on_progress)
    runner = CaseRunner(engine, pages, corpus=corpus, baseline_level=baseline_level)
    measured: dict[str, list[metrics.Figures]] = {name: [] for name in rankings}
    for done, case in enumerate(cases, start=1):
        for name in rankings:
            measured[name].append(runner.measure(case, name))
        if overlays is not None:
            write_overlay(case, pages[case.image].parsed, runner.hits(case), overlays)
        on_progress("ranking", done, len(cases))
    rows = {name: _summarize(cases, figures) for name, figures in measured.items()}
    return {"cases": len(cases), "rows": rows}


def index_pages(
    cases: Sequence[Case], engine: Engine, on_progress: Progress = lambda *_: None
) -> dict[Path, EmbeddedPage]:
    """Add every image that the cases name to the engine's index; returns the page of each. Raises
    UnreadableDocument for an image that cannot be read."""
    images = list(dict.fromkeys(case.image for case in cases))
    pages: dict[Path, EmbeddedPage] = {}
    for done, image in enumerate(images, start=1):
        doc_id = image.as_posix()
        for outcome in engine.add(image, doc_id=doc_id).failed:
            raise UnreadableDocument(f"{image}: {outcome.reason}")
        (pages[image],) = engine.index.load(engine.index.page_ids(doc_id)[:1])
        on_progress("reading", done, len(images))
    return pages


class CaseRunner:
    """Ranks and measures cases; what they share is prepared once."""

    def __init__(
        self,
        engine: Engine,
        pages: Mapping[Path, EmbeddedPage],
        *,
        corpus: bool,
        baseline_level: str,
    ) -> None:
        paper = Engine(
            engine.index, encoder=engine.encoder, parser=engine.parser, scorer=PaperScorer()
        )
        self._engines = {"colregion": engine, "paper": paper}
        self._pages = pages
        self._corpus = corpus
        self._level = baseline_level
        self._page_ids = [page.id for page in pages.values()]
        self._pools: dict[tuple[Path | None, str], Pool] = {}
        self._page_bm25 = baselines.Bm25([page.parsed.text for page in pages.values()])

    def measure(self, case: Case, name: str) -> metrics.Figures:
        """The figures of one ranking of a case."""
        figures = self._region_figures(case, self._rank(case, name))
        if self._corpus and name in (*self._engines, "bm25"):
            right, ranked = self._pages[case.image].id, self._rank_pages(case, name)
            figures |= {("page_at", str(k)): float(right in ranked[:k]) for k in PAGE_RANKS}
        return figures

    def hits(self, case: Case, *, name: str = "colregion") -> list[Hit]:
        """What an engine returns for a case, best first."""
        if self._corpus:
            return self._engines[name].search(case.question, k=_CORPUS_HITS)
        return self._engines[name].rank(case.question, [self._pages[case.image]], k=None)

    def _rank_pages(self, case: Case, name: str) -> list[str]:
        """Ids of the first pages."""
        if name == "bm25":
            order = baselines.descending(self._page_bm25.scores(case.question))
            return [self._page_ids[i] for i in order[: max(PAGE_RANKS)]]
        pages = self._engines[name].search_pages(case.question, k=max(PAGE_RANKS))
        return [page.id for page in pages]

    def _rank(self, case: Case, name: str) -> CaseRanking:
        page = self._pages[case.image]
        right = self._page_ids.index(page.id)
        if name == "best":
            return best(case, page.parsed)
        if name in self._engines:
            hits = self.hits(case, name=name)
            placed = ((self._page_ids.index(hit.page_id) - right, hit.region) for hit in hits)
            return CaseRanking.same(Ranking.of(placed))
        pool = self._pool(case, self._level if name in ("random", "bm25") else "area")
        return pool.ranking(_order(name, case, pool), right=right if self._corpus else 0)

    def _pool(self, case: Case, level: str) -> Pool:
        key = (None if self._corpus else case.image, level)
        if key not in self._pools:
            pages = self._pages.values() if self._corpus else [self._pages[case.image]]
            self._pools[key] = Pool([page.parsed for page in pages], level)
        return self._pools[key]

    def _region_figures(self, case: Case, ranking: CaseRanking) -> metrics.Figures:
        evidence, alternatives = boxes_to_array(case.boxes), boxes_to_array(case.alt_boxes)
        recall = partial(metrics.evidence_recall_at_area, box_mode=case.box_mode)
        recalls = [recall(one.boxes_xyxy, evidence, AREA_BUDGETS) for one in ranking.by_area]
        fit = metrics.best_iou(ranking.by_fit.boxes_xyxy, evidence, alternatives)
        answered = np.full(len(TOKEN_BUDGETS), np.nan)
        words = [word.text for word in self._pages[case.image].parsed.words]
        if metrics.answer_end(words, case.answers) is not None:
            count_tokens = self._engines["colregion"].count_tokens
            answered[:] = metrics.answer_in_tokens(
                ranking.by_text.texts, case.answers, TOKEN_BUDGETS, count_tokens
            )
        figures: metrics.Figures = {("miou_at_1", ""): metrics.miou_at_1(fit)}
        for name, keys, values in (
            ("recall_at_area", AREA_BUDGETS, np.max(recalls, axis=0)),
            ("hit_at_1", IOU_THRESHOLDS, metrics.hit_at(fit, 1, IOU_THRESHOLDS)),
            ("hit_at_3", IOU_THRESHOLDS, metrics.hit_at(fit, 3, IOU_THRESHOLDS)),
            ("answer_in_tokens", TOKEN_BUDGETS, answered),
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


def _summarize(cases: Sequence[Case], figures: Sequence[metrics.Figures]) -> dict[str, Any]:
    """Means and their intervals by data set, in the form that `evaluate` returns."""
    summary: dict[str, Any] = {}
    for dataset in dict.fromkeys(case.dataset for case in cases):
        chosen = [i for i, case in enumerate(cases) if case.dataset == dataset]
        own = [figures[i] for i in chosen]
        answered = [one["answer_in_tokens", str(TOKEN_BUDGETS[0])] for one in own]
        summary[dataset] = {
            "n": len(chosen),
            "answer_n": int(np.isfinite(answered).sum()),
            **metrics.mean_figures(own, [cases[i].doc_id for i in chosen]),
        }
    return summary
