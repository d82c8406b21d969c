"""How fast the parts are, as ratios to named alternatives measured in the same run.

Machines differ and are shared, so no time means much by itself: ours and the other are run in
turn, and the medians are compared. A ratio above 1 means that ours is faster.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.adapters import adapter_rows
from benchmarks.local_index import blank_page, maxsim_rows, two_stage_row
from benchmarks.machine import describe_machine
from benchmarks.timing import Row, medians_ms, row, timed
from colregion.core.embeddings import EmbeddedPage
from colregion.core.geometry import Box, Coverage, FloatArray, GridPlacement
from colregion.core.regions import ParsedPage, Region, Word
from colregion.demo import DOCUMENTS
from colregion.documents import open_document
from colregion.encoders import load_encoder
from colregion.engine import Engine
from colregion.indexes import open_index
from colregion.indexes.memory import MemoryIndex
from colregion.parsers import load_parser
from colregion.retrieval import maxsim

_SEED = 20512
_PAGES = 1000
_TWO_STAGE_PAGES = 4000


def run_bench(
    *, console: Console, pages: int = _PAGES, two_stage_pages: int = _TWO_STAGE_PAGES
) -> dict[str, Any]:
    """{"machine", "rows"}: what it ran on (`machine.describe_machine`) and every row, {"name",
    "ours", "other", "ratio", "unit", "against"} and more; `ours` and `other` in `unit`, `ratio` =
    other / ours.

    Args:
        pages: of the exact search; 1,000 take 3 GB of memory and disk with all alternatives.
        two_stage_pages: of the search in two stages; 20,000 take 6 GB of disk.
    """
    console.print("measuring the machine ...", highlight=False)
    machine = describe_machine()
    peak = max(machine["numpy_gflops"], machine["torch_gflops"] or 0.0)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="colregion-bench-") as temporary:
        folder = Path(temporary)
        parts: dict[str, Callable[[], Iterable[Row]]] = {
            "maxsim": lambda: maxsim_rows(folder / "maxsim", pages=pages, gflops=peak),
            "two stages": lambda: [two_stage_row(folder / "two", pages=two_stage_pages)],
            "regions": _regions,
            "search": lambda: [_search(folder / "search")],
            "open": lambda: [_open(folder / "open")],
            "ingest": lambda: [_ingest(folder / "ingest")],
            "the adapters": lambda: adapter_rows(
                lambda engine: list(_word_pages(engine, 20)), folder=folder
            ),
        }
        for name, measure in parts.items():
            console.print(f"measuring {name} ...", highlight=False)
            rows.extend(measure())
    return {"machine": machine, "rows": rows}


def _regions() -> Iterator[Row]:
    """Coverage and in-region MaxSim of 300 regions, 1,024 patches, 20 tokens."""
    rng = np.random.default_rng(_SEED)
    sim = rng.random((20, 1024), dtype=np.float32)
    by_vector = np.ascontiguousarray(sim.T)
    boxes = _random_boxes(rng, 300)
    grid = GridPlacement((np.arange(1024).reshape(32, 32),), n_vectors=1024)
    weights = np.ones(20)
    times = medians_ms(
        {
            "ours": lambda: region_maxsim(by_vector, grid.coverage(boxes), weights),
            "overlapped": lambda: _loop_over_patches(sim, boxes, side=32),
            "all": lambda: _loop_over_all_patches(sim, boxes, side=32),
        },
        rounds=3,
    )
    for other, against in (
        ("all", "the published method's loop: every region against every patch, all tokens"),
        ("overlapped", "the same loop over the overlapped patches of each region only"),
    ):
        yield row("regions", times["ours"], times[other], against=f"{against}, in Python, per page")


def region_maxsim(sim: FloatArray, cover: Coverage, weights: FloatArray) -> FloatArray:
    """(R,) MaxSim inside each region, from similarities (V, T), as `retrieval.evidence` does."""
    best = maxsim.segment_max(sim.take(cover.indices, axis=0), np.diff(cover.indptr))
    return maxsim.weighted_mean(best, weights)


def _loop_over_all_patches(sim: FloatArray, boxes_xyxy: FloatArray, *, side: int) -> list[float]:
    """The scores of `region_maxsim` by the loops of the published reference: the overlap
    of every region with every patch, and each token's best among those that overlap."""
    tokens = sim.tolist()
    scores = []
    for x0, y0, x1, y1 in boxes_xyxy.tolist():
        best = [-math.inf] * len(tokens)
        for patch in range(side * side):
            down, along = divmod(patch, side)
            width = min(x1, (along + 1) / side) - max(x0, along / side)
            height = min(y1, (down + 1) / side) - max(y0, down / side)
            if width > 0 and height > 0:
                for i, token in enumerate(tokens):
                    best[i] = max(best[i], token[patch])
        scores.append(sum(best) / len(best))
    return scores


