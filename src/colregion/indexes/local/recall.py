"""Recall of a search in two stages against an exact one."""

from __future__ import annotations

import numpy as np

from colregion.core.embeddings import QueryEmbedding
from colregion.core.geometry import FloatArray
from colregion.indexes.local.scoring import PageScores

_TOKENS = 20


def measure_recall(
    scores: PageScores, *, k: int = 10, questions: int = 50, seed: int = 0
) -> float | None:
    """The share, 0-1, of the exact k best pages that two stages return, on queries made from the
    index's own vectors. None if the index is searched in one stage.

    A query is 20 consecutive vectors of a page, each with noise of the same norm, because a query
    resembles the place with the answer only roughly. The same index and seed give the same queries.
    """
    if not scores.takes_two_stages(k=k):
        return None
    rng = np.random.default_rng(seed)
    hits = 0
    for _ in range(questions):
        query = plain_query(_noisy_vectors(scores, rng))
        exact, staged = (
            {page.page_id for page in scores.search(query, k=k, two_stages=two)}
            for two in (False, True)
        )
        hits += len(exact & staged)
    return hits / (k * questions)


def plain_query(vectors: FloatArray) -> QueryEmbedding:
    """A query of (T, D) vectors with equal weights."""
    n = len(vectors)
    return QueryEmbedding(vectors, tuple(map(str, range(n))), np.ones(n, dtype=bool), np.ones(n))


def _noisy_vectors(scores: PageScores, rng: np.random.Generator) -> FloatArray:
    long = [page for page in scores.table.pages if page.coarse.count]
    page = long[int(rng.integers(len(long)))]
    vectors = scores.table.vectors_of(page, np.empty(0, np.int32))
    start = int(rng.integers(len(vectors) - _TOKENS + 1))
    near = vectors[start : start + _TOKENS]
    noise = rng.standard_normal(near.shape, dtype=np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    noise *= np.linalg.norm(near, axis=1, keepdims=True)
    return near + noise
