"""Relevance maps of one page as layers that a reader can switch between."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import numpy as np
from markupsafe import Markup

from colregion.core.results import RelevanceMap
from colregion.export.colors import scale_map
from colregion.export.html.images import embed_heat
from colregion.export.overlay import MAP_COLS, map_rows

# Marks that tokenizers put where a word starts.
_WORD_STARTS = "▁Ġ"


@dataclass(frozen=True, slots=True)
class MapLayer:
    """One relevance map: a token's word or "whole question", a PNG to lay over the page, and the
    similarities at the ends of the color scale, equal for a constant map."""

    label: str
    uri: Markup
    low: float
    high: float


def map_layers(
    relevance: RelevanceMap | None, *, width: float, height: float, quarter_turns: int = 0
) -> tuple[MapLayer, ...]:
    """One layer for the whole question and one for each of its content tokens; none without a
    map or for a page without vectors. `width` and `height` are the page's, in any one unit; the
    maps are turned clockwise by `quarter_turns`."""
    if relevance is None or len(relevance.placement) == 0:
        return ()
    choices = _choices(relevance)
    rows = map_rows(width=width, height=height)
    rasters = relevance.rasters([token for token, _ in choices], rows=rows, cols=MAP_COLS)
    layers = []
    for (_, label), raster in zip(choices, rasters, strict=True):
        scaled = scale_map(raster)
        layers.append(
            MapLayer(
                label, embed_heat(np.rot90(scaled.values, -quarter_turns)), scaled.low, scaled.high
            )
        )
    return tuple(layers)


def _choices(relevance: RelevanceMap) -> list[tuple[int | None, str]]:
    """Token position and label of each layer, first None for the whole question. Where a word has
    several tokens, their labels say which piece of it they are."""
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
