"""Regions made of parts of a page's tree, and regions by their id."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

from colregion.core.geometry import Box, FloatArray
from colregion.core.regions import ParsedPage, Region, mean_confidence
from colregion.errors import InvalidInput, NotIndexed
from colregion.retrieval.labels import value_of

_SENTENCE_END = re.compile(r"""[.!?:]["'\u201d\u2019)\]]*\s*$""")
_REGION_ID = re.compile(r"(?P<page>.+#p\d+)(?:#\d+(?:\.\d+)*)?(?P<joined>\+\d+)?", re.DOTALL)


def join_regions(regions: Sequence[Region]) -> Region:
    """Several regions of a page as one: the first path and `+n` as id, the kind of the largest, the
    texts one per line in the order of `regions`. A single region stays as it is."""
    if len(regions) == 1:
        return regions[0]
    first = min(regions, key=lambda region: region.path)
    return Region(
        page_id=first.page_id,
        path=first.path,
        box=Box.enclosing(region.box for region in regions),
        text="\n".join(region.text for region in regions if region.text),
        kind=max(regions, key=lambda region: region.box.area).kind,
        ocr_confidence=mean_confidence(region.ocr_confidence for region in regions),
        parts=tuple(region.box for region in regions),
        hidden_text=tuple(sorted({reason for region in regions for reason in region.hidden_text})),
        continued_on=tuple(place for region in regions for place in region.continued_on),
        unread=any(region.unread for region in regions),
    )


def join_pieces(parsed: ParsedPage, pieces: Sequence[Region]) -> Region:
    """Pieces of a page as one region; rows of a table have the lines of its header before them."""
    positions = [None if one.parts else parsed.positions.get(one.path) for one in pieces]
    plain = [
        one if position is None else parsed.regions[position]
        for one, position in zip(pieces, positions, strict=True)
    ]
    joined = join_regions(plain)
    headers = (_header_before(parsed, position) for position in positions if position is not None)
    header = next(filter(None, headers), "")
    return replace(joined, text=f"{header}\n{joined.text}") if header else joined


def divided_paragraphs(parsed: ParsedPage) -> dict[int, list[int]]:
    """The paragraphs that stand in several columns: position of each piece -> those of all pieces
    in reading order."""
    if not any(region.continues for region in parsed.regions):
        return {}
    blocks = [i for i in range(len(parsed.regions)) if _is_paragraph(parsed, i)]
    paragraphs: list[list[int]] = []
    for position in blocks:
        if paragraphs and _goes_on(parsed, paragraphs[-1][-1], position):
            paragraphs[-1].append(position)
        else:
            paragraphs.append([position])
    return {piece: pieces for pieces in paragraphs if len(pieces) > 1 for piece in pieces}


def _is_paragraph(parsed: ParsedPage, position: int) -> bool:
    """Whether a region is a block of running text, or an area that is not divided into blocks."""
    region = parsed.regions[position]
    is_block = region.level == "block" or (region.level == "area" and not parsed.parts[position])
    return is_block and region.kind in ("text", "list")


def _goes_on(parsed: ParsedPage, before: int, after: int) -> bool:
    """Whether the second block continues the first, not one on the page before."""
    text = parsed.regions[before].text
    return parsed.regions[after].continues and _SENTENCE_END.search(text) is None


def _header_before(parsed: ParsedPage, position: int) -> str:
    """The header of the table in which a region is a row; "" for other regions."""
    table = int(parsed.parents[position])
    is_row = table >= 0 and parsed.regions[table].kind == "table"
    if not is_row or parsed.is_header[position] or not parsed.cells_of(position):
        return ""
    return parsed.table_headers[table]


def cut_to_fit(
    parsed: ParsedPage,
    region: Region,
    evidence: FloatArray,
    *,
    fits: Callable[[Region], bool],
) -> Region | None:
    """What answers best of a region that is too large: its best parts, as many as fit together, in
    reading order; parts of its best part if not even that fits. None if no line does.

    Args:
        evidence: (R,) of the page's regions.
        fits: whether a region is small enough.
    """
    position = None if region.parts else parsed.positions.get(region.path)
    parts = parsed.parts[position] if position is not None else ()
    best_first = sorted(
        (i for i in parts if not parsed.is_header[i]), key=lambda i: -float(evidence[i])
    )
    chosen: list[int] = []
    cut: Region | None = None
    for part in best_first:
        trial = join_pieces(parsed, [parsed.regions[i] for i in sorted([*chosen, part])])
        if not fits(trial):
            break
        chosen.append(part)
        cut = trial
    if cut is None and best_first:
        return cut_to_fit(parsed, parsed.regions[best_first[0]], evidence, fits=fits)
    return cut


def page_id_of(region_id: str) -> str:
    """The page id in a region's id. Raises InvalidInput when it is not a region's id.

    >>> page_id_of("report.pdf#p3#2.4.1+1")
    'report.pdf#p3'
    """
    if (parts := _REGION_ID.fullmatch(region_id)) is None:
        raise InvalidInput(f"a region id is like report.pdf#p3#2.1, got {region_id!r}")
    return parts["page"]


def find_region(parsed: ParsedPage, region_id: str) -> Region:
    """The region with an id: in the page's tree (as `join_pieces` returns it), the whole page, a
    paragraph in several columns, or a label joined with its value. For other regions joined from
    pieces of an area, as in a context, the area. Raises NotIndexed when the page has no such
    region."""
    for region in parsed.regions:
        if region.id == region_id:
            return join_pieces(parsed, [region])
    paragraphs = (
        join_regions([parsed.regions[i] for i in pieces])
        for pieces in divided_paragraphs(parsed).values()
    )
    for region in chain([parsed.whole()], paragraphs, _labels_with_values(parsed)):
        if region.id == region_id:
            return region
    if area := _area_of_pieces(parsed, region_id):
        return area
    areas = [region.id for region in parsed.regions if len(region.path) == 1]
    known = f"its areas are {areas[0]} to {areas[-1]}" if areas else "it has none"
    raise NotIndexed(f"page {parsed.id} has no region {region_id}; {known}")


def _area_of_pieces(parsed: ParsedPage, region_id: str) -> Region | None:
    """The area of an id with `+n` that has as many parts; None for another id."""
    first, _, others = region_id.rpartition("+")
    for region in parsed.regions:
        if region.level == "area" and (first == region.id or first.startswith(f"{region.id}.")):
            within = sum(one.path[:1] == region.path for one in parsed.regions) - 1
            return region if within > int(others) + 1 else None
    return None


def _labels_with_values(parsed: ParsedPage) -> Iterator[Region]:
    for leaf in parsed.leaves:
        if (value := value_of(parsed, leaf)) is not None:
            yield join_regions([parsed.regions[leaf], parsed.regions[value]])
