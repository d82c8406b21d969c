from __future__ import annotations

import numpy as np
import pytest

from colregion.encoders.static.encoder import StaticTokenEncoder
from colregion.encoders.visual_words.components import (
    connected,
    find_letters,
    ink_mask,
    marked_area,
)
from colregion.encoders.visual_words.model import Cells
from colregion.encoders.visual_words.vocabulary import Vocabulary
from colregion.encoders.visual_words.words import pool_words


@pytest.fixture(scope="module")
def static() -> StaticTokenEncoder:
    return StaticTokenEncoder()


@pytest.fixture(scope="module")
def vocabulary(static: StaticTokenEncoder) -> Vocabulary:
    return Vocabulary(static)


def test_nodes_joined_by_edges_have_one_number() -> None:
    a, b = np.array([5, 1, 4]), np.array([4, 3, 0])
    assert connected(6, a, b).tolist() == [0, 1, 2, 1, 0, 0]


def test_graph_without_nodes_or_edges_has_as_many_components_as_nodes() -> None:
    none = np.zeros(0, dtype=np.int64)
    assert connected(0, none, none).tolist() == []
    assert connected(3, none, none).tolist() == [0, 1, 2]


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


def test_neighbouring_cells_that_are_alike_are_pooled_to_one_word() -> None:
    # Row 0: two cells of one word, a gap, another word; row 1: the first word again.
    vectors = np.array([[1, 0], [1, 0], [0, 1], [0.6, 0.8]], dtype=np.float32)
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
    mean = np.array([2.3, 0.4])
    np.testing.assert_allclose(words.vectors, [mean / np.linalg.norm(mean), [0, 1]], rtol=1e-6)


def test_image_without_inked_cells_has_no_words() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    cells = Cells(np.zeros((0, 384), np.float32), nothing, nothing, np.zeros(0), (3, 4))
    words = pool_words(cells)
    assert (len(words), words.boxes.shape) == (0, (0, 4))


def test_sure_word_gets_its_own_vector(static: StaticTokenEncoder, vocabulary: Vocabulary) -> None:
    garden = static.term_vector("garden")
    noise = np.random.default_rng(0).normal(size=384).astype(np.float32)
    seen = garden + 0.7 * noise / np.linalg.norm(noise)
    (read,) = vocabulary.read(seen[None] / np.linalg.norm(seen))
    np.testing.assert_array_equal(read, garden)


def test_likely_word_is_mixed_with_the_direction_by_its_probability(
    static: StaticTokenEncoder, vocabulary: Vocabulary
) -> None:
    garden = static.term_vector("garden")
    other = np.random.default_rng(0).normal(size=384).astype(np.float32)
    other -= (other @ garden) * garden
    words = np.stack([static.term_vector(word) for word in static.known_words()[:20_000]])
    for cosine in np.arange(0.2, 0.5, 0.01):
        seen = cosine * garden + (1 - cosine**2) ** 0.5 * other / np.linalg.norm(other)
        weights = np.exp(48 * (words @ seen))
        probability = weights.max() / weights.sum()
        if 0.4 < probability < 0.8:
            break
    (read,) = vocabulary.read(seen[None].astype(np.float32))
    mixed = probability * garden + (1 - probability) * 2 * seen
    np.testing.assert_allclose(read, mixed, atol=1e-4)


def test_direction_of_no_word_is_twice_as_long(vocabulary: Vocabulary) -> None:
    noise = np.random.default_rng(0).normal(size=(1, 384)).astype(np.float32)
    noise /= np.linalg.norm(noise)
    np.testing.assert_allclose(vocabulary.read(noise), 2 * noise)


def test_no_vectors_are_read_as_none(vocabulary: Vocabulary) -> None:
    assert vocabulary.read(np.zeros((0, 384), np.float32)).shape == (0, 384)
    assert len(vocabulary.certainty(np.zeros((0, 384), np.float32))) == 0


def test_certainty_is_near_one_for_a_common_word_and_low_for_noise(
    static: StaticTokenEncoder, vocabulary: Vocabulary
) -> None:
    noise = np.random.default_rng(0).normal(size=384).astype(np.float32)
    vectors = np.stack([static.term_vector("school"), noise / np.linalg.norm(noise)])
    school, of_noise = vocabulary.certainty(vectors)
    assert school > 0.99
    assert of_noise < 0.3
