"""What the report's templates show: sections, pages and hits with everything computed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote as quote_url

from PIL import Image

from colregion.core.documents import Page
from colregion.core.geometry import Box
from colregion.core.repr import one_line_repr
from colregion.core.results import Hit, RelevanceMap
from colregion.core.text import content_terms
from colregion.export.destination import source_file
from colregion.export.excerpt import key_words, preview, readable
from colregion.export.html.images import EmbeddedImage, embed_jpeg
from colregion.export.html.map_layers import MapLayer, map_layers
from colregion.export.overlay import CROP_MARGIN, turn_box, turn_upright

_PAGE_PX, _PAGE_BYTES = (1100, 3300), 400_000
_CROP_PX, _CROP_BYTES = (760, 560), 120_000
TAG_WIDTH, _TAG_HEIGHT = 0.042, 0.036
"""Size of a number's tag, fractions of the width of a page shown some 620 px wide."""


@one_line_repr("question", "hits")
@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """A question and its answer.

    Args:
        hits: best first; may be empty.
        maps: page id -> the question's relevance map of that page; pages may be missing.
    """

    question: str
    hits: Sequence[Hit]
    maps: Mapping[str, RelevanceMap] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class HitView:
    """A hit of 1-based `rank`, with the `key_words` and `preview` of its text.

    Args:
        document: the title in the document's metadata, else its id.
        link: address of the page in its file, relative to the report; "" for none.
        boxes, quotes: places of the region and of its quotes on the upright page.
    """

    rank: int
    hit: Hit
    crop: EmbeddedImage
    document: str
    link: str
    text: str
    line: str
    preview: str
    boxes: Sequence[Box]
    quotes: Sequence[Box]

    @property
    def citation(self) -> str:
        """Document, page, and what of the region carries the evidence."""
        page = self.hit.parsed.page
        quotes = " … ".join(quote.text for quote in self.hit.quotes)
        return f"{self.document}, p. {page.label or page.number}" + (quotes and f": “{quotes}”")


@dataclass(frozen=True, slots=True, eq=False)
class PageView:
    """An upright page with the hits on it, best first and one or more, and their `tag_drops`."""

    page: Page
    image: EmbeddedImage
    maps: Sequence[MapLayer]
    hits: Sequence[HitView]
    tag_drops: Sequence[float]


@dataclass(frozen=True, slots=True, eq=False)
class SectionView:
    """A question, its hits, best first, and their pages, in the order of their best hits."""

    question: str
    terms: frozenset[str]
    hits: Sequence[HitView]
    pages: Sequence[PageView]


def section_view(section: Section, *, folder: Path | None) -> SectionView:
    """Compute what is shown of a section in a report that is written to a folder; None for one
    whose place is not known."""
    terms = frozenset(content_terms(section.question))
    hits = [_hit_view(rank, hit, folder) for rank, hit in enumerate(section.hits, start=1)]
    by_page: dict[str, list[HitView]] = {}
    for view in hits:
        by_page.setdefault(view.hit.page_id, []).append(view)
    pages = [_page_view(views, section.maps.get(page_id)) for page_id, views in by_page.items()]
    return SectionView(section.question, terms, hits, pages)


def tag_drops(boxes: Sequence[Box], *, height: float) -> list[float]:
    """How far below its box's top each number's tag stands so that none covers another. A tag's
    height and the result are fractions of the page's height."""
    taken: list[tuple[float, float]] = []
    for box in boxes:
        y = box.y0
        # A little less than the height: y + height - y may come out below it.
        while covered := [
            tag_y
            for tag_x, tag_y in taken
            if abs(tag_x - box.x0) < TAG_WIDTH and abs(tag_y - y) < 0.999 * height
        ]:
            y = max(covered) + height
        taken.append((box.x0, y))
    return [y - box.y0 for (_, y), box in zip(taken, boxes, strict=True)]


def _hit_view(rank: int, hit: Hit, folder: Path | None) -> HitView:
    text, page, title = readable(hit), hit.parsed.page, hit.entry.metadata.get("title")
    return HitView(
        rank=rank,
        hit=hit,
        crop=embed_jpeg(upright_crop(hit), size_px=_CROP_PX, max_bytes=_CROP_BYTES),
        document=title if isinstance(title, str) and title.strip() else hit.doc_id,
        link="" if folder is None else _link(hit, folder),
        text=text,
        line=key_words(hit, text),
        preview=preview(text),
        boxes=[turn_box(box, page) for box in hit.region.boxes],
        quotes=[turn_box(box, page) for quote in hit.quotes for box in quote.boxes],
    )


def _link(hit: Hit, folder: Path) -> str:
    source = source_file(hit.source)
    if source is None:
        return ""
    try:
        path = Path(os.path.relpath(source.absolute(), folder.absolute()))
        address = quote_url(os.fsencode(path.as_posix()))
    except ValueError:  # on another drive of Windows
        address = source.absolute().as_uri()
    return f"{address}#page={hit.page_number}" if source.suffix.lower() == ".pdf" else address


def _page_view(hits: Sequence[HitView], relevance: RelevanceMap | None) -> PageView:
    page = hits[0].hit.parsed.page
    upright = turn_upright(page.image, page)
    image = embed_jpeg(upright, size_px=_PAGE_PX, max_bytes=_PAGE_BYTES)
    maps = map_layers(
        relevance, width=page.width, height=page.height, quarter_turns=page.quarter_turns
    )
    boxes = [view.boxes[0] for view in hits]
    drops = tag_drops(boxes, height=_TAG_HEIGHT * upright.width / upright.height)
    return PageView(page, image, maps, hits, drops)


def upright_crop(hit: Hit) -> Image.Image:
    """The hit's crop with `CROP_MARGIN`, turned by the quarter turn that is nearest to upright."""
    return turn_upright(hit.crop(margin=CROP_MARGIN), hit.parsed.page)
