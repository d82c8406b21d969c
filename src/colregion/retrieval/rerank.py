"""Pages scored also by what they mean: late interaction with a text model."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from colregion.core.embeddings import Candidate, similarity
from colregion.core.geometry import BoxPlacement, FloatArray
from colregion.core.interfaces import Encoder
from colregion.core.regions import ParsedPage
from colregion.errors import InvalidInput
from colregion.retrieval import maxsim
from colregion.retrieval.evidence import PageEvidence
from colregion.retrieval.question import Question
from colregion.retrieval.regions import RegionScorer
from colregion.retrieval.scorer import Scorer

MEANING_WEIGHT = 0.2
"""The share of a page's relevance that the text model decides."""

_CACHED_PAGES = 512  # about 400 kB each: 500 tokens of 384 numbers


def scorer_for(
    encoder: Encoder, *, scorer: Scorer[Any] | None, rerank: Encoder | None
) -> Scorer[Any]:
    """The scorer, by default the default method for the encoder, `rerank` with that text model.
    Raises InvalidInput for both."""
    if scorer is not None and rerank is not None:
        raise InvalidInput("rerank is for the default scorer; leave out scorer or rerank")
    if rerank is not None:
        return RerankScorer(rerank, noise_floor=encoder.noise_floor)
    return scorer or RegionScorer(noise_floor=encoder.noise_floor)


class RerankScorer(RegionScorer):
    """The default method, with the MaxSim of a text model as a fifth of each page's relevance.

    The MaxSim is the mean over the question's tokens of the highest similarity on the page above
    the model's noise floor, 0-1; 0 for a page without words. The order of the regions of one page
    stays. Hits have no confidence: it is fitted to the relevance without a text model.

    Every page that is compared, 25 for a usual search, is encoded when it is first met; the most
    recent 512 are cached by id and words. With all-MiniLM-L6-v2 that takes 0.5 s of CPU time per
    1,000 tokens, 10 s for a question about 25 new pages of reports, and 50 ms once they are cached.
    Safe to use from threads.

    Args:
        text_encoder: such as `load_encoder("text:ID")`.
        noise_floor: of the index's encoder, as in `collect_evidence`.
    """

    calibrated = False

    def __init__(self, text_encoder: Encoder, *, noise_floor: float = 0.0) -> None:
        super().__init__(noise_floor=noise_floor)
        self.text_encoder = text_encoder
        self._vectors: OrderedDict[tuple[str, str], FloatArray] = OrderedDict()
        self._lock = threading.Lock()

    def score_pages(
        self, question: Question, candidates: Sequence[Candidate]
    ) -> list[PageEvidence]:
        """As the default scorer. Raises InvalidInput for a question that is longer than the text
        model takes, or a model that looks at page images."""
        pages = super().score_pages(question, candidates)
        if not pages:
            return []
        query = self.text_encoder.encode_query(question.text)
        scored = []
        for page, vectors in zip(pages, self._encoded([p.parsed for p in candidates]), strict=True):
            best = similarity(query.vectors, vectors).max(axis=1, initial=0.0)
            best = maxsim.rescale(best, noise_floor=self.text_encoder.noise_floor)
            meaning = float(np.average(best, weights=query.weights))
            relevance = (1 - MEANING_WEIGHT) * page.relevance + MEANING_WEIGHT * meaning
            scored.append(replace(page, score=relevance, relevance=relevance))
        return scored

    def _encoded(self, pages: Sequence[ParsedPage]) -> list[FloatArray]:
        """The vectors of each page (V, D), from the cache or the text model."""
        keys = [(page.id, page.text) for page in pages]
        with self._lock:
            known = {key: self._vectors[key] for key in keys if key in self._vectors}
        new = [i for i, key in enumerate(keys) if key not in known]
        step = self.text_encoder.batch_pages
        for start in range(0, len(new), step):
            batch = new[start : start + step]
            embeddings = self.text_encoder.encode_pages([pages[i] for i in batch])
            for i, embedding in zip(batch, embeddings, strict=True):
                if not isinstance(embedding.placement, BoxPlacement):
                    name = self.text_encoder.fingerprint
                    raise InvalidInput(f"rerank takes text:ID of a text model; {name!r} is visual")
                known[keys[i]] = embedding.vectors.astype(np.float16)
        with self._lock:
            for key in keys:
                self._vectors[key] = known[key]
                self._vectors.move_to_end(key)
            while len(self._vectors) > _CACHED_PAGES:
                self._vectors.popitem(last=False)
        return [known[key] for key in keys]
