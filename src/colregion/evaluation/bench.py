"""How fast the parts are, as ratios to named alternatives measured in the same run.

Machines differ and are shared, so no time means much by itself: ours and the other are run in
turn, and the medians are compared. A ratio above 1 means that ours is faster.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console

from colregion import scoring
from colregion.demo import DOCUMENTS
from colregion.documents import open_document
from colregion.encoders import load_encoder
from colregion.engine import Engine
from colregion.evaluation.bench_adapters import adapter_rows
from colregion.evaluation.timing import Row, timed
from colregion.geometry import Box, FloatArray, GridPlacement
from colregion.indexes import open_index
from colregion.indexes.memory import MemoryIndex
from colregion.parsers import load_parser
from colregion.records import (
    DocumentEntry,
    EmbeddedPage,
    Page,
    PageEmbedding,
    ParsedPage,
    QueryEmbedding,
    Region,
    Word,
)

_SEED = 20512


def bench_rows(*, console: Console) -> list[Row]:
    """Every row: {"name", "ours", "other", "ratio", "unit", "against"}; `ours` and `other` in
    `unit`, `ratio` = other / ours."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="colregion-bench-") as folder:
        for measure in (_regions, _maxsim, _search, _open, _ingest):
            console.print(f"measuring {measure.__name__.strip('_')} ...", highlight=False)
            rows.append(measure(Path(folder) / measure.__name__))
        console.print("measuring the adapters ...", highlight=False)
        rows.extend(adapter_rows(lambda engine: list(_word_pages(engine, 20)), folder=Path(folder)))
    return rows


def _regions(_folder: Path) -> Row:
    """Coverage and in-region MaxSim of 300 regions, 1,024 patches, 20 tokens."""
    rng = np.random.default_rng(_SEED)
    sim = rng.random((20, 1024), dtype=np.float32)
    boxes = _random_boxes(rng, 300)
    grid = GridPlacement((np.arange(1024).reshape(32, 32),), n_vectors=1024)
    weights = np.ones(20)

    def ours() -> FloatArray:
        return scoring.region_maxsim(sim, grid.coverage(boxes), weights)

    return timed(
        "regions",
        ours,
        lambda: _loop_over_patches(sim, boxes, side=32),
        per=1,
        against="Python loops over the overlapped patches of each region, per page",
    )


def _loop_over_patches(sim: FloatArray, boxes_xyxy: FloatArray, *, side: int) -> list[float]:
    """The same scores by the loops that the published reference runs, boxes against patches."""
    scores = []
    for x0, y0, x1, y1 in boxes_xyxy.tolist():
        best = np.full(len(sim), -np.inf)
        for row in range(int(y0 * side), min(int(np.ceil(y1 * side)), side)):
            for col in range(int(x0 * side), min(int(np.ceil(x1 * side)), side)):
                best = np.maximum(best, sim[:, row * side + col])
        scores.append(float(best.mean()))
    return scores


def _maxsim(folder: Path) -> Row:
    """Page scores of 200 pages of 1,024 x 128 vectors, 20 tokens, from the local index."""
    rng = np.random.default_rng(_SEED)
    pages = [rng.standard_normal((1024, 128), dtype=np.float32) for _ in range(200)]
    pages = [page / np.linalg.norm(page, axis=1, keepdims=True) for page in pages]
    query = _query(pages[17][:20])
    grid = GridPlacement((np.arange(1024).reshape(32, 32),), n_vectors=1024)
    with open_index(str(folder)) as index:
        index.replace(
            DocumentEntry("bench", "bench", "", ""),
            (
                EmbeddedPage(
                    ParsedPage(_blank_page(i), (), ()),
                    PageEmbedding(page, grid),
                )
                for i, page in enumerate(pages, start=1)
            ),
        )
        padded = np.stack(pages)

        def other() -> FloatArray:
            return np.asarray(
                np.einsum("td,pvd->ptv", query.vectors, padded, optimize=True).max(2).sum(1)
            )

        return timed(
            "maxsim",
            lambda: index.search(query, k=10),
            other,
            per=1,
            against="numpy einsum over padded fp32 vectors in memory, all pages",
        )


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


@dataclass(frozen=True)
class _Blank:
    """An `ImageLoader` of white pages."""

    def __call__(self, *, dpi: int | None = None) -> Image.Image:  # noqa: ARG002
        return Image.new("RGB", (60, 80), "white")


def _blank_page(number: int) -> Page:
    return Page(doc_id="bench", number=number, width=60, height=80, unit="px", load_image=_Blank())


def _query(vectors: FloatArray) -> QueryEmbedding:
    n = len(vectors)
    return QueryEmbedding(
        vectors, tuple(str(i) for i in range(n)), np.ones(n, dtype=bool), np.ones(n)
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
        page = _blank_page(number)
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
