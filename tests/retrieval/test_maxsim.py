"""MaxSim inside pages and regions, with numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from colregion.retrieval.maxsim import (
    neighbour_max,
    rescale,
    saturate,
    segment_max,
    segment_sum,
    weighted_geometric_mean,
    weighted_mean,
)

# Three vectors, two tokens: the first two vectors are one page, the third another.
SIM = np.array([[0.1, 0.5], [0.9, 0.0], [0.2, 0.4]])


def test_rescale_stretches_what_lies_above_the_noise_floor() -> None:
    sim = np.array([[-1.0, 0.2, 0.4, 1.0, 1.5]], dtype=np.float32)
    assert rescale(sim, noise_floor=0.2)[0] == pytest.approx([0, 0, 0.25, 1, 1])
    assert rescale(sim, noise_floor=0.0)[0] == pytest.approx([0, 0.2, 0.4, 1, 1])


class TestSegments:
    def test_each_segment_has_its_own_maximum_and_sum(self) -> None:
        counts = np.array([2, 1])
        assert segment_max(SIM, counts).tolist() == [[0.9, 0.5], [0.2, 0.4]]
        assert segment_sum(SIM, counts) == pytest.approx(np.array([[1.0, 0.5], [0.2, 0.4]]))

    def test_empty_segments_are_zero_and_take_nothing_from_their_neighbors(self) -> None:
        counts = np.array([0, 2, 0, 1, 0])
        assert segment_max(SIM, counts).tolist() == [[0, 0], [0.9, 0.5], [0, 0], [0.2, 0.4], [0, 0]]

    def test_no_vectors_and_no_tokens_give_zeros_of_the_right_shape(self) -> None:
        assert segment_max(np.zeros((0, 2)), np.array([0, 0])).tolist() == [[0, 0], [0, 0]]
        assert segment_sum(np.zeros((3, 0)), np.array([2, 1])).shape == (2, 0)
        assert segment_max(np.zeros((0, 2)), np.array([], dtype=int)).shape == (0, 2)


class TestMeans:
    def test_weighted_mean_counts_tokens_by_their_weight(self) -> None:
        assert weighted_mean(SIM, np.array([1.0, 3.0])) == pytest.approx([0.4, 0.225, 0.35])

    def test_rows_may_have_weights_of_their_own(self) -> None:
        weights = np.array([[1.0, 0.0], [1.0, 3.0], [0.0, 0.0]])
        assert weighted_mean(SIM, weights) == pytest.approx([0.1, 0.225, 0.0])

    def test_geometric_mean_counts_a_missing_token_a_little(self) -> None:
        values = np.array([[0.25, 1.0], [1.0, 0.0]])
        means = weighted_geometric_mean(values, np.array([1.0, 1.0]), missing=0.05)
        assert means == pytest.approx([0.5, 0.05**0.5])

    def test_without_weight_both_are_zero(self) -> None:
        none = np.zeros(2)
        assert weighted_mean(SIM, none).tolist() == [0, 0, 0]
        assert weighted_geometric_mean(SIM, none, missing=0.05).tolist() == [0, 0, 0]
        assert weighted_mean(np.zeros((2, 0)), np.zeros(0)).tolist() == [0, 0]


class TestSaturate:
    def test_frequency_in_a_text_of_usual_length_is_bm25(self) -> None:
        saturated = saturate(
            np.array([[1.25, 0.0]]), np.array([3]), usual_length=3, length_share=0.75
        )
        assert saturated.tolist() == [[1.25 / (1.25 + 1.2), 0.0]]

    def test_frequency_in_a_text_of_twice_the_usual_length_counts_less(self) -> None:
        saturated = saturate(np.array([[1.25]]), np.array([6]), usual_length=3, length_share=0.75)
        assert saturated == pytest.approx(np.array([[1.25 / (1.25 + 1.2 * 1.75)]]))

    def test_without_length_share_the_length_does_not_count(self) -> None:
        saturated = saturate(np.ones((2, 1)), np.array([1, 99]), usual_length=3, length_share=0)
        assert saturated == pytest.approx(np.full((2, 1), 1 / 2.2))


class TestNeighbourMax:
    # Tokens 0, 1, 2 over five vectors of two pages.
    SIM = np.array(
        [[0.9, 0.0, 0.0], [0.0, 0.5, 0.0], [0.4, 0.0, 0.8], [0.0, 1.0, 0.0], [0.7, 0.0, 1.0]]
    )

    def test_pair_counts_as_much_as_its_weaker_half_where_both_are_neighbours(self) -> None:
        assert neighbour_max(self.SIM, np.array([5])).tolist() == [[0.5, 1.0]]

    def test_vectors_of_two_pages_are_no_neighbours(self) -> None:
        pairs = neighbour_max(self.SIM, np.array([3, 0, 2]))
        assert pairs.tolist() == [[0.5, 0.5], [0.0, 0.0], [0.0, 1.0]]

    def test_one_token_has_no_pairs(self) -> None:
        assert neighbour_max(np.ones((3, 1)), np.array([3])).shape == (1, 0)
