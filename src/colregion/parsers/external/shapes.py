"""Boxes, words, lines and regions from what another tool says; None where that makes none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from colregion.core.geometry import Box
from colregion.core.regions import Cell, Word
from colregion.core.tables import CELL_SEPARATOR
from colregion.errors import InvalidBox
from colregion.parsers.external.regions import ExternalRegion

MAX_SPAN = 1000
"""Rows of a cell beyond which a file's span is no reason to repeat its text."""


def box_around(points: Iterable[tuple[float, float]], *, width: float, height: float) -> Box | None:
    """The box around points (x, y) on a page of this size, origin top-left, y down, in any one
    unit; None if it has no area, as some tools write for rules."""
    xs, ys = zip(*points, strict=True)
    corners = (min(xs), min(ys), max(xs), max(ys))
    try:
        return Box.from_pixels(corners, width_px=width, height_px=height)
    except InvalidBox:
        return None


def storable(text: str) -> str:
    """Text with lone surrogates, which JSON can spell and UTF-8 cannot, replaced."""
    return text.encode("utf-8", "replace").decode()


def make_word(text: str, box: Box | None, confidence: float | None = None) -> Word | None:
    """A word with its confidence clamped to 0-1; None without text or a box on the page."""
    if box is None or not text.strip():
        return None
    try:
        on_page = box.clip()
    except InvalidBox:
        return None
    clamped = None if confidence is None else min(max(confidence, 0.0), 1.0)
    return Word(storable(text).strip(), on_page, clamped)


def region_of(
    parts: Iterable[ExternalRegion | None],
    *,
    kind: str = "text",
    text: str = "",
    box: Box | None = None,
) -> ExternalRegion | None:
    """A region around its parts (None is skipped) and its own box; None without either."""
    present = tuple(part for part in parts if part is not None)
    boxes = [part.box for part in present] + ([box] if box else [])
    return ExternalRegion(Box.enclosing(boxes), text, kind, present) if boxes else None


def line_of(
    words: Sequence[Word | None], *, kind: str = "text", box: Box | None = None
) -> ExternalRegion | None:
    """A line of words (None is skipped) around them and its own box; None without words."""
    present = tuple(word for word in words if word is not None)
    boxes = [word.box for word in present] + ([box] if box else [])
    return ExternalRegion(Box.enclosing(boxes), "", kind, words=present) if present else None


def rows_of(cells: Iterable[tuple[Cell, ExternalRegion]]) -> list[ExternalRegion]:
    """Cells in any order to rows from the top, cells from the left. The text of a row includes
    the cells that reach into it from above."""
    rows: dict[int, list[ExternalRegion]] = {}
    texts: dict[int, list[str]] = defaultdict(list)
    for cell, region in sorted(cells, key=lambda each: (each[0].column, each[0].row)):
        rows.setdefault(cell.row, []).append(replace(region, cell=cell))
        text = region.text or " ".join(word.text for word in region.words)
        if len(region.marks) == 1:
            text = f"{region.marks[0].text} {text}".strip()
        for row in range(cell.row, cell.row + min(cell.row_span, MAX_SPAN)):
            texts[row].append(text)
    made = (
        region_of(rows[row], kind="row", text=CELL_SEPARATOR.join(texts[row]))
        for row in sorted(rows)
    )
    return [row for row in made if row]
