"""Blank cells of a page wider than high."""

from __future__ import annotations

import numpy as np
from PIL import Image

from colregion.core.geometry import BoxPlacement, GridPlacement
from colregion.retrieval.ink import blank_vectors


def page(*, paper: int = 255) -> Image.Image:
    """600 x 200 px; of 2 x 3 cells the last has a black line, the first a speck."""
    image = Image.new("L", (600, 200), paper)
    image.paste(0, (450, 150, 550, 155))
    image.paste(0, (10, 10, 12, 12))
    return image


GRID = GridPlacement((np.array([[1, 2, 3], [4, 5, 6]]),), n_vectors=7)


def test_cells_without_ink_are_blank_and_a_prompt_token_is_not() -> None:
    # the speck has 4 of 20,000 pixels, the line 500
    assert blank_vectors(page(), GRID).tolist() == [False, True, True, True, True, True, False]


def test_paper_may_have_any_grey() -> None:
    assert not blank_vectors(page(paper=120), GRID)[6]
    assert blank_vectors(Image.new("L", (60, 20), 90), GRID)[1:].all()


def test_a_vector_of_several_cells_is_blank_only_where_all_are() -> None:
    pooled = GridPlacement((np.array([[0, 0, 1], [1, 1, 1]]),), n_vectors=2)
    assert blank_vectors(page(), pooled).tolist() == [True, False]


def test_vectors_of_words_are_never_blank() -> None:
    words = BoxPlacement(np.array([[0.1, 0.1, 0.2, 0.2]]))
    assert blank_vectors(page(), words).tolist() == [False]
