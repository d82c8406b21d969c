from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from colregion.core.geometry import FloatArray
from colregion.encoders.static.encoder import StaticTokenEncoder
from colregion.encoders.visual_words.components import find_letters, ink_mask, marked_area
from colregion.encoders.visual_words.model import Cells, VisualWordModel
from colregion.encoders.visual_words.views import PageView, choose_looks
from colregion.encoders.visual_words.vocabulary import Vocabulary
from colregion.encoders.visual_words.words import pool_words, word_features


class FourWords(StaticTokenEncoder):
    """Knows four words, so that probabilities are easily computed."""

    def known_words(self) -> list[str]:
        return ["garden", "invoice", "school", "water"]


@pytest.fixture(scope="module")
def words() -> FloatArray:
    """(4, 384) the vectors of the words."""
    static = FourWords()
    return np.stack([static.term_vector(word) for word in static.known_words()])


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary(FourWords())


def unit(vector: FloatArray) -> FloatArray:
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def test_letters_are_components_of_ink_that_touch_at_least_by_a_corner() -> None:
    ink = np.zeros((12, 20), dtype=bool)
    ink[2:5, 2:4] = ink[5:8, 4:6] = True  # by a corner: 4 x 6
    ink[2:8, 10:13] = True  # 3 x 6
    ink[9:10, 0:20] = True  # a rule is no letter
    letters = find_letters(ink)
    assert letters.centers_xy.tolist() == [[4.0, 5.0], [11.5, 5.0]]
    assert (letters.widths.tolist(), letters.heights.tolist()) == ([4.0, 3.0], [6.0, 6.0])
    assert letters.usual_height == 6.0


def test_blank_image_has_no_letters_and_no_marked_area() -> None:
    gray = np.full((30, 40), 250, dtype=np.uint8)
    gray[5, 5] = 240  # texture
    assert not ink_mask(gray).any()
    assert len(find_letters(ink_mask(gray))) == 0
    assert marked_area(gray) is None


def test_faint_ink_is_ink_where_there_is_no_stronger_one() -> None:
    gray = np.full((10, 10), 250, dtype=np.uint8)
    gray[2, 2] = 220
    assert np.argwhere(ink_mask(gray)).tolist() == [[2, 2]]
    gray[5, 5] = 0
    assert np.argwhere(ink_mask(gray)).tolist() == [[5, 5]]


def test_ink_on_dark_paper_is_lighter() -> None:
    gray = np.full((10, 10), 20, dtype=np.uint8)
    gray[2, 2], gray[3, 3] = 200, 0
    assert np.argwhere(ink_mask(gray)).tolist() == [[2, 2]]


def test_marked_area_has_a_margin_within_the_image() -> None:
    gray = np.full((100, 200), 255, dtype=np.uint8)
    gray[3, 50] = gray[60, 120] = 0
    assert marked_area(gray) == (42, 0, 129, 69)


def view_of_even_letters() -> PageView:
    """As high as the model reads them best."""
    gray = np.full((200, 400), 255, np.uint8)
    for y in range(20, 180, 24):
        for x in range(20, 380, 10):
            gray[y : y + 11, x : x + 6] = 0
    view = PageView.of(Image.fromarray(gray))
    assert view is not None
    return view


@pytest.mark.parametrize(
    ("certainties", "expected"),
    [
        ({0.7: 0.50, 1.0: 0.50, 1.45: 0.52}, 1.0),
        ({0.7: 0.90, 1.0: 0.50, 1.45: 0.53}, 1.45),
        ({0.7: 0.34, 1.0: 0.30, 1.45: 0.30}, 1.0),
        ({0.7: 0.35, 1.0: 0.30, 1.45: 0.30}, 0.7),
        ({0.7: 0.90, 1.0: 0.36, 1.45: 0.36}, 1.0),  # sure enough: not tried
    ],
)
def test_scale_is_that_of_usual_letters_unless_another_is_clearly_surer(
    certainties: dict[float, float], expected: float
) -> None:
    view = view_of_even_letters()

    def certainty(cutouts: Sequence[Image.Image]) -> float:
        scale = cutouts[0].width / 216
        return certainties[min(certainties, key=lambda one: abs(one - scale))]

    chosen, (look,) = choose_looks(view, certainty)
    assert (chosen.quarter_turns, look.scale) == (0, expected)


@pytest.mark.parametrize(
    ("as_it_is", "turned", "n_trials"),
    [
        # Usual and broken letters, and each other direction, at one scale.
        (0.04, 0.04, 5),
        # Three scales of the page as it is; a direction that would have to double is given up.
        (0.30, 0.19, 6),
        (0.30, 0.20, 12),
        (0.40, 0.90, 2),
    ],
)
def test_other_scales_and_directions_are_tried_only_where_they_may_be_surer(
    as_it_is: float, turned: float, n_trials: int
) -> None:
    trials: list[tuple[int, int]] = []
    view = view_of_even_letters()

    def certainty(cutouts: Sequence[Image.Image]) -> float:
        trials.append(cutouts[0].size)
        return as_it_is if len(trials) <= (2 if as_it_is < 0.1 else 3) else turned

    choose_looks(view, certainty)
    assert len(trials) == n_trials


