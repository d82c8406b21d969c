"""How relevant each region of a page is to a question: the methods, composed from `scoring`.

Pure functions of a page's embedding and region tree; R regions, T query tokens, V vectors.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from colregion import scoring
from colregion.errors import InvalidInput
from colregion.expectation import Expectation
from colregion.geometry import BoxPlacement, Coverage, FloatArray
from colregion.records import LEVELS, EmbeddedPage, ParsedPage, QueryEmbedding
from colregion.selection import Keep, suppress_overlaps

Method: TypeAlias = Literal["colregion", "paper"]
METHODS: tuple[Method, ...] = ("colregion", "paper")

# A word belongs to a region when most of it lies inside; the patches of a grid are coarser than
# lines of text, so any overlap counts.
_WORD_SHARE = 0.5
# What the area adds to the evidence of a part: it says what a value is about that does not say
# it itself.
_AREA_WEIGHT = 0.25
# A title names what follows and is seldom the answer; a header or footer stands on every page.
_FURNITURE_PENALTY = 0.1
_FURNITURE = ("title", "header", "footer")
# An area is returned in parts when one of them has at least this share of its evidence; else the
# evidence is spread over the area. The words of a figure mean little apart; but what fills more
# than a quarter of the page is seldom one figure.
_CONCENTRATION = 0.97
_LARGEST_FIGURE = 0.25
# What the page's own score counts beside the region's. Both are weighted means of similarities.
_PAGE_WEIGHT = 0.3


def default_keep(method: Method) -> Keep:
    """The threshold that belongs to a method: the paper keeps the upper half of each page."""
    return Keep("percentile", 50) if method == "paper" else Keep()


def score_regions(
    page: EmbeddedPage,
    query: QueryEmbedding,
    *,
    method: Method,
    noise_floor: float = 0.0,
    expected: Expectation | None = None,
) -> FloatArray:
    """(R,) scores of the page's regions, -inf for those that are not to be returned.

    "colregion": late interaction restricted to each region and to its surroundings; an area is
    returned whole or in parts, whichever holds the evidence. "paper": layout areas by the
    highest similarity of any token to any vector that touches them (arXiv 2512.02660 as it was
    run); it takes neither `noise_floor` nor `expected`.

    Args:
        noise_floor: the similarity, 0 to below 1, up to which vectors are unrelated.
        expected: what the question's wording says about the answer; None for nothing.

    Raises:
        InvalidInput: an unknown method.
    """
    if method not in METHODS:
        raise InvalidInput(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    if not page.parsed.regions:
        return np.zeros(0)
    sim = scoring.similarity(query.vectors, page.embedding.vectors)
    if method == "paper":
        return _paper(page, query, sim)
    return _colregion(page, query, sim, noise_floor=noise_floor, expected=expected)


def _paper(page: EmbeddedPage, query: QueryEmbedding, sim: FloatArray) -> FloatArray:
    placement, boxes = page.embedding.placement, page.parsed.region_boxes
    scores = scoring.propagate(
        scoring.aggregate_tokens(sim, how="max", content=query.content),
        page.region_cover,
        boxes,
        placement.areas,
        how="max",
    )
    return np.where(page.parsed.parents < 0, scores, -np.inf)


def _colregion(
    page: EmbeddedPage,
    query: QueryEmbedding,
    sim: FloatArray,
    *,
    noise_floor: float,
    expected: Expectation | None,
) -> FloatArray:
    parsed = page.parsed
    weights = query.weights * query.content
    total = max(float(weights.sum()), 1e-9)
    above = np.clip((sim - noise_floor) / (1 - noise_floor), 0, 1)
    found = scoring.region_token_max(above, _cover(page))  # (T, R)
    own = weights @ np.maximum(found, 0) / total  # nothing looks at a region: no evidence

    area = np.where(parsed.parents >= 0, own[parsed.parents], own)
    evidence = own + _AREA_WEIGHT * area
    if expected is not None:
        # Lines are never returned by themselves, and they are most of a page.
        evidence += [
            expected.bonus(region) if len(region.path) < len(LEVELS) else 0.0
            for region in parsed.regions
        ]
    candidate = chosen_levels(parsed, evidence, concentration=_CONCENTRATION)

    furniture = np.array([region.kind in _FURNITURE for region in parsed.regions])
    scores = evidence - _FURNITURE_PENALTY * furniture
    if above.shape[1]:
        scores = scores + _PAGE_WEIGHT * scoring.maxsim(above, weights) / total
    kept = suppress_overlaps(parsed.region_boxes, np.where(candidate, scores, -np.inf))
    result = np.full(len(scores), -np.inf)
    result[kept] = scores[kept]
    return result


def chosen_levels(
    parsed: ParsedPage, evidence: FloatArray, *, concentration: float
) -> NDArray[np.bool_]:
    """(R,) which regions stand for their area: itself, or its blocks when one of several has at
    least the share `concentration` (0-1) of its evidence. A figure stands whole, unless it fills
    more than a quarter of the page."""
    chosen = parsed.parents < 0
    for area in np.flatnonzero(chosen):
        region = parsed.regions[area]
        if region.kind == "figure" and region.box.area <= _LARGEST_FIGURE:
            continue
        blocks = np.flatnonzero(parsed.parents == area)
        if len(blocks) > 1 and evidence[blocks].max() >= concentration * evidence[area]:
            chosen[area] = False
            chosen[blocks] = True
    return chosen


def _cover(page: EmbeddedPage) -> Coverage:
    placement = page.embedding.placement
    if isinstance(placement, BoxPlacement):
        return scoring.mostly_inside(page.region_cover, placement.areas, min_share=_WORD_SHARE)
    return page.region_cover
