"""Reading order of boxes by recursive cuts along white space.

Columns are cut first, because a column is read to its end before the next; where something spans
them (a title, a wide figure), the page is cut into zones from top to bottom, and each zone again.
Lengths are in square units.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeAlias

from colregion.core.geometry import Box

Indices: TypeAlias = list[int]
AcceptColumns: TypeAlias = Callable[[Sequence[int], Sequence[int]], bool]


def reading_groups(boxes: Sequence[Box], *, gutter: float, accept: AcceptColumns) -> list[Indices]:
    """Cut boxes (upright, square units) into groups of positions without columns, from the top.

    Args:
        gutter: least width of white space between columns; negative allows an overlap.
        accept: whether the positions left and right of a gutter really are columns; cells of a
            table are not.
    """
    return _cut(list(range(len(boxes))), boxes, gutter, accept) if boxes else []


def reading_order(boxes: Sequence[Box], *, gutter: float) -> Indices:
    """Positions of `boxes` (upright, square units) in reading order.

    The sides of a gutter are columns if they overlap by half the height of the shorter; otherwise
    the higher one comes first.
    """

    def accept(left: Sequence[int], right: Sequence[int]) -> bool:
        a, b = (Box.enclosing(boxes[i] for i in side) for side in (left, right))
        return min(a.y1, b.y1) - max(a.y0, b.y0) >= 0.5 * min(a.height, b.height)

    return [i for group in reading_groups(boxes, gutter=gutter, accept=accept) for i in group]


def _cut(
    items: Indices, boxes: Sequence[Box], gutter: float, accept: AcceptColumns
) -> list[Indices]:
    columns = _columns(items, boxes, gutter, accept)
    if len(columns) > 1:
        return [group for column in columns for group in _cut(column, boxes, gutter, accept)]
    strips = _parts(items, [(boxes[i].y0, boxes[i].y1) for i in items], 0.0)
    groups: list[Indices] = []
    plain: Indices = []
    at = 0
    while at < len(strips):
        zone, after = _zone(strips, at, boxes, gutter)
        if len(_columns(zone, boxes, gutter, accept)) > 1:
            if plain:
                groups.append(plain)
                plain = []
            groups.extend(_cut(zone, boxes, gutter, accept))
            at = after
        else:
            plain += sorted(strips[at], key=lambda i: (boxes[i].y0, boxes[i].x0))
            at += 1
    return [*groups, plain] if plain else groups


def _zone(
    strips: Sequence[Indices], at: int, boxes: Sequence[Box], gutter: float
) -> tuple[Indices, int]:
    """The strips from `at` on through which one gutter runs, and where they end."""
    zone = list(strips[at])
    after = at + 1
    while after < len(strips):
        wider = zone + strips[after]
        if len(_parts(wider, [(boxes[i].x0, boxes[i].x1) for i in wider], gutter)) == 1:
            break
        zone = wider
        after += 1
    return zone, after


def _columns(
    items: Indices, boxes: Sequence[Box], gutter: float, accept: AcceptColumns
) -> list[Indices]:
    parts = _parts(items, [(boxes[i].x0, boxes[i].x1) for i in items], gutter)
    columns = parts[:1]
    for left, right in pairwise(parts):
        if accept(left, right):
            columns.append(right)
        else:
            columns[-1] = columns[-1] + right
    return columns


def _parts(items: Indices, spans: Sequence[tuple[float, float]], gap: float) -> list[Indices]:
    """Items grouped by spans along one axis that are less than `gap` apart; negative: that
    overlap by more."""
    parts: list[Indices] = []
    end = 0.0
    for (start, stop), item in sorted(zip(spans, items, strict=True)):
        if parts and start - end < gap:
            parts[-1].append(item)
            end = max(end, stop)
        else:
            parts.append([item])
            end = stop
    return parts
