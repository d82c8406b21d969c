"""From a region's id back to the region."""

from __future__ import annotations

import re
from collections.abc import Iterator

from colregion.core.regions import ParsedPage, Region
from colregion.errors import InvalidInput, NotIndexed
from colregion.retrieval.granularity import caption_of, value_of
from colregion.retrieval.regions import joined

_REGION_ID = re.compile(r"(?P<page>.+#p\d+)(?:#\d+(?:\.\d+)*)?(?P<merged>\+\d+)?", re.DOTALL)


def page_id_of(region_id: str) -> str:
    """The id of the page that a region is on.

    >>> page_id_of("report.pdf#p3#2.4.1+1")
    'report.pdf#p3'

    Raises:
        InvalidInput: it is no region's id.
    """
    parts = _REGION_ID.fullmatch(region_id)
    if parts is None:
        raise InvalidInput(f"a region id is like report.pdf#p3#2.1, got {region_id!r}")
    return parts["page"]


def find_region(parsed: ParsedPage, region_id: str) -> Region:
    """The region of that id: one of the page's tree, the whole page, or two that a search returns
    as one, a label with its value and a figure or table with its caption.

    Raises:
        NotIndexed: the page has no such region, or it was merged of more for one search.
    """
    for region in (*parsed.regions, parsed.whole(), *_pairs(parsed)):
        if region.id == region_id:
            return region
    first, plus, _ = region_id.rpartition("+")
    if plus:
        raise NotIndexed(
            f"{region_id} was put together for one search; ask for {first}, its first part, or "
            "for the page"
        )
    areas = [region.id for region in parsed.regions if len(region.path) == 1]
    held = f"its areas are {areas[0]} to {areas[-1]}" if areas else "it has none"
    raise NotIndexed(f"page {parsed.id} has no region {region_id}; {held}")


def _pairs(parsed: ParsedPage) -> Iterator[Region]:
    for leaf in parsed.leaves:
        value = value_of(parsed, leaf, parsed.leaves)
        if value is not None:
            yield joined([parsed.regions[leaf], parsed.regions[value]])
    for position in range(len(parsed.regions)):
        caption = caption_of(parsed, position)
        if caption is not None:
            yield joined([parsed.regions[at] for at in sorted((position, caption))])
