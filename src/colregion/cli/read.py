"""`colregion read`."""

from __future__ import annotations

from typing import Annotated

import typer

from colregion.cli.common import IndexOption, LanguagesOption, ParserOption, app, err, escape, out
from colregion.cli.interruption import INTERRUPTED, interruptible
from colregion.cli.outcomes import pages_text
from colregion.engine import Engine
from colregion.indexes import open_index
from colregion.ingestion.progress import progress_bar
from colregion.parsers import load_parser


@app.command()
def read(
    doc_id: Annotated[
        str | None, typer.Argument(metavar="[DOC_ID]", help="One document only.")
    ] = None,
    index: IndexOption = "library",
    parser: ParserOption = "auto",
    languages: LanguagesOption = "auto",
    budget_s: Annotated[
        float | None,
        typer.Option("--budget", min=0, metavar="SECONDS", help="Begin no page after this time."),
    ] = None,
) -> None:
    """Read the pages that `add --reading on_demand` left unread.

    Those that questions have read in part come first. Ctrl-C stops; every page that was read is
    stored, and the same command goes on with the others.
    """
    try:
        with (
            interruptible() as check,
            Engine.open(
                open_index(index, create=False), parser=load_parser(parser, languages=languages)
            ) as engine,
            progress_bar(err, check) as show,
        ):
            report = engine.read(doc_id, budget_s=budget_s, on_progress=show)
    except KeyboardInterrupt:
        err.print("stopped; run the same command again to continue")
        raise typer.Exit(INTERRUPTED) from None
    out.print(f"{pages_text(report.pages)} read, {report.unread} left", highlight=False)
    for page_id, problem in report.problems.items():
        err.print(f"[red]not read[/] {escape(page_id)}: {escape(problem)}", highlight=False)
    if report.problems:
        raise typer.Exit(1)
