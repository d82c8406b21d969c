"""The pure parts of the visual encoders, on cases that can be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from colregion.encoders.colvision.placement import layers_of, placement_of, rotate_back
from colregion.encoders.torch_utils.batching import plan, run_halving
from colregion.encoders.torch_utils.query_tokens import label, without_specials
from colregion.errors import BackendError

IMAGE = 9
NAMES = {1: "<row_1_col_1>", 2: "<row_1_col_2>", 3: "<row_1_col_3>", 4: "\n\n<global-img>", 5: "x"}
TILE = [IMAGE] * 4


def decode(ids: Sequence[int]) -> str:
    return "".join(NAMES[one] for one in ids)


def layers(
    ids: list[int], *, grid: tuple[int, int] | None = None, tiled: bool = False
) -> list[list[list[int]]]:
    layers = layers_of(ids, image_id=IMAGE, grid=grid, tiled=tiled, decode=decode)
    return [layer.tolist() for layer in layers]


def test_grid_is_filled_row_by_row_after_the_prompt() -> None:
    assert layers([5, 5, *[IMAGE] * 6, 5], grid=(2, 3)) == [[[2, 3, 4], [5, 6, 7]]]


def test_page_without_grid_is_square() -> None:
    assert layers([*TILE, 5]) == [[[0, 1], [2, 3]]]


def test_tiles_are_placed_by_their_names_and_thumbnail_is_a_layer() -> None:
    ids = [5, 1, *TILE, 5, 2, *TILE, 5, 3, *TILE, 4, *TILE, 5]
    assert layers(ids, tiled=True) == [
        [[2, 3, 8, 9, 14, 15], [4, 5, 10, 11, 16, 17]],
        [[19, 20], [21, 22]],
    ]


def test_layers_of_a_page_of_one_tile_are_its_thumbnail() -> None:
    assert layers([5, 4, *TILE, 5], tiled=True) == [[[2, 3], [4, 5]]]


@pytest.mark.parametrize(
    ("ids", "grid", "tiled", "said"),
    [
        ([5, 5], None, False, "no visual tokens"),
        ([*TILE, IMAGE], None, False, "5 visual tokens do not fill a grid of 2 x 2"),
        ([*TILE], (2, 3), False, "4 visual tokens do not fill a grid of 2 x 3"),
        ([1, *TILE, 3, *TILE, 4, *TILE], None, True, "2 tiles do not fill 1 rows of 3"),
        ([1, *TILE], None, True, "no thumbnail"),
        ([4, *TILE, 4, *TILE], None, True, "two thumbnails"),
    ],
)
def test_patches_that_do_not_fill_the_grid_are_an_error(
    ids: list[int], grid: tuple[int, int] | None, tiled: bool, said: str
) -> None:
    with pytest.raises(BackendError, match=said):
        layers(ids, grid=grid, tiled=tiled)


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        (0, [[0, 1, 2], [3, 4, 5]]),
        # Turned clockwise to stand upright, the page's top right corner is at the bottom right:
        # what the model saw at its top left (0) lies at the bottom left as displayed.
        (1, [[2, 5], [1, 4], [0, 3]]),
        (2, [[5, 4, 3], [2, 1, 0]]),
        (3, [[3, 0], [4, 1], [5, 2]]),
    ],
)
def test_layers_are_rotated_back_to_the_displayed_page(
    turns: int, expected: list[list[int]]
) -> None:
    (layer,) = rotate_back([np.arange(6).reshape(2, 3)], quarter_turns=turns)
    assert layer.tolist() == expected


def test_map_uses_only_the_finest_layer_by_default() -> None:
    two = [np.array([[0, 1]]), np.array([[2]])]
    plain = placement_of(two, n_vectors=4, thumbnail_in_map=False)
    assert plain.areas.tolist() == [0.5, 0.5, 0, 0]
    both = placement_of(two, n_vectors=4, thumbnail_in_map=True)
    assert both.areas.tolist() == [0.5, 0.5, 1, 0]


@pytest.mark.parametrize(
    ("tokens", "budget", "batches"),
    [
        ([], 10, []),
        ([4, 4, 4], 8, [[0, 1], [2]]),
        ([1, 9, 2], 4, [[1], [2, 0]]),  # the largest stands alone, then 2 x 2
        ([3, 5, 5], 1, [[1], [2], [0]]),
        ([3, 5, 5], 100, [[1, 2, 0]]),
    ],
)
def test_batches_stay_within_the_budget_of_padded_tokens(
    tokens: list[int], budget: int, batches: list[list[int]]
) -> None:
    assert plan(tokens, budget=budget) == batches


@pytest.mark.torch
def test_other_runtime_errors_are_not_treated_as_out_of_memory() -> None:
    import torch

    def run(_: Sequence[int]) -> list[int]:
        raise RuntimeError("shape mismatch")

    with pytest.raises(RuntimeError, match="shape mismatch"):
        run_halving([1, 2], run, torch)


@pytest.mark.torch
def test_batch_is_halved_when_a_cpu_runs_out_of_memory() -> None:
    import torch

    def run(positions: Sequence[int]) -> list[int]:
        if len(positions) > 1:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to ...")
        return [positions[0] * 10]

    assert run_halving([1, 2, 3], run, torch) == [10, 20, 30]


def test_special_token_names_are_split() -> None:
    broken = without_specials("a <pad> b <|im_end|>", ["<pad>", "<|im_end|>", "x"])
    assert broken == "a < pad> b < |im_end|>"


PIECES = dict(enumerate(["<s>", "Query", ":", " What", " is", " tot", "al", "?", "<pad>"]))


def decode_pieces(ids: Sequence[int]) -> str:
    return "".join(PIECES[one] for one in ids)


def test_pieces_are_labelled_with_their_word_and_the_template_is_not_content() -> None:
    labels = label([0, 1, 2, 3, 4, 5, 6, 7, 8, 8], [0, 1, 2, 8, 8], decode=decode_pieces)
    assert labels.tokens == (
        *("<s>", "Query", ":", "what", "is", "total", "total", "?"),
        *("<pad>", "<pad>"),
    )
    assert np.flatnonzero(labels.content).tolist() == [5, 6]


def test_question_that_ends_like_the_suffix_keeps_its_tokens() -> None:
    # Template ":" + question + "?": the question's own mark is one of two.
    labels = label([2, 5, 6, 7, 7], [2, 7], decode=decode_pieces)
    assert labels.tokens == (":", "total", "total", "?", "?")
    assert np.flatnonzero(labels.content).tolist() == [1, 2]
