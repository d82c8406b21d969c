from dataclasses import replace

import numpy as np
import pytest

from colregion.core.embeddings import PageEmbedding
from colregion.core.interfaces import Index
from colregion.indexes.memory import MemoryIndex
from colregion.testing import IndexContract


class TestMemoryIndex(IndexContract):
    @pytest.fixture
    def index(self) -> Index:
        return MemoryIndex()

    def test_scores_are_the_sum_of_each_tokens_best_match(self, index: Index) -> None:
        # Page vectors (1, 0) and (0, 2); the tokens (1, 1) and (3, 0) find 2 and 3 at best,
        # and weigh 1/2 and 2.
        page = self.page("one two")
        rows = np.zeros((2, self.dim), dtype=np.float32)
        rows[0, 0], rows[1, 1] = 1, 2
        query = self.query("q1 q2", weights=[0.5, 2])
        tokens = np.zeros((2, self.dim), dtype=np.float32)
        tokens[0, :2], tokens[1, 0] = 1, 3
        embedded = replace(page, embedding=PageEmbedding(rows, page.embedding.placement))
        index.replace(self.entry(), [embedded])
        (candidate,) = index.search(replace(query, vectors=tokens), k=5)
        assert (candidate.page_id, candidate.score) == ("doc#p1", 7.0)
