"""`colregion add`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from colregion.cli.common import (
    EncoderOption,
    IndexOption,
    JsonOption,
    OutputOption,
    ParserOption,
    app,
    check_output,
    emit_json,
    err,
    escape,
    out,
    pairs,
)
from colregion.cli.interruption import interruptible
from colregion.core.documents import Limits
from colregion.core.results import AddReport, Outcome
from colregion.engine import Engine
from colregion.indexes import open_index
from colregion.ingestion.pipeline import Progress as AddProgress
from colregion.parsers import load_parser

_DEFAULT = Limits()
_INTERRUPTED = 130  # the status that shells give for Ctrl-C
_MAX_SUFFIXES = 8
_LIMITS = "Limits per document"


@app.command()
def add(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files, folders, globs.")],
    index: IndexOption = "library",
    encoder: EncoderOption = None,
    parser: ParserOption = "auto",
    languages: Annotated[
        str, typer.Option(help="Languages for Tesseract (eng+deu); auto detects the script.")
    ] = "auto",
    doc_id: Annotated[
        str | None, typer.Option("--doc-id", help="Document id, for one file.")
    ] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option("--metadata", "-m", metavar="KEY=VALUE", help="Added to each document."),
    ] = None,
    password: Annotated[str | None, typer.Option(help="Password of encrypted files.")] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Worker processes (default: one per core; 0 = in-process)."),
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
        typer.Option(help="Vectors of a new index: float16, or int8 at half the size."),
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
    report = None
    try:
        with (
            interruptible() as check,
            Engine.open(
                open_index(index, precision=precision, wait_s=wait_s),
                encoder=encoder,
                parser=load_parser(parser, languages=languages),
            ) as engine,
            _progress_bar() as bar,
        ):
            report = engine.add(
                paths,
                doc_id=doc_id,
                metadata=pairs(metadata, option="--metadata"),
                password=password,
                workers=workers,
                limits=limits,
                on_progress=_progress_callback(bar, check),
                on_outcome=outcomes.append,
            )
    except KeyboardInterrupt:
        err.print(f"stopped after {len(outcomes)} files; run the same command again to continue")
    result = report or AddReport(tuple(outcomes))
    if report_file is not None:
        seconds = time.perf_counter() - started
        totals = _as_json(result, index, seconds=seconds, stopped=report is None)
        emit_json(totals, to_stdout=False, output=report_file)
    if not emit_json(
        [asdict(outcome) for outcome in result.outcomes], to_stdout=as_json, output=output
    ):
        _print_counts(result, index)
    _print_problems(result)
    if report is None:
        raise typer.Exit(_INTERRUPTED)
    if result.failed:
        raise typer.Exit(1)


def _progress_bar() -> Progress:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[pages]}"),
    )
    bar = Progress(*columns, console=err, transient=True)
    bar.add_task("reading", total=None, pages="")
    return bar


def _progress_callback(bar: Progress, check: Callable[[], None]) -> Callable[[AddProgress], None]:
    (task,) = bar.task_ids

    def show(step: AddProgress) -> None:
        check()
        remaining = time.strftime("%H:%M:%S", time.gmtime(step.seconds_left))
        bar.update(
            task,
            description=f"{step.files_done}/{step.files_total} {_short(step.source)}",
            completed=step.files_done,
            total=step.files_total,
            pages=f"page {step.pages_done}/{step.pages_total}, "
            f"{step.pages_per_second:.1f} pages/s, about {remaining} left",
        )

    return show


def _as_json(report: AddReport, index: str, *, seconds: float, stopped: bool) -> dict[str, Any]:
    return {
        "index": index,
        "stopped": stopped,
        "seconds": round(seconds, 3),
        "pages": report.pages,
        "pages_per_second": round(report.pages / seconds, 3),
        "workers": report.workers,
        **_counts(report),
        "outcomes": [asdict(outcome) for outcome in report.outcomes],
    }


def _counts(report: AddReport) -> dict[str, int]:
    statuses = ("added", "replaced", "skipped", "failed", "ignored")
    counts = {status: len(report.of(status)) for status in statuses}
    return {**counts, "incomplete": len(report.incomplete)}


def _print_counts(report: AddReport, index: str) -> None:
    counts = ", ".join(f"{n} {status}" for status, n in _counts(report).items() if n)
    out.print(counts or "nothing to add", f"({report.pages} pages into {index})", highlight=False)


def _print_problems(report: AddReport) -> None:
    for label, outcomes in (
        ("[yellow]incomplete[/]", report.incomplete),
        ("[red]failed[/]", report.failed),
    ):
        for outcome in outcomes:
            err.print(f"{label} {escape(outcome.source)}: {escape(outcome.reason)}")
    if report.ignored:
        suffixes = Counter(Path(o.source).suffix.lower() or "no suffix" for o in report.ignored)
        listed = ", ".join(f"{n} {suffix}" for suffix, n in suffixes.most_common(_MAX_SUFFIXES))
        more = ", ..." if len(suffixes) > _MAX_SUFFIXES else ""
        err.print(f"ignored files of unsupported types: {escape(listed)}{more}", highlight=False)


def _short(text: str, *, width: int = 40) -> str:
    return escape(text if len(text) <= width else "..." + text[-width:])
