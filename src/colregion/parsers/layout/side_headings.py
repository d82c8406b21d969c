"""Headings in the margin, each joined to the paragraphs beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from colregion.core.geometry import Box
from colregion.parsers.layout.areas import Area
from colregion.parsers.layout.groups import LOOSE_GAP, MIN_LINE_CHARS, gap
from colregion.parsers.layout.lines import Row, lines_of
from colregion.parsers.layout.paragraphs import paragraphs

_KINDS = ("text", "title", "list")
_MAX_ROWS = 4  # of a heading
_NARROW = 0.5  # width of a heading, relative to the text beside it, at most
_LEVEL = 0.5  # heights between the middles of a heading's first line and of the text's


@dataclass(frozen=True, slots=True)
class _Heading:
    rows: tuple[Row, ...]
    source: int  # position of its area
    text: int  # position of the area beside it
    row: int  # of that area, beside its first row


def attach_side_headings(areas: Sequence[Area]) -> list[Area]:
    """Move headings in the left margin into the areas of the text to their right.

    A heading stands beside the first line of a paragraph; a text with several of them becomes as
    many areas. A column of headings of which one stands elsewhere or that holds other text, and a
    single heading, stay as they are.
    """
    headings = [one for at in range(len(areas)) for one in _headings(at, areas)]
    sources = {heading.source for heading in headings}
    if len(headings) < 2 or _is_column(headings, areas):
        return list(areas)
    result: list[Area] = []
    for at, area in enumerate(areas):
        own = sorted((one for one in headings if one.text == at), key=lambda one: one.row)
        if own and at not in sources:
            result += _parts(area, own)
        elif at not in sources:
            result.append(area)
    return result


def _is_column(headings: Sequence[_Heading], areas: Sequence[Area]) -> bool:
    """Whether other areas stand below the headings, left of the text: a column of its own."""
    box = Box.enclosing(row.box for heading in headings for row in heading.rows)
    bottom = max(areas[heading.text].box.y1 for heading in headings)
    own = {at for heading in headings for at in (heading.source, heading.text)}
    return any(
        box.y0 < area.box.center[1] < bottom
        and min(area.box.x1, box.x1) - max(area.box.x0, box.x0) > 0
        for at, area in enumerate(areas)
        if at not in own
    )


def _parts(area: Area, headings: Sequence[_Heading]) -> Iterator[Area]:
    starts = [heading.row for heading in headings]
    if starts[0] > 0:
        yield replace(area, lines=lines_of(area.rows[: starts[0]]))
    for heading, end in zip(headings, [*starts[1:], len(area.rows)], strict=True):
        title = Area("title", lines_of(heading.rows))
        yield replace(area, lines=lines_of(area.rows[heading.row : end]), attached=(title,))


def _headings(at: int, areas: Sequence[Area]) -> list[_Heading]:
    """The headings of an area; [] unless all of it is headings."""
    area = areas[at]
    if area.kind not in _KINDS or area.attached or any(len(row.lines) > 1 for row in area.rows):
        return []
    headings = []
    for own in _runs(area.rows):
        if len(own) > _MAX_ROWS or (place := _place_beside(own, at, areas)) is None:
            return []
        headings.append(_Heading(tuple(own), at, *place))
    return headings


def _runs(rows: Sequence[Row]) -> list[list[Row]]:
    runs: list[list[Row]] = []
    for row in rows:
        if runs and gap(runs[-1][-1], row) <= LOOSE_GAP:
            runs[-1].append(row)
        else:
            runs.append([row])
    return runs


def _place_beside(heading: Sequence[Row], at: int, areas: Sequence[Area]) -> tuple[int, int] | None:
    """The area and its row that begins a paragraph to the right of a heading; None without."""
    box = Box.enclosing(row.box for row in heading)
    beside = [
        i
        for i, area in enumerate(areas)
        if i != at
        and area.kind in ("text", "list")
        and area.rows
        and area.rows[0].box.y0 <= heading[0].box.center[1] <= area.rows[-1].box.y1
        and box.x1 <= min(row.box.x0 for row in area.rows)
    ]
    if not beside:
        return None
    text = min(beside, key=lambda i: areas[i].box.x0)
    rows = areas[text].rows
    if box.width > _NARROW * areas[text].box.width or not _is_prose(rows):
        return None
    starts = {run[0] for run in paragraphs(rows)}
    level = _LEVEL * heading[0].height
    for number, row in enumerate(rows):
        is_level = abs(row.box.center[1] - heading[0].box.center[1]) <= level
        if is_level and row in starts:
            return text, number
    return None


def _is_prose(rows: Sequence[Row]) -> bool:
    return all(len(row.lines) == 1 for row in rows) and (
        fmean(len(row.lines[0].text) for row in rows) >= MIN_LINE_CHARS
    )
