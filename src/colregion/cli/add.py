"""`colregion add`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

from colregion.cli.shared import (
    EncoderOption,
    IndexOption,
    JsonOption,
    ParserOption,
    app,
    err,
    escape,
    out,
    pairs,
    write_json,
)
from colregion.engine import Engine
from colregion.ingest import Progress as AddProgress


@app.command()
def add(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files, folders, globs.")],
    index: IndexOption = "library",
    encoder: EncoderOption = None,
    parser: ParserOption = "auto",
    doc_id: Annotated[str | None, typer.Option("--doc-id", help="Id of the one file.")] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option("--metadata", "-m", metavar="KEY=VALUE", help="Kept with each document."),
    ] = None,
    password: Annotated[str | None, typer.Option(help="For encrypted files.")] = None,
    json_file: JsonOption = None,
) -> None:
    """Read documents into an index; unchanged ones are skipped."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("pages, left"),
        TimeRemainingColumn(),
    )
    with (
        Engine.open(index, encoder=encoder, parser=parser) as engine,
        Progress(*columns, console=err, transient=True) as bar,
    ):
        task = bar.add_task("reading", total=None)

        def show(step: AddProgress) -> None:
            bar.update(
                task,
                description=f"{step.files_done + 1}/{step.files_total} {_short(step.source)}",
                completed=step.pages_done,
                total=step.pages_total,
            )

        report = engine.add(
            paths,
            doc_id=doc_id,
            metadata=pairs(metadata, option="--metadata"),
            password=password,
            on_progress=show,
        )
    if json_file is not None:
        write_json([asdict(outcome) for outcome in report.outcomes], json_file)
    else:
        counts = {s: len(report.of(s)) for s in ("added", "replaced", "skipped", "failed")}
        out.print(
            ", ".join(f"{n} {status}" for status, n in counts.items() if n) or "nothing to add",
            f"({report.pages} pages into {index})",
            highlight=False,
        )
    for outcome in report.failed:
        err.print(f"[red]failed[/] {escape(outcome.source)}: {escape(outcome.reason)}")
    if report.failed:
        raise typer.Exit(1)


def _short(text: str, *, width: int = 40) -> str:
    return escape(text if len(text) <= width else "..." + text[-width:])
