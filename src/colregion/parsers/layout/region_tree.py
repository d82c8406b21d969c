"""A page's region tree from areas in reading order: their blocks, and the lines of those.

Blocks are paragraphs, list items, rows of tables and forms, the titles and captions of figures and
tables, and the labels of a chart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from statistics import median
from typing import TypeAlias

from PIL import Image

from colregion.core.documents import Page
from colregion.core.geometry import Box, boxes_to_array
from colregion.core.regions import ParsedPage, Region, Word, mean_confidence
from colregion.core.text import HYPHENS
from colregion.parsers.external.regions import ExternalRegion
from colregion.parsers.external.shapes import region_of, rows_of
from colregion.parsers.layout.areas import Area
from colregion.parsers.layout.continuation import mark_continued
from colregion.parsers.layout.groups import column_rows, line_groups
from colregion.parsers.layout.line_ends import join_lines, strip_signs
from colregion.parsers.layout.lines import Line, Row, lines_of
from colregion.parsers.layout.page_frame import Frame
from colregion.parsers.layout.paragraphs import paragraphs
from colregion.parsers.layout.rules import NO_RULES, find_rules
from colregion.parsers.layout.tables import find_cells
from colregion.parsers.text_layer.hidden_text import hidden_text_reasons

MARGIN = 0.15
"""Padding around a line, in text heights, so that a crop or highlight does not touch the ink;
well below half the space between two lines."""

# A larger figure with a title, as a share of the page, is seldom one: its labels stay blocks.
_LARGEST_FOLDED = 0.15

_INSIDE = 0.5  # share of what is attached to a table that is in the table's box

_PARAGRAPH_KINDS = frozenset(("text", "list", "title", "caption"))

_Block: TypeAlias = tuple[str, tuple[Line, ...]]
"""Kind and lines, in reading order."""


def build_tree(
    page: Page, words: Sequence[Word], areas: Sequence[Area], frame: Frame
) -> ParsedPage:
    """The page with its words and regions in the order of `areas`; words in no area come last.

    A line's box is the union of its words' boxes with a little padding, a block's that of its
    lines, an area's that of its blocks and of the model's box of a figure or table.
    """
    upright = cache(lambda: frame.turn_image(page.image))
    regions = [
        region_of(
            block_regions(area, words, frame, upright if area.kind == "table" else None),
            kind=area.kind,
            box=frame.on_page(area.frame) if area.frame else None,
        )
        for area in areas
    ]
    in_areas = {i for area in areas for line in area.all_lines for i in line.words}
    others = (word for i, word in enumerate(words) if i not in in_areas)
    return mark_continued(parsed_page(page, filter(None, regions), others))


def parsed_page(
    page: Page, areas: Iterable[ExternalRegion], other_words: Iterable[Word]
) -> ParsedPage:
    """The page with areas, each with its whole tree, in their order; words in no region come
    last. A region without text has its parts'."""
    areas = list(areas)
    regions = [r for i, area in enumerate(areas, start=1) for r in _regions(area, page, (i,))]
    words = [word for area in areas for word in _words(area)]
    return ParsedPage(page, (*words, *other_words), tuple(regions))


def _regions(node: ExternalRegion, page: Page, path: tuple[int, ...]) -> Iterator[Region]:
    yield Region(
        page_id=page.id,
        path=path,
        box=node.box,
        text=_text(node),
        kind=node.kind,
        ocr_confidence=mean_confidence(word.confidence for word in _words(node)),
        hidden_text=hidden_text_reasons(_words(node)),
        cell=node.cell,
        continues=node.continues,
    )
    for number, part in enumerate(node.parts, start=1):
        yield from _regions(part, page, (*path, number))


def _text(node: ExternalRegion) -> str:
    return node.text or "\n".join(filter(None, map(_text, node.parts)))


def _words(node: ExternalRegion) -> list[Word]:
    return [word for leaf in node.leaves() for word in leaf.words]


def block_regions(
    area: Area,
    words: Sequence[Word],
    frame: Frame,
    upright_image: Callable[[], Image.Image] | None = None,
) -> list[ExternalRegion]:
    """A region per block of an area, with a part per line or cell, on the page as displayed; []
    for a figure without words or caption.

    Args:
        upright_image: of the page, for the rules of a table; None if it is not to be looked at.
    """
    body = frame.on_page(area.frame) if area.frame else None
    folded = bool(area.painted and area.attached and body and body.area <= _LARGEST_FOLDED)
    if area.kind == "table":
        area = _with_attached_cells(area)
    blocks: list[ExternalRegion | None] = []
    for kind, lines in _blocks(area, folded=folded):
        if area.kind == "table" and kind == "row":
            blocks += table_regions(lines, words, frame, upright_image)
            continue
        parts = line_regions(kind, lines, words, frame)
        text = _paragraph_text(kind, lines, words)
        figure = body if kind == "figure" else None
        blocks.append(region_of(parts, kind=kind, text=text, box=figure))
    return [block for block in blocks if block is not None]


