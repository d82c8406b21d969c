"""Titles, question lines and notes of figures and tables, moved into their areas.

A layout model boxes the bars of a chart or the cells of a table. What a reader needs to understand
them stands around them: a title, a line that says what is counted ("% who say ..."), a note and a
source. Distances are in text heights.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median
from typing import TypeAlias

from colregion.core.geometry import Box
from colregion.parsers.layout.areas import Area
from colregion.parsers.layout.lines import Row, lines_of

_REACH = 2.0  # from a figure or table, or what is attached to it, to the next part
_SLACK = 2.0  # by which a part may extend beyond the figure or table, to each side
_MAX_ROWS = 4  # of a title or question line
_LEGEND_WORDS = 6  # of each name in a legend
_MAX_HEIGHT = 1.0  # of all parts above, and of those below, relative to the figure or table
_NOTE_REACH = 4.0  # from there to what begins as a note
_WRITTEN = 0.5  # share of a box of the model that is a note, not a figure, by its lines
_SMALL = 0.88  # type of a note that does not begin as one, relative to the page's

_NOTE = re.compile(
    r"(notes?|sources?|base|legend|key|anmerkung|hinweis|quelle|remarque|nota|fuente|fonte|bron"
    r"|źródło|uwaga|källa|kilde|источник|примечание|джерело|примітка)s?\s?:"
    r"|(注|資料|出典|出所|来源|资料来源|數據來源)\s?[:：]|[*†‡]\s?\w",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<!\.)[.!。！]['\"”’)\]]*$")  # not the "..." of a question line
_VALUE = re.compile(r"\w\s?[:：]\s*\S")

_Distance: TypeAlias = Callable[[Area, Area], float | None]
"""From an area to a figure or table, None if it is no part of that."""


def attach_parts(areas: Sequence[Area]) -> list[Area]:
    """Move titles, question lines and notes right above and below a figure or table into its area.

    Titles, and short texts that do not end as a sentence, belong to what is below them; notes and
    sources, and texts in small type, to what is above. Running text, headers and footers, and
    whatever has another area before it on the way, stay areas.
    """
    heights = [line.height for area in areas for line in area.lines for _ in line.words]
    small = _SMALL * median(heights) if heights else 0.0
    rest = [_without_notes(area) for area in areas]
    for host in [area for area in rest if area.frame]:
        grown = host
        others = [area for area in rest if area is not host]
        for distance in (_above, lambda area, to: _below(area, to, small=small)):
            while (part := _next_part(grown, others, distance)) is not None:
                others.remove(part)
                kind = part.kind if part.kind == "title" else "caption"
                # A part may have a heading in the margin.
                parts = (replace(part, kind=kind, attached=()), *part.attached)
                grown = replace(grown, attached=(*grown.attached, *parts))
        rest = [grown if area is host else area for area in rest if area is host or area in others]
    return rest


def _next_part(host: Area, others: Sequence[Area], distance: _Distance) -> Area | None:
    near = [(at, i) for i, area in enumerate(others) if (at := distance(area, host)) is not None]
    if not near:
        return None
    part = others[min(near)[1]]
    between = (
        _is_between(box, part.box, host.box)
        for area in others
        if area is not part
        for box in ([area.box] if area.frame else [line.box for line in area.lines])
    )
    return None if any(between) else part


def _is_between(box: Box, part: Box, host: Box) -> bool:
    top, bottom = sorted((part.center[1], host.center[1]))
    across = min(box.x1, part.x1) - max(box.x0, part.x0)
    return top < box.center[1] < bottom and across > 0 and box.share_inside(host) < 0.5


def _without_notes(area: Area) -> Area:
    """The area, as text if it is a figure of the model's that is a note and nothing drawn."""
    if area.kind != "figure" or area.painted or not area.lines or not area.frame:
        return area
    written = Box.enclosing(line.box for line in area.lines)
    is_note = _NOTE.match(area.lines[0].text) and written.area >= _WRITTEN * area.frame.area
    return Area("text", area.lines, attached=area.attached) if is_note else area


def _above(area: Area, host: Area) -> float | None:
    if area.kind not in ("title", "text", "caption") or not _fits(area, host):
        return None
    sentence = area.kind == "text" and _SENTENCE_END.search(area.lines[-1].text)
    space = host.box.y0 - area.box.y1
    legend = len(area.rows) == 1 and space <= 0
    if host.kind == "figure" and not any(_VALUE.search(line.text) for line in area.lines):
        legend |= all(_is_line(row) or _is_legend(row) for row in area.rows)
    if sentence or len(area.rows) > _MAX_ROWS or not (_is_plain(area.rows) or legend):
        return None
    frame = host.frame or host.box
    if frame.y0 - area.box.y0 > _MAX_HEIGHT * frame.height:
        return None
    return _near(space, area)


def _below(area: Area, host: Area, *, small: float) -> float | None:
    if area.kind not in ("title", "text", "list", "caption") or not _fits(area, host):
        return None
    is_note = _NOTE.match(area.lines[0].text) is not None
    if not is_note and _height(area) > small:
        return None
    frame = host.frame or host.box
    if area.box.y1 - frame.y1 > _MAX_HEIGHT * frame.height:
        return None
    space = area.box.y0 - host.box.y1
    if is_note and area.box.y0 > frame.center[1]:  # the model's box may include some of it
        space = max(space, 0.0)
    return _near(space, area, reach=_NOTE_REACH if is_note else _REACH)


def _near(gap: float, area: Area, *, reach: float = _REACH) -> float | None:
    """The gap in text heights, None if it is too large or the two overlap by more than a line."""
    heights = gap / _height(area)
    return heights if -0.5 <= heights <= reach else None


def _fits(area: Area, host: Area) -> bool:
    """Whether an area has lines and is, but for a little, no wider than the host."""
    if not area.lines:
        return False
    slack = _SLACK * _height(area)
    return host.box.x0 - slack <= area.box.x0 and area.box.x1 <= host.box.x1 + slack


def _is_plain(rows: Sequence[Row]) -> bool:
    """Whether most rows are lines, not cells side by side, and none is a label with its value."""
    lines = sum(map(_is_line, rows))
    return 2 * lines > len(rows) and not any(_VALUE.search(line.text) for line in lines_of(rows))


def _is_line(row: Row) -> bool:
    """Whether a row is one line, or a line with a blank ("% who say they are ___ confident")."""
    return not any(line.text[0].isalnum() and not line.text[0].islower() for line in row.lines[1:])


def _is_legend(row: Row) -> bool:
    """Whether a row is names side by side, no values."""
    return all(
        len(line.words) <= _LEGEND_WORDS and any(map(str.isalpha, line.text)) for line in row.lines
    )


def _height(area: Area) -> float:
    return median(line.height for line in area.lines)
