"""How much a search in two stages finds of what an exact one finds."""

from __future__ import annotations

import numpy as np

from colregion.core.embeddings import QueryEmbedding
from colregion.core.geometry import FloatArray
from colregion.indexes.local.scoring import PageScores

_TOKENS = 20


def measure_recall(
    scores: PageScores, *, k: int = 10, questions: int = 50, seed: int = 0
) -> float | None:
    """The share, 0-1, of the exact k best pages that two stages find, on questions made of the
    index's own vectors. None where the index is searched in one stage.

    A question is 20 vectors that follow one another on a page, each with as much noise as it has
    length: a question looks like the place that answers it, but only so far. The same index and
    seed give the same questions.
    """
    if not scores.takes_two_stages(k=k):
        return None
    rng = np.random.default_rng(seed)
    found = 0
    for _ in range(questions):
        query = plain_query(_question(scores, rng))
        exact, staged = (
            {page.page_id for page in scores.search(query, k=k, two_stages=two)}
            for two in (False, True)
        )
        found += len(exact & staged)
    return found / (k * questions)


def plain_query(vectors: FloatArray) -> QueryEmbedding:
    """A question of (T, D) vectors that all count the same."""
    n = len(vectors)
    tokens = tuple(str(i) for i in range(n))
    return QueryEmbedding(vectors, tokens, np.ones(n, dtype=bool), np.ones(n))


def _question(scores: PageScores, rng: np.random.Generator) -> FloatArray:
    long = [page for page in scores.table.pages if page.coarse.count]
    page = long[int(rng.integers(len(long)))]
    vectors = scores.table.vectors_of(page, np.empty(0, np.int32))
    start = int(rng.integers(len(vectors) - _TOKENS + 1))
    near = vectors[start : start + _TOKENS]
    noise = rng.standard_normal(near.shape, dtype=np.float32)
    noise *= np.linalg.norm(near, axis=1, keepdims=True) / np.linalg.norm(
        noise, axis=1, keepdims=True
    )
    return near + noise
