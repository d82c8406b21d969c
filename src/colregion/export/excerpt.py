"""Readable text of a region: paragraphs flow, the cells of a table row share a line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from colregion.core.quotes import Quote
from colregion.core.regions import Region
from colregion.core.results import Hit
from colregion.core.tables import CELL_SEPARATOR

_PROSE = ("text", "caption", "title")
_LINE_BREAK = re.compile(r"(?<!\n)\n(?!\n)")
_BETWEEN_CELLS = "\u2003"  # em space
_LINE_CHARACTERS = 180
_PREVIEW_LINES, _PREVIEW_CHARACTERS = 9, 600


def readable(hit: Hit) -> str:
    """Text of a hit with line breaks only where they carry meaning.

    Those within a paragraph come from the page's layout and become spaces; those within a row of a
    form separate its cells, those in a figure its labels: they become em spaces. A region with rows
    gets one line per child region.
    """
    children = [] if hit.kind == "row" else _children(hit)
    if any(child.kind == "row" for child in children):
        # A child without text is unread.
        return "\n".join(_flowing(child.kind, child.text) for child in children if child.text)
    return _flowing(hit.kind, hit.text)


def key_words(hit: Hit, text: str) -> str:
    """What a hit is summed up by: its quotes, else the first line of its readable `text`, cut to
    180 characters; "" where there is none."""
    words = " \u2026 ".join(quote.text for quote in hit.quotes)
    words = words or next((line.strip() for line in text.splitlines() if line.strip()), "")
    return words if len(words) <= _LINE_CHARACTERS else words[:_LINE_CHARACTERS].rstrip() + "\u2026"


def quote_spans(text: str, quotes: Sequence[Quote]) -> Iterator[tuple[int, int]]:
    """Start and end of each quote in a text, in order, also where other white space separates its
    words; a quote that is not there is passed over."""
    end = 0
    for quote in quotes:
        match = re.compile(r"\s+".join(map(re.escape, quote.text.split()))).search(text, end)
        if match is not None:
            end = match.end()
            yield match.span()


def preview(text: str) -> str:
    """Start of a long text; "" for one that is short enough to be shown whole."""
    start = "\n".join(text.splitlines()[:_PREVIEW_LINES])
    if len(start) > _PREVIEW_CHARACTERS:
        start = start[:_PREVIEW_CHARACTERS].rsplit(maxsplit=1)[0]
    return "" if len(text) - len(start) < _PREVIEW_CHARACTERS // 10 else start


def _children(hit: Hit) -> list[Region]:
    path = hit.region.path
    if hit.region.parts or not path:
        return []
    return [region for region in hit.parsed.regions if region.path[:-1] == path]


def _flowing(kind: str, text: str) -> str:
    if kind == "row" and CELL_SEPARATOR not in text:
        return _BETWEEN_CELLS.join(text.split("\n"))
    if kind == "figure":  # its labels, most of them a word or a number
        return _BETWEEN_CELLS.join(filter(None, map(str.strip, text.split("\n"))))
    return _LINE_BREAK.sub(" ", text.strip()) if kind in _PROSE else text.strip()
