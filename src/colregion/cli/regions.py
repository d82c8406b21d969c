"""Regions as a terminal shows them: tables as tables, paragraphs as wide as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from colregion.citations.context import MIN_CONFIDENCE
from colregion.cli.common import escape
from colregion.core.quotes import Quote
from colregion.core.results import Hit
from colregion.core.table_formats import paragraphs_and_tables
from colregion.core.text import printable
from colregion.export.excerpt import key_words, quote_spans, readable

_QUOTE = "bold"


def print_hits(console: Console, hits: Sequence[Hit], *, brief: bool) -> None:
    """Print the regions that answer, or one line for each; what carries the evidence is bold."""
    if not hits:
        console.print("nothing found")
        return
    best = max((hit.confidence for hit in hits if hit.confidence is not None), default=None)
    if best is not None and best < MIN_CONFIDENCE:
        console.print(
            "[yellow]perhaps nothing here answers this[/]: "
            f"the best region is {best:.0%} likely right",
            highlight=False,
        )
    for rank, hit in enumerate(hits, start=1):
        if brief:
            _print_line(console, rank, hit)
        else:
            _print_region(console, rank, hit)


def _print_line(console: Console, rank: int, hit: Hit) -> None:
    words = " ".join(printable(key_words(hit, readable(hit))).split()) or (
        "(not read)" if hit.unread else "(no text)"
    )
    line = Text(f"{rank} {printable(Path(hit.source).name)} p.{hit.page_number} ")
    if hit.confidence is not None:
        line.append(f"{hit.confidence:.0%} ", style="dim")
    line.append(words, style=_QUOTE)
    if console.is_terminal:
        console.print(line, no_wrap=True, overflow="ellipsis", highlight=False)
    else:  # another program reads it whole
        console.print(line, soft_wrap=True, highlight=False)


def _print_region(console: Console, rank: int, hit: Hit) -> None:
    confidence = "" if hit.confidence is None else f"  confidence {hit.confidence:.0%}"
    score = "" if hit.score is None else f"  score {hit.score:.3f}"
    console.print(
        f"[bold]{rank}[/] {escape(hit.source)} [cyan]p.{hit.page_number}[/] "
        f"{hit.kind} [dim]{escape(hit.id)}{score}{confidence}[/]",
        highlight=False,
    )
    if hit.hidden_text_warning:
        console.print(f"  [yellow]caution[/] {hit.hidden_text_warning}", highlight=False)
    if hit.unread:
        console.print(f"  [yellow]not read[/] {escape(hit.unread_reason)}", highlight=False)
    parts = list(_parts(hit)) or [Text("(no text)")]
    console.print(Padding(Group(*parts), (0, 0, 0, 2)), highlight=False)


def _parts(hit: Hit) -> Iterator[RenderableType]:
    quotes = hit.quotes
    parts = list(paragraphs_and_tables(hit.parsed, hit.region))
    if all(isinstance(part, str) for part in parts):
        if text := readable(hit):
            yield _paragraph(text, quotes)
        return
    for part in parts:
        if isinstance(part, str):
            yield _paragraph(part.replace("\n", " "), quotes)
        else:
            yield _table(part, quotes)


def _paragraph(text: str, quotes: Sequence[Quote]) -> Text:
    shown = Text(printable(text))  # of the same length
    for start, end in quote_spans(text, quotes):
        shown.stylize(_QUOTE, start, end)
    return shown


def _table(rows: Sequence[Sequence[str]], quotes: Sequence[Quote]) -> Table:
    quoted = {"".join(quote.text.split()) for quote in quotes}
    names, *body = rows
    table = Table(box=box.SIMPLE, show_header=any(names), header_style="", pad_edge=False)
    for name in names:
        table.add_column(Text(printable(name)))
    for row in body:
        is_quoted = "".join("".join(row).split()) in quoted
        cells = (Text(printable(cell)) for cell in row)
        table.add_row(*cells, style=_QUOTE if is_quoted else None)
    return table
