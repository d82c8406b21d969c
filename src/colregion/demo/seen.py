"""The part of the demo in which a page is found by its image alone: no text of it was read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from colregion.core.results import Hit
from colregion.demo.questions import Question
from colregion.documents import open_document
from colregion.engine import Engine
from colregion.errors import BackendError, MissingDependency
from colregion.export import Section
from colregion.indexes.memory import MemoryIndex

_HITS = 3


def ask_scans(
    pdf: Path, folder: Path, *, console: Console, questions: Sequence[Question]
) -> list[Section]:
    """Write the pages of a PDF as images to a folder, and answer the questions about it from what
    `visual_words` sees on them, with no OCR. Without onnxruntime the output says what to install.
    Raises BackendError if the folder cannot be written."""
    asked = [question for question in questions if question.document == pdf.name]
    try:
        engine = Engine.open(MemoryIndex(), encoder="visual_words", parser="text_layer")
    except MissingDependency as missing:
        console.print(
            Text(f"\nnot shown, pages found by their image alone: {missing}", style="dim")
        )
        return []
    sections = []
    with engine:
        for outcome in engine.add(_write_scans(pdf, folder), progress=False).failed:
            console.print(Text(f"not seen: {outcome.source}: {outcome.reason}", style="red"))
        console.print(Text(f"\nBy the image alone, without text or OCR ({folder}):", style="bold"))
        for question in asked:
            hits = engine.search(question.text, k=_HITS)
            _print(console, question, hits)
            maps = {hit.page_id: engine.explain(question.text, hit.page_id) for hit in hits}
            sections.append(Section(f"By the image alone: {question.text}", hits, maps))
    return sections


def _write_scans(pdf: Path, folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for page in open_document(pdf).pages():
            page.image.convert("L").save(folder / f"scan-{page.number}.png")
    except OSError as cause:
        raise BackendError(f"the demo cannot write to {folder}: {cause}") from cause
    return folder


def _print(console: Console, question: Question, hits: Sequence[Hit]) -> None:
    console.print(Text(question.text, style="bold"))
    for rank, hit in enumerate(hits, start=1):
        place = Text(f"{rank}  ", style="bold cyan")
        place.append(f"{Path(hit.source).name}, {hit.kind}", style="not bold default")
        place.append(f", score {hit.score:.3f}", style="not bold default dim")
        console.print(place)
    if not hits:
        console.print(Text("nothing found", style="dim"))
