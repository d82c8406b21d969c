from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from colregion.core.geometry import Box, FloatArray
from colregion.core.regions import ParsedPage
from colregion.evaluation.cases import Case
from colregion.evaluation.dense import DenseModel
from colregion.evaluation.searches import DENSE, RANKINGS, SEARCHES, Baselines
from colregion.testing import make_parsed_page


def page(doc_id: str, *texts: str) -> ParsedPage:
    """Lines below each other, each narrower than the one before."""
    lines = [
        (text, Box(0.1, 0.2 * i, 0.9 - 0.1 * i, 0.2 * i + 0.1)) for i, text in enumerate(texts)
    ]
    return make_parsed_page(lines, doc_id=doc_id)


def case(question: str) -> Case:
    return Case("a", "d", "doc", 0, Path("p.png"), question, (), (Box(0, 0, 1, 1),))


class TwoTexts(DenseModel):
    """The first text points along x, the second mostly along y, and every question along y."""

    def __init__(self) -> None:
        pass

    def encode_documents(self, texts: list[str]) -> FloatArray:
        assert texts == ["total 17\nthank you kindly", "net\ntotal total"]
        return np.array([[1.0, 0.0], [0.6, 0.8]])

    def encode_query(self, text: str) -> FloatArray:  # noqa: ARG002
        return np.array([0.0, 1.0])


@pytest.fixture
def searches() -> Baselines:
    pages = [page("a", "total 17", "thank you kindly"), page("b", "net", "total total")]
    return Baselines(pages, count_tokens=lambda text: len(text.split()), text_model=TwoTexts())


class TestBm25Searches:
    # Blocks of 2, 3, 1 and 2 terms, mean 2: block 3 scores 5 / 3.5, block 0 2.5 / 2.5 of its idf.
    # Pages of 5 and 3 terms, mean 4: 2.5 / 2.78 and 5 / 3.22 of theirs.
    @pytest.mark.parametrize("ranking", ["bm25", "bm25_line"])
    def test_bm25_ranks_regions_of_all_pages(self, searches: Baselines, ranking: str) -> None:
        assert searches.order(ranking, case("total")).tolist() == [3, 0, 1, 2]

    @pytest.mark.parametrize("ranking", ["bm25_page", "bm25_chunk_128", "bm25_chunk_256"])
    def test_bm25_ranks_pages_and_chunks_as_large_as_pages(
        self, searches: Baselines, ranking: str
    ) -> None:
        assert searches.order(ranking, case("total")).tolist() == [1, 0]
        assert searches.order(ranking, case("thank")).tolist() == [0, 1]

    def test_page_then_block_takes_all_blocks_of_the_best_page_first(
        self, searches: Baselines
    ) -> None:
        order = searches.order("bm25_page_then_block", case("total"))
        assert order.tolist() == [3, 2, 0, 1]

    def test_page_plus_block_adds_both_as_shares_of_their_maximum(
        self, searches: Baselines
    ) -> None:
        # 1 + 1, .7 + .579, 0 + 1, 0 + .579
        order = searches.order("bm25_page_plus_block", case("total"))
        assert order.tolist() == [3, 0, 2, 1]

    def test_question_without_a_known_word_keeps_the_order_of_the_pages(
        self, searches: Baselines
    ) -> None:
        for name in ("bm25", "bm25_page_then_block", "bm25_page_plus_block"):
            assert searches.order(name, case("zebra")).tolist() == [0, 1, 2, 3]


class TestDenseSearches:
    @pytest.mark.parametrize("ranking", ["dense_chunk_128", "dense_chunk_256"])
    def test_dense_ranks_chunks_by_their_cosine(self, searches: Baselines, ranking: str) -> None:
        assert searches.order(ranking, case("thank")).tolist() == [1, 0]

    def test_hybrid_fuses_the_ranks_of_dense_and_of_matches_of_bm25(
        self, searches: Baselines
    ) -> None:
        # 1 / 62 + 1 / 61 against 1 / 61: BM25 does not rank what it does not match.
        assert searches.order("hybrid_chunk_128", case("thank")).tolist() == [0, 1]
        assert searches.order("hybrid_chunk_128", case("zebra")).tolist() == [1, 0]


def test_pages_without_words_give_empty_orders() -> None:
    searches = Baselines([page("a")], count_tokens=len, text_model=TwoTexts())
    names = {*RANKINGS, *SEARCHES, *DENSE} - {"colregion", "paper", "best", "bm25_page"}
    assert {name: searches.order(name, case("total")).tolist() for name in names} == {
        name: [] for name in names
    }
