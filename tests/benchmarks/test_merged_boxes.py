"""Merged candidates, their chances, and the choice among them."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.merged_boxes import (
    EVIDENCE_PRIOR,
    EvidencePrior,
    expected_overlap_choice,
    features,
    merge_candidates,
    probabilities,
)

# Two columns on a page: a stack of two on the left, one box on the right, lower.
LEFT_1, LEFT_2, RIGHT = [0.1, 0.1, 0.4, 0.2], [0.1, 0.3, 0.4, 0.4], [0.5, 0.6, 0.9, 0.8]
BOXES = np.array([LEFT_1, RIGHT, LEFT_2])


def rows(boxes: np.ndarray) -> set[tuple[float, ...]]:
    return {tuple(np.round(box, 3).tolist()) for box in boxes}


class TestCandidates:
    def test_no_regions_give_none(self) -> None:
        candidates = merge_candidates(np.zeros((0, 4)))
        assert candidates.boxes_xyxy.shape == (0, 4)
        assert probabilities(candidates, np.zeros((0, 4))).tolist() == []

    def test_singles_runs_and_pairs_each_once(self) -> None:
        candidates = merge_candidates(BOXES)
        assert rows(candidates.boxes_xyxy) == {
            *(tuple(box) for box in (LEFT_1, LEFT_2, RIGHT)),
            (0.1, 0.1, 0.4, 0.4),  # the column
            (0.1, 0.3, 0.9, 0.8),
            (0.1, 0.1, 0.9, 0.8),  # the first and the last are around all three
        }

    def test_a_candidate_holds_what_lies_inside_and_cuts_what_does_partly(self) -> None:
        across = np.array([[0.1, 0.1, 0.4, 0.2], [0.1, 0.5, 0.4, 0.6], [0.3, 0.3, 0.9, 0.4]])
        candidates = merge_candidates(across)
        column = next(
            i
            for i, box in enumerate(candidates.boxes_xyxy)
            if np.allclose(box, [0.1, 0.1, 0.4, 0.6])
        )
        assert candidates.contained[column].tolist() == [True, True, False]
        assert candidates.cut[column] == 1

    def test_runs_are_no_longer_than_asked(self) -> None:
        stack = np.array([[0.1, y, 0.9, y + 0.05] for y in (0.1, 0.2, 0.3, 0.4)])
        longest = merge_candidates(stack, max_parts=2).contained.sum(axis=1)
        # pairs of the farthest hold what lies between, whatever the limit
        assert sorted(longest.tolist()) == [1, 1, 1, 1, 2, 2, 2, 3, 3, 4]


def test_features_are_what_they_say() -> None:
    candidates = merge_candidates(BOXES)
    at = {tuple(np.round(box, 3).tolist()): i for i, box in enumerate(candidates.boxes_xyxy)}
    column = features(candidates, BOXES)[at[0.1, 0.1, 0.4, 0.4]]
    log_area = np.log(0.3 * 0.3)
    # ranks 0 and 2 of three; a gap of .1; both of one size
    assert column == pytest.approx([log_area, log_area**2, np.log(0.3), 1 / 3, 0, 1, 0.5, 0])
    alone = features(candidates, BOXES)[at[tuple(RIGHT)]]
    assert alone[3:] == pytest.approx([1 / 3, 0, 0, 1, 1])


class TestProbabilities:
    def test_they_sum_to_one_and_follow_the_weights(self) -> None:
        prior = EvidencePrior(0, 0, 0, rank=-3.0, cut=0, wide_gap=0, largest_share=0, single=0)
        candidates = merge_candidates(BOXES)
        chances = probabilities(candidates, BOXES, prior=prior)
        assert chances.sum() == pytest.approx(1)
        best = candidates.boxes_xyxy[chances.argmax()]
        assert best.tolist() == pytest.approx(LEFT_1)  # the one that ranks first

    def test_the_size_prior_has_its_top_inside_the_page(self) -> None:
        assert 0.05 < EVIDENCE_PRIOR.likeliest_area < 0.5
        sizes = np.array([0.0005, EVIDENCE_PRIOR.likeliest_area, 0.95])
        bell = (EVIDENCE_PRIOR.log_area + EVIDENCE_PRIOR.log_height / 2) * np.log(
            sizes
        ) + EVIDENCE_PRIOR.log_area_squared * np.log(sizes) ** 2
        assert bell.argmax() == 1


class TestChoice:
    SQUARES = np.array([[0, 0, 0.2, 0.2], [0, 0, 0.2, 0.19], [0.5, 0.5, 0.9, 0.9]])

    def test_nothing_gives_nothing(self) -> None:
        assert expected_overlap_choice(np.zeros((0, 4)), np.zeros(0), k=3).tolist() == []

    def test_two_guesses_of_one_place_are_stronger_together_and_taken_once(self) -> None:
        chances = np.array([0.3, 0.3, 0.4])
        chosen = expected_overlap_choice(self.SQUARES, chances, k=3).tolist()
        assert chosen[0] in (0, 1)  # .6 for the corner beats .4
        assert chosen[1:] == [2]  # the other guess overlaps too much

    def test_no_more_than_asked_are_taken(self) -> None:
        chances = np.array([0.1, 0.1, 0.8])
        assert expected_overlap_choice(self.SQUARES, chances, k=1).tolist() == [2]

    def test_many_tiny_regions_end(self) -> None:
        grid = np.array(
            [[x / 5, y / 5, x / 5 + 0.01, y / 5 + 0.01] for y in range(4) for x in range(5)]
        )
        candidates = merge_candidates(grid)
        chosen = expected_overlap_choice(
            candidates.boxes_xyxy, probabilities(candidates, grid), k=3
        )
        assert len(chosen) == 3
