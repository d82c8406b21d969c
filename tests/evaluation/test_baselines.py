from __future__ import annotations

from math import log

import numpy as np
import pytest

from colregion.core.geometry import Box
from colregion.core.regions import ParsedPage, Region
from colregion.evaluation.baselines import (
    Bm25,
    best_area_order,
    best_fit_order,
    best_text_order,
    descending,
    largest_order,
    random_order,
    rank_fusion,
)
from colregion.testing import make_page


def page_of(*paths: tuple[int, ...]) -> ParsedPage:
    page = make_page()
    regions = tuple(
        Region(page_id=page.id, path=path, box=Box(0.1, 0.2, 0.9, 0.3), text=str(path))
        for path in paths
    )
    return ParsedPage(page, (), regions)


class TestBm25:
    # Three texts of 2, 4 and 3 terms, mean 3; "total" in two of them, "net" in one.
    TEXTS = ("Total 17", "total total net sum", "thank you kindly")

    def test_bm25_scores_follow_the_formula(self) -> None:
        idf_total, idf_net = log(1 + 1.5 / 2.5), log(1 + 2.5 / 1.5)
        first = idf_total * 2.5 / (1 + 1.5 * (0.25 + 0.75 * 2 / 3))
        norm = 1.5 * (0.25 + 0.75 * 4 / 3)
        second = idf_total * 2 * 2.5 / (2 + norm) + idf_net * 2.5 / (1 + norm)
        scores = Bm25(self.TEXTS).scores("What is the net TOTAL?")
        assert scores == pytest.approx([first, second, 0.0])

    def test_bm25_of_unknown_words_is_zero(self) -> None:
        assert Bm25(self.TEXTS).scores("zebra").tolist() == [0.0, 0.0, 0.0]

    def test_bm25_counts_stop_words_only_if_there_are_no_other_words(self) -> None:
        index = Bm25(("you", "net"))
        assert index.scores("you net").tolist()[0] == 0.0
        assert index.scores("you").tolist()[0] > 0.0

    def test_bm25_of_no_texts_and_of_texts_without_words_is_zero(self) -> None:
        assert Bm25(()).scores("net").tolist() == []
        assert Bm25(("", "--")).scores("net").tolist() == [0.0, 0.0]


class TestOrders:
    BOXES = np.array([[0.0, 0.0, 0.5, 0.1], [0.1, 0.2, 0.3, 0.8], [0.5, 0.5, 1.0, 0.6]])

    def test_largest_order_is_stable(self) -> None:
        assert largest_order(self.BOXES).tolist() == [1, 0, 2]

    def test_descending_order_is_stable(self) -> None:
        assert descending(np.array([0.0, 2.0, 0.0, 1.0])).tolist() == [1, 3, 0, 2]

    def test_random_order_depends_on_the_key_only(self) -> None:
        assert random_order(6, key="a").tolist() == [4, 5, 2, 0, 1, 3]
        assert sorted(random_order(50, key="b").tolist()) == list(range(50))
        assert random_order(50, key="b").tolist() != random_order(50, key="c").tolist()
        assert random_order(0, key="a").tolist() == []


def test_rank_fusion_adds_the_reciprocal_ranks_from_sixty_on() -> None:
    scores = rank_fusion([np.array([1, 0]), np.array([0])], 3)
    assert scores == pytest.approx([1 / 62 + 1 / 61, 1 / 61, 0.0])
    assert rank_fusion([], 2).tolist() == [0.0, 0.0]


class TestBest:
    EVIDENCE = np.array([[0.1, 0.2, 0.3, 0.6]])  # 0.08

    def test_best_area_order_is_by_evidence_per_added_area(self) -> None:
        boxes = np.array(
            [
                [0.0, 0.0, 1.0, 1.0],  # the page: evidence at 0.08
                [0.1, 0.2, 0.5, 0.6],  # at 0.5
                [0.1, 0.2, 0.3, 0.4],  # at 1
                [0.1, 0.3, 0.3, 0.4],  # inside the one before
                [0.6, 0.7, 0.9, 0.8],  # none
            ]
        )
        # After the third, the second box adds 0.04 of evidence with 0.12 of area: a third of it
        # and still more than the page.
        assert best_area_order(boxes, self.EVIDENCE).tolist() == [2, 1]

    def test_best_area_order_is_empty_without_boxes_or_evidence(self) -> None:
        assert best_area_order(np.zeros((0, 4)), self.EVIDENCE).tolist() == []
        assert best_area_order(np.array([[0.5, 0.7, 0.9, 0.8]]), self.EVIDENCE).tolist() == []

    def test_best_fit_order_is_by_iou_with_the_evidence(self) -> None:
        boxes = np.array([[0.1, 0.2, 0.5, 0.6], [0.5, 0.7, 0.9, 0.8], [0.1, 0.2, 0.3, 0.5]])
        assert best_fit_order(boxes, self.EVIDENCE).tolist() == [2, 0, 1]

    @pytest.mark.parametrize(
        ("answers", "expected"),
        [(["17"], [2, 0, 1, 3]), (["net", "sum"], [0, 1, 2, 3]), (["zebra"], [0, 1, 2, 3])],
    )
    def test_best_text_order_starts_with_the_shortest_text_with_the_answer(
        self, answers: list[str], expected: list[int]
    ) -> None:
        texts = ["net sum of 17 and more", "net", "is 17", "sum"]
        assert best_text_order(texts, answers).tolist() == expected
