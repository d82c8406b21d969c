"""One page of the report: its picture, the boxes and maps over it, and the hits beside it.

Everything that moves or hides is a native control and a rule of CSS; there is no script. Places
go into the style sheet rather than into style attributes, so that the report can forbid those.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

from PIL import Image

from colregion.core.geometry import Box
from colregion.core.results import Hit, RelevanceMap
from colregion.export.colours import RANK_COLOURS
from colregion.export.html.excerpt import best_line, readable
from colregion.export.html.map_layers import render_maps
from colregion.export.html.markup import fitted, isolated, jpeg_uri, marked, plain

_PAGE_PX = (1100, 3300)
_PAGE_BYTES = 400_000
_CROP_PX = (760, 560)
_CROP_BYTES = 120_000
_CROP_MARGIN = 0.006
_SHOWN_CHARACTERS = 600
_SHOWN_LINES = 9
_CLOCKWISE = {
    1: Image.Transpose.ROTATE_270,
    2: Image.Transpose.ROTATE_180,
    3: Image.Transpose.ROTATE_90,
}
# How tall a number's tag is beside a page shown some 620 px wide; keeps tags off each other.
_TAG_HEIGHT_OF_WIDTH = 0.036
_TAG_WIDTH = 0.042


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the report and the rules that place it."""

    html: str
    css: str


@dataclass(frozen=True, slots=True, eq=False)
class PageView:
    """A page in one question's answer.

    Args:
        name: unique in the report, fit for ids: "2-1" for the second question's first page.
        section: of the question, fit for ids.
        hits: rank and hit, best first; one or more.
        wanted: terms of the question, to mark in the text.
        top_score: of the question's best hit.
    """

    name: str
    section: str
    hits: Sequence[tuple[int, Hit]]
    relevance: RelevanceMap | None
    wanted: Set[str]
    top_score: float

    @property
    def first(self) -> Hit:
        return self.hits[0][1]


def render(view: PageView) -> Piece:
    """The page as an article."""
    page = view.first.parsed.page
    maps = render_maps(view.relevance, name=view.name, width=page.width, height=page.height)
    marks = _marks(view)
    image = fitted(page.image, width_px=_PAGE_PX[0], height_px=_PAGE_PX[1])
    ranks = ", ".join(str(rank) for rank, _ in view.hits)
    alt = (
        f"{page_name(view.first)} of {view.first.source}, "
        f"with {'hits' if len(view.hits) > 1 else 'hit'} {ranks} outlined"
    )
    cards = [_card(rank, hit, view) for rank, hit in view.hits]
    html = f"""
<article class="view" id="v-{view.name}" aria-labelledby="n-{view.name}">
<header>
<h3 id="n-{view.name}">{isolated(view.first.source)}
<span class="quiet">{plain(page_name(view.first).lower())}</span></h3>
{_switches(view.name, with_map=bool(maps.images))}
{maps.controls}
</header>
<div class="spread">
<figure class="leaf{" wide" if image.width > image.height else ""}">
<div class="paper">
<img class="page" src="{jpeg_uri(image, max_bytes=_PAGE_BYTES)}"
 width="{image.width}" height="{image.height}" alt="{plain(alt)}">
{maps.images}{marks.html}
</div>
{maps.legends}
</figure>
<ol class="hits">
{"".join(card.html for card in cards)}
</ol>
</div>
</article>
"""
    return Piece(html, maps.css + marks.css + "".join(card.css for card in cards))


def page_name(hit: Hit) -> str:
    """ "Page 3", with the printed number where it is another."""
    page = hit.parsed.page
    printed = f" ({page.label})" if page.label and page.label != str(page.number) else ""
    return f"Page {page.number}{printed}"


def rank_class(rank: int) -> str:
    """The class that carries the colour of a 1-based rank."""
    return f"c{(rank - 1) % len(RANK_COLOURS) + 1}"


def _switches(name: str, *, with_map: bool) -> str:
    kinds = [("boxes", "Boxes", " checked"), *([("map", "Relevance map", "")] if with_map else [])]
    labels = "".join(
        f'<label class="switch"><input type="checkbox" role="switch" class="on-{kind}" '
        f'id="s-{kind}-{name}"{checked}><span>{words}</span></label>'
        for kind, words, checked in kinds
    )
    legend = '<legend class="unseen">Show on the page</legend>'
    return f'<fieldset class="tools">{legend}{labels}</fieldset>'