def _with_attached_cells(table: Area) -> Area:
    """The table with what is attached to it and is part of its rows: names of columns above it that
    stand side by side, in lines or as a whole, and what is in its box beside its own lines."""
    inner = table.frame or Box.enclosing(line.box for line in table.lines)
    cells = [
        part
        for part in table.attached
        if _are_names(part, table, inner) or _is_level_cell(part, table, inner)
    ]
    lines = (*table.lines, *(line for part in cells for line in part.lines))
    others = tuple(part for part in table.attached if part not in cells)
    return replace(table, lines=lines, attached=others) if cells and table.lines else table


def _are_names(part: Area, table: Area, inner: Box) -> bool:
    return _middle(part.lines) < inner.center[1] and (
        any(len(row.lines) > 1 for row in part.rows)
        or any(_are_beside(part.box, other.box) for other in table.attached)
    )


def _is_level_cell(part: Area, table: Area, inner: Box) -> bool:
    is_inside = part.box.share_inside(inner) >= _INSIDE
    return is_inside and any(_are_beside(part.box, line.box) for line in table.lines)


def _are_beside(box: Box, other: Box) -> bool:
    level = min(box.y1, other.y1) - max(box.y0, other.y0)
    is_apart = box.x1 <= other.x0 or other.x1 <= box.x0
    return is_apart and level >= 0.5 * min(box.height, other.height)


def table_regions(
    lines: Sequence[Line],
    words: Sequence[Word],
    frame: Frame,
    upright_image: Callable[[], Image.Image] | None,
) -> list[ExternalRegion]:
    """A region per row of a table with a part per cell. Its text are the cells that it has or that
    reach into it from above, parted by " | "."""
    height = median(line.height for line in lines)
    squares = frame.square(boxes_to_array(word.box for word in words))
    rules = NO_RULES
    if upright_image is not None:
        own = squares[[i for line in lines for i in line.words]]
        around = _padded(Box.enclosing(line.box for line in lines), height)
        rules = find_rules(upright_image(), around, own, height=height)
    cells = []
    for row in find_cells(lines, [word.text for word in words], squares, rules):
        for each in row:
            boxes = squares[list(each.words)]
            box = Box(*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist())
            own_words = tuple(words[i] for i in each.words)
            place = frame.on_page(_padded(box, MARGIN * height))
            cells.append((each.cell, ExternalRegion(place, each.text, "row", words=own_words)))
    return rows_of(cells)


def _paragraph_text(kind: str, lines: Sequence[Line], words: Sequence[Word]) -> str:
    """The text with words whole that the ends of its lines break; "" where no line ends so."""
    texts = [line.text for line in lines]
    if kind not in _PARAGRAPH_KINDS or not any(text[-1] in HYPHENS for text in texts[:-1]):
        return ""
    return join_lines(texts, frozenset(strip_signs(word.text) for word in words))


def line_regions(
    kind: str, lines: Iterable[Line], words: Sequence[Word], frame: Frame
) -> list[ExternalRegion]:
    """A region per line; lines refer to `words` by position."""
    return [
        ExternalRegion(
            frame.on_page(_padded(line.box, MARGIN * line.height)),
            line.text,
            kind,
            words=tuple(words[i] for i in line.words),
        )
        for line in lines
    ]


def _padded(box: Box, margin: float) -> Box:
    x0, y0, x1, y1 = box.xyxy
    return Box(x0 - margin, y0 - margin, x1 + margin, y1 + margin)


def _blocks(area: Area, *, folded: bool) -> list[_Block]:
    attached = sorted(
        ((part.kind, lines_of(part.rows)) for part in area.attached),
        key=lambda part: _middle(part[1]),
    )
    if area.kind == "table":
        body = [("row", area.lines)] if area.lines else []
    elif folded:
        body = [("figure", lines_of(row for rows in line_groups(area.lines) for row in rows))]
    else:
        grouped = line_groups if area.kind == "figure" else column_rows
        body = [block for rows in grouped(area.lines) for block in _paragraphs(rows, area.kind)]
    if not attached:
        return body
    inner = area.frame or Box.enclosing(line.box for line in area.lines)
    above = [part for part in attached if _is_before(part[1], inner)]
    return above + body + [part for part in attached if part not in above]


def _is_before(lines: Iterable[Line], inner: Box) -> bool:
    """Whether a part stands above what it belongs to, or to the left of it."""
    box = Box.enclosing(line.box for line in lines)
    return box.center[1] < inner.center[1] or box.x1 <= inner.x0


def _middle(lines: Iterable[Line]) -> float:
    return Box.enclosing(line.box for line in lines).center[1]


def _paragraphs(rows: Sequence[Row], kind: str) -> list[_Block]:
    """Rows of one line make paragraphs; lines side by side are a block of kind "row"."""
    plain = "text" if kind == "figure" else kind
    return [
        ("row" if len(run[0].lines) > 1 else plain, lines_of(run))
        for run in paragraphs(rows, of_title=kind == "title")
    ]
