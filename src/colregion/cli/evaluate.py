"""`colregion eval` and `colregion calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from colregion.cli import common
from colregion.cli.common import JsonOption, OutputOption, ParserOption, RerankOption, app, err, out
from colregion.errors import InvalidInput


@app.command(name="eval")
def evaluate(
    cases: Annotated[Path, typer.Argument(metavar="CASES.jsonl", help="Labelled questions.")],
    encoder: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC", help="static_tokens by default, or a visual model; see `add`."
        ),
    ] = None,
    parser: ParserOption = "auto",
    rerank: RerankOption = None,
    method: Annotated[
        list[str] | None,
        typer.Option("--method", help="Only these rankings; repeatable. All by default."),
    ] = None,
    corpus: Annotated[
        bool, typer.Option("--corpus", help="Search all pages of the file, not the right one.")
    ] = False,
    archive: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Search all documents of FOLDER, which the questions name."
        ),
    ] = None,
    index: Annotated[
        Path | None,
        typer.Option(
            "--index",
            "-i",
            metavar="DIR",
            help="Build the archive's index in DIR, or use it again.",
        ),
    ] = None,
    text_model: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Compare with dense and hybrid search by this sentence-transformers model.",
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="RANKING", help="Add to the JSON the paired differences to this one."),
    ] = None,
    as_json: JsonOption = False,
    output: OutputOption = None,
    overlays: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write an image of each case with its hits.")
    ] = None,
) -> None:
    """Measure how well the returned regions match the evidence, beside the baselines."""
    from colregion.evaluation.dense import DenseModel
    from colregion.evaluation.run import Options, evaluate_file
    from colregion.evaluation.table import print_rows

    if corpus and archive is not None:
        raise InvalidInput("choose --corpus or --archive, not both")
    options = Options(
        rankings=method or (),
        corpus=corpus,
        archive=archive,
        text_model=None if text_model is None else DenseModel(text_model),
        against=against,
        overlays=overlays,
    )
    result = evaluate_file(
        cases, options, encoder=encoder, parser=parser, rerank=rerank, index=index, console=err
    )
    if not common.emit_json(result, to_stdout=as_json, output=output):
        print_rows(result, console=out)


@app.command()
def calibrate(
    cases: Annotated[
        list[Path], typer.Argument(metavar="CASES.jsonl...", help="Labelled questions.")
    ],
    index: Annotated[
        str | None,
        typer.Option("--index", "-i", help="Store the calibration in this index, for its encoder."),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="The index's encoder by default, else static_tokens."),
    ] = None,
    parser: ParserOption = "auto",
    as_json: JsonOption = False,
    output: OutputOption = None,
) -> None:
    """Fit the confidence of hits to labelled questions and report how reliable it is."""
    from colregion.evaluation.calibrate import calibrate_file

    calibration, figures = calibrate_file(
        cases, index=index, encoder=encoder, parser=parser, console=err
    )
    result = {"calibration": calibration, "held_out": figures}
    if common.emit_json(result, to_stdout=as_json, output=output):
        return
    for name, value in figures.items():
        out.print(f"{name:18} {value}", highlight=False)
    if index is not None:
        out.print(f"stored in {common.escape(index)}", highlight=False)
