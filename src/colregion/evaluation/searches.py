"""The baselines by name: each one orders the regions of a pool for a case."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from colregion.core.geometry import FloatArray, IntArray
from colregion.core.regions import ParsedPage
from colregion.evaluation import baselines
from colregion.evaluation.cases import Case
from colregion.evaluation.dense import DenseModel
from colregion.evaluation.rankings import CountTokens, Pool

ENGINES = ("colregion", "paper")
"""The engine with its two scorers."""

RANKINGS = (*ENGINES, "random", "largest", "bm25", "all", "best")
"""What is compared given the right page. "random": regions in a random order that the case's id
determines. "largest": layout areas by size. "bm25": blocks (paragraphs and rows) by Okapi BM25.
"all": layout areas in reading order. "best": the best order of any regions of the right page's
tree, computed from the evidence itself, for each measure its own."""

SEARCHES = (
    "bm25_line",
    "bm25_chunk_128",
    "bm25_chunk_256",
    "bm25_page",
    "bm25_page_then_block",
    "bm25_page_plus_block",
)
"""What is also compared over a corpus: BM25 over lines, chunks of lines, and pages; the blocks of
the best page, then those of the next; blocks by the sum of their score and their page's, each as a
share of its maximum."""

DENSE = tuple(f"{kind}_chunk_{size}" for size in (128, 256) for kind in ("dense", "hybrid"))
"""With a text model: chunks by the cosine of their vector, and the reciprocal rank fusion of that
with BM25 over the same chunks."""


class Baselines:
    """The baselines over some pages; what their questions share is prepared once."""

    def __init__(
        self,
        pages: Sequence[ParsedPage],
        *,
        count_tokens: CountTokens,
        text_model: DenseModel | None = None,
    ) -> None:
        self._pages = pages
        self._count_tokens = count_tokens
        self._text_model = text_model
        self._pools: dict[str, Pool] = {}
        self._vectors: dict[str, FloatArray] = {}

    def pool(self, name: str) -> Pool:
        """The regions that the baseline `name` ranks."""
        if name in ("largest", "all"):
            division = "area"
        elif name in ("random", "bm25", "bm25_page_then_block", "bm25_page_plus_block"):
            division = "block"
        else:
            division = name.partition("_")[2]
        return self._pool(division)

    def order(self, name: str, case: Case) -> IntArray:
        """Positions of the pool's members, best first."""
        pool = self.pool(name)
        if name == "random":
            return baselines.random_order(len(pool.members), key=case.id)
        if name == "largest":
            return baselines.largest_order(pool.boxes_xyxy)
        if name == "all":
            return np.arange(len(pool.members))
        if name.startswith("dense"):
            return baselines.descending(self._cosines(pool, case.question))
        scores = pool.bm25.scores(case.question)
        if name.startswith("hybrid"):
            return self._fused(pool, case.question, scores)
        if name.startswith("bm25_page_"):
            of_page = self._pool("page").bm25.scores(case.question)
            if name == "bm25_page_then_block":
                page_rank = np.argsort(baselines.descending(of_page))[pool.page_of]
                return np.lexsort((-scores, page_rank))
            scores = _share(scores) + _share(of_page)[pool.page_of]
        return baselines.descending(scores)

    def _pool(self, division: str) -> Pool:
        if division not in self._pools:
            self._pools[division] = Pool(self._pages, division, self._count_tokens)
        return self._pools[division]

    def _fused(self, pool: Pool, question: str, bm25: FloatArray) -> IntArray:
        matching = baselines.descending(bm25)[: np.count_nonzero(bm25)]
        dense = baselines.descending(self._cosines(pool, question))
        return baselines.descending(baselines.rank_fusion([matching, dense], len(bm25)))

    def _cosines(self, pool: Pool, question: str) -> FloatArray:
        assert self._text_model is not None, "dense rankings are refused without a text model"
        if not pool.members:
            return np.zeros(0)
        if pool.division not in self._vectors:
            self._vectors[pool.division] = self._text_model.encode_documents(pool.texts)
        return np.asarray(self._vectors[pool.division] @ self._text_model.encode_query(question))


def _share(scores: FloatArray) -> FloatArray:
    """Scores as shares of their maximum; zeros where all are 0."""
    return np.asarray(scores / max(scores.max(initial=0.0), 1e-12))
