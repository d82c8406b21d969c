"""What areas are to each other and to the page: captions, titles, headers and footers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from colregion.parsers.layout.areas import FRAMED, Area
from colregion.parsers.layout.groups import OTHER_SIZE
from colregion.parsers.layout.lines import Line, find_rows

CAPTION_REACH = 3.0
"""A caption stands within this many text heights of its figure or table."""

MARGIN = 0.1
"""Headers and footers lie in this share of the page's height at its top and bottom."""

MARGIN_SIZE = 1.15
"""Headers and footers are hardly larger than the page's text; the title of a slide is."""

ALONE = 1.5
"""A header or footer that no model named is parted from the rest by this many text heights."""

_CAPTION = re.compile(
    r"(figure|fig|table|tab|chart|exhibit|graph|scheme|plate|abbildung|abb|tabelle|tableau|figura"
    r"|tabla|図|表|图)\s*\.?\s*([A-Z]?\d|[IVX]+\b)",
    re.IGNORECASE,
)


def attach_captions(areas: Sequence[Area]) -> list[Area]:
    """Put each caption into the area of its figure or table, the nearest right above or below.

    Captions are what the model named so, and text that starts like one ("Figure 3", "Table 2").
    Of the latter a figure or table takes one, the nearest. A caption that finds none stays an
    area of its own.
    """
    hosts = [area for area in areas if area.kind in FRAMED]
    pairs = sorted(
        (distance, i, j)
        for i, area in enumerate(areas)
        for j, host in enumerate(hosts)
        if (distance := _caption_distance(area, host)) is not None
    )
    host_of: dict[int, int] = {}
    numbered: set[int] = set()
    for _, i, j in pairs:
        if i in host_of or (_is_numbered(areas[i]) and j in numbered):
            continue
        host_of[i] = j
        numbered |= {j} if _is_numbered(areas[i]) else set()
    for i, j in sorted(host_of.items()):
        hosts[j] = replace(hosts[j], captions=(*hosts[j].captions, areas[i].lines))
    rest = [a for i, a in enumerate(areas) if a.kind not in FRAMED and i not in host_of]
    return hosts + rest


def _is_numbered(area: Area) -> bool:
    return bool(area.lines) and _CAPTION.match(area.lines[0].text) is not None


def _caption_distance(area: Area, host: Area) -> float | None:
    """Space in text heights between a caption and a figure or table above or below it; None
    where it cannot be the caption of this one."""
    named = _is_numbered(area) and area.kind in ("text", "title")
    if not area.lines or not (area.kind == "caption" or named):
        return None
    box, frame = area.box, host.frame or host.box
    across = min(box.x1, frame.x1) - max(box.x0, frame.x0)
    if across < 0.5 * min(box.width, frame.width) or box.area > 0.5 * frame.area:
        return None
    space = max(box.y0 - frame.y1, frame.y0 - box.y1, 0.0)
    space /= median(line.height for line in area.lines)
    if space > CAPTION_REACH:
        return None
    # Figures have their caption below, so what stands above one is rather that of another.
    return space + CAPTION_REACH * (host.kind == "figure" and box.y0 < frame.y0)


def name_roles(areas: Sequence[Area]) -> list[Area]:
    """Titles by their size, headers and footers by their size and place; what the model takes
    for a header and is none becomes a title or text."""
    lines = [line for area in areas for line in area.lines]
    if not lines:
        return list(areas)
    body = _body_height(lines)
    return [replace(area, kind=_role(area, areas, body)) for area in areas]


def _body_height(lines: Sequence[Line]) -> float:
    return median(line.height for line in lines for _ in line.words)


def _role(area: Area, areas: Sequence[Area], body: float) -> str:
    if area.kind not in ("text", "title", "header", "footer") or not area.lines:
        return area.kind
    rows = find_rows(area.lines)
    plain = all(len(row.lines) == 1 for row in rows)
    if area.kind == "title" and plain:
        return "title"
    size = median(line.height for line in area.lines) / body
    short = len(rows) <= 2
    if size <= MARGIN_SIZE and short and _in_margin(area, areas, body):
        return "header" if area.box.y1 < 0.5 else "footer"
    if short and plain and (size > OTHER_SIZE or area.kind == "header"):
        return "title"
    return "text"


def _in_margin(area: Area, areas: Sequence[Area], body: float) -> bool:
    """Whether the area lies in the margin; where no model says what it is, at the very edge and
    well apart from everything else."""
    box = area.box
    if area.kind in ("header", "footer"):
        return box.y1 <= MARGIN or box.y0 >= 1 - MARGIN
    edge, apart = MARGIN / 2, ALONE * body
    rest = [other.box for other in areas if other is not area]
    if box.y1 <= edge:
        return any(other.y1 > edge for other in rest) and all(
            other.y0 >= box.y1 + apart or other.y1 <= edge for other in rest
        )
    if box.y0 >= 1 - edge:
        return any(other.y0 < 1 - edge for other in rest) and all(
            other.y1 <= box.y0 - apart or other.y0 >= 1 - edge for other in rest
        )
    return False
