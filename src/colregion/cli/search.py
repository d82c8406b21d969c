"""`colregion search`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from colregion.cli.common import (
    EncoderOption,
    FilterOption,
    IndexOption,
    JsonOption,
    OutputOption,
    RerankOption,
    app,
    emit_json,
    escape,
    out,
    pairs,
    write_file,
)
from colregion.cli.regions import print_hits
from colregion.core.interfaces import Index
from colregion.core.results import DEFAULT_K, Hit
from colregion.engine import Engine
from colregion.errors import InvalidInput
from colregion.export import check_destination
from colregion.indexes import LocalIndex, open_index
from colregion.retrieval.reading import DEFAULT_BUDGET_S

_PAGE_FILTER = "page_number takes a page, or a range as 2-9, 2- or -9, got {!r}"


@app.command()
def search(
    question: Annotated[str, typer.Argument(help="Question or keywords.")],
    index: IndexOption = "library",
    k: Annotated[int, typer.Option("-k", help="How many regions.")] = DEFAULT_K,
    filters: FilterOption = None,
    min_confidence: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Leave out regions less likely to be right, even all of them."
        ),
    ] = None,
    reading_budget_s: Annotated[
        float,
        typer.Option(
            "--reading-budget",
            min=0,
            metavar="SECONDS",
            help="Time to read what was added with --reading on_demand.",
        ),
    ] = DEFAULT_BUDGET_S,
    encoder: EncoderOption = None,
    rerank: RerankOption = None,
    brief: Annotated[bool, typer.Option("--brief", help="Print one line per region.")] = False,
    as_json: JsonOption = False,
    output: OutputOption = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a report with page images.")
    ] = None,
    pdf: Annotated[
        Path | None,
        typer.Option(
            "--pdf", metavar="FILE", help="Write the best hit's document with the hits highlighted."
        ),
    ] = None,
    skip_damaged: Annotated[
        bool, typer.Option("--skip-damaged", help="Skip damaged pages; checks the whole index.")
    ] = False,
) -> None:
    """Find the regions that answer a question."""
    with _open(index, encoder=encoder, rerank=rerank, skip_damaged=skip_damaged) as engine:
        for path in filter(None, (html, pdf)):
            check_destination(path, (entry.source for entry in engine.documents()))
        hits = engine.search(
            question,
            k=k,
            filters=_filters(filters),
            min_confidence=min_confidence,
            reading_budget_s=reading_budget_s,
        )
        if html is not None:
            _write_html(engine, question, hits, html)
        if pdf is not None and hits:
            _write_pdf(question, hits, pdf)
    records = [{"text": hit.text, "score": hit.score, **hit.to_metadata()} for hit in hits]
    if emit_json(records, to_stdout=as_json, output=output):
        return
    print_hits(out, hits, brief=brief)
    if html is not None:
        out.print(f"report: {escape(str(html))}", highlight=False)
    if pdf is not None and hits:
        out.print(f"{escape(hits[0].doc_id)} with highlights: {escape(str(pdf))}", highlight=False)


def _open(index: str, *, encoder: str | None, rerank: str | None, skip_damaged: bool) -> Engine:
    """An engine on an existing index; only `add` creates one."""
    if skip_damaged:
        opened: Index = LocalIndex(index, create=False, skip_damaged=True)
    else:
        opened = open_index(index, create=False)
    return Engine.open(opened, encoder=encoder, rerank=rerank)


def _write_html(engine: Engine, question: str, hits: Sequence[Hit], path: Path) -> None:
    from colregion.export.html import Section, write_html

    maps = {page: engine.explain(question, page) for page in {hit.page_id for hit in hits}}
    write_html(path, [Section(question, tuple(hits), maps)])


def _write_pdf(question: str, hits: Sequence[Hit], path: Path) -> None:
    from colregion.export.pdf_highlights import annotate_pdf

    best_document = [hit for hit in hits if hit.doc_id == hits[0].doc_id]
    write_file(path, annotate_pdf(best_document, question=question))


def _filters(options: Sequence[str] | None) -> dict[str, Any]:
    """KEY=VALUE, or KEY=A,B for any of several, page_number=2-9 (or 2-, -9), hidden_text=false."""
    filters: dict[str, Any] = {}
    for key, value in pairs(options, option="--filter").items():
        if key == "page_number":
            filters[key] = _page_filter(value)
        elif key == "hidden_text":
            filters[key] = {"true": True, "false": False}.get(value.lower(), value)
        else:
            filters[key] = value.split(",") if "," in value else value
    return filters


def _page_filter(value: str) -> dict[str, int]:
    first, separator, last = value.partition("-")
    bounds = {"gte": first, "lte": last if separator else first}
    try:
        limits = {op: int(bound) for op, bound in bounds.items() if bound.strip()}
    except ValueError as cause:
        raise InvalidInput(_PAGE_FILTER.format(value)) from cause
    if not limits:
        raise InvalidInput(_PAGE_FILTER.format(value))
    return limits
