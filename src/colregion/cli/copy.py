"""`colregion copy`."""

from __future__ import annotations

from typing import Annotated

import typer

from colregion.cli.common import JsonOption, OutputOption, app, err
from colregion.cli.outcomes import print_report
from colregion.core.results import AddReport
from colregion.indexes import open_index
from colregion.ingestion.copy import copy_index
from colregion.ingestion.progress import progress_bar


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
        progress_bar(err) as show,
    ):
        report = AddReport(tuple(copy_index(source_index, target_index, on_progress=show)))
    print_report(report, as_json=as_json, output=output)
    if report.failed:
        raise typer.Exit(1)