def _loop_over_patches(sim: FloatArray, boxes_xyxy: FloatArray, *, side: int) -> list[float]:
    """The same without looking at patches that lie elsewhere."""
    tokens = sim.tolist()
    scores = []
    for x0, y0, x1, y1 in boxes_xyxy.tolist():
        best = [-math.inf] * len(tokens)
        for down in range(int(y0 * side), min(math.ceil(y1 * side), side)):
            for along in range(int(x0 * side), min(math.ceil(x1 * side), side)):
                for i, token in enumerate(tokens):
                    best[i] = max(best[i], token[down * side + along])
        scores.append(sum(best) / len(best))
    return scores


def _search(folder: Path) -> Row:
    """A question over 250 pages of words, to ranked regions."""
    engine = Engine(
        open_index(str(folder)), encoder=load_encoder("static_tokens"), parser=load_parser("auto")
    )
    plain = Engine(MemoryIndex(), encoder=engine.encoder, parser=engine.parser)
    with engine, plain:
        for fill in (engine, plain):
            fill.add(list(_word_pages(fill, 250)))
        question = "total amount of the annual revenue in the third quarter"
        return timed(
            "search",
            lambda: engine.search(question),
            lambda: plain.search(question),
            per=1,
            against="the in-memory index that scores every page by itself, 250 pages",
        )


def _open(folder: Path) -> Row:
    """Opening an index of 250 pages of words."""
    with Engine(
        open_index(str(folder)), encoder=load_encoder("static_tokens"), parser=load_parser("auto")
    ) as engine:
        pages = list(_word_pages(engine, 250))
        engine.add(pages)
    vectors = Path(f"{folder}.npy")
    np.save(vectors, np.concatenate([page.embedding.vectors for page in pages]))
    return timed(
        "open",
        lambda: open_index(str(folder)).close(),
        lambda: np.load(vectors),
        per=1,
        against="reading the same vectors from one file",
    )


def _ingest(folder: Path) -> Row:
    """A PDF with a text layer from file to committed index, layout included, per page."""
    pdf = next(iter(sorted(DOCUMENTS.glob("*report*.pdf"))))
    pages = open_document(pdf).page_count
    runs = count()
    engine = Engine.open(folder)

    def ours() -> None:
        engine.add(pdf, doc_id=str(next(runs)))

    def other() -> None:
        for page in open_document(pdf).pages():
            _ = page.image

    with engine:
        return timed(
            "ingest",
            ours,
            other,
            per=pages,
            against="rendering the same pages at 150 dpi, per page",
        )


def _random_boxes(rng: np.random.Generator, n: int) -> FloatArray:
    corners = np.sort(rng.random((n, 2, 2)), axis=1)
    size = np.array([0.4, 0.03])
    low = corners[:, 0] * (1 - size)
    return np.concatenate([low, low + size], axis=1)


def _word_pages(engine: Engine, n: int) -> Iterator[EmbeddedPage]:
    """Pages of 50 lines of 10 words, drawn from 20,000 made-up words by Zipf's law."""
    rng = np.random.default_rng(_SEED)
    letters = np.array(list("aeiourstlnmdcp"))
    vocabulary = ["".join(rng.choice(letters, size=size)) for size in rng.integers(3, 10, 20_000)]
    for number in range(1, n + 1):
        page = blank_page(number)
        drawn = np.minimum(rng.zipf(1.3, size=500), len(vocabulary)) - 1
        words, regions = [], []
        for line in range(50):
            texts = [vocabulary[i] for i in drawn[line * 10 : line * 10 + 10]]
            top = 0.02 * line
            for i, text in enumerate(texts):
                words.append(Word(text, Box(0.1 * i, top, 0.1 * i + 0.09, top + 0.015)))
            for depth in (1, 2, 3):
                path = (line + 1, 1, 1)[:depth]
                regions.append(
                    Region(page.id, path, Box(0.0, top, 0.99, top + 0.015), " ".join(texts))
                )
        parsed = ParsedPage(page, tuple(words), tuple(regions))
        yield EmbeddedPage(parsed, engine.encoder.encode_pages([parsed])[0])