def test_neighbouring_cells_that_are_alike_are_pooled_to_one_word() -> None:
    # Row 0: two cells of one word, a gap, another word; row 1: the first word again.
    vectors = np.array([[1, 0], [1, 0], [0, 1], [0.8, 0.6]], dtype=np.float32)
    cells = Cells(
        vectors=vectors,
        rows=np.array([0, 0, 0, 1]),
        cols=np.array([1, 2, 4, 1]),
        ink=np.array([1.0, 1.0, 1.0, 0.5]),
        shape=(2, 5),
    )
    words = pool_words(cells)
    assert words.boxes.tolist() == [[1, 0, 3, 2], [4, 0, 5, 1]]
    assert words.word_of_cell.tolist() == [[-1, 0, 0, -1, 1], [-1, 0, -1, -1, -1]]
    mean = np.array([2.4, 0.3])
    np.testing.assert_allclose(words.vectors, [mean / np.linalg.norm(mean), [0, 1]], rtol=1e-6)


def test_features_of_a_word_are_its_mean_first_and_last_cell_and_its_size() -> None:
    # One word of three cells in the first row, and one below the first cell.
    cells = Cells(
        vectors=np.array([[4, 0], [6, 0], [8, 0], [2, 0]], dtype=np.float32),
        rows=np.array([0, 0, 0, 1]),
        cols=np.array([1, 2, 3, 1]),
        ink=np.array([1.0, 1.0, 1.0, 0.5]),
        shape=(2, 5),
    )
    words = pool_words(cells)
    mean = (4 + 6 + 8 + 0.5 * 2) / 3.5
    expected = [mean, 0, 4, 0, 8, 0, 3, 2, 4]  # the first cell is the one with more ink
    np.testing.assert_allclose(word_features(cells, words), [expected], rtol=1e-6)


def test_cells_show_something_only_where_they_or_their_neighbours_are_marked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class SeesInkEverywhere:
        def run(self, _names: None, inputs: dict[str, NDArray[np.uint8]]) -> list[FloatArray]:
            height, width = inputs["page"].shape[2:]
            n = height // 8 * width // 16
            return [np.ones((n, 384), np.float32), np.arange(n), np.zeros(n, np.float32)]

    model = VisualWordModel()
    monkeypatch.setitem(vars(model), "_session", SeesInkEverywhere())
    gray = np.full((4 * 8, 5 * 16), 255, np.uint8)
    gray[3, 20] = 239  # of the first row of cells, the second
    gray[30, 70] = 240  # texture of the paper
    cells = model.run(gray, paper=255)
    assert list(zip(cells.rows.tolist(), cells.cols.tolist(), strict=True)) == [
        (row, col) for row in (0, 1) for col in (0, 1, 2)
    ]
    assert (cells.shape, cells.ink.tolist()) == ((4, 5), [0.5] * 6)


def test_image_without_inked_cells_has_no_words() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    cells = Cells(np.zeros((0, 384), np.float32), nothing, nothing, np.zeros(0), (3, 4))
    words = pool_words(cells)
    assert (len(words), words.boxes.shape) == (0, (0, 4))
    assert word_features(cells, words).shape == (0, 1155)


def test_sure_word_gets_its_own_vector(words: FloatArray, vocabulary: Vocabulary) -> None:
    seen = unit(words[0] + 0.1 * words[1])
    vectors, certainty = vocabulary.read(seen[None])
    np.testing.assert_array_equal(vectors[0], words[0])
    assert 0.9 < certainty[0] <= 1


def test_likely_word_is_mixed_with_the_direction_by_its_probability(
    words: FloatArray, vocabulary: Vocabulary
) -> None:
    seen = unit(words[0] + 0.97 * words[1])
    weights = np.exp(44 * (words @ seen))
    probability = weights[0] / weights.sum()
    assert 0.5 < probability < 0.9
    mixed = probability * words[0] + (1 - probability) * 2 * seen
    vectors, certainty = vocabulary.read(seen[None])
    np.testing.assert_allclose(vectors[0], mixed, atol=1e-5)
    np.testing.assert_allclose(certainty, [probability], atol=1e-5)


def test_direction_of_no_word_is_twice_as_long(words: FloatArray, vocabulary: Vocabulary) -> None:
    # Orthogonal to all four words, each of which has the probability 0.25.
    orthogonal = np.linalg.svd(words)[2][4:].astype(np.float32)
    np.testing.assert_allclose(vocabulary.read(orthogonal[:3])[0], 2 * orthogonal[:3])
    np.testing.assert_allclose(vocabulary.certainty(orthogonal[:3]), 0.25, rtol=1e-4)


def test_no_vectors_are_read_as_none(vocabulary: Vocabulary) -> None:
    vectors, certainty = vocabulary.read(np.zeros((0, 384), np.float32))
    assert (vectors.shape, certainty.shape) == ((0, 384), (0,))
    assert len(vocabulary.certainty(np.zeros((0, 384), np.float32))) == 0


def test_certainty_of_a_known_word_is_near_one(words: FloatArray, vocabulary: Vocabulary) -> None:
    np.testing.assert_allclose(vocabulary.certainty(words), 1, atol=1e-6)


def test_known_words_are_whole_and_commonest_first() -> None:
    known = StaticTokenEncoder().known_words()
    assert known[26:32] == ["the", "of", "and", "in", "to", "was"]
    assert not any(word.startswith("##") or not word.isalpha() for word in known)


def test_single_letter_is_no_word_to_be_certain_of() -> None:
    class LetterAndWord(StaticTokenEncoder):
        def known_words(self) -> list[str]:
            return ["o", "garden"]

    static = LetterAndWord()
    vocabulary = Vocabulary(static)
    letter, word = (static.term_vector(term)[None] for term in static.known_words())
    assert vocabulary.certainty(letter).tolist() == [0.0]
    assert vocabulary.certainty(word)[0] > 0.9
    assert vocabulary.certainty(np.zeros((0, 384), np.float32)).shape == (0,)
