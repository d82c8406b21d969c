"""The command `colregion`. Exit status: 0 done, 1 failed, 2 cannot be asked like that."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape as _escape_markup
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from colregion.answers import Hit
from colregion.engine import Engine
from colregion.errors import ColregionError, InvalidInput
from colregion.indexes import open_index
from colregion.ingest import Progress as AddProgress
from colregion.records import MetadataValue
from colregion.relevance import METHODS, Method
from colregion.text import printable

app = typer.Typer(
    name="colregion",
    help="Ask a question over PDFs and scans; get back the regions that answer it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = Console()
err = Console(stderr=True)

IndexOption = Annotated[
    str,
    typer.Option("--index", "-i", envvar="COLREGION_INDEX", help="The index: a folder."),
]
EncoderOption = Annotated[
    str | None,
    typer.Option("--encoder", help="Encoder spec; by default the one the index was made with."),
]
ParserOption = Annotated[
    str, typer.Option("--parser", help="auto, text_layer, tesseract or rapidocr.")
]
JsonOption = Annotated[
    str | None,
    typer.Option("--json", metavar="[FILE]", help="Print JSON, or write it to FILE."),
]
FilterOption = Annotated[
    list[str] | None,
    typer.Option("--filter", "-f", metavar="KEY=VALUE", help="Keep to what matches; repeatable."),
]


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
            metadata=_pairs(metadata, option="--metadata"),
            password=password,
            on_progress=show,
        )
    if json_file is not None:
        _write_json([asdict(outcome) for outcome in report.outcomes], json_file)
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


@app.command()
def search(
    question: Annotated[str, typer.Argument(help="What to ask.")],
    index: IndexOption = "library",
    k: Annotated[int, typer.Option("-k", help="How many regions.")] = 5,
    filters: FilterOption = None,
    method: Annotated[str, typer.Option(help=" or ".join(METHODS))] = "colregion",
    encoder: EncoderOption = None,
    json_file: JsonOption = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a report with pictures.")
    ] = None,
    pdf: Annotated[
        Path | None,
        typer.Option(
            "--pdf", metavar="FILE", help="Write the best hit's document with its hits marked."
        ),
    ] = None,
) -> None:
    """Find the regions that answer a question."""
    with _open(index, encoder=encoder) as engine:
        hits = engine.search(
            question,
            k=k,
            filters=_filters(filters),
            method=_method(method),
        )
        if html is not None:
            _write_html(engine, question, hits, html)
        if pdf is not None and hits:
            _write_pdf(question, hits, pdf)
    if json_file is not None:
        _write_json([_hit_json(hit) for hit in hits], json_file)
        return
    for rank, hit in enumerate(hits, start=1):
        out.print(
            f"[bold]{rank}[/] {escape(hit.source)} [cyan]p.{hit.page_number}[/] "
            f"{hit.kind} [dim]{escape(hit.id)}  score {hit.score:.3f}[/]",
            highlight=False,
        )
        out.print(_indented(hit.text) or "  (no text)", markup=False, highlight=False)
    if not hits:
        out.print("nothing found")
    if html is not None:
        out.print(f"report: {escape(str(html))}", highlight=False)
    if pdf is not None and hits:
        out.print(f"{escape(hits[0].doc_id)} marked: {escape(str(pdf))}", highlight=False)


@app.command(name="list")
def list_documents(index: IndexOption = "library", json_file: JsonOption = None) -> None:
    """Say which documents an index holds."""
    with open_index(index, create=False) as held:
        entries = held.documents()
    if json_file is not None:
        _write_json([asdict(entry) for entry in entries], json_file)
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
        }
    folder = Path(index)
    if folder.is_dir():
        sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
        facts["bytes"] = sum(sizes)
    if json_file is not None:
        _write_json(facts, json_file)
        return
    for name, value in facts.items():
        out.print(f"{name:10} {escape(str(value))}", highlight=False)


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where the index and the report go.")] = Path(
        "colregion-demo"
    ),
) -> None:
    """Index documents that come with colregion, ask questions, write a report to look at."""
    from colregion.demo import run_demo

    run_demo(folder, console=out)


@app.command(name="mcp")
def serve_mcp(
    index: IndexOption = "library",
    writable: Annotated[
        bool, typer.Option("--writable", help="Let agents add and remove documents.")
    ] = False,
) -> None:
    """Serve an index to agents: an MCP server on standard input and output."""
    from colregion.mcp import serve

    serve(index, writable=writable)


@app.command(name="eval")
def evaluate(
    cases: Annotated[Path, typer.Argument(metavar="CASES.jsonl", help="Labelled questions.")],
    encoder: Annotated[str, typer.Option(help="Encoder spec.")] = "static_tokens",
    parser: ParserOption = "auto",
    method: Annotated[
        list[str] | None,
        typer.Option("--method", help="Only these rankings; repeatable. All by default."),
    ] = None,
    corpus: Annotated[
        bool, typer.Option("--corpus", help="Search all pages of the file, not the right one.")
    ] = False,
    json_file: JsonOption = None,
    overlays: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a picture of each case.")
    ] = None,
) -> None:
    """Measure how well regions are found, beside the baselines."""
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
    if json_file is not None:
        _write_json(result, json_file)
    else:
        print_rows(result, console=out)


@app.command()
def bench(json_file: JsonOption = None) -> None:
    """Measure speed on this machine, as ratios to the named alternatives."""
    from colregion.evaluation.bench import bench_rows

    rows = bench_rows(console=err)
    if json_file is not None:
        _write_json(rows, json_file)
        return
    table = Table("what", "ours", "other", "ratio", "unit")
    for row in rows:
        table.add_row(
            row["name"],
            f"{row['ours']:.4g}",
            f"{row['other']:.4g}",
            f"{row['ratio']:.1f}",
            row["unit"],
        )
    out.print(table)


def _open(index: str, *, encoder: str | None) -> Engine:
    """An engine on an index that has to be there: only `add` makes one."""
    return Engine.open(open_index(index, create=False), encoder=encoder)


def _hit_json(hit: Hit) -> dict[str, MetadataValue]:
    return {"text": hit.text, "score": hit.score, **hit.to_metadata()}


def _write_html(engine: Engine, question: str, hits: Sequence[Hit], path: Path) -> None:
    from colregion.report import Section, write_html

    maps = {page: engine.explain(question, page) for page in {hit.page_id for hit in hits}}
    write_html(path, [Section(question, tuple(hits), maps)])


def _write_pdf(question: str, hits: Sequence[Hit], path: Path) -> None:
    from colregion.annotate import annotate_pdf

    of_best = [hit for hit in hits if hit.doc_id == hits[0].doc_id]
    _write(path, annotate_pdf(of_best, question=question))


def _method(name: str) -> Method:
    for known in METHODS:
        if name == known:
            return known
    raise InvalidInput(f"--method must be one of {', '.join(METHODS)}, got {name!r}")


def _pairs(given: Sequence[str] | None, *, option: str) -> dict[str, str]:
    pairs = {}
    for text in given or ():
        key, separator, value = text.partition("=")
        if not key or not separator:
            raise InvalidInput(f"{option} takes KEY=VALUE, got {text!r}")
        pairs[key] = value
    return pairs


def _filters(given: Sequence[str] | None) -> dict[str, Any]:
    """KEY=VALUE, or KEY=A,B for any of several, or page_number=2-9 for a range."""
    filters: dict[str, Any] = {}
    for key, value in _pairs(given, option="--filter").items():
        if key == "page_number":
            filters[key] = _page_filter(value)
        else:
            filters[key] = value.split(",") if "," in value else value
    return filters


def _page_filter(value: str) -> dict[str, int]:
    first, separator, last = value.partition("-")
    try:
        return {"gte": int(first), "lte": int(last if separator else first)}
    except ValueError as cause:
        raise InvalidInput(f"page_number takes a page or a range as 2-9, got {value!r}") from cause


def _write_json(value: Any, file: str) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    if file == "-":
        sys.stdout.write(text + "\n")
        return
    _write(Path(file), f"{text}\n".encode())


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as cause:
        raise InvalidInput(f"cannot write {path}: {cause.strerror}") from cause


def escape(text: str) -> str:
    """Neither markup nor a terminal escape, whatever a file name or an id holds."""
    return _escape_markup(printable(text))


def _short(text: str, *, width: int = 40) -> str:
    return escape(text if len(text) <= width else "..." + text[-width:])


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in printable(text).splitlines())


def _with_json_value(arguments: Sequence[str]) -> list[str]:
    """`--json` alone means standard output: the value that the option needs is filled in."""
    filled = []
    for i, argument in enumerate(arguments):
        bare = argument == "--json" and (
            i + 1 == len(arguments) or arguments[i + 1].startswith("--")
        )
        filled.append("--json=-" if bare else argument)
    return filled


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; errors of ours become one line and an exit status."""
    given = _with_json_value(sys.argv[1:] if arguments is None else arguments)
    try:
        app(given)
    except ColregionError as error:
        err.print(f"[red]error[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(2 if isinstance(error, InvalidInput) else 1)
