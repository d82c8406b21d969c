"""The demo: index its documents, ask its questions, print the answers and write a report."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from colregion.core.results import AddReport, Hit
from colregion.demo.questions import QUESTIONS, SCANNED, Question
from colregion.demo.seen import ask_scans
from colregion.engine import Engine
from colregion.errors import BackendError
from colregion.export import Section, write_html
from colregion.ingestion.pipeline import Progress

DOCUMENTS = Path(__file__).parent / "documents"
"""Folder of the demo documents in the package."""

_HITS = 3
_SNIPPET_CHARACTERS = 230


def run_demo(folder: Path, *, console: Console, questions: Sequence[Question] = QUESTIONS) -> Path:
    """Copy the documents into `folder`, index them there, ask the questions, write the report.

    Only `documents`, `scans`, `index` and `report.html` within `folder`, which may be missing, are
    written. Documents already in the index are read again. Returns the path of the report. Raises
    BackendError if the folder cannot be written.
    """
    started = time.perf_counter()
    copies = folder / "documents"
    try:
        shutil.copytree(DOCUMENTS, copies, dirs_exist_ok=True)
    except OSError as cause:
        raise BackendError(f"the demo cannot write to {folder}: {cause}") from cause
    sections = []
    with Engine.open(folder / "index") as engine:
        for entry in engine.documents():
            engine.remove(entry.id)
        _print_added(console, _add(engine, copies, console))
        for question in questions:
            start = time.perf_counter()
            hits = engine.search(question.text, k=_HITS)
            _print_hits(console, question, hits, seconds=time.perf_counter() - start)
            pages = {hit.page_id for hit in hits}
            maps = {page: engine.explain(question.text, page) for page in pages}
            sections.append(Section(question.text, hits, maps))
    scans = folder / "scans"
    sections += ask_scans(copies / SCANNED, scans, console=console, questions=questions)
    report = folder / "report.html"
    write_html(report, sections)
    _print_end(console, folder, report, seconds=time.perf_counter() - started)
    return report


def _add(engine: Engine, copies: Path, console: Console) -> AddReport:
    with console.status("reading the documents") as status:

        def show(step: Progress) -> None:
            name = Path(step.source).name
            status.update(Text(f"reading {name}, page {step.pages_done} of {step.pages_total}"))

        return engine.add(copies, on_progress=show)


def _print_added(console: Console, report: AddReport) -> None:
    for outcome in report.of("added", "replaced"):
        pages = "1 page" if outcome.pages == 1 else f"{outcome.pages} pages"
        line = Text(f"{Path(outcome.source).name:32} {pages:>8} ")
        line.append(f"{outcome.regions:4} regions {outcome.seconds:6.2f} s", style="dim")
        console.print(line)
    for outcome in report.failed:
        console.print(Text(f"not read: {outcome.source}: {outcome.reason}", style="red"))


def _print_hits(
    console: Console, question: Question, hits: Sequence[Hit], *, seconds: float
) -> None:
    head = Text(f"\n{question.text}", style="bold")
    head.append(f"  {1000 * seconds:.0f} ms", style="dim not bold")
    console.print(head)
    for rank, hit in enumerate(hits, start=1):
        place = Text(f"{rank}  ", style="bold cyan")
        place.append(f"{Path(hit.source).name} page {hit.page_number}", style="not bold default")
        place.append(f", {hit.kind}, score {hit.score:.3f}", style="not bold default dim")
        console.print(place)
        words = Text(_snippet(hit.text, question.pattern) or "(no text)")
        words.highlight_regex(question.pattern, style="bold black on bright_yellow")
        console.print(Padding(words, (0, 0, 0, 3)))
    if not hits:
        console.print(Text("nothing found", style="dim"))


def _print_end(console: Console, folder: Path, report: Path, *, seconds: float) -> None:
    size = report.stat().st_size / 1e6
    console.print(f"\nDone in {seconds:.1f} s. The answers on their pages, to open in a browser:")
    console.print(Text(str(report.resolve()), style="bold"), Text(f"({size:.1f} MB)", style="dim"))
    console.print("Ask your own questions:")
    console.print(Text(f'colregion search "your question" --index {folder / "index"}'))


def _snippet(text: str, answer: re.Pattern[str]) -> str:
    """A few lines of the region's text, around the answer if it contains it."""
    flat = " ".join(text.split())
    if len(flat) <= _SNIPPET_CHARACTERS:
        return flat
    match = answer.search(flat)
    start = max(0, match.start() - _SNIPPET_CHARACTERS // 2) if match else 0
    if start:
        start = flat.find(" ", start) + 1
    end = start + _SNIPPET_CHARACTERS
    return ("… " if start else "") + flat[start:end] + (" …" if end < len(flat) else "")
