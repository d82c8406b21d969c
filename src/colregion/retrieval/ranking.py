"""The regions of several pages in one order, with what is left out: the last step of a search.

Pure functions of embedded pages and a weighted question; N hits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from colregion.core.embeddings import EmbeddedPage, QueryEmbedding
from colregion.core.filters import EVERYTHING, Filters
from colregion.core.geometry import FloatArray, boxes_to_array
from colregion.core.text import terms
from colregion.retrieval.answer_types import Expectation, expectation
from colregion.retrieval.confidence import Calibration, hit_features
from colregion.retrieval.evidence import Method, Weights, default_keep, score_regions
from colregion.retrieval.ink import blank_vectors
from colregion.retrieval.maxsim import background_of
from colregion.retrieval.regions import Scored
from colregion.retrieval.selection import Keep, rank_across, within_area

# Words from which an equal text on another page of a document is a repetition, not a coincidence.
_FEWEST_REPEATED = 4


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """A region of a page in the answer to a question."""

    page: EmbeddedPage
    scored: Scored
    confidence: float | None = None


def rank_pages(
    pages: Sequence[EmbeddedPage],
    query: QueryEmbedding,
    *,
    question: str,
    k: int | None,
    method: Method = "colregion",
    keep: Keep | None = None,
    filters: Filters = EVERYTHING,
    noise_floor: float = 0.0,
    calibration: Calibration | None = None,
    min_confidence: float | None = None,
    max_area: float | None = None,
    weights: Weights | None = None,
    generic_vectors: FloatArray | None = None,
) -> list[Ranked]:
    """The k best regions over all pages, best first; all of them for k None, [] for no pages.

    Args:
        keep: a threshold within each page; None for the method's own.
        calibration: tells the confidences, of method "colregion" only.
        min_confidence: hits below are left out; those without a confidence stay.
        max_area: a budget, in pages summed over all pages, filled greedily.
        weights: of `score_regions`, in place of its defaults.
        generic_vectors: (G, D) tokens of generic questions: what they light up is taken off, and
            patches without ink count for nothing. None leaves both in.
    """
    expected = expectation(question)
    keep = keep or default_keep(method)
    usual_length = usual_length_of(pages)
    found = []
    for page in pages:
        scored = score_regions(
            page,
            query,
            method=method,
            question=question,
            noise_floor=noise_floor,
            expected=expected,
            usual_length=usual_length,
            **_without_background(page, generic_vectors),
            **(weights or {}),
        )
        kept = keep.mask(np.array([one.score for one in scored]))
        found.append(
            [
                one
                for one, above in zip(scored, kept, strict=True)
                if above
                and filters.kind(one.region.kind)
                and filters.hidden_text(bool(one.region.hidden_text))
            ]
        )
    scores = [[one.score for one in on_page] for on_page in found]
    best = (Ranked(pages[page], found[page][at]) for page, at in rank_across(scores, k=None))
    ranked = list(islice(_without_repeats(best), None if max_area is not None else k))
    if calibration is not None and method == "colregion":
        ranked = _with_confidence(ranked, calibration, expected, int(query.content.sum()))
    if min_confidence is not None:
        ranked = [
            one for one in ranked if one.confidence is None or one.confidence >= min_confidence
        ]
    if max_area is not None:
        boxes = boxes_to_array(one.scored.region.box for one in ranked)
        ids = [one.page.parsed.id for one in ranked]
        ranked = [ranked[i] for i in within_area(ids, boxes, max_area=max_area)]
    return ranked[:k]


def usual_length_of(pages: Sequence[EmbeddedPage]) -> float:
    """Vectors of a page on the mean, at least 1."""
    return max(sum(len(page.embedding.vectors) for page in pages) / max(len(pages), 1), 1.0)


class _Background(TypedDict, total=False):
    background: FloatArray
    blank: NDArray[np.bool_]


def _without_background(page: EmbeddedPage, generic_vectors: FloatArray | None) -> _Background:
    if generic_vectors is None:
        return {}
    return {
        "background": background_of(page.embedding.vectors, generic_vectors),
        "blank": blank_vectors(page.parsed.page.image, page.embedding.placement),
    }


def _with_confidence(
    ranked: Sequence[Ranked], calibration: Calibration, expected: Expectation, words_asked: int
) -> list[Ranked]:
    scored = [one.scored for one in ranked]
    features = hit_features(scored, expected=expected, words_asked=words_asked)
    chances = calibration.confidence(features).tolist()
    return [replace(one, confidence=chance) for one, chance in zip(ranked, chances, strict=True)]


def _without_repeats(ranked: Iterable[Ranked]) -> Iterator[Ranked]:
    """Leaves out what says word for word the same as a better hit on another page of its
    document, as running headers and repeated notices do."""
    said: dict[tuple[str, str], str] = {}
    for one in ranked:
        words = terms(one.scored.region.text)
        page = one.page.parsed
        key = (page.page.doc_id, " ".join(words))
        if len(words) < _FEWEST_REPEATED or said.setdefault(key, page.id) == page.id:
            yield one
