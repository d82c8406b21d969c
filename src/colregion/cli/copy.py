"""`colregion copy`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.progress import Progress

from colregion.cli.common import JsonOption, OutputOption, app, emit_json, err, escape, out
from colregion.core.results import AddReport
from colregion.indexes import open_index
from colregion.ingestion.copy import copy_index
from colregion.ingestion.pipeline import Progress as CopyProgress


@app.command()
def copy(
    source: Annotated[str, typer.Argument(help="Index to copy: a folder, or qdrant:URL/NAME.")],
    target: Annotated[
        str, typer.Argument(help="Index to copy into; created if it does not exist.")
    ],
    as_json: JsonOption = False,
    output: OutputOption = None,
) -> None:
    """Copy an index, from a folder to a Qdrant server or back, without encoding again.

    Documents that the target already has are skipped; run it again to continue a copy.
    """
    with (
        open_index(source, create=False) as source_index,
        open_index(target) as target_index,
        Progress(console=err, transient=True) as bar,
    ):
        task = bar.add_task("copying", total=None)

        def show(step: CopyProgress) -> None:
            done = step.files_done + step.pages_done / max(step.pages_total, 1)
            bar.update(
                task,
                description=escape(step.source[-40:]),
                completed=done,
                total=step.files_total,
            )

        report = AddReport(tuple(copy_index(source_index, target_index, on_progress=show)))
    if not emit_json(
        [asdict(outcome) for outcome in report.outcomes], to_stdout=as_json, output=output
    ):
        counts = {s: len(report.of(s)) for s in ("added", "replaced", "skipped", "failed")}
        summary = ", ".join(f"{n} {status}" for status, n in counts.items() if n)
        out.print(summary or "nothing to copy", f"({report.pages} pages)", highlight=False)
    for outcome in report.failed:
        err.print(f"[red]failed[/] {escape(outcome.doc_id)}: {escape(outcome.reason)}")
    if report.failed:
        raise typer.Exit(1)
