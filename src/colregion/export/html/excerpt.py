"""A region's text as one would read it out: paragraphs flow, the cells of a row stand together."""

from __future__ import annotations

import re
from collections.abc import Set

from colregion.core.regions import Region
from colregion.core.results import Hit
from colregion.core.text import terms

_PROSE = ("text", "caption", "title")
_LINE_BREAK = re.compile(r"(?<!\n)\n(?!\n)")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_BETWEEN_CELLS = "\u2003"
_LINE_CHARACTERS = 180


def readable(hit: Hit) -> str:
    """The text, its line breaks where they mean something.

    The lines of a paragraph break where the page did; those of a row are its cells, which are
    joined by an em space. A region that holds rows has a line for each part of it.
    """
    children = _children(hit)
    if any(child.kind == "row" for child in children):
        return "\n".join(_flowing(child.kind, child.text) for child in children)
    return _flowing(hit.kind, hit.text)


def best_line(hit: Hit, wanted: Set[str]) -> str:
    """The sentence or line that holds most of the terms `wanted`, the first of several; "" for a
    region without text. Cut short with an ellipsis."""
    parts = [
        part.strip() for line in readable(hit).splitlines() for part in _SENTENCE_END.split(line)
    ]
    best = max(filter(None, parts), key=lambda part: len(wanted & set(terms(part))), default="")
    return best if len(best) <= _LINE_CHARACTERS else best[:_LINE_CHARACTERS].rstrip() + "…"


def _children(hit: Hit) -> list[Region]:
    path = hit.region.path
    if hit.region.parts or not path:
        return []
    return [
        region
        for region in hit.parsed.regions
        if len(region.path) == len(path) + 1 and region.path[:-1] == path
    ]


def _flowing(kind: str, text: str) -> str:
    if kind == "row":
        return _BETWEEN_CELLS.join(text.split("\n"))
    return _LINE_BREAK.sub(" ", text.strip()) if kind in _PROSE else text.strip()
