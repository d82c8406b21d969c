"""Index maintenance: `colregion list`, `remove`, `compact`, `info`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from colregion.cli.common import IndexOption, JsonOption, OutputOption, app, emit_json, escape, out
from colregion.cli.outcomes import unread_text
from colregion.indexes import LocalIndex, open_index
from colregion.indexes.local.recall import measure_recall

_PAGES_PER_SEARCH = 10  # pages that a search for regions requests from the index


@app.command(name="list")
def list_documents(
    index: IndexOption = "library", as_json: JsonOption = False, output: OutputOption = None
) -> None:
    """List the documents of an index."""
    with open_index(index, create=False) as opened:
        entries = opened.documents()
    if emit_json(entries, to_stdout=as_json, output=output):
        return
    table = Table("document", "pages", "source", "metadata")
    for entry in entries:
        extra = ", ".join(f"{key}={value}" for key, value in entry.metadata.items())
        pages = f"{entry.page_count}{unread_text(entry.unread_pages, pages=entry.page_count)}"
        table.add_row(escape(entry.id), pages, escape(entry.source), escape(extra))
    out.print(table)


@app.command()
def remove(
    doc_ids: Annotated[
        list[str], typer.Argument(metavar="DOC_ID...", help="Ids as `list` prints them.")
    ],
    index: IndexOption = "library",
) -> None:
    """Remove documents from an index."""
    with open_index(index, create=False) as opened:
        for doc_id in doc_ids:
            opened.remove(doc_id)
            out.print(f"removed {escape(doc_id)}", highlight=False)


@app.command()
def compact(index: IndexOption = "library") -> None:
    """Reclaim disk space left by removed documents."""
    with LocalIndex(index, create=False) as opened:
        before = _size(opened.folder)
        opened.compact()
        out.print(f"{before} bytes before, {_size(opened.folder)} now", highlight=False)


@app.command()
def info(
    index: IndexOption = "library",
    verify: Annotated[
        bool, typer.Option("--verify", help="Check every record and vector against its checksum.")
    ] = False,
    recall: Annotated[
        bool,
        typer.Option(
            "--recall", help="Measure the recall of two-stage search against exact search."
        ),
    ] = False,
    as_json: JsonOption = False,
    output: OutputOption = None,
) -> None:
    """Show the encoder, number of documents and size of an index."""
    if verify:
        _verify(index, as_json=as_json, output=output)
        return
    with open_index(index, create=False) as opened:
        facts: dict[str, Any] = {
            "index": index,
            "documents": len(opened.documents()),
            "pages": opened.page_count,
            "unread": len(opened.unread_pages()),
            "encoder": opened.get_setting("encoder"),
            "model": opened.get_setting("encoder_spec"),
        }
        if isinstance(opened, LocalIndex):
            two_stages = opened.scores().takes_two_stages(k=_PAGES_PER_SEARCH)
            facts["precision"] = opened.precision
            facts["search"] = "in two stages" if two_stages else "exact"
            facts["bytes"] = _size(opened.folder)
        if recall and isinstance(opened, LocalIndex):
            facts["recall"] = measure_recall(opened.scores(), k=_PAGES_PER_SEARCH)
    if emit_json(facts, to_stdout=as_json, output=output):
        return
    for name, value in facts.items():
        out.print(f"{name:10} {escape(str(value))}", highlight=False)


def _verify(index: str, *, as_json: bool, output: Path | None) -> None:
    with LocalIndex(index, create=False) as opened:
        damage = opened.verify()
    if not emit_json(damage, to_stdout=as_json, output=output):
        for record in damage:
            out.print(escape(str(record)), highlight=False)
        out.print(f"{len(damage)} damaged" if damage else "sound")
    if damage:
        raise typer.Exit(1)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
