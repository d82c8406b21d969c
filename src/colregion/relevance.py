"""How relevant each region of a page is to a question: the methods, composed from `scoring`.

Pure functions of a page's embedding and region tree; R regions, T query tokens, V vectors.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from colregion import scoring
from colregion.errors import InvalidInput
from colregion.geometry import BoxPlacement, Coverage, FloatArray
from colregion.records import EmbeddedPage, QueryEmbedding
from colregion.selection import Keep, suppress_overlaps

Method: TypeAlias = Literal["colregion", "paper"]
METHODS: tuple[Method, ...] = ("colregion", "paper")

# A word belongs to a region when most of it lies inside; the patches of a grid are coarser than
# lines of text, so any overlap counts.
_WORD_SHARE = 0.5
# What the page's own score counts beside the region's. Both are weighted means of similarities.
_PAGE_WEIGHT = 0.3


def default_keep(method: Method) -> Keep:
    """The threshold that belongs to a method: the paper keeps the upper half of each page."""
    return Keep("percentile", 50) if method == "paper" else Keep()


def score_regions(page: EmbeddedPage, query: QueryEmbedding, *, method: Method) -> FloatArray:
    """(R,) scores of the page's regions, -inf for those that are not to be returned.

    "colregion": each region by late interaction restricted to it and to its surroundings; of
    overlapping regions of the tree only the best stays. "paper": layout areas by the highest
    similarity of any token to any vector that touches them (arXiv 2512.02660 as it was run).

    Raises:
        InvalidInput: an unknown method.
    """
    if method not in METHODS:
        raise InvalidInput(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    if not page.parsed.regions:
        return np.zeros(0)
    sim = scoring.similarity(query.vectors, page.embedding.vectors)
    return _paper(page, query, sim) if method == "paper" else _colregion(page, query, sim)


def _paper(page: EmbeddedPage, query: QueryEmbedding, sim: FloatArray) -> FloatArray:
    placement, boxes = page.embedding.placement, page.parsed.region_boxes
    scores = scoring.propagate(
        scoring.aggregate_tokens(sim, how="max", content=query.content),
        placement.coverage(boxes),
        boxes,
        placement.areas,
        how="max",
    )
    return np.where(page.parsed.parents < 0, scores, -np.inf)


def _colregion(page: EmbeddedPage, query: QueryEmbedding, sim: FloatArray) -> FloatArray:
    parsed = page.parsed
    weights = query.weights * query.content
    own = scoring.region_maxsim(sim, _cover(page), weights)
    parents = parsed.parents
    with_parent = np.where(parents >= 0, own[parents], own)
    page_score = scoring.maxsim(sim, weights) / max(float(weights.sum()), 1e-9)
    scores = 0.5 * (own + with_parent) + _PAGE_WEIGHT * page_score
    depth = np.array([len(region.path) for region in parsed.regions])
    scores[depth != 2] = -np.inf
    kept = suppress_overlaps(parsed.region_boxes, scores)
    result = np.full(len(scores), -np.inf)
    result[kept] = scores[kept]
    return result


def _cover(page: EmbeddedPage) -> Coverage:
    placement = page.embedding.placement
    cover = placement.coverage(page.parsed.region_boxes)
    if isinstance(placement, BoxPlacement):
        return scoring.mostly_inside(cover, placement.areas, min_share=_WORD_SHARE)
    return cover
