"""HTML that notebooks show for hits, pages, contexts, maps, reports and engines.

Self-contained and small: images are JPEG data URIs, at most 700 px wide and about 150 kB each in
the file, and long lists and texts are cut or scroll, so that no output is higher than 4,000 px.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from PIL import Image

from colregion.core.results import AddReport, Hit, Hits, PageHit, RelevanceMap
from colregion.errors import ColregionError
from colregion.export.colors import rank_color
from colregion.export.excerpt import key_words, quote_spans, readable
from colregion.export.html.images import EmbeddedImage, embed_jpeg
from colregion.export.html.markup import clean, mark_spans
from colregion.export.html.report import templates
from colregion.export.html.views import upright_crop
from colregion.export.overlay import draw_boxes, draw_map, tint_quotes, turn_upright

_PAGE_PX, _SMALL_PAGE_PX = (700, 1000), (520, 760)
_CROP_PX = (640, 480)
_IMAGE_BYTES = 110_000  # a third more in base64
_MOST_HITS, _MOST_ROWS, _MOST_TOKENS = 8, 25, 6
_MAP_PX = (500, 700)
_PROBLEMS_FIRST = ("failed", "added", "replaced", "ignored", "skipped")


@dataclass(frozen=True, slots=True, eq=False)
class _Embedded:
    """An embedded image, or why there is none."""

    image: EmbeddedImage | None
    problem: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class _HitView:
    rank: int
    hit: Hit
    crop: _Embedded
    line: str
    text: Markup


@dataclass(frozen=True, slots=True, eq=False)
class _PageView:
    hits: Sequence[_HitView]
    page: _Embedded


def to_html(record: object) -> str:
    """A record as HTML for a notebook; one of another type is an engine, shown as its documents."""
    return _VIEWS.get(type(record).__name__, _engine)(record)


def _render(name: str, **values: Any) -> str:
    return templates().get_template("notebook.html").render(shown=name, most=_MOST_ROWS, **values)


def _hit(hit: Hit) -> str:
    view = _hit_view(1, hit)
    return _render("hit", view=view, page=_embedded_page([view], size_px=_PAGE_PX, numbered=False))


def _hits(hits: Hits) -> str:
    views = [_hit_view(rank, hit) for rank, hit in enumerate(hits[:_MOST_HITS], start=1)]
    by_page: dict[str, list[_HitView]] = {}
    for view in views:
        by_page.setdefault(view.hit.page_id, []).append(view)
    pages = [
        _PageView(on_page, _embedded_page(on_page, size_px=_SMALL_PAGE_PX))
        for on_page in by_page.values()
    ]
    return _render(
        "hits", pages=pages, hits=hits, others=hits[_MOST_HITS : _MOST_HITS + _MOST_ROWS]
    )


def _page(hit: PageHit) -> str:
    page = _embedded(lambda: turn_upright(hit.image, hit.parsed.page), size_px=_PAGE_PX)
    return _render("page", hit=hit, page=page)


def _context(context: Any) -> str:
    lines = {mark: key_words(hit, readable(hit)) for mark, hit in context.citations.items()}
    return _render("context", context=context, lines=lines)


def _map(relevance: RelevanceMap) -> str:
    weights = relevance.query.weights * relevance.query.content
    heaviest = sorted(range(len(weights)), key=lambda i: -weights[i])[:_MOST_TOKENS]
    chosen = [None, *(token for token in sorted(heaviest) if weights[token] > 0)]
    base = _image_under(relevance)
    maps = []
    for token in chosen:
        image = draw_map(base, relevance, token=token)
        if relevance.page is not None:
            image = turn_upright(image, relevance.page)
        label = "the whole question" if token is None else relevance.tokens[token].strip("▁Ġ ")
        maps.append((label, embed_jpeg(image, size_px=base.size, max_bytes=_IMAGE_BYTES)))
    return _render("map", relevance=relevance, maps=maps)


def _image_under(relevance: RelevanceMap) -> Image.Image:
    """The image of the map's page, small; white where it is not known or cannot be loaded."""
    blank = Image.new("RGB", _MAP_PX, "white")
    if relevance.page is None:
        return blank
    try:
        image = relevance.page.image.convert("RGB")
    except ColregionError:
        return blank
    image.thumbnail(_MAP_PX, Image.Resampling.LANCZOS)
    return image


def _report(report: AddReport) -> str:
    outcomes = sorted(
        report.outcomes,
        key=lambda one: (not one.reason, _PROBLEMS_FIRST.index(one.status)),
    )
    return _render("report", report=report, outcomes=outcomes)


def _engine(engine: Any) -> str:
    entries = engine.documents()
    pages = sum(entry.page_count for entry in entries)
    return _render("engine", engine=engine, entries=entries, pages=pages)


def _hit_view(rank: int, hit: Hit) -> _HitView:
    text, table = readable(hit), hit.to_html()
    if "<table" in table:
        body = Markup(clean(table))
    else:
        body = mark_spans(text, quote_spans(text, hit.quotes))
    crop = _embedded(lambda: upright_crop(hit), size_px=_CROP_PX)
    return _HitView(rank, hit, crop, key_words(hit, text), body)


def _embedded_page(
    views: Sequence[_HitView], *, size_px: tuple[int, int], numbered: bool = True
) -> _Embedded:
    """The page of these hits with their boxes, numbered by rank, and their quotes."""
    page = views[0].hit.parsed.page
    parts = [(view.rank, n, box) for view in views for n, box in enumerate(view.hit.region.boxes)]

    def draw() -> Image.Image:
        image = page.image.convert("RGB")
        image.thumbnail(size_px, Image.Resampling.LANCZOS)
        image = draw_boxes(
            tint_quotes(image, [view.hit for view in views]),
            [box for _, _, box in parts],
            labels=["" if n or not numbered else str(rank) for rank, n, _ in parts],
            colors=[rank_color(rank) for rank, _, _ in parts],
        )
        return turn_upright(image, page)

    return _embedded(draw, size_px=size_px)


def _embedded(load: Callable[[], Image.Image], *, size_px: tuple[int, int]) -> _Embedded:
    try:
        return _Embedded(embed_jpeg(load(), size_px=size_px, max_bytes=_IMAGE_BYTES))
    except ColregionError as error:
        return _Embedded(None, str(error))


# By name, because contexts and engines are made of more than what draws may import.
_VIEWS: dict[str, Callable[[Any], str]] = {
    "Hit": _hit,
    "Hits": _hits,
    "PageHit": _page,
    "Context": _context,
    "RelevanceMap": _map,
    "AddReport": _report,
}
