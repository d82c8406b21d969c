from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from colregion.encoders.text.windows import Window, windows, word_of_character


@pytest.mark.parametrize(
    ("n_tokens", "size", "expected"),
    [
        (0, 8, []),
        (8, 8, [(0, 8, 0, 8)]),
        (9, 8, [(0, 8, 0, 7), (6, 9, 7, 9)]),
        (20, 8, [(0, 8, 0, 7), (6, 14, 7, 13), (12, 20, 13, 20)]),
    ],
)
def test_windows_overlap_and_keep_each_token_once(
    n_tokens: int, size: int, expected: Sequence[tuple[int, int, int, int]]
) -> None:
    assert windows(n_tokens, size=size) == [Window(*one) for one in expected]


def test_spaces_belong_to_the_word_before_them() -> None:
    characters = np.arange(len("ab c def"))
    assert word_of_character(["ab", "c", "def"], characters).tolist() == [0, 0, 0, 1, 1, 2, 2, 2]
