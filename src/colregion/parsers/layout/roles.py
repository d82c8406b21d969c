"""Roles of areas: captions, titles, headers and footers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from colregion.parsers.layout.areas import FRAMED, Area
from colregion.parsers.layout.groups import HEADING_RATIO

_CAPTION_REACH = 3.0  # text heights from a caption to its figure or table
_MARGIN = 0.1  # share of the page's height, at top and bottom, for headers and footers
_MARGIN_SIZE = 1.15  # largest header, in body text heights; the title of a slide is larger
_SEPARATION = 1.5  # text heights from a header that no model found to the rest

CAPTION = re.compile(
    r"(figure|fig|table|tab|chart|exhibit|graph|scheme|plate|abbildung|abb|tabelle|tableau|figura"
    r"|tabla|図|表|图)\s*\.?\s*([A-Z]?\d|[IVX]+\b)",
    re.IGNORECASE,
)


def attach_captions(areas: Sequence[Area]) -> list[Area]:
    """Move each caption into the area of the nearest figure or table right above or below it.

    Captions are the model's, and texts that start like one ("Figure 3", "Table 2"); of the latter
    a figure or table gets one, the nearest. A caption without a host stays an area.
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
        caption = replace(areas[i], kind="caption")
        hosts[j] = replace(hosts[j], attached=(*hosts[j].attached, caption))
    rest = [a for i, a in enumerate(areas) if a.kind not in FRAMED and i not in host_of]
    return hosts + rest


def _is_numbered(area: Area) -> bool:
    return bool(area.lines) and CAPTION.match(area.lines[0].text) is not None


def _caption_distance(area: Area, host: Area) -> float | None:
    """Gap in text heights between a caption and a figure or table above or below it; None if it
    cannot be its caption."""
    named = _is_numbered(area) and area.kind in ("text", "title")
    if not area.lines or not (area.kind == "caption" or named):
        return None
    box, frame = area.box, host.frame or host.box
    across = min(box.x1, frame.x1) - max(box.x0, frame.x0)
    if across < 0.5 * min(box.width, frame.width) or box.area > 0.5 * frame.area:
        return None
    space = max(box.y0 - frame.y1, frame.y0 - box.y1, 0.0)
    space /= median(line.height for line in area.lines)
    if space > _CAPTION_REACH:
        return None
    # Figures have their caption below, so one above rather belongs to another figure.
    return space + _CAPTION_REACH * (host.kind == "figure" and box.y0 < frame.y0)


def name_roles(areas: Sequence[Area]) -> list[Area]:
    """Assign titles by size, headers and footers by size and place; a header of the model that is
    elsewhere becomes a title or text."""
    heights = [line.height for area in areas for line in area.lines for _ in line.words]
    body = median(heights) if heights else 0.0
    return [replace(area, kind=_role(area, areas, body)) for area in areas]


def _role(area: Area, areas: Sequence[Area], body: float) -> str:
    if area.kind not in ("text", "title", "header", "footer") or not area.lines:
        return area.kind
    plain = all(len(row.lines) == 1 for row in area.rows)
    if area.kind == "title" and plain:
        return "title"
    size = median(line.height for line in area.lines) / body
    short = len(area.rows) <= 2
    if size <= _MARGIN_SIZE and short and _in_margin(area, areas, body):
        return "header" if area.box.y1 < 0.5 else "footer"
    if short and plain and (size > HEADING_RATIO or area.kind == "header"):
        return "title"
    return "text"


def _in_margin(area: Area, areas: Sequence[Area], body: float) -> bool:
    """Whether the area is in the margin or, without a model's word, at the very edge and well
    separated from everything else."""
    box = area.box
    if area.kind in ("header", "footer"):
        return box.y1 <= _MARGIN or box.y0 >= 1 - _MARGIN
    edge, apart = _MARGIN / 2, _SEPARATION * body
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
