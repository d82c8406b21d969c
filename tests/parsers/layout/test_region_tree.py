"""Blocks of a figure with a title on a square page; lines in a type of 0.01 x 0.02."""

from __future__ import annotations

import pytest
from PIL import Image

from colregion.core.documents import Page
from colregion.core.geometry import Box
from colregion.core.regions import Word
from colregion.parsers.layout.areas import Area
from colregion.parsers.layout.lines import Line
from colregion.parsers.layout.page_frame import Frame
from colregion.parsers.layout.region_tree import build_tree

WORDS = (
    Word("Sales", Box(0.1, 0.1, 0.15, 0.12)),
    Word("10", Box(0.2, 0.2, 0.22, 0.22)),
    Word("20", Box(0.2, 0.4, 0.22, 0.42)),
)
TITLE, TEN, TWENTY = (Line((i,), word.box, word.text, 0.02) for i, word in enumerate(WORDS))


def blank(*, dpi: int | None = None) -> Image.Image:
    assert dpi is None
    return Image.new("RGB", (1000, 1000), "white")


PAGE = Page("doc", 1, 1000, 1000, "px", blank)


@pytest.mark.parametrize(
    ("frame", "painted", "blocks"),
    [
        (Box(0.1, 0.15, 0.5, 0.5), True, [("title", "Sales"), ("figure", "10\n20")]),
        # a form, and more than 15 % of the page: every group of labels is a block
        (Box(0.1, 0.15, 0.5, 0.5), False, [("title", "Sales"), ("text", "10"), ("text", "20")]),
        (Box(0.1, 0.15, 0.6, 0.5), True, [("title", "Sales"), ("text", "10"), ("text", "20")]),
    ],
)
def test_labels_of_a_small_painted_figure_are_one_block_with_the_box_of_the_figure(
    frame: Box, painted: bool, blocks: list[tuple[str, str]]
) -> None:
    figure = Area("figure", (TEN, TWENTY), frame, painted, attached=(Area("title", (TITLE,)),))

    parsed = build_tree(PAGE, WORDS, [figure], Frame.of(PAGE))

    assert parsed.regions[0].text == "Sales\n10\n20"
    assert [(r.kind, r.text) for r in parsed.at_level("block")] == blocks
    own = [r.box.xyxy for r in parsed.at_level("block") if r.kind == "figure"]
    assert own == ([pytest.approx(frame.xyxy)] if len(blocks) == 2 else [])
