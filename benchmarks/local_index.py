"""The local index beside its alternatives: exact search, two stages, opening, adding vectors."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.alternatives import EdgeShard, colpali_scorer
from benchmarks.coherent_pages import SIDE, CoherentPages
from benchmarks.machine import has
from benchmarks.timing import Row, medians_ms, row
from colregion.core.documents import DocumentEntry, Page
from colregion.core.embeddings import EmbeddedPage, PageEmbedding, QueryEmbedding
from colregion.core.geometry import FloatArray, GridPlacement
from colregion.core.regions import ParsedPage
from colregion.indexes.local.index import LocalIndex
from colregion.indexes.local.recall import plain_query
from colregion.indexes.quantization import PRECISIONS

_GRID = GridPlacement((np.arange(SIDE * SIDE).reshape(SIDE, SIDE),), n_vectors=SIDE * SIDE)
_K = 10
_QUESTIONS = 20
_ADDED = 32


def maxsim_rows(folder: Path, *, pages: int, gflops: float) -> Iterator[Row]:
    """Exact search of the stored pages, per question: every precision and kernel there is beside
    every alternative that is installed, all in turn in one run; and opening and adding.

    A row also says how fast it calculates, `gflops` and `share_of_matrix_peak`, and how much
    memory a search takes beside the index, `extra_memory`, as a share of the vectors' bytes.

    Args:
        pages: of 1,024 x 128; 20 tokens a question.
        gflops: the machine's peak.
    """
    made = CoherentPages()
    drawn = list(made.pages(pages))
    vectors = [page.vectors for page in drawn]
    question = made.question(drawn[pages // 3])
    query = plain_query(question)
    with ExitStack() as opened:
        indexes: dict[str, LocalIndex] = {}
        for precision in PRECISIONS:
            index = LocalIndex(folder / precision, precision=precision)
            indexes[precision] = opened.enter_context(index)
            fill(index, vectors)
        ours = dict(_searches(indexes, query))
        others: dict[str, Callable[[], object]] = {}
        edge = _edge_shard(folder / "edge", vectors) if has("qdrant_edge") else None
        if edge is not None:
            opened.callback(edge.close)
            others[f"{edge.name} exact scan of float16"] = lambda: edge.search(question, k=_K)
        if has("torch"):
            others.update([colpali_scorer(vectors, question)])
        else:
            others["numpy einsum over fp32 in memory"] = lambda: _einsum(vectors, question)
        times = medians_ms({**{name: run for name, (run, _) in ours.items()}, **others})
        operations = 2 * question.size * sum(map(len, vectors))
        for name, (run, shard_bytes) in ours.items():
            rate = operations / times[name] / 1e6
            for against in others:
                yield row(
                    name,
                    times[name],
                    times[against],
                    against=against,
                    gflops=round(rate, 1),
                    share_of_matrix_peak=round(rate / gflops, 3),
                    extra_memory=round(_extra_bytes(run) / shard_bytes, 4),
                )
        if edge is not None:
            yield from _edge_rows(folder, edge, vectors)


def two_stage_row(folder: Path, *, pages: int) -> Row:
    """A search in two stages beside our own exact one, and the share of the exact ten best that
    it returns, `recall`, over 20 questions."""
    made = CoherentPages()
    rng = np.random.default_rng(0)
    chosen = set(rng.choice(pages, size=min(_QUESTIONS, pages), replace=False).tolist())
    questions: list[QueryEmbedding] = []

    def drawn() -> Iterator[tuple[int, FloatArray]]:
        for i, page in enumerate(made.pages(pages)):
            if i in chosen:
                questions.append(plain_query(made.question(page)))
            yield page.document, page.vectors

    with LocalIndex(folder) as index:
        for document, group in itertools.groupby(drawn(), key=lambda pair: pair[0]):
            fill(index, (page for _, page in group), doc_id=f"d{document}")
        scores = index.scores()
        shared = 0
        times: dict[bool, list[float]] = {True: [], False: []}
        for query in questions:
            results: dict[bool, set[str]] = {}

            def search(
                two: bool, query: QueryEmbedding = query, results: dict[bool, set[str]] = results
            ) -> None:
                best = scores.search(query, k=_K, two_stages=two)
                results[two] = {page.page_id for page in best}

            taken = medians_ms({str(two): partial(search, two) for two in times}, rounds=1)
            for two in times:
                times[two].append(taken[str(two)])
            shared += len(results[True] & results[False])
        return row(
            "two-stage",
            float(np.median(times[True])),
            float(np.median(times[False])),
            against=f"our own exact search, {pages} pages of 1,024 x 128",
            recall=shared / (_K * len(questions)),
            by_itself=scores.takes_two_stages(k=_K),
        )


def fill(index: LocalIndex, vectors: Iterable[FloatArray], *, doc_id: str = "bench") -> None:
    """Put (1024, D) pages into the index as one document."""
    index.replace(
        DocumentEntry(doc_id, doc_id, "", ""),
        (
            EmbeddedPage(
                ParsedPage(blank_page(number, doc_id=doc_id), (), ()), PageEmbedding(page, _GRID)
            )
            for number, page in enumerate(vectors, start=1)
        ),
    )


@dataclass(frozen=True)
class _Blank:
    """An `ImageLoader` of white pages."""

    def __call__(self, *, dpi: int | None = None) -> Image.Image:  # noqa: ARG002
        return Image.new("RGB", (60, 80), "white")


def blank_page(number: int, *, doc_id: str = "bench") -> Page:
    """A page with a white image."""
    return Page(doc_id=doc_id, number=number, width=60, height=80, unit="px", load_image=_Blank())


def _searches(
    indexes: dict[str, LocalIndex], query: QueryEmbedding
) -> Iterator[tuple[str, tuple[Callable[[], object], int]]]:
    """Name, search, and the bytes of the vectors."""
    kernels = ["numpy", *(name for name in ("numba", "torch") if has(name))]
    for kernel in kernels:
        for precision, index in indexes.items():
            scores = index.scores().with_kernel(kernel)
            stored_bytes = sum(file.rows.nbytes for file in scores.table.files.values())
            yield (
                f"maxsim {precision} {kernel}",
                (partial(scores.search, query, k=_K, two_stages=False), stored_bytes),
            )


def _edge_shard(folder: Path, vectors: Sequence[FloatArray]) -> EdgeShard:
    shard = EdgeShard(folder, dim=vectors[0].shape[1])
    for start in range(0, len(vectors), _ADDED):
        shard.add(vectors[start : start + _ADDED])
    shard.optimise()
    return shard


def _edge_rows(folder: Path, edge: EdgeShard, vectors: Sequence[FloatArray]) -> Iterator[Row]:
    times = medians_ms(
        {"ours": lambda: LocalIndex(folder / "float16").close(), "other": edge.reopen}
    )
    against = f"{edge.name}, opening the same {len(vectors)} pages"
    yield row("open vectors", times["ours"], times["other"], against=against)
    number = itertools.count()
    few = vectors[:_ADDED]
    with LocalIndex(folder / "added") as index:
        times = medians_ms(
            {
                "ours": lambda: fill(index, few, doc_id=str(next(number))),
                "other": lambda: edge.add(few),
            }
        )
    against = f"{edge.name}, upsert and flush, per page of 1,024 x 128"
    yield row("add vectors", times["ours"] / len(few), times["other"] / len(few), against=against)


def _einsum(vectors: Sequence[FloatArray], question: FloatArray) -> FloatArray:
    similarity = np.einsum("td,pvd->ptv", question, np.stack(vectors), optimize=True)
    return np.asarray(similarity.max(axis=2).sum(axis=1))


def _extra_bytes(run: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
