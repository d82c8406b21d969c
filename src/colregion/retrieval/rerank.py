"""Pages scored also by what they mean, with the vectors of a text model beside the index's own."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from colregion.core.embeddings import Candidate, EmbeddedPage
from colregion.core.geometry import BoxPlacement, FloatArray
from colregion.core.interfaces import Encoder
from colregion.core.regions import ParsedPage
from colregion.errors import InvalidInput
from colregion.retrieval import maxsim
from colregion.retrieval.evidence import PageEvidence
from colregion.retrieval.question import Question
from colregion.retrieval.regions import RegionScorer

MEANING_WEIGHT = 0.2
"""The share of a page's relevance that the text model decides."""

_CACHED_PAGES = 1024  # about 100 kB each: 60 regions of 384 numbers


class RerankScorer(RegionScorer):
    """The default method, with a page's likeness in meaning as a part of its relevance.

    The likeness is the cosine of the question and the page's most similar region, each the mean of
    its token vectors (Reimers and Gurevych, arXiv 1908.10084), 0-1; 0 for a page without words.
    The regions of one page keep their order. Hits have no confidence: it was fitted to relevance by
    the words alone.

    Every page that is compared, 25 for a usual search, is encoded when it is first met; the most
    recent 1,024 are remembered by id and content. With all-MiniLM-L6-v2 that takes 0.35 s of CPU
    per page of 700 tokens, 9 s for a question about 25 new pages. Safe to use from threads.

    Args:
        text_encoder: has vectors at the words of a page, such as `load_encoder("text:ID")`.
        noise_floor: of the index's encoder, as in `collect_evidence`.
    """

    calibrated = False

    def __init__(self, text_encoder: Encoder, *, noise_floor: float = 0.0) -> None:
        super().__init__(noise_floor=noise_floor)
        self.text_encoder = text_encoder
        self._vectors: OrderedDict[tuple[str, str, bytes], FloatArray] = OrderedDict()
        self._lock = threading.Lock()

    def score_pages(
        self, question: Question, candidates: Sequence[Candidate]
    ) -> list[PageEvidence]:
        """As the default scorer. Raises InvalidInput for a question that is longer than the text
        model takes, or an encoder whose vectors look at patches of an image."""
        pages = super().score_pages(question, candidates)
        if not pages:
            return []
        query = _unit(self.text_encoder.encode_query(question.text).vectors.mean(axis=0))
        scored = []
        for page, vectors in zip(pages, self._encoded([p.parsed for p in candidates]), strict=True):
            meaning = float((vectors @ query).max(initial=0.0))
            relevance = (1 - MEANING_WEIGHT) * page.relevance + MEANING_WEIGHT * meaning
            scored.append(replace(page, score=relevance, relevance=relevance))
        return scored

    def _encoded(self, pages: Sequence[ParsedPage]) -> list[FloatArray]:
        """The vectors of each page's regions (R, D), from the cache or the text model."""
        keys = [(page.id, page.text, page.region_boxes.tobytes()) for page in pages]
        with self._lock:
            known = {key: self._vectors[key] for key in keys if key in self._vectors}
        new = [i for i, key in enumerate(keys) if key not in known]
        step = self.text_encoder.batch_pages
        for start in range(0, len(new), step):
            batch = new[start : start + step]
            embeddings = self.text_encoder.encode_pages([pages[i] for i in batch])
            for i, embedding in zip(batch, embeddings, strict=True):
                known[keys[i]] = _region_vectors(EmbeddedPage(pages[i], embedding))
        with self._lock:
            for key in keys:
                self._vectors[key] = known[key]
                self._vectors.move_to_end(key)
            while len(self._vectors) > _CACHED_PAGES:
                self._vectors.popitem(last=False)
        return [known[key] for key in keys]


def _region_vectors(page: EmbeddedPage) -> FloatArray:
    """(R, D) the mean vector of each region, of length 1; 0 for a region without words."""
    if not isinstance(page.embedding.placement, BoxPlacement):
        raise InvalidInput(
            "rerank needs an encoder with vectors at the words of a page, such as "
            "'text:sentence-transformers/all-MiniLM-L6-v2'; this one's look at patches of its image"
        )
    cover = page.region_cover
    inside = page.embedding.vectors[cover.indices]
    return _unit(maxsim.segment_sum(inside, np.diff(cover.indptr)))


def _unit(vectors: FloatArray) -> FloatArray:
    """Vectors (..., D) with length 1; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9))
