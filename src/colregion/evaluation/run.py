"""Evaluation of rankings: each one measured on every case, averaged over groups of cases.

Given the right page of each case, regions of that page are ranked. Over the corpus, the pages of
all cases are searched at once, and over an archive all pages of its documents: area returned on
another page counts as spent, and contains no evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich.console import Console
from rich.progress import Progress as ProgressBar
from rich.progress import TaskID

from colregion.core.interfaces import Index
from colregion.core.results import Hit
from colregion.engine import Engine
from colregion.errors import InvalidInput
from colregion.evaluation import metrics
from colregion.evaluation.cases import Case, read_cases
from colregion.evaluation.corpus import (
    Corpus,
    Progress,
    answerable,
    corpus_of_archive,
    corpus_of_images,
)
from colregion.evaluation.dense import DenseModel
from colregion.evaluation.measures import (
    OF_ALL,
    PAGE_RANKS,
    TOKEN_BUDGETS,
    case_figures,
    page_figures,
)
from colregion.evaluation.overlays import write_overlay
from colregion.evaluation.parse_cache import CachedParser
from colregion.evaluation.rankings import CaseRanking, Ranking, best
from colregion.evaluation.searches import (
    DENSE,
    ENGINES,
    RANKINGS,
    SEARCHES,
    Baselines,
)
from colregion.indexes import open_index
from colregion.indexes.memory import MemoryIndex
from colregion.parsers import load_parser
from colregion.retrieval.paper import PaperScorer

ARCHIVE_HITS = 10
"""What each ranking of an archive returns, as a retriever would for a reader."""

# Enough to fill the budgets if a ranking is any good.
_CORPUS_HITS = 50
_BASELINE_HITS = 300

_UNORDERED_PAGES = ("random", "largest", "all", "best")


@dataclass(frozen=True, slots=True)
class Options:
    """What `evaluate` measures.

    Args:
        rankings: names; () for all. Over an archive, all but those of a single page.
        corpus: search the pages of all cases instead of ranking the regions of the right one.
        archive: search all pages of the documents in this folder.
        text_model: adds the rankings of `DENSE` over a corpus or archive.
        against: a ranking that every other one is compared with, case by case.
        overlays: a folder for one PNG per case, with the evidence and the engine's first hits.

    Raises:
        InvalidInput: an unknown ranking, one that needs a corpus or a text model where there is
            none, or an `against` that is not measured.
    """

    rankings: Sequence[str] = ()
    corpus: bool = False
    archive: Path | None = None
    text_model: DenseModel | None = None
    against: str | None = None
    overlays: Path | None = None

    def __post_init__(self) -> None:
        known = self._known()
        if unknown := [name for name in self.rankings if name not in known]:
            cure = f"known are {', '.join(known)}"
            if unknown[0] in SEARCHES:
                cure = "it needs --corpus or --archive"
            elif unknown[0] in DENSE:
                cure = "it needs --text-model, and --corpus or --archive"
            raise InvalidInput(f"unknown ranking {unknown[0]!r}; {cure}")
        if self.against is not None and self.against not in self.names:
            names = ", ".join(self.names)
            raise InvalidInput(f"against must be one of the rankings {names}, got {self.against!r}")

    @property
    def searched(self) -> Literal["page", "corpus", "archive"]:
        """What is searched: the right page, the pages of all cases, or a folder of documents."""
        if self.archive is not None:
            return "archive"
        return "corpus" if self.corpus else "page"

    def _known(self) -> tuple[str, ...]:
        if self.searched == "page":
            return RANKINGS
        return (*RANKINGS, *SEARCHES, *(DENSE if self.text_model is not None else ()))

    @property
    def names(self) -> tuple[str, ...]:
        """The rankings to measure, in order."""
        if self.rankings:
            return tuple(self.rankings)
        left_out = ("paper", *_UNORDERED_PAGES) if self.archive is not None else ()
        return tuple(name for name in self._known() if name not in left_out)

    @property
    def hits(self) -> tuple[int | None, int | None]:
        """How many regions of an engine and of a baseline count; None for all."""
        if self.searched == "archive":
            return ARCHIVE_HITS, ARCHIVE_HITS
        return (_CORPUS_HITS if self.corpus else None), _BASELINE_HITS


_DEFAULT = Options()


def evaluate_file(
    path: str | Path,
    options: Options,
    *,
    encoder: str | None = None,
    parser: str = "auto",
    rerank: str | None = None,
    index: Path | None = None,
    console: Console,
) -> dict[str, Any]:
    """`evaluate` the cases of a file, with parsed pages cached in the user's cache folder.

    Args:
        encoder, parser: specs; without an encoder that of the index, or the default one.
        rerank: as in `Engine.open`, for the ranking `colregion`.
        index: a folder for the local index of an archive, made if it is missing; None for an index
            in memory.
        console: for the progress.
    """
    if index is not None and options.archive is None:
        raise InvalidInput("an index belongs to an archive; name its folder with --archive")
    cases = read_cases(path, archive=options.archive)
    cached = CachedParser(load_parser(parser))
    with ExitStack() as stack:
        opened: Index = MemoryIndex() if index is None else open_index(str(index))
        engine = stack.enter_context(
            Engine.open(opened, encoder=encoder, parser=cached, rerank=rerank)
        )
        show = stack.enter_context(progress_bars(console))
        return evaluate(cases, engine, options, on_progress=show)


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


def evaluate(
    cases: Sequence[Case],
    engine: Engine,
    options: Options = _DEFAULT,
    *,
    on_progress: Progress = lambda *_: None,
) -> dict[str, Any]:
    """Measure rankings on every case.

    Args:
        engine: over an index of its own, to which the pages of all cases are added.

    Returns:
        JSON-able: {"searched": "page", "corpus" or "archive", "cases": n, "pages": n,
        "documents": n, "failed": {document: reason}, "rows": {ranking: {group: figures}}}.

        The groups are the data sets; over a corpus or archive also "DATASET, answerable", and over
        an archive one per kind of evidence. Figures are means over the n cases of the group, those
        of answers over the `answer_n` whose answer is in the words of the page (null if there are
        none) or, where they end in "_of_all", over the `answer_n_of_all` that have an answer: see
        `evaluation.measures`. "ci95" has [low, high] in the same form; "difference" has means and
        intervals of the paired differences to `options.against`.

    Raises:
        UnreadableDocument: the image or document of a case cannot be read.
        InvalidInput: as `corpus_of_archive`.
    """
    if options.archive is None:
        corpus = corpus_of_images(cases, engine, on_progress)
    else:
        corpus = corpus_of_archive(cases, engine, options.archive, on_progress)
    runner = CaseRunner(engine, corpus, options)
    measured: dict[str, list[metrics.Figures]] = {name: [] for name in options.names}
    for done, case in enumerate(cases, start=1):
        for name in options.names:
            measured[name].append(runner.measure(case, name))
        if options.overlays is not None:
            write_overlay(case, corpus.page(case), runner.hits(case), options.overlays)
        on_progress("ranking", done, len(cases))
    groups = _groups(cases, corpus, options)
    base = measured.get(options.against or "")
    return {
        "searched": options.searched,
        "cases": len(cases),
        "pages": len(corpus.pages),
        "documents": len(set(corpus.documents)),
        "failed": dict(corpus.failed),
        "rows": {
            name: {
                group: _summary(cases, members, figures, base) for group, members in groups.items()
            }
            for name, figures in measured.items()
        },
    }


class CaseRunner:
    """Ranks and measures cases; what they share is prepared once."""

    def __init__(self, engine: Engine, corpus: Corpus, options: Options) -> None:
        paper = Engine(
            engine.index, encoder=engine.encoder, parser=engine.parser, scorer=PaperScorer()
        )
        self._engines = dict(zip(ENGINES, (engine, paper), strict=True))
        self._corpus = corpus
        self._options = options
        self._positions = {page.id: i for i, page in enumerate(corpus.pages)}
        self._baselines: dict[str | None, Baselines] = {}

    def measure(self, case: Case, name: str) -> metrics.Figures:
        """The figures of one ranking of a case."""
        page = self._corpus.page(case)
        if name == "best":
            ranking, ranked_pages = best(case, page), None
        elif name in ENGINES:
            ranking, ranked_pages = self._by_engine(case, name)
        else:
            ranking, ranked_pages = self._by_baseline(case, name)
        figures = case_figures(
            case,
            ranking,
            words=[word.text for word in page.words],
            count_tokens=self._engines["colregion"].count_tokens,
        )
        if self._options.searched != "page" and ranked_pages is not None:
            figures |= page_figures(ranking.by_text, ranked_pages)
        return figures

    def hits(self, case: Case, *, name: str = "colregion") -> list[Hit]:
        """What an engine returns for a case, best first."""
        k, _ = self._options.hits
        engine = self._engines[name]
        if k is None:
            pages = engine.index.load([self._corpus.page(case).id])
            return engine.rank(case.question, pages, k=None)
        return engine.search(case.question, k=k)

    def _by_engine(self, case: Case, name: str) -> tuple[CaseRanking, list[int]]:
        """The regions and the first pages, relative to the right one."""
        right = self._corpus.position[case.id]
        hits = self.hits(case, name=name)
        placed = ((self._positions[hit.page_id] - right, hit.region) for hit in hits)
        pages = []
        if self._options.searched != "page":
            pages = self._engines[name].search_pages(case.question, k=max(PAGE_RANKS))
        ranked_pages = [self._positions[page.id] - right for page in pages]
        return CaseRanking.same(Ranking.of(placed)), ranked_pages

    def _by_baseline(self, case: Case, name: str) -> tuple[CaseRanking, list[int] | None]:
        """The regions, and their pages by first appearance where the ranking orders pages."""
        searched = self._options.searched != "page"
        pages = self._corpus.pages if searched else [self._corpus.page(case)]
        key = None if searched else pages[0].id
        if key not in self._baselines:
            self._baselines[key] = Baselines(
                pages,
                count_tokens=self._engines["colregion"].count_tokens,
                text_model=self._options.text_model,
            )
        chosen = self._baselines[key]
        pool, order = chosen.pool(name), chosen.order(name, case)
        right = self._corpus.position[case.id] if searched else 0
        _, hits = self._options.hits
        ranking = CaseRanking.same(pool.ranking(order[:hits], right=right))
        if name in _UNORDERED_PAGES:
            return ranking, None
        return ranking, [page - right for page in dict.fromkeys(pool.page_of[order].tolist())]


def _groups(cases: Sequence[Case], corpus: Corpus, options: Options) -> dict[str, list[int]]:
    """The positions of the cases of each group that figures are reported for."""
    groups: dict[str, list[int]] = {}
    named = answerable(cases, corpus) if options.searched != "page" else [False] * len(cases)
    for i, (case, is_named) in enumerate(zip(cases, named, strict=True)):
        groups.setdefault(case.dataset, []).append(i)
        kinds = case.evidence_type if options.archive is not None else ()
        for kind in (*(["answerable"] if is_named else []), *kinds):
            groups.setdefault(f"{case.dataset}, {kind}", []).append(i)
    return dict(sorted(groups.items()))


def _summary(
    cases: Sequence[Case],
    members: Sequence[int],
    figures: Sequence[metrics.Figures],
    base: Sequence[metrics.Figures] | None,
) -> dict[str, Any]:
    """Means, their intervals and differences over a group, in the form that `evaluate` returns."""
    own = [figures[i] for i in members]
    documents = [cases[i].doc_id for i in members]
    budget = str(TOKEN_BUDGETS[0])
    counts = {
        name: int(np.isfinite([one[measure, budget] for one in own]).sum())
        for name, measure in (
            ("answer_n", "answer_on_page"),
            ("answer_n_of_all", f"answer_on_page{OF_ALL}"),
        )
    }
    row = {"n": len(members), **counts, **metrics.mean_figures(own, documents)}
    if base is not None and base is not figures:
        shared = own[0].keys() & base[0].keys()
        differences = [
            {key: one[key] - base[i][key] for key in one if key in shared}
            for i, one in zip(members, own, strict=True)
        ]
        row["difference"] = metrics.mean_figures(differences, documents)
    return row
