"""What an index holds: `colregion list`, `remove`, `info`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from colregion.cli.shared import IndexOption, JsonOption, app, escape, out, write_json
from colregion.indexes import open_index


@app.command(name="list")
def list_documents(index: IndexOption = "library", json_file: JsonOption = None) -> None:
    """Say which documents an index holds."""
    with open_index(index, create=False) as held:
        entries = held.documents()
    if json_file is not None:
        write_json([asdict(entry) for entry in entries], json_file)
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
def info(index: IndexOption = "library", json_file: JsonOption = None) -> None:
    """Say what an index holds, with which encoder it was made and how big it is."""
    with open_index(index, create=False) as held:
        facts: dict[str, Any] = {
            "index": index,
            "documents": len(held.documents()),
            "pages": held.page_count,
            "encoder": held.get_setting("encoder"),
            "model": held.get_setting("encoder_spec"),
        }
    folder = Path(index)
    if folder.is_dir():
        sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
        facts["bytes"] = sum(sizes)
    if json_file is not None:
        write_json(facts, json_file)
        return
    for name, value in facts.items():
        out.print(f"{name:10} {escape(str(value))}", highlight=False)