def _marks(view: PageView) -> Piece:
    """A box, or one a part, for each hit; smaller boxes above larger ones."""
    html, css = [], []
    page = view.first.parsed.page
    drops = tag_drops(
        [hit.region.boxes[0] for _, hit in view.hits],
        height=_TAG_HEIGHT_OF_WIDTH * page.width / page.height,
    )
    for (rank, hit), drop in zip(view.hits, drops, strict=True):
        key = f"{view.section}-{rank}"
        for part, box in enumerate(hit.region.boxes):
            inside = " inside" if box.x0 < _TAG_WIDTH else ""
            if part == 0:
                label = f"Hit {rank}, {hit.kind}, score {hit.score:.3f}: go to its text"
                html.append(
                    f'<a class="mark {rank_class(rank)} b-{key}{inside}" id="b-{key}" '
                    f'href="#h-{key}" aria-label="{plain(label)}">'
                    f'<span class="tag" aria-hidden="true">{rank}</span></a>'
                )
                css.append(_place(f"#b-{key}", box))
                if drop:
                    css.append(f"#b-{key} .tag{{top:{100 * drop / box.height:.2f}%}}")
            else:
                html.append(
                    f'<span class="mark {rank_class(rank)} b-{key}" id="b-{key}-{part}"></span>'
                )
                css.append(_place(f"#b-{key}-{part}", box))
        css.append(
            f".view:has(#h-{key}:is(:hover,:target,:focus-within)) .b-{key}{{--tint:16%}}"
            f".view:has(.b-{key}:is(:hover,:focus-visible)) #h-{key}{{--line:var(--c)}}"
        )
    return Piece("".join(html), "".join(css))


def _place(selector: str, box: Box) -> str:
    # Percentages of the picture: right at every size it is shown at.
    above = 999 - round(900 * min(box.area, 1.0))
    return (
        f"{selector}{{left:{100 * box.x0:.4f}%;top:{100 * box.y0:.4f}%;"
        f"width:{100 * box.width:.4f}%;height:{100 * box.height:.4f}%;z-index:{above}}}"
    )


def tag_drops(boxes: Sequence[Box], *, height: float) -> list[float]:
    """How far below its box's top each tag goes so that no two cover each other, fraction of
    the page's height.

    Args:
        height: of a tag, fraction of the page's.
    """
    taken: list[tuple[float, float]] = []
    drops = []
    for box in boxes:
        y = box.y0
        while hidden := [
            ty
            for tx, ty in taken
            # A little less than the height: y + height - y may come out below it.
            if abs(tx - box.x0) < _TAG_WIDTH and abs(ty - y) < 0.999 * height
        ]:
            y = max(hidden) + height
        taken.append((box.x0, y))
        drops.append(y - box.y0)
    return drops


def _card(rank: int, hit: Hit, view: PageView) -> Piece:
    key = f"{view.section}-{rank}"
    crop = fitted(_upright_crop(hit), width_px=_CROP_PX[0], height_px=_CROP_PX[1])
    line = best_line(hit, view.wanted)
    share = max(0.0, hit.score / view.top_score) if view.top_score > 0 else 0.0
    html = f"""
<li class="hit {rank_class(rank)}" id="h-{key}">
<h4><span class="n"><span class="unseen">Hit </span>{rank}</span>
<span class="kind">{plain(hit.kind)}</span>
<span class="score"><span class="unseen">score </span>{hit.score:.3f}
<span class="bar" aria-hidden="true"><span id="f-{key}"></span></span></span></h4>
<a class="crop" href="#b-{key}"><img src="{jpeg_uri(crop, max_bytes=_CROP_BYTES)}"
 width="{crop.width}" height="{crop.height}"
 alt="The region, cut out: {plain(line) or "no text"}"></a>
{_text(hit, view.wanted)}
<dl>{_facts(hit)}</dl>
</li>
"""
    return Piece(html, f"#f-{key}{{width:{100 * min(share, 1.0):.1f}%}}")


def _upright_crop(hit: Hit) -> Image.Image:
    """The crop, turned by the quarter that is nearest to upright."""
    crop, upright = hit.crop(margin=_CROP_MARGIN), hit.parsed.page.upright
    turns = round(upright.degrees_clockwise / 90) % 4 if upright else 0
    return crop.transpose(_CLOCKWISE[turns]) if turns else crop


def _text(hit: Hit, wanted: Set[str]) -> str:
    text = readable(hit)
    if not text:
        return '<p class="quiet">No text was read here.</p>'
    whole = f'<blockquote dir="auto">{marked(text, wanted)}</blockquote>'
    start = "\n".join(text.splitlines()[:_SHOWN_LINES])
    if len(start) > _SHOWN_CHARACTERS:
        start = start[:_SHOWN_CHARACTERS].rsplit(maxsplit=1)[0]
    if len(text) - len(start) < _SHOWN_CHARACTERS // 10:
        return whole
    return (
        f'<blockquote dir="auto">{marked(start, wanted)} …</blockquote>'
        f"<details><summary>All {len(text):,} characters</summary>{whole}</details>"
    )


def _facts(hit: Hit) -> str:
    rows = [
        ("Cite as", f"{isolated(hit.source)}, p. {hit.page_number}"),
        ("Region", f"<code>{isolated(hit.id)}</code>"),
    ]
    if hit.confidence is not None:
        rows.append(("Confidence", f"{hit.confidence:.0%}"))
    if hit.region.ocr_confidence is not None:
        rows.append(
            ("Recognised", f"text read from the picture, {hit.region.ocr_confidence:.0%} sure")
        )
    if hit.hidden_text_warning:
        rows.append(("Caution", f"<strong>{plain(hit.hidden_text_warning)}</strong>"))
    return "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in rows)
