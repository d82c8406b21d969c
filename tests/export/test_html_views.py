"""Places of the hits' numbers on a page, which must not cover each other."""

from __future__ import annotations

import numpy as np
import pytest

from colregion import Box
from colregion.export.html.views import tag_drops


def test_no_boxes_need_no_tags() -> None:
    assert tag_drops([], height=0.02) == []


def test_tags_at_one_corner_are_stacked() -> None:
    corner, apart = Box(0.1, 0.2, 0.4, 0.5), Box(0.6, 0.2, 0.9, 0.5)
    assert tag_drops([corner, corner, apart, corner], height=0.02) == pytest.approx(
        [0.0, 0.02, 0.0, 0.04]
    )


def test_stacking_terminates_for_every_rounding_of_the_position() -> None:
    for top in np.random.default_rng(0).uniform(0, 0.8, size=2000).tolist():
        box = Box(0.1, top, 0.4, 0.9)
        assert tag_drops([box, box, box], height=0.0173) == pytest.approx([0, 0.0173, 0.0346])
