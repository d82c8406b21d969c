"""Quality and speed: `colregion eval` and `bench`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from colregion.cli.common import (
    JsonOption,
    OutputOption,
    ParserOption,
    app,
    emit_json,
    err,
    escape,
    out,
)
from colregion.errors import InvalidInput


@app.command(name="eval")
def evaluate(
    cases: Annotated[
        Path | None, typer.Argument(metavar="CASES.jsonl", help="Labelled questions.")
    ] = None,
    encoder: Annotated[
        str, typer.Option(metavar="SPEC", help="static_tokens, or a visual model; see `add`.")
    ] = "static_tokens",
    parser: ParserOption = "auto",
    method: Annotated[
        list[str] | None,
        typer.Option("--method", help="Only these rankings; repeatable. All by default."),
    ] = None,
    corpus: Annotated[
        bool, typer.Option("--corpus", help="Search all pages of the file, not the right one.")
    ] = False,
    as_json: JsonOption = False,
    output: OutputOption = None,
    overlays: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a picture of each case.")
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Instead: choose among boxes that a model ranked."),
    ] = None,
    boxes: Annotated[int, typer.Option(help="With --replay: how many boxes a rule keeps.")] = 3,
) -> None:
    """Measure how well regions are found, beside the baselines."""
    if replay is not None and cases is None:
        _replay(replay, boxes=boxes, as_json=as_json, output=output)
        return
    if cases is None or replay is not None:
        raise InvalidInput("give either CASES.jsonl or --replay FILE")
    from colregion.evaluation.run import evaluate_file, print_rows

    result = evaluate_file(
        cases,
        encoder=encoder,
        parser=parser,
        rankings=method,
        corpus=corpus,
        overlays=overlays,
        console=err,
    )
    if not emit_json(result, to_stdout=as_json, output=output):
        print_rows(result, console=out)


def _replay(path: Path, *, boxes: int, as_json: bool, output: Path | None) -> None:
    from benchmarks.replay import replay_file
    from colregion.evaluation.table import print_replay

    result = replay_file(path, boxes=boxes)
    if not emit_json(result, to_stdout=as_json, output=output):
        print_replay(result, console=out)


@app.command()
def calibrate(
    cases: Annotated[Path, typer.Argument(metavar="CASES.jsonl", help="Labelled questions.")],
    index: Annotated[
        str | None,
        typer.Option("--index", "-i", help="Keep the fit with this index, for its encoder."),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="By default the index's, else static_tokens."),
    ] = None,
    parser: ParserOption = "auto",
    as_json: JsonOption = False,
    output: OutputOption = None,
) -> None:
    """Fit the confidence of hits to labelled questions, and say how far it can be trusted."""
    from colregion.evaluation.calibrate import calibrate_file

    calibration, figures = calibrate_file(
        cases, index=index, encoder=encoder, parser=parser, console=err
    )
    if emit_json(
        {"calibration": asdict(calibration), "held_out": figures}, to_stdout=as_json, output=output
    ):
        return
    for name, value in figures.items():
        out.print(f"{name:12} {value}", highlight=False)
    if index is not None:
        out.print(f"kept with {escape(index)}", highlight=False)


@app.command()
def bench(
    encoder: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC", help="Measure this visual encoder, beside its model alone, instead."
        ),
    ] = None,
    pages: Annotated[int, typer.Option(help="Of the exact search.")] = 1000,
    two_stage_pages: Annotated[
        int, typer.Option(help="Of the search in two stages; 20000 take 6 GB of disk.")
    ] = 4000,
    as_json: JsonOption = False,
    output: OutputOption = None,
) -> None:
    """Measure speed on this machine, as ratios to the named alternatives."""
    if encoder is None:
        from benchmarks.speed import run_bench

        result = run_bench(console=err, pages=pages, two_stage_pages=two_stage_pages)
    else:
        from benchmarks.machine import describe_machine
        from benchmarks.visual import visual_row

        result = {"machine": describe_machine(), "rows": [visual_row(encoder)]}
    if emit_json(result, to_stdout=as_json, output=output):
        return
    _print_bench(result)


def _print_bench(result: dict[str, Any]) -> None:
    machine = dict(result["machine"])
    packages = machine.pop("installed")
    for name, value in machine.items():
        out.print(f"{name:14} {value}", highlight=False)
    held = ", ".join(f"{name} {version}" for name, version in packages.items() if version)
    out.print(f"{'installed':14} {held}", highlight=False)
    table = Table("what", "ours", "other", "ratio", "unit", "against")
    named = ("name", "ours", "other", "ratio", "unit", "against")
    for row in result["rows"]:
        more = ", ".join(f"{key} {value}" for key, value in row.items() if key not in named)
        table.add_row(
            row["name"],
            f"{row['ours']:.4g}",
            f"{row['other']:.4g}",
            f"{row['ratio']:.1f}",
            row["unit"],
            row["against"] + (f" ({more})" if more else ""),
        )
    out.print(table)
