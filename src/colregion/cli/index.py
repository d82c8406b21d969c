"""What an index holds: `colregion list`, `remove`, `compact`, `info`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from colregion.cli.common import IndexOption, JsonOption, OutputOption, app, emit_json, escape, out
from colregion.indexes import LocalIndex, open_index
from colregion.indexes.local.recall import measure_recall

# As many pages as a search for regions asks the index for.
_PAGES_OF_A_SEARCH = 10


@app.command(name="list")
def list_documents(
    index: IndexOption = "library", as_json: JsonOption = False, output: OutputOption = None
) -> None:
    """Say which documents an index holds."""
    with open_index(index, create=False) as held:
        entries = held.documents()
    if emit_json([asdict(entry) for entry in entries], to_stdout=as_json, output=output):
        return
    table = Table("document", "pages", "source", "metadata")
    for entry in entries:
        extra = ", ".join(f"{key}={value}" for key, value in entry.metadata.items())
        table.add_row(escape(entry.id), str(entry.page_count), escape(entry.source), escape(extra))
    out.print(table)


@app.command()
def remove(
    doc_ids: Annotated[list[str], typer.Argument(metavar="DOC_ID...", help="As in `list`.")],
    index: IndexOption = "library",
) -> None:
    """Take documents out of an index."""
    with open_index(index, create=False) as held:
        for doc_id in doc_ids:
            held.remove(doc_id)
            out.print(f"removed {escape(doc_id)}", highlight=False)


@app.command()
def compact(index: IndexOption = "library") -> None:
    """Give back the room of what was removed, as far as that has not happened by itself."""
    with LocalIndex(index, create=False) as held:
        before = _size(held.folder)
        held.compact()
        out.print(f"{before} bytes before, {_size(held.folder)} now", highlight=False)


@app.command()
def info(
    index: IndexOption = "library",
    verify: Annotated[
        bool, typer.Option("--verify", help="Check everything against its checksum.")
    ] = False,
    recall: Annotated[
        bool, typer.Option("--recall", help="Measure what two-stage search finds of exact search.")
    ] = False,
    as_json: JsonOption = False,
    output: OutputOption = None,
) -> None:
    """Say what an index holds, with which encoder it was made and how big it is."""
    if verify:
        _verify(index, as_json=as_json, output=output)
        return
    with open_index(index, create=False) as held:
        facts: dict[str, Any] = {
            "index": index,
            "documents": len(held.documents()),
            "pages": held.page_count,
            "encoder": held.get_setting("encoder"),
            "model": held.get_setting("encoder_spec"),
        }
        if isinstance(held, LocalIndex):
            two_stages = held.scores().takes_two_stages(k=_PAGES_OF_A_SEARCH)
            facts["precision"] = held.precision
            facts["search"] = "in two stages" if two_stages else "exact"
            facts["bytes"] = _size(held.folder)
        if recall and isinstance(held, LocalIndex):
            facts["recall"] = measure_recall(held.scores(), k=_PAGES_OF_A_SEARCH)
    if emit_json(facts, to_stdout=as_json, output=output):
        return
    for name, value in facts.items():
        out.print(f"{name:10} {escape(str(value))}", highlight=False)


def _verify(index: str, *, as_json: bool, output: Path | None) -> None:
    with LocalIndex(index, create=False) as held:
        damage = held.verify()
    if not emit_json([asdict(one) for one in damage], to_stdout=as_json, output=output):
        for one in damage:
            out.print(escape(str(one)), highlight=False)
        out.print(f"{len(damage)} damaged" if damage else "sound")
    if damage:
        raise typer.Exit(1)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
