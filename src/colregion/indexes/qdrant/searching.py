"""The search of pages: every page exactly, or the best of a first stage."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
from qdrant_client import models

from colregion.core.documents import page_id
from colregion.core.embeddings import QueryEmbedding
from colregion.core.geometry import FloatArray
from colregion.indexes.qdrant.connection import Connection
from colregion.indexes.qdrant.filters import Translated
from colregion.indexes.qdrant.options import QdrantOptions
from colregion.indexes.qdrant.schema import FIRST, PAGE, vector_collection
from colregion.indexes.qdrant.stored import from_plain

_FIELDS = ["generation", "doc_id", "page_number"]
# With fewer pages than so many times the candidates, a first stage saves next to nothing.
_TWO_STAGES_FROM = 8
# More than asked for, so that most ties at the end of the list are seen at once.
_SPARE = 8
# How long the number of pages is taken for what it was.
_COUNT_KEPT_S = 60.0
_OVERSAMPLING = 3.0


@dataclass(frozen=True, slots=True)
class FoundPage:
    """A page that was found, and the generation that it is of."""

    doc_id: str
    number: int
    score: float
    generation: str

    @property
    def id(self) -> str:
        """As of `Page`."""
        return page_id(self.doc_id, self.number)


@dataclass(slots=True)
class Searcher:
    """Asks one index for pages."""

    connection: Connection
    collection: str
    options: QdrantOptions
    _counted: dict[str, tuple[float, int]] = field(default_factory=dict)
    _quantised: dict[str, bool] = field(default_factory=dict)

    def pages(
        self,
        query: QueryEmbedding,
        *,
        k: int,
        conditions: Translated,
        hidden: list[models.Condition],
    ) -> list[FoundPage]:
        """The k best pages that the conditions let through; ties by document id and number."""
        wanted = models.Filter(must=conditions.must, must_not=[*conditions.must_not, *hidden])
        matrix = weighted(query)
        limit = k + _SPARE
        while True:
            found = self._ask(matrix, wanted, limit=limit)
            if len(found) < limit or found[-1].score < found[k - 1].score:
                break
            limit *= 2  # the k-th best is one of several alike, and not all are here
        found.sort(key=lambda page: (-page.score, page.doc_id, page.number))
        return found[:k]

    def _ask(self, matrix: FloatArray, wanted: models.Filter, *, limit: int) -> list[FoundPage]:
        collection = vector_collection(self.collection, matrix.shape[1])
        vectors = matrix.tolist()
        prefetch = None
        if self._is_large(collection):
            # The same question, against the few vectors that stand for each page's many.
            prefetch = models.Prefetch(
                query=vectors,
                using=FIRST,
                filter=wanted,
                limit=max(self.options.candidates, 2 * limit),
            )
        answer = self.connection.ask(
            lambda client: client.query_points(
                collection,
                query=vectors,
                using=PAGE,
                prefetch=prefetch,
                query_filter=wanted,
                search_params=self._params(collection),
                limit=limit,
                with_payload=_FIELDS,
            )
        )
        return [_found(point) for point in answer.points]

    def _is_large(self, collection: str) -> bool:
        if not self.options.candidates:
            return False
        asked, count = self._counted.get(collection, (-np.inf, 0))
        if time.monotonic() - asked > _COUNT_KEPT_S:
            count = self.connection.ask(lambda client: client.count(collection, exact=False)).count
            self._counted[collection] = (time.monotonic(), count)
        return count > _TWO_STAGES_FROM * self.options.candidates

    def _params(self, collection: str) -> models.SearchParams | None:
        if not self.connection.remote:
            return None  # the client's local mode is exact, and says so of every parameter
        if collection not in self._quantised:
            info = self.connection.ask(lambda client: client.get_collection(collection))
            vectors = info.config.params.vectors
            params = vectors[PAGE] if isinstance(vectors, dict) else None
            self._quantised[collection] = bool(params and params.quantization_config)
        if not self._quantised[collection]:
            return models.SearchParams(exact=True)
        # What the small copies choose is scored again from the vectors themselves.
        rescored = models.QuantizationSearchParams(rescore=True, oversampling=_OVERSAMPLING)
        return models.SearchParams(quantization=rescored)


def weighted(query: QueryEmbedding) -> FloatArray:
    """(T', D) float32 rows whose plain late interaction is the weighted one of the question:
    w max_j q.d_j = max_j (w q).d_j for w >= 0. Rows of weight 0 add nothing and are left out; a
    question without any other becomes one row of zeros, which scores 0 with every page."""
    counts = query.weights > 0
    rows = query.vectors[counts] * query.weights[counts, None]
    if not len(rows):
        return np.zeros((1, query.vectors.shape[1]), dtype=np.float32)
    return np.asarray(rows, dtype=np.float32)


def _found(point: models.ScoredPoint) -> FoundPage:
    payload = point.payload or {}
    return FoundPage(
        from_plain(payload["doc_id"]), payload["page_number"], point.score, payload["generation"]
    )
