"""The evidence of pages for a question, computed once per search for all candidates together.

From it follow the order of pages, the scores of regions and the features of a hit's confidence.
Shape letters: T query tokens, V vectors of all pages, P pages, R regions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from colregion.core.embeddings import Candidate
from colregion.core.geometry import Coverage, FloatArray, GridPlacement, IntArray
from colregion.core.regions import ParsedPage
from colregion.core.repr import one_line_repr
from colregion.core.text import terms
from colregion.retrieval import maxsim
from colregion.retrieval.patches import patch_regions
from colregion.retrieval.question import Question
from colregion.retrieval.scorer import ScoredPage

_MISSING = 0.05  # what a token without a match on the page counts in a geometric mean

# The usual length of a page, area, block and line in vectors, and how much more a longer one must
# match (L and b of BM25); a line is often a label alone.
_PAGE, _AREA, _BLOCK, _LINE = (300, 0.75), (30, 0.75), (15, 0.75), (5, 0.4)
# What the name of a page's document, and its other pages, count beside each part of the relevance.
_DOCUMENT_WEIGHT = 0.5

# Inside its page a word points at the heading that contains it instead of the answer, and a name of
# the document or a number of the question at what is known already: they count less there.
_HEADING_KINDS = ("title", "header")
_HEADING_DISCOUNT, _NUMBER_DISCOUNT, _NAME_DISCOUNT = 0.8, 0.8, 0.98
_LEAST_WEIGHT = 0.15  # of a question's weight, has to be left


@one_line_repr("parsed.id", "score", "relevance", "regions")
@dataclass(frozen=True, slots=True, eq=False)
class PageEvidence(ScoredPage):
    """How well one page and its regions match one question.

    Args:
        parsed: the page; an unread one has the regions that the question lights up.
        regions: (R,) MaxSim inside each region, sum_i w_i max_{j in r} S[i, j] / sum_i w_i with S
            rescaled to 0-1; 0 where no vector looks. Words that name the page count less in w. A
            row of a table is read with its header: what matches there counts for the row too.
        weight_left: the share of the question's weight that counts inside the page, above 0 to 1.
        mean: weighted mean over the tokens of the highest similarity on the page, 0-1.
        geometric_mean: the same as a geometric mean, in which a missing token counts 0.05.
        relevance: how well the page answers, 0-1: the mean of how often the words of the question
            occur on the page, in its best area, block and line, how many neighbours among them
            stand side by side, and, at half the weight, how many are in the document's name or on
            one of its candidate pages. Without a noise floor it is `mean`.
    """

    parsed: ParsedPage
    regions: FloatArray
    weight_left: float
    mean: float
    geometric_mean: float
    relevance: float


def collect_evidence(
    question: Question, candidates: Sequence[Candidate], *, noise_floor: float
) -> list[PageEvidence]:
    """The evidence of every candidate page, in their order; [] for none.

    Args:
        noise_floor: as in `Encoder`. Pages are scored by their relevance above it; without one (0)
            by late interaction, for which a visual model was trained.
    """
    if not candidates:
        return []
    weights = question.weights
    lengths = np.array([candidate.similarity.shape[1] for candidate in candidates])
    # (V, T), the vectors of all pages one after the other.
    sim = np.concatenate([candidate.similarity.T for candidate in candidates])
    sim = maxsim.rescale(sim, noise_floor=noise_floor)
    pages = _with_regions(candidates, sim, lengths, weights)
    best = maxsim.segment_max(sim, lengths)
    mean = maxsim.weighted_mean(best, weights)
    geometric_mean = maxsim.weighted_geometric_mean(best, weights, missing=_MISSING) * (lengths > 0)
    tree = _Regions(sim, lengths, pages)
    if noise_floor:
        parts = [*_page_parts(sim, lengths, tree, weights), *_document_parts(question, best, tree)]
        relevance = np.average(parts, axis=0, weights=[1.0] * 5 + [_DOCUMENT_WEIGHT] * 2)
        own_weights = _weights_on_page(question, best, tree)
    else:
        relevance, own_weights = mean, np.broadcast_to(weights, best.shape)
    left = own_weights.sum(axis=1) / max(float(weights.sum()), 1e-9)
    regions = maxsim.weighted_mean(tree.best, np.repeat(own_weights, tree.counts, axis=0))
    by_page = np.split(regions, np.cumsum(tree.counts)[:-1])
    columns = zip(*(one.tolist() for one in (left, mean, geometric_mean, relevance)), strict=True)
    return [
        PageEvidence(page, row[-1] if noise_floor else page.score, parsed, of_regions, *row)
        for page, (parsed, _), of_regions, row in zip(
            candidates, pages, by_page, columns, strict=True
        )
    ]


class _Regions:
    """The R regions of all pages, one page after the other: `counts` (P,) of them per page, the
    `best` similarity and the `frequency` of each token in them (R, T), and their `lengths` (R,) in
    vectors."""

    def __init__(
        self, sim: FloatArray, lengths: IntArray, pages: Sequence[tuple[ParsedPage, Coverage]]
    ) -> None:
        self.pages = [parsed for parsed, _ in pages]
        self.counts = np.array([len(parsed.parents) for parsed in self.pages])
        covers = [cover for _, cover in pages]
        first = np.cumsum(lengths) - lengths
        indices = [cover.indices + at for cover, at in zip(covers, first, strict=True)]
        self.lengths = np.concatenate([np.diff(cover.indptr) for cover in covers])
        self._inside = sim.take(np.concatenate(indices), axis=0)
        self.best = maxsim.segment_max(self._inside, self.lengths)
        parents = np.concatenate([parsed.parents for parsed in self.pages])
        first_of_page = np.cumsum(self.counts) - self.counts
        parents = np.where(parents < 0, -1, parents + np.repeat(first_of_page, self.counts))
        self.is_area = parents < 0
        self.is_leaf = np.ones(len(parents), dtype=bool)
        self.is_leaf[parents[~self.is_area]] = False
        self._share_headers(np.concatenate([page.is_header for page in self.pages]), parents)
        # An undivided area is its own block.
        self.is_block = np.where(self.is_area, self.is_leaf, self.is_area[parents])

    def _share_headers(self, is_header: NDArray[np.bool_], parents: IntArray) -> None:
        """Let the rows of a table have what its header matches."""
        headers = np.flatnonzero(is_header)
        if not len(headers):
            return
        of_table = np.zeros_like(self.best)
        np.maximum.at(of_table, parents[headers], self.best[headers])
        rows = np.flatnonzero(~is_header & ~self.is_area)
        self.best[rows] = np.maximum(self.best[rows], of_table[parents[rows]])

    @cached_property
    def frequency(self) -> FloatArray:
        return maxsim.segment_sum(self._inside * self._inside, self.lengths)


def _page_parts(
    sim: FloatArray, lengths: IntArray, tree: _Regions, weights: FloatArray
) -> list[FloatArray]:
    """Five (P,) parts of the relevance: the page, its best area, block and line, neighbours."""
    frequency = maxsim.segment_sum(sim * sim, lengths)
    parts = [_saturated(frequency, lengths, weights, *_PAGE)]
    for level, norm in ((tree.is_area, _AREA), (tree.is_block, _BLOCK), (tree.is_leaf, _LINE)):
        scores = np.zeros(len(level))
        scores[level] = _saturated(tree.frequency[level], tree.lengths[level], weights, *norm)
        parts.append(maxsim.segment_max(scores[:, None], tree.counts)[:, 0])
    if len(weights) < 2:
        return [*parts, parts[-1]]
    pairs = maxsim.neighbour_max(sim, lengths)
    return [*parts, maxsim.weighted_mean(pairs, weights[:-1] + weights[1:])]


def _saturated(
    frequency: FloatArray,
    lengths: IntArray,
    weights: FloatArray,
    usual_length: float,
    length_share: float,
) -> FloatArray:
    saturated = maxsim.saturate(
        frequency, lengths, usual_length=usual_length, length_share=length_share
    )
    return maxsim.weighted_mean(saturated, weights)


def _document_parts(question: Question, best: FloatArray, tree: _Regions) -> list[FloatArray]:
    """Two (P,) parts of the relevance: the document's name, its candidate pages together."""
    ids, document = np.unique([page.page.doc_id for page in tree.pages], return_inverse=True)
    names = [_name_terms(doc_id) for doc_id in ids.tolist()]
    tokens = question.embedding.tokens
    named = np.array([[float(token in name) for token in tokens] for name in names])
    somewhere = np.zeros_like(named)
    np.maximum.at(somewhere, document, best * best)
    return [
        maxsim.weighted_mean(values, question.weights)[document] for values in (named, somewhere)
    ]


