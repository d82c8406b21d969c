"""From a question to hits: candidates with their similarities, their evidence, regions, ranking."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from colregion.core.documents import DocumentEntry
from colregion.core.embeddings import Candidate, EmbeddedPage
from colregion.core.filters import EVERYTHING, Filters
from colregion.core.geometry import boxes_to_array
from colregion.core.interfaces import Encoder, Index
from colregion.core.results import Hit, PageHit
from colregion.errors import InvalidInput
from colregion.retrieval.confidence import Calibration, calibration_of, hit_features
from colregion.retrieval.question import Question
from colregion.retrieval.ranking import Limits, RankedRegion, rank_regions, within_area
from colregion.retrieval.scorer import ScoredPage, Scorer

# Pages whose regions are scored. A region's score includes its page's: later pages matter little.
_REGION_PAGES = 10
_MOST_REGION_PAGES = 25
# Candidates of an encoder with a noise floor: late interaction alone, noise and all, orders pages
# less well than their evidence.
_CANDIDATES = 25


@dataclass(frozen=True)
class Retriever:
    """Answers questions from an index."""

    index: Index
    encoder: Encoder
    scorer: Scorer[Any]

    def ask(self, text: str) -> Question:
        """The question, encoded and weighted. Raises InvalidInput for an empty one."""
        return Question.ask(text, encoder=self.encoder, index=self.index)

    def search(self, text: str, *, k: int, filters: Filters, limits: Limits) -> list[Hit]:
        """The k best regions over all pages that pass the filters, best first."""
        question = self.ask(text)
        pages = self._best_pages(question, k=max(k, _REGION_PAGES), filters=filters)
        # Most pages have several regions: those of the first pages are enough, unless they are too
        # few and no limit explains why.
        enough = min(max(k, _REGION_PAGES), _MOST_REGION_PAGES)
        hits = self._hits(question, pages[:enough], k=k, filters=filters, limits=limits)
        limited = bool(limits.min_confidence or limits.max_area)
        if len(hits) < k and len(pages) > enough and not limited:
            hits = self._hits(question, pages, k=k, filters=filters, limits=limits)
        return hits

    def search_pages(self, text: str, *, k: int, filters: Filters) -> list[PageHit]:
        """The k best pages that pass the filters, best first."""
        pages = self._best_pages(self.ask(text), k=k, filters=filters)
        entries = self._entries(page.candidate for page in pages)
        parsed = [page.candidate.parsed.unloaded() for page in pages]
        return [
            PageHit(one, entries[one.page.doc_id], page.score)
            for one, page in zip(parsed, pages, strict=True)
        ]

    def rank(
        self, text: str, pages: Sequence[EmbeddedPage], *, k: int | None, limits: Limits
    ) -> list[Hit]:
        """The k best regions of these pages, best first; all of them for k None."""
        question, scored = self.score(text, pages)
        return self._hits(question, scored, k=k, filters=EVERYTHING, limits=limits)

    def score(self, text: str, pages: Sequence[EmbeddedPage]) -> tuple[Question, list[ScoredPage]]:
        """The question, and these pages scored for it, in their order."""
        question = self.ask(text)
        candidates = [Candidate.of(page, question.embedding) for page in pages]
        return question, list(self.scorer.score_pages(question, candidates))

    def rank_regions(
        self, question: Question, pages: Sequence[ScoredPage], *, filters: Filters, k: int | None
    ) -> list[RankedRegion]:
        """The k best regions of scored pages; all of them for k None."""
        ranked = rank_regions(
            pages,
            partial(self.scorer.score_regions, question),
            bound=partial(self.scorer.bound, question),
            filters=filters,
        )
        return list(islice(ranked, k))

    @property
    def calibration(self) -> Calibration | None:
        """The calibration of the confidence of hits; None where none was fitted."""
        return calibration_of(self.index, self.encoder) if self.scorer.calibrated else None

    def _best_pages(self, question: Question, *, k: int, filters: Filters) -> list[ScoredPage]:
        n = max(k, _CANDIDATES) if self.encoder.noise_floor else k
        candidates = self.index.search(question.embedding, k=n, filters=filters)
        pages = self.scorer.score_pages(question, candidates)
        return sorted(pages, key=lambda page: -page.score)[:k]

    def _hits(
        self,
        question: Question,
        pages: Sequence[ScoredPage],
        *,
        k: int | None,
        filters: Filters,
        limits: Limits,
    ) -> list[Hit]:
        calibration = self.calibration
        if limits.min_confidence is not None and calibration is None:
            needed = (
                f"a calibration of encoder {self.encoder.fingerprint!r}: run `colregion calibrate`"
                if self.scorer.calibrated
                else f"the default scorer; {type(self.scorer).__name__} has none"
            )
            raise InvalidInput(f"min_confidence needs {needed}")
        most = None if limits.max_area else k
        ranked = self.rank_regions(question, pages, filters=filters, k=most)
        confidences: list[float | None] = [None] * len(ranked)
        if calibration is not None:
            confidences = list(calibration.confidence(hit_features(ranked, question)).tolist())
        rated = list(zip(ranked, confidences, strict=True))
        if (least := limits.min_confidence) is not None:
            rated = [(one, c) for one, c in rated if c is None or c >= least]
        if limits.max_area is not None:
            boxes = boxes_to_array(one.scored.region.box for one, _ in rated)
            page_ids = [one.page.candidate.page_id for one, _ in rated]
            rated = [rated[i] for i in within_area(page_ids, boxes, max_area=limits.max_area)[:k]]
        pages_of_hits = {one.page.candidate.page_id: one.page.candidate for one, _ in rated}
        entries = self._entries(pages_of_hits.values())
        # Hits on one page share it, and the image that it loads.
        shared = {page_id: page.parsed.unloaded() for page_id, page in pages_of_hits.items()}
        return [
            Hit(one.scored.region, page, entries[page.page.doc_id], one.scored.score, confidence)
            for one, confidence in rated
            for page in [shared[one.page.candidate.page_id]]
        ]

    def _entries(self, candidates: Iterable[Candidate]) -> dict[str, DocumentEntry]:
        """The entries of the pages' documents by id, also for documents that are not indexed."""
        ids = {candidate.parsed.page.doc_id for candidate in candidates}
        return {one: DocumentEntry(one, one, "", "") for one in ids} | self.index.entries(ids)
