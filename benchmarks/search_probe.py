"""Measures searches in a process of its own, through the public API only.

    python search_probe.py PAGES.json INDEX_FOLDER

PAGES.json is what `benchmarks.search.write_pages` wrote. The probe fills an index, prints a line,
and then answers each line of standard input with one line of JSON: "cpu" with the CPU and wall
time of a question in milliseconds, "threads" with the questions per second of one thread and of
four. It imports nothing of this package, so that it runs on the sources of another commit too.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from colregion import Box, EmbeddedPage, Engine, Page, PageEmbedding, ParsedPage, Region, Word

K = 5
PAGES_PER_DOCUMENT = 10
THREADS = 4


@dataclass(frozen=True)
class BlankImage:
    """An `ImageLoader` of white page images."""

    def __call__(self, *, dpi: int | None = None) -> Image.Image:  # noqa: ARG002
        return Image.new("RGB", (60, 80), "white")


def parsed_page(row: dict[str, Any], *, doc_id: str, number: int) -> ParsedPage:
    """The page of one row of PAGES.json."""
    page = Page(doc_id, number, row["width"], row["height"], row["unit"], BlankImage())
    words = [Word(text, Box(*box)) for text, box in row["words"]]
    regions = [
        Region(page.id, tuple(path), Box(*box), text, kind)
        for path, box, text, kind in row["regions"]
    ]
    return ParsedPage(page, tuple(words), tuple(regions))


def fill(engine: Engine, rows: list[dict[str, Any]], *, pages: int) -> None:
    """Add `pages` pages in documents of ten; rows repeat in other documents when too few."""
    embeddings: dict[int, PageEmbedding] = {}
    source = itertools.islice(itertools.cycle(enumerate(rows)), pages)
    for number in itertools.count(1):
        doc_id = f"document-{number}"
        document: list[EmbeddedPage] = []
        for i, row in itertools.islice(source, PAGES_PER_DOCUMENT):
            parsed = parsed_page(row, doc_id=doc_id, number=len(document) + 1)
            if i not in embeddings:
                (embeddings[i],) = engine.encoder.encode_pages([parsed])
            document.append(EmbeddedPage(parsed, embeddings[i]))
        if not document:
            return
        for outcome in engine.add(document, doc_id=doc_id).failed:
            raise SystemExit(f"{doc_id} was not added: {outcome.reason}")


def cpu_times(engine: Engine, questions: list[str]) -> dict[str, float]:
    """Mean milliseconds per question, asked one after the other; CPU time of all threads."""
    cpu, wall = time.process_time(), time.perf_counter()
    for question in questions:
        engine.search(question, k=K)
    n = len(questions) / 1000
    return {"cpu_ms": (time.process_time() - cpu) / n, "wall_ms": (time.perf_counter() - wall) / n}


def throughput(engine: Engine, questions: list[str]) -> dict[str, float]:
    """Questions per second of one thread and of four."""
    rates = {}
    for threads in (1, THREADS):
        with ThreadPoolExecutor(threads) as pool:
            wall = time.perf_counter()
            list(pool.map(lambda question: engine.search(question, k=K), questions))
            rates[f"threads_{threads}"] = len(questions) / (time.perf_counter() - wall)
    return rates


def main(pages_file: str, folder: str) -> None:
    content = json.loads(Path(pages_file).read_text(encoding="utf-8"))
    questions = content["questions"]
    with Engine.open(folder) as engine:
        fill(engine, content["rows"], pages=content["pages"])
        cpu_times(engine, questions)  # what a first search loads is not measured
        print("ready", flush=True)
        for line in sys.stdin:
            measure = {"cpu": cpu_times, "threads": throughput}[line.strip()]
            print(json.dumps(measure(engine, questions)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
