"""Thresholds, non-maximum suppression and ranking across pages."""

from __future__ import annotations

import numpy as np
import pytest

from colregion.errors import InvalidInput
from colregion.retrieval.selection import Keep, Rule, rank_across, suppress_covered, within_area

SCORES = np.array([0.2, 0.8, -np.inf, 0.4, 0.8])


class TestKeep:
    @pytest.mark.parametrize(
        ("rule", "value", "kept"),
        [
            ("none", 0, [0, 1, 3, 4]),  # all that have a score
            ("absolute", 0.4, [1, 3, 4]),
            ("absolute", 0.9, []),
            ("percentile", 50, [1, 4]),  # the median of .2 .4 .8 .8 is .6
            ("percentile", 100, [1, 4]),
            ("percentile", 0, [0, 1, 3, 4]),
            ("mean_std", 0, [1, 4]),  # mean .55
            ("mean_std", 0.9, [1, 4]),  # .55 + .9 * .26 = .78
            ("mean_std", 1.0, []),  # .81
            ("max", 0, [1, 4]),  # ties included
            ("top_k", 1, [1]),  # ties in reading order
            ("top_k", 3, [1, 3, 4]),
            ("top_k", 99, [0, 1, 3, 4]),
        ],
    )
    def test_each_rule_keeps_what_it_says(self, rule: Rule, value: float, kept: list[int]) -> None:
        assert np.flatnonzero(Keep(rule, value).mask(SCORES)).tolist() == kept

    @pytest.mark.parametrize("rule", ["none", "absolute", "percentile", "mean_std", "max", "top_k"])
    def test_nothing_is_kept_of_nothing(self, rule: Rule) -> None:
        keep = Keep(rule, 1)
        assert keep.mask(np.zeros(0)).tolist() == []
        assert keep.mask(np.full(2, -np.inf)).tolist() == [False, False]

    @pytest.mark.parametrize(
        ("rule", "value"),
        [("half", 1), ("percentile", 101), ("percentile", -1), ("top_k", 0), ("top_k", 1.5)],
    )
    def test_what_cannot_be_is_refused(self, rule: Rule, value: float) -> None:
        with pytest.raises(InvalidInput):
            Keep(rule, value)


class TestSuppressCovered:
    def test_no_boxes_give_no_positions(self) -> None:
        assert suppress_covered(np.zeros((0, 4))).tolist() == []

    def test_a_line_does_not_follow_its_paragraph_but_the_paragraph_its_line(self) -> None:
        paragraph, line, apart = [0, 0, 0.8, 0.4], [0, 0.1, 0.8, 0.2], [0, 0.6, 0.8, 0.7]
        assert suppress_covered(np.array([paragraph, line, apart])).tolist() == [0, 2]
        assert suppress_covered(np.array([line, paragraph, apart])).tolist() == [0, 1, 2]

    def test_the_share_is_of_the_later_box(self) -> None:
        boxes = np.array([[0.0, 0.0, 1.0, 0.5], [0.0, 0.42, 1.0, 0.52]])  # .08 of .10 lies inside
        assert suppress_covered(boxes).tolist() == [0, 1]
        assert suppress_covered(boxes, most_covered=0.7).tolist() == [0]

    def test_two_boxes_together_do_not_cover_a_third(self) -> None:
        halves_and_both = np.array([[0, 0, 0.5, 0.2], [0.5, 0, 1, 0.2], [0, 0, 1, 0.2]])
        assert suppress_covered(halves_and_both).tolist() == [0, 1, 2]


class TestWithinArea:
    def test_no_boxes_give_no_positions(self) -> None:
        assert within_area([], np.zeros((0, 4)), max_area=0.5).tolist() == []

    def test_what_would_pass_the_budget_is_left_out_and_the_next_is_tried(self) -> None:
        boxes = np.array([[0, 0, 0.5, 0.2], [0, 0.2, 1, 0.8], [0, 0.8, 0.3, 0.9]])  # .1 .6 .03
        assert within_area(["a#p1"] * 3, boxes, max_area=0.2).tolist() == [0, 2]
        assert within_area(["a#p1"] * 3, boxes, max_area=0.05).tolist() == [2]

    def test_area_covered_twice_is_spent_once_and_pages_add_up(self) -> None:
        boxes = np.array([[0, 0, 0.5, 0.2], [0, 0, 0.6, 0.2], [0, 0, 0.5, 0.2]])
        assert within_area(["a#p1", "a#p1", "b#p1"], boxes, max_area=0.13).tolist() == [0, 1]
        assert within_area(["a#p1", "a#p1", "b#p1"], boxes, max_area=0.23).tolist() == [0, 1, 2]


class TestRankAcross:
    def test_no_pages_give_nothing(self) -> None:
        assert rank_across([], k=3) == []

    def test_pages_are_mixed_by_score_and_ties_go_to_the_earlier(self) -> None:
        scores = [[0.1, 0.7], [], [0.7, -np.inf, 0.9]]
        assert rank_across(scores, k=3) == [(2, 2), (0, 1), (2, 0)]
        assert rank_across(scores, k=None) == [(2, 2), (0, 1), (2, 0), (0, 0)]
