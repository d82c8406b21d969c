"""From a question to hits over an index: weights, pages in two steps, regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from colregion.core.documents import DocumentEntry
from colregion.core.embeddings import EmbeddedPage, QueryEmbedding
from colregion.core.filters import EVERYTHING, Filters
from colregion.core.geometry import FloatArray
from colregion.core.interfaces import Encoder, Index
from colregion.core.results import Hit
from colregion.errors import InvalidInput
from colregion.retrieval.confidence import Calibration
from colregion.retrieval.evidence import Method, Weights, page_evidence
from colregion.retrieval.ranking import rank_pages, usual_length_of
from colregion.retrieval.selection import Keep

# Pages whose regions are scored. A region's score holds its page's, so pages far down the list
# have little to offer, and each costs about a millisecond.
_CANDIDATE_PAGES = 10
_MANY_PAGES = 25
# Pages whose order is looked at again where similarities below a floor are noise.
_REORDERED_PAGES = 25

# What lights up for these lights up for anything.
_GENERIC_QUESTIONS = (
    "What is this page about?",
    "Describe the document.",
    "Show me the text.",
    "Which information is given here?",
    "What does the page say?",
)


@dataclass(frozen=True, slots=True)
class Choice:
    """How regions are scored and which are returned; `Engine.search` says what each means.

    Raises:
        InvalidInput: a budget that is not above 0, or `min_confidence` for another method than
            "colregion".
    """

    method: Method = "colregion"
    keep: Keep | None = None
    min_confidence: float | None = None
    max_area: float | None = None
    weights: Weights | None = None
    sharpen: bool = False

    def __post_init__(self) -> None:
        if self.max_area is not None and not self.max_area > 0:
            raise InvalidInput(f"max_area must be above 0, got {self.max_area}")
        if self.min_confidence is not None and self.method != "colregion":
            raise InvalidInput(f"min_confidence is for the method 'colregion', got {self.method!r}")

    @property
    def may_leave_out(self) -> bool:
        """Whether more pages may still not give more regions."""
        return bool(self.min_confidence or self.max_area)


@dataclass(frozen=True)
class Searching:
    """Answers questions with what an index holds."""

    index: Index
    encoder: Encoder

    def query(self, question: str) -> QueryEmbedding:
        """The question, weighted unless its encoder says otherwise: by inverse document
        frequency, mean 1 over its content,
        idf = ln(1 + (N - df + 0.5) / (df + 0.5)), as in BM25, with N the indexed pages.

        Raises:
            InvalidInput: an empty question.
        """
        if not question.strip():
            raise InvalidInput("the question is empty")
        query = self.encoder.encode_query(question)
        n = self.index.page_count
        if n == 0 or not query.content.any() or not self.encoder.weighs_terms:
            return query
        df = np.array(self.index.document_frequency(query.tokens), dtype=np.float64)
        idf = np.log1p((n - df + 0.5) / (df + 0.5))
        idf /= idf[query.content].mean()
        return replace(query, weights=np.where(query.content, idf, query.weights))

    def pages(
        self, query: QueryEmbedding, *, k: int, filters: Filters
    ) -> tuple[list[EmbeddedPage], list[float]]:
        """The k best pages and their scores, best first. Another process may replace a document
        between finding and loading; then both are done again."""
        floor = self.encoder.noise_floor
        wanted = max(k, _REORDERED_PAGES) if floor else k
        found = self.index.search(query, k=wanted, filters=filters)
        pages = self.index.load([score.page_id for score in found])
        if not floor:
            return pages, [score.score for score in found]
        usual = usual_length_of(pages)
        scores = [
            page_evidence(page, query, noise_floor=floor, usual_length=usual) for page in pages
        ]
        order = sorted(range(len(pages)), key=lambda i: -scores[i])[:k]
        return [pages[i] for i in order], [scores[i] for i in order]

    def hits(
        self,
        question: str,
        *,
        k: int,
        filters: Filters,
        choice: Choice,
        calibration: Calibration | None,
    ) -> list[Hit]:
        """The k best regions over all pages that pass the filters, best first."""
        query = self.query(question)
        hits: list[Hit] = []
        # Most pages hold several regions; only where they do not, as many pages are looked at as
        # regions were asked for.
        most = max(k, _CANDIDATE_PAGES)
        for wanted in sorted({min(most, _MANY_PAGES), most}):
            pages, _ = self.pages(query, k=wanted, filters=filters)
            hits = self.hits_on(
                pages,
                query,
                question=question,
                k=k,
                filters=filters,
                choice=choice,
                calibration=calibration,
            )
            if len(hits) == k or len(pages) < wanted or choice.may_leave_out:
                break
        return hits

    def hits_on(
        self,
        pages: Sequence[EmbeddedPage],
        query: QueryEmbedding,
        *,
        question: str,
        k: int | None,
        choice: Choice,
        calibration: Calibration | None,
        filters: Filters = EVERYTHING,
    ) -> list[Hit]:
        """The k best regions of these pages, best first; all of them for k None.

        Raises:
            InvalidInput: a `min_confidence` without a calibration.
        """
        if choice.min_confidence is not None and calibration is None:
            raise InvalidInput(
                "min_confidence needs a calibration, which the encoder "
                f"{self.encoder.fingerprint!r} has only after `colregion calibrate`"
            )
        ranked = rank_pages(
            pages,
            query,
            question=question,
            k=k,
            method=choice.method,
            keep=choice.keep,
            filters=filters,
            noise_floor=self.encoder.noise_floor,
            calibration=calibration,
            min_confidence=choice.min_confidence,
            max_area=choice.max_area,
            weights=choice.weights,
            generic_vectors=self._generic_vectors if choice.sharpen else None,
        )
        entries = self.entries_of(pages)
        return [
            Hit(
                region=one.scored.region,
                parsed=one.page.parsed,
                entry=entries[one.page.parsed.page.doc_id],
                score=one.scored.score,
                confidence=one.confidence,
            )
            for one in ranked
        ]

    def entries_of(self, pages: Sequence[EmbeddedPage]) -> dict[str, DocumentEntry]:
        """The entry of each page's document by its id, made up where it is not indexed."""
        ids = {page.parsed.page.doc_id for page in pages}
        return {one: DocumentEntry(one, one, "", "") for one in ids} | self.index.entries(ids)

    @cached_property
    def _generic_vectors(self) -> FloatArray:
        """(G, D) the content tokens of questions about nothing in particular."""
        asked = [self.encoder.encode_query(question) for question in _GENERIC_QUESTIONS]
        return np.concatenate([query.vectors[query.content] for query in asked])
