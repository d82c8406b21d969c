"""The command `python -m benchmarks`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from colregion.cli.common import JsonOption, OutputOption, emit_json, err, escape, out
from colregion.errors import ColregionError, InvalidInput

app = typer.Typer(
    name="benchmarks",
    help="Measure speed on this machine, and replay published protocols.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_COLUMNS = ("name", "ours", "other", "ratio", "unit", "against")


@app.command()
def speed(
    pages: Annotated[int, typer.Option(help="Pages of the exact search.")] = 1000,
    two_stage_pages: Annotated[
        int, typer.Option(help="Pages of the two-stage search; 20000 take 6 GB of disk.")
    ] = 4000,
    as_json: JsonOption = False,
    output: OutputOption = None,
) -> None:
    """Time the parts of the library beside named alternatives."""
    from benchmarks.speed import run_bench

    result = run_bench(console=err, pages=pages, two_stage_pages=two_stage_pages)
    _emit(result, as_json=as_json, output=output)


@app.command()
def visual(
    encoder: Annotated[str, typer.Argument(metavar="SPEC", help="A visual encoder.")],
    workers: Annotated[
        int, typer.Option(min=0, help="Also time a stream of pages, prepared by so many processes.")
    ] = 0,
    pages: Annotated[int, typer.Option(min=1, help="Pages of the stream.")] = 64,
    page_ms: Annotated[
        float | None,
        typer.Option(help="Sleep for so long for each page of the stream, without the model."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each side of the stream.")] = 1,
    as_json: JsonOption = False,
    output: OutputOption = None,
) -> None:
    """Time a visual encoder beside its bare model, and its stream of pages beside
    colpali-engine's loop."""
    from benchmarks.machine import describe_machine
    from benchmarks.visual import visual_row
    from benchmarks.visual_stream import stream_row

    rows = [visual_row(encoder)]
    if workers:
        stream = stream_row(encoder, workers=workers, pages=pages, page_ms=page_ms, rounds=rounds)
        rows.append(stream)
    result = {"machine": describe_machine(), "rows": rows}
    _emit(result, as_json=as_json, output=output)


@app.command()
def search(
    cases: Annotated[
        Path,
        typer.Argument(metavar="CASES.jsonl", help="Labelled questions; see `colregion eval`."),
    ],
    pages: Annotated[
        list[int] | None,
        typer.Option(help="Pages of the index; repeatable. 250 and 5000 by default."),
    ] = None,
    busy: Annotated[
        list[int] | None,
        typer.Option(help="Busy processes beside the search; repeatable. 0 and 2 by default."),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(metavar="SRC", help="The src folder of another checkout, measured in turn."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each side.")] = 3,
    as_json: JsonOption = False,
    output: OutputOption = None,
) -> None:
    """Measure the CPU time of a search, and the throughput of four threads over one."""
    from benchmarks.machine import describe_machine
    from benchmarks.search import search_rows

    rows = search_rows(
        cases, pages=pages or (250, 5000), busy=busy or (0, 2), against=against, rounds=rounds
    )
    _emit({"machine": describe_machine(), "rows": list(rows)}, as_json=as_json, output=output)


@app.command()
def reading(
    cases: Annotated[Path, typer.Argument(metavar="CASES.jsonl", help="Labelled questions.")],
    folder: Annotated[
        Path, typer.Argument(help="For the indexes and the steps done; a stopped run is resumed.")
    ],
    pages: Annotated[int, typer.Option(min=1, help="Pages of each data set.")] = 12,
    questions: Annotated[
        int | None, typer.Option(min=1, help="Of each data set at most; all by default.")
    ] = None,
    budget_s: Annotated[float, typer.Option("--budget", help="Seconds of a question.")] = 2.0,
    encoder: Annotated[str, typer.Option(help="Of the pages that go in unread.")] = "visual_words",
    half: Annotated[
        bool, typer.Option("--half", help="Rank a corpus of which half is read instead.")
    ] = False,
    output: OutputOption = None,
) -> None:
    """Measure reading on demand beside reading everything first."""
    from benchmarks.reading import measure_one_ranking, measure_reading

    if half:
        result = measure_one_ranking(cases, folder, pages=pages)
    else:
        result = measure_reading(
            cases, folder, pages=pages, questions=questions, encoder=encoder, budget_s=budget_s
        )
    emit_json(result, to_stdout=True, output=output)


@app.command()
def readout(
    cases: Annotated[Path, typer.Argument(metavar="CASES.jsonl", help="Labelled questions.")],
    folder: Annotated[Path, typer.Argument(help="For what is seen on the pages; used again.")],
    output: OutputOption = None,
) -> None:
    """Compare readouts of `visual_words` by cross-validation over documents."""
    from benchmarks.readout import compare_readouts

    emit_json(compare_readouts(cases, folder), to_stdout=True, output=output)


@app.command()
def hard_pages(
    folder: Annotated[Path, typer.Argument(help="For the drawn pages.")],
    fonts: Annotated[list[Path], typer.Argument(metavar="FONT", help="Like handwriting.")],
    output: OutputOption = None,
) -> None:
    """Draw pages that OCR reads badly, and search them by read words, seen words and both."""
    from benchmarks.hard_pages import measure_hard_pages

    emit_json(measure_hard_pages(fonts, folder), to_stdout=True, output=output)


@app.command()
def replay(
    replays: Annotated[Path, typer.Argument(metavar="FILE", help="Boxes that a model ranked.")],
    boxes: Annotated[int, typer.Option(help="How many boxes a rule keeps.")] = 3,
    as_json: JsonOption = False,
    output: OutputOption = None,
) -> None:
    """Replay the published protocol of region selection on the boxes that a visual model ranked."""
    from benchmarks.replay import replay_file
    from benchmarks.replay_table import print_replay

    result = replay_file(replays, boxes=boxes)
    if not emit_json(result, to_stdout=as_json, output=output):
        print_replay(result, console=out)


def _emit(result: dict[str, Any], *, as_json: bool, output: Path | None) -> None:
    if emit_json(result, to_stdout=as_json, output=output):
        return
    machine = dict(result["machine"])
    packages = machine.pop("installed")
    for name, value in machine.items():
        out.print(f"{name:14} {value}", highlight=False)
    installed = ", ".join(f"{name} {version}" for name, version in packages.items() if version)
    out.print(f"{'installed':14} {installed}", highlight=False)
    table = Table("what", *_COLUMNS[1:])
    for row in result["rows"]:
        more = ", ".join(f"{key} {value}" for key, value in row.items() if key not in _COLUMNS)
        numbers = (_number(row["ours"]), _number(row["other"]), _number(row["ratio"]))
        against = row["against"] + (f" ({more})" if more else "")
        table.add_row(row["name"], *numbers, row["unit"], against)
    out.print(table)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def main() -> None:
    """Run the command line; errors of the library become one line and an exit status."""
    try:
        app()
    except ColregionError as error:
        err.print(f"[red]error[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(2 if isinstance(error, InvalidInput) else 1)


if __name__ == "__main__":
    main()
