"""The relevance maps of one page as layers that a reader can switch on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from colregion.core.results import RelevanceMap
from colregion.export.colours import Scaled, scale
from colregion.export.html.markup import heat_uri, isolated, plain
from colregion.export.overlay import MAP_COLS, map_rows

# Marks that tokenizers put where a word starts.
_WORD_STARTS = "▁Ġ"


@dataclass(frozen=True, slots=True)
class MapLayers:
    """Args: controls, images, legends: HTML; css: what shows them; all "" without a map."""

    controls: str
    images: str
    legends: str
    css: str


NO_MAPS = MapLayers("", "", "", "")


def render_maps(
    relevance: RelevanceMap | None, *, name: str, width: float, height: float
) -> MapLayers:
    """One layer for the whole question and one for each of its content tokens.

    Args:
        name: of the page's view, unique in the report, fit for ids.
        width, height: of the page, in any one unit.
    """
    if relevance is None or len(relevance.placement) == 0:
        return NO_MAPS
    choices = _choices(relevance)
    rows = map_rows(width=width, height=height)
    rasters = relevance.rasters([token for token, _ in choices], rows=rows, cols=MAP_COLS)
    radios, images, legends, css = [], [], [], []
    for i, ((_, label), raster) in enumerate(zip(choices, rasters, strict=True)):
        scaled, key = scale(raster), f"{name}-{i}"
        radios.append(
            f'<label class="chip"><input type="radio" name="t-{name}" id="t-{key}"'
            f"{' checked' if i == 0 else ''}><span>{isolated(label)}</span></label>"
        )
        images.append(
            f'<img class="heat" id="m-{key}" src="{heat_uri(scaled.values)}" '
            f'alt="Relevance map: {plain(label)}">'
        )
        legends.append(_legend(scaled, label, key=key))
        shown = f"#v-{name}:has(.on-map:checked):has(#t-{key}:checked)"
        css.append(f"{shown} #m-{key}{{visibility:visible;opacity:1}}")
        css.append(f"{shown} #l-{key}{{display:flex}}")
    controls = f'<fieldset class="tokens"><legend>Relevance of</legend>{"".join(radios)}</fieldset>'
    return MapLayers(
        controls,
        "\n".join(images),
        f"<figcaption>{''.join(legends)}</figcaption>",
        "\n".join(css) + "\n",
    )


def _choices(relevance: RelevanceMap) -> list[tuple[int | None, str]]:
    """What can be shown, the whole question first: its tokens by position, labelled with their
    word, and with which piece of it they are where a word has several."""
    query = relevance.query
    shown = [i for i in range(len(query.tokens)) if query.content[i] and query.weights[i] > 0]
    choices: list[tuple[int | None, str]] = [(None, "whole question")]
    for word, run in groupby(shown, key=lambda i: query.tokens[i]):
        pieces = list(run)
        label = word.strip(_WORD_STARTS) or word
        for n, piece in enumerate(pieces, start=1):
            part = f" {n}/{len(pieces)}" if len(pieces) > 1 else ""
            choices.append((piece, label + part))
    return choices


def _legend(scaled: Scaled, label: str, *, key: str) -> str:
    if scaled.low == scaled.high:
        words = f"similarity is {scaled.high:.2f} everywhere"
    else:
        words = (
            f'<span>{scaled.low:.2f}</span><span class="ramp" aria-hidden="true"></span>'
            f"<span>{scaled.high:.2f}</span>"
        )
    return (
        f'<span class="legend" id="l-{key}"><span class="what">{isolated(label)}</span>{words}'
        '<span class="quiet">from this map’s median to its highest similarity</span></span>'
    )
