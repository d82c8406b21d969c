"""`colregion add`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, cast

import typer

from colregion.cli.common import (
    EncoderOption,
    IndexOption,
    JsonOption,
    LanguagesOption,
    OutputOption,
    ParserOption,
    app,
    check_output,
    emit_json,
    err,
    escape,
    pairs,
)
from colregion.cli.interruption import INTERRUPTED, interruptible
from colregion.cli.outcomes import print_report, report_json, reread_hint
from colregion.core.documents import Limits
from colregion.core.results import AddReport, Outcome
from colregion.engine import Engine
from colregion.indexes import open_index
from colregion.ingestion.on_demand import ReadingMode
from colregion.ingestion.progress import progress_bar
from colregion.parsers import load_parser

_DEFAULT = Limits()
_LIMITS = "Limits per document"


@app.command()
def add(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files, folders, globs.")],
    index: IndexOption = "library",
    encoder: EncoderOption = None,
    parser: ParserOption = "auto",
    languages: LanguagesOption = "auto",
    reading: Annotated[
        str,
        typer.Option(
            help="on_demand leaves scanned pages unread until a question needs them; it takes an "
            "encoder that sees images, such as visual_words."
        ),
    ] = "now",
    doc_id: Annotated[
        str | None, typer.Option("--doc-id", help="Document id, for one file.")
    ] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option("--metadata", "-m", metavar="KEY=VALUE", help="Added to each document."),
    ] = None,
    password: Annotated[str | None, typer.Option(help="Password of encrypted files.")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Worker processes (default: one per core; 0 = in-process).")
    ] = None,
    max_seconds_per_page: Annotated[
        float, typer.Option(rich_help_panel=_LIMITS, help="Time to read one page.")
    ] = _DEFAULT.seconds_per_page,
    max_memory_mb: Annotated[
        int, typer.Option(rich_help_panel=_LIMITS, help="Memory of a worker process.")
    ] = _DEFAULT.memory_mb,
    max_pages: Annotated[
        int, typer.Option(rich_help_panel=_LIMITS, help="Pages of a document.")
    ] = _DEFAULT.pages,
    max_pixels: Annotated[
        int, typer.Option(rich_help_panel=_LIMITS, help="Pixels of one image.")
    ] = _DEFAULT.pixels,
    max_file_mb: Annotated[
        int, typer.Option(rich_help_panel=_LIMITS, help="Size of a file.")
    ] = _DEFAULT.file_mb,
    report_file: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Write the outcome of every file and the totals as JSON.",
            callback=check_output,
        ),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            help="Vectors of a new index: float16; int8, half the size; int4, a third, for visual "
            "models."
        ),
    ] = None,
    wait_s: Annotated[
        float,
        typer.Option("--wait", metavar="SECONDS", help="How long to wait for another writer."),
    ] = 30.0,
    as_json: JsonOption = False,
    output: OutputOption = None,
) -> None:
    """Add documents to an index; unchanged ones are skipped.

    Ctrl-C stops; run the same command again to continue.
    """
    limits = Limits(max_seconds_per_page, max_memory_mb, max_pages, max_pixels, max_file_mb)
    outcomes: list[Outcome] = []
    started = time.perf_counter()
    report, hint = None, ""
    try:
        with (
            interruptible() as check,
            Engine.open(
                open_index(index, precision=precision, wait_s=wait_s),
                encoder=encoder,
                parser=load_parser(parser, languages=languages),
            ) as engine,
            progress_bar(err, check) as show,
        ):
            before = engine.documents()
            report = engine.add(
                paths,
                doc_id=doc_id,
                reading=cast("ReadingMode", reading),
                metadata=pairs(metadata, option="--metadata"),
                password=password,
                workers=workers,
                limits=limits,
                on_progress=show,
                on_outcome=outcomes.append,
            )
            if report.of("replaced"):
                hint = reread_hint(before, engine.documents(), report)
    except KeyboardInterrupt:
        err.print(f"stopped after {len(outcomes)} files; run the same command again to continue")
    result = report or AddReport(tuple(outcomes))
    if report_file is not None:
        seconds = time.perf_counter() - started
        totals = report_json(result, index, seconds=seconds, stopped=report is None)
        emit_json(totals, to_stdout=False, output=report_file)
    print_report(result, f" into {index}", as_json=as_json, output=output)
    if hint:
        err.print(f"[yellow]read again[/] {escape(hint)}", highlight=False, soft_wrap=True)
    if report is None:
        raise typer.Exit(INTERRUPTED)
    if result.failed:
        raise typer.Exit(1)
