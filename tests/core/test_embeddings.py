"""Late interaction, with numbers worked out by hand, and products in blocks against numpy's own."""

from __future__ import annotations

import numpy as np
import pytest

from colregion.core.embeddings import maxsim_score, region_cover, similarity
from colregion.core.geometry import BoxPlacement, GridPlacement
from colregion.errors import ShapeMismatch

SIM = np.array([[0.1, 0.9, 0.2, -0.3], [0.5, 0.0, 0.4, 0.6]])


class TestSimilarity:
    def test_similarity_with_a_page_without_vectors_has_no_columns(self) -> None:
        assert similarity(np.ones((2, 3)), np.zeros((0, 3))).shape == (2, 0)

    def test_similarity_has_a_row_per_token_and_a_column_per_vector(self) -> None:
        query = np.array([[1.0, 0.0], [0.0, 2.0]], dtype=np.float16)
        page = np.array([[3.0, 1.0], [0.0, 1.0], [5.0, 0.0]], dtype=np.float32)
        sim = similarity(query, page)
        assert sim.tolist() == [[3.0, 0.0, 5.0], [2.0, 2.0, 0.0]]
        assert sim.dtype == np.float32

    @pytest.mark.parametrize(
        ("t", "v", "dim"), [(0, 3, 4), (1, 3001, 384), (10, 1777, 96), (70, 513, 128), (200, 9, 8)]
    )
    def test_similarity_in_blocks_equals_one_matrix_product(self, t: int, v: int, dim: int) -> None:
        rng = np.random.default_rng(0)
        query = rng.normal(size=(t, dim)).astype(np.float32)
        page = rng.normal(size=(v, dim)).astype(np.float32)
        np.testing.assert_allclose(similarity(query, page), query @ page.T, rtol=1e-4, atol=1e-4)

    def test_similarity_of_different_dimensions_is_refused(self) -> None:
        with pytest.raises(ShapeMismatch, match="3 and 4"):
            similarity(np.ones((2, 3)), np.ones((2, 4)))


class TestMaxSimScore:
    def test_page_without_vectors_scores_below_everything(self) -> None:
        assert maxsim_score(np.zeros((2, 0)), np.ones(2)) == -np.inf

    def test_question_without_tokens_scores_zero(self) -> None:
        assert maxsim_score(np.zeros((0, 3)), np.zeros(0)) == 0.0

    def test_maxsim_score_sums_the_best_similarity_of_every_token_by_weight(self) -> None:
        assert maxsim_score(SIM, np.array([1.0, 2.0])) == pytest.approx(0.9 + 2 * 0.6)

    def test_maxsim_score_of_negative_similarities_is_negative(self) -> None:
        assert maxsim_score(np.array([[-0.5, -0.2]]), np.ones(1)) == pytest.approx(-0.2)


class TestRegionCover:
    REGION = np.array([[0.0, 0.0, 1.0, 0.5]])

    def test_words_count_for_a_region_when_at_least_half_of_them_lies_inside(self) -> None:
        boxes = np.array([[0.1, 0.4, 0.3, 0.6], [0.5, 0.41, 0.7, 0.61]])
        assert region_cover(BoxPlacement(boxes), self.REGION).indices.tolist() == [0]

    def test_grid_cells_count_when_they_touch_the_region(self) -> None:
        grid = GridPlacement((np.arange(6).reshape(3, 2),), n_vectors=6)
        assert region_cover(grid, self.REGION).indices.tolist() == [0, 1, 2, 3]