@lru_cache(maxsize=1 << 12)
def _name_terms(doc_id: str) -> frozenset[str]:
    # The same documents are candidates of many questions.
    return frozenset(terms(PurePath(doc_id).stem))


def _weights_on_page(question: Question, best: FloatArray, tree: _Regions) -> FloatArray:
    """(P, T) the weights of the tokens inside each page, from their `best` matches there (P, T)."""
    kinds = np.concatenate([parsed.region_kinds for parsed in tree.pages])
    of_headings = np.where(np.isin(kinds, _HEADING_KINDS)[:, None], tree.best, 0.0)
    discount = _HEADING_DISCOUNT * maxsim.segment_max(of_headings, tree.counts)
    discount[:, question.has_digit] = _NUMBER_DISCOUNT
    names = question.is_name
    discount[:, names] = _NAME_DISCOUNT * best[:, names]
    weights = question.weights * (1 - discount)
    enough = weights.sum(axis=1) >= _LEAST_WEIGHT * question.weights.sum()
    return np.where(enough[:, None], weights, question.weights)


def _with_regions(
    candidates: Sequence[Candidate], sim: FloatArray, lengths: FloatArray, weights: FloatArray
) -> list[tuple[ParsedPage, Coverage]]:
    """Each page with the vectors of its regions. A page without words whose vectors look at patches
    has regions made from the patches that the question lights up."""
    pages = []
    starts = np.cumsum(lengths) - lengths
    for candidate, start, length in zip(candidates, starts, lengths, strict=True):
        parsed, placement, cover = candidate.parsed, candidate.placement, candidate.region_cover
        # Not `parsed.words`: an index decodes the words of a page only when it must.
        has_regions = parsed.is_unread.any() or any(region.text for region in parsed.regions)
        if isinstance(placement, GridPlacement) and not has_regions:
            lit = maxsim.weighted_mean(sim[start : start + length], weights)
            regions = patch_regions(parsed.id, lit, placement)
            parsed = ParsedPage(parsed.page, (), regions)
            cover = placement.coverage(parsed.region_boxes)
        pages.append((parsed, cover))
    return pages
