"""From a question to hits: candidates with their similarities, their evidence, regions, ranking."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from itertools import accumulate, chain, islice
from pathlib import PurePath
from typing import Any

import numpy as np

from colregion.core.documents import DocumentEntry
from colregion.core.embeddings import Candidate, EmbeddedPage
from colregion.core.filters import EVERYTHING, Filters
from colregion.core.geometry import FloatArray, boxes_to_array
from colregion.core.interfaces import AreaReader, Encoder, Index
from colregion.core.quotes import Evidence
from colregion.core.results import Hit, PageHit
from colregion.errors import InvalidInput, NotIndexed
from colregion.retrieval.confidence import Calibration, calibration_of, hit_features
from colregion.retrieval.evidence import PageEvidence
from colregion.retrieval.parts import cut_to_fit
from colregion.retrieval.question import Question
from colregion.retrieval.ranking import Limits, RankedRegion, rank_regions, within_area
from colregion.retrieval.reading import MOST_HITS, Reading
from colregion.retrieval.scorer import ScoredPage, ScoredRegion, Scorer

# Candidates whose evidence is compared. Without a noise floor the index's order is the pages' own,
# and a region's score includes its page's, so that later pages matter little.
_BATCH, _BATCH_IN_ORDER = 25, 10
_LISTED = 10  # documents, when the one that a filter names is not there


@dataclass(frozen=True)
class Retriever:
    """Answers questions from an index.

    Args:
        reader: reads unread parts of pages for a question; None to leave them unread.
    """

    index: Index
    encoder: Encoder
    scorer: Scorer[Any]
    reader: AreaReader | None = None

    def ask(self, text: str) -> Question:
        """The question, encoded and weighted. Raises InvalidInput for an empty one."""
        return Question.ask(text, encoder=self.encoder, index=self.index)

    def search(self, text: str, *, k: int, filters: Filters, limits: Limits) -> list[Hit]:
        """The k best regions over all pages that pass the filters, best first."""
        question = self.ask(text)
        batches = self.best_pages(question, k=k, filters=filters)
        return self._hits(question, batches, k=k, filters=filters, limits=limits, similar_only=True)

    def search_pages(self, text: str, *, k: int, filters: Filters) -> list[PageHit]:
        """The k best pages that pass the filters, best first."""
        batches = self.best_pages(self.ask(text), k=k, filters=filters)
        pages = list(islice(chain.from_iterable(batches), k))
        entries = self._entries(page.candidate for page in pages)
        parsed = [page.candidate.parsed.unloaded() for page in pages]
        # A later batch may have a better page: its score is then that of the last one before it.
        scores = accumulate((page.score for page in pages), min)
        return [
            PageHit(one, entries[one.page.doc_id], score)
            for one, score in zip(parsed, scores, strict=True)
        ]

    def rank(
        self, text: str, pages: Sequence[EmbeddedPage], *, k: int | None, limits: Limits
    ) -> list[Hit]:
        """The k best regions of these pages, best first; all of them for k None."""
        question, scored = self.score(text, pages)
        return self._hits(question, [scored], k=k, filters=EVERYTHING, limits=limits)

    def score(self, text: str, pages: Sequence[EmbeddedPage]) -> tuple[Question, list[ScoredPage]]:
        """The question, and these pages scored for it, in their order."""
        question = self.ask(text)
        candidates = [Candidate.of(page, question.embedding) for page in pages]
        return question, list(self.scorer.score_pages(question, candidates))

    def rank_regions(
        self,
        question: Question,
        batches: Iterable[Sequence[ScoredPage]],
        *,
        filters: Filters,
        k: int | None,
        similar_only: bool = False,
    ) -> list[RankedRegion]:
        """The k best regions of scored pages, those of an earlier batch first; all for k None. With
        `similar_only` a page on which nothing is similar to the question has those of the expected
        form only."""

        def score_regions(page: ScoredPage) -> Iterable[ScoredRegion]:
            regions = self.scorer.score_regions(question, page)
            if not similar_only or page.score > 0 or not self.encoder.noise_floor:
                return regions
            return (region for region in regions if region.score > 0)

        ranked = rank_regions(
            batches,
            score_regions,
            bound=partial(self.scorer.bound, question),
            filters=filters,
        )
        return list(islice(ranked, k))

    @property
    def calibration(self) -> Calibration | None:
        """The calibration of the confidence of hits; None where none was fitted."""
        return calibration_of(self.index, self.encoder) if self.scorer.calibrated else None

    def best_pages(
        self, question: Question, *, k: int, filters: Filters
    ) -> Iterator[list[ScoredPage]]:
        """The candidates in batches, each best first: k does not change what comes first."""
        batch = _BATCH if self.encoder.noise_floor else _BATCH_IN_ORDER
        n = batch * math.ceil(k / batch)
        candidates = self.index.search(question.embedding, k=n, filters=filters)
        if not candidates:
            self._check_documents(filters)
        for start in range(0, len(candidates), batch):
            pages = self.scorer.score_pages(question, candidates[start : start + batch])
            if self.encoder.noise_floor and not question.answer_types:
                # Below the floor nothing is similar, and no form of answer is looked for.
                pages = [page for page in pages if page.score > 0]
            yield sorted(pages, key=lambda page: -page.score)

    def _check_documents(self, filters: Filters) -> None:
        """Raise NotIndexed when the filters name documents of which none is in the index."""
        names = filters.document_ids
        if not names or self.index.entries(names):
            return
        ids = [entry.id for entry in self.index.documents()]
        similar = [one for one in ids if PurePath(one).stem in names or PurePath(one).name in names]
        similar = similar or get_close_matches(min(names), ids)
        hint = f"did you mean {similar[0]!r}? " if similar else ""
        more = f" and {len(ids) - _LISTED} more" if len(ids) > _LISTED else ""
        listed = ", ".join(ids[:_LISTED]) or "(none)"
        missing = ", ".join(map(repr, sorted(names)))
        raise NotIndexed(
            f"no document {missing} in the index; {hint}The documents are: {listed}{more}"
        )

    def _hits(
        self,
        question: Question,
        batches: Iterable[Sequence[ScoredPage]],
        *,
        k: int | None,
        filters: Filters,
        limits: Limits,
        similar_only: bool = False,
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
        batches = iter(batches)
        rank = partial(self.rank_regions, question, filters=filters, similar_only=similar_only)
        reading = Reading(
            question,
            self.scorer,
            self.reader,
            limits.reading_budget_s,
            lambda pages: rank([pages], k=MOST_HITS if k is None else min(k, MOST_HITS)),
        )
        compared = reading.read(next(batches, ()))
        ranked = rank(chain([compared], batches), k=most)
        confidences: list[float | None] = [None] * len(ranked)
        if calibration is not None:
            features = hit_features(ranked, question, compared)
            # A confidence says how likely a text answers; of an unread region nothing is known.
            confidences = [
                None if one.scored.region.unread else confidence
                for one, confidence in zip(
                    ranked, calibration.confidence(features).tolist(), strict=True
                )
            ]
        rated = list(zip(ranked, confidences, strict=True))
        if (least := limits.min_confidence) is not None:
            rated = [(one, c) for one, c in rated if c is None or c >= least]
        if limits.max_area is not None:
            rated = [(_within(one, limits.max_area), confidence) for one, confidence in rated]
            boxes = boxes_to_array(one.scored.region.box for one, _ in rated)
            page_ids = [one.page.candidate.page_id for one, _ in rated]
            rated = [rated[i] for i in within_area(page_ids, boxes, max_area=limits.max_area)[:k]]
        pages_of_hits = {one.page.candidate.page_id: one.page.candidate for one, _ in rated}
        entries = self._entries(pages_of_hits.values())
        # Hits on one page share it, and the image that it loads.
        shared = {page_id: page.parsed.unloaded() for page_id, page in pages_of_hits.items()}
        return [
            Hit(
                one.scored.region,
                page,
                entries[page.page.doc_id],
                one.score,
                confidence,
                Evidence(_region_evidence(one.page), question.term_weights),
                reading.reason(one.scored.region),
            )
            for one, confidence in rated
            for page in [shared[one.page.candidate.page_id]]
        ]

    def _entries(self, candidates: Iterable[Candidate]) -> dict[str, DocumentEntry]:
        """The entries of the pages' documents by id, also for documents that are not indexed."""
        ids = {candidate.parsed.page.doc_id for candidate in candidates}
        return {one: DocumentEntry(one, one, "", "") for one in ids} | self.index.entries(ids)


def _region_evidence(page: ScoredPage) -> FloatArray:
    """(R,) evidence of the page's regions; 0 from a scorer that has none."""
    if isinstance(page, PageEvidence):
        return page.regions
    return np.zeros(len(page.candidate.parsed.parents))


def _within(one: RankedRegion, max_area: float) -> RankedRegion:
    """A region with at most this area: the part of a larger one that answers."""
    if one.scored.region.box.area <= max_area:
        return one
    cut = cut_to_fit(
        one.page.candidate.parsed,
        one.scored.region,
        _region_evidence(one.page),
        fits=lambda region: region.box.area <= max_area,
    )
    return one if cut is None else replace(one, scored=replace(one.scored, region=cut))
