"""How relevant the regions of a page are to a question: the methods, composed from `scoring`.

Pure functions of a page's embedding and region tree; R regions, T query tokens, V vectors.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray

from colregion.core.embeddings import EmbeddedPage, QueryEmbedding, similarity
from colregion.core.geometry import BoxPlacement, Coverage, FloatArray, GridPlacement
from colregion.core.regions import LEVELS, ParsedPage
from colregion.core.text import content_terms, terms
from colregion.errors import InvalidInput
from colregion.retrieval import maxsim
from colregion.retrieval.answer_types import NOTHING, Expectation
from colregion.retrieval.patches import patch_regions
from colregion.retrieval.regions import OnPage, Pieces, Scored, without_repeats
from colregion.retrieval.selection import Keep

Method: TypeAlias = Literal["colregion", "paper"]
METHODS: tuple[Method, ...] = ("colregion", "paper")

# A word belongs to a region when most of it lies inside; the patches of a grid are coarser than
# lines of text, so any overlap counts.
_WORD_SHARE = 0.5
# What the area adds to the evidence of a part: it says what a value is about that does not say
# it itself.
AREA_WEIGHT = 0.25
# What the evidence of its page counts beside a region's own: the regions of one page keep their
# order, those of different pages follow their pages'.
PAGE_WEIGHT = 3.0
# What the words of a region count beside patches that saw them.
LEXICAL_WEIGHT = 0.5
# The parts of a page's evidence: its highest similarities, what its best area and its best line
# hold, and how often the words asked stand there. Their sum is 1.
_MEAN_WEIGHT, _AREA_WEIGHT, _LINE_WEIGHT, _FREQUENCY_WEIGHT = 1 / 3, 1 / 6, 1 / 3, 1 / 6
_MISSING = 0.05  # what a word that is nowhere on the page counts in a geometric mean


class Weights(TypedDict, total=False):
    """Arguments of `score_regions` that a search may set; it says what they mean."""

    peakedness: float
    lexical: float | None
    area_weight: float
    page_weight: float
    length: float
    values: bool
    captions: bool


def default_keep(method: Method) -> Keep:
    """The threshold that belongs to a method: the paper keeps the upper half of each page."""
    return Keep("percentile", 50) if method == "paper" else Keep()


def score_regions(
    page: EmbeddedPage,
    query: QueryEmbedding,
    *,
    method: Method = "colregion",
    question: str = "",
    noise_floor: float = 0.0,
    expected: Expectation = NOTHING,
    background: FloatArray | None = None,
    blank: NDArray[np.bool_] | None = None,
    peakedness: float = 0.0,
    lexical: float | None = None,
    area_weight: float = AREA_WEIGHT,
    page_weight: float = PAGE_WEIGHT,
    usual_length: float | None = None,
    length: float = 0.0,
    values: bool = True,
    captions: bool = False,
) -> list[Scored]:
    """The regions of a page that can be returned, best first, ties in reading order.

    "colregion": late interaction restricted to each region and to its surroundings; an area is
    returned whole or in parts, whichever holds the evidence, and a form's label with its value.
    "paper": layout areas by
    the highest similarity of any token to any vector that touches them (arXiv 2512.02660 as it
    was run); of the arguments below it takes none.

    Args:
        question: its terms tell a label from a value and are looked for in the regions' texts;
            "" has none.
        noise_floor: the similarity, 0 to below 1, up to which vectors are unrelated.
        expected: what the question's wording says about the answer.
        background: (V,) what every question lights up, subtracted from the similarities.
        blank: (V,) bool, vectors that look at nothing; they count for no region.
        peakedness: 0-1, how far the tokens are weighted by how peaked their maps are.
        lexical: what the share of the question's terms that stand in a region's text counts
            beside the similarities. None: 0 where vectors sit on words, which match by spelling
            already, and `LEXICAL_WEIGHT` where they look at patches.
        area_weight: what the evidence of its area counts beside a part's own.
        page_weight: what the page's own evidence, `page_evidence`, counts beside a region's.
        usual_length: vectors of a page on the mean of those it is compared with; those of this
            one by default.
        length: taken off for each tenfold of words above ten that a region holds.
        values: whether a label is returned with its value.
        captions: whether a figure or table is returned with its caption or title.

    Returns:
        [] for a page without regions, words and patches; scores compare across pages.

    Raises:
        InvalidInput: an unknown method.
    """
    if method not in METHODS:
        raise InvalidInput(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    sim = similarity(query.vectors, page.embedding.vectors)
    if method == "paper":
        return _paper(page, query, sim)
    sim = maxsim.sharpen(sim, noise_floor=noise_floor, background=background, blank=blank)
    weights = maxsim.peaked_weights(sim, query.weights * query.content, strength=peakedness)
    page = _with_patches(page, sim, weights)
    if not page.parsed.regions:
        return []
    terms_asked = frozenset(terms(question))
    if lexical is None:
        on_grid = isinstance(page.embedding.placement, GridPlacement)
        lexical = LEXICAL_WEIGHT if on_grid else 0.0
    own = _own_evidence(page, sim, weights)
    on_page = _on_page(page.parsed, sim, weights, own, usual_length=usual_length)
    if lexical:
        own = own + lexical * maxsim.lexical_share(
            [region.text for region in page.parsed.regions], content_terms(question)
        )
    parsed = page.parsed
    area = np.where(parsed.parents >= 0, own[parsed.parents], own)
    evidence = own + area_weight * area
    bonus = expected.bonuses(parsed.regions)
    # A line is compared with the other lines of its block only.
    evidence += np.where([len(region.path) < len(LEVELS) for region in parsed.regions], bonus, 0.0)
    if length:
        words = [len(region.text.split()) for region in parsed.regions]
        evidence -= length * np.log10(np.maximum(np.array(words) / 10, 1.0))
    pieces = Pieces(
        parsed,
        own=own.tolist(),
        evidence=evidence,
        bonus=bonus.tolist(),
        expected=expected,
        question_terms=terms_asked,
        values=values,
        captions=captions,
        page=on_page,
        page_weight=page_weight,
    ).scored()
    return without_repeats(pieces)


def _on_page(
    parsed: ParsedPage,
    sim: FloatArray,
    weights: FloatArray,
    own: FloatArray,
    *,
    usual_length: float | None,
) -> OnPage:
    total = float(weights.sum())
    if sim.shape[1] == 0 or total == 0:
        return OnPage(0.0, 0.0, 0.0)
    top = sim.max(axis=1)
    mean = float(weights @ top) / total
    often = maxsim.saturated_frequency(sim, weights, usual_length=usual_length or sim.shape[1])
    return OnPage(
        mean,
        together=float(np.exp(weights @ np.log(np.maximum(top, _MISSING)) / total)),
        evidence=_MEAN_WEIGHT * mean
        + _AREA_WEIGHT * float(own.max(initial=0.0))
        + _LINE_WEIGHT * float(own[parsed.leaves].max(initial=0.0))
        + _FREQUENCY_WEIGHT * often,
    )


def _paper(page: EmbeddedPage, query: QueryEmbedding, sim: FloatArray) -> list[Scored]:
    placement, boxes = page.embedding.placement, page.parsed.region_boxes
    scores = maxsim.propagate(
        maxsim.aggregate_tokens(sim, how="max", content=query.content),
        page.region_cover,
        boxes,
        placement.areas,
        how="max",
    )
    scores = np.where(page.parsed.parents < 0, scores, -np.inf)
    order = np.argsort(-scores, kind="stable")
    return [
        Scored(page.parsed.regions[i], float(scores[i])) for i in order if np.isfinite(scores[i])
    ]


def page_evidence(
    page: EmbeddedPage, query: QueryEmbedding, *, noise_floor: float, usual_length: float
) -> float:
    """How well a page answers, 0 to about 1: a third of the weighted mean of its highest
    similarities above the noise, a third of what its best line holds alone, a sixth of what its
    best area does, and a sixth of how often the words asked stand there
    (`maxsim.saturated_frequency`).

    Words that are scattered over a page, each from another sentence, count less than words that
    stand together; a short page that says them again and again counts more than a long one.

    Args:
        usual_length: vectors of a page on the mean of those it is compared with, above 0.
    """
    sim = similarity(query.vectors, page.embedding.vectors)
    sim = maxsim.sharpen(sim, noise_floor=noise_floor)
    weights = query.weights * query.content
    own = _own_evidence(page, sim, weights)
    return _on_page(page.parsed, sim, weights, own, usual_length=usual_length).evidence


def _with_patches(page: EmbeddedPage, sim: FloatArray, weights: FloatArray) -> EmbeddedPage:
    """A page without words in its regions has regions made of the patches that the question
    lights up."""
    placement = page.embedding.placement
    # Asking the regions for text, because an index unpacks a page's words only when asked.
    if not isinstance(placement, GridPlacement) or any(r.text for r in page.parsed.regions):
        return page
    lit = weights @ sim / max(float(weights.sum()), 1e-9)
    regions = patch_regions(page.parsed.id, lit, placement)
    return EmbeddedPage(ParsedPage(page.parsed.page, (), regions), page.embedding)


def _own_evidence(page: EmbeddedPage, sim: FloatArray, weights: FloatArray) -> FloatArray:
    """(R,) what each region itself holds: sum_i w_i max_{j in r} S[i, j] / sum_i w_i; a region
    at which nothing looks holds 0."""
    found = np.maximum(maxsim.region_token_max(sim, _cover(page)), 0)
    return np.asarray(weights @ found / max(float(weights.sum()), 1e-9))


def _cover(page: EmbeddedPage) -> Coverage:
    placement = page.embedding.placement
    if isinstance(placement, BoxPlacement):
        return maxsim.mostly_inside(page.region_cover, placement.areas, min_share=_WORD_SHARE)
    return page.region_cover
