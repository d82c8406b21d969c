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


TABLE_WORDS = (
    Word("Year", Box(0.1, 0.2, 0.2, 0.22)),
    *(Word(text, Box(x, 0.2, x + 0.05, 0.22)) for text, x in (("2024", 0.4), ("2023", 0.5))),
    Word("Fares", Box(0.1, 0.25, 0.2, 0.27)),
    *(Word(text, Box(x, 0.25, x + 0.05, 0.27)) for text, x in (("41.9", 0.4), ("38.6", 0.5))),
    Word("Note", Box(0.1, 0.12, 0.2, 0.14)),
)


@pytest.mark.parametrize(
    ("top", "texts"),
    [
        (0.19, ["Year | 2024 | 2023", "Fares | 41.9 | 38.6"]),
        (0.23, ["Year", "2024 | 2023", "Fares | 41.9 | 38.6"]),  # outside the table's box
    ],
)
def test_caption_in_the_box_of_a_table_beside_its_cells_is_a_cell(
    top: float, texts: list[str]
) -> None:
    year, *cells = (
        Line((i,), word.box, word.text, 0.02) for i, word in enumerate(TABLE_WORDS[:-1])
    )
    caption = Area("caption", (year,))
    table = Area("table", tuple(cells), Box(0.1, top, 0.6, 0.3), attached=(caption,))

    parsed = build_tree(PAGE, TABLE_WORDS[:-1], [table], Frame.of(PAGE))

    assert [region.text for region in parsed.at_level("block")] == texts


def test_caption_above_the_rows_of_a_table_stays_one_though_it_is_in_the_box() -> None:
    *cells, note = (Line((i,), word.box, word.text, 0.02) for i, word in enumerate(TABLE_WORDS))
    caption = Area("caption", (note,))
    table = Area("table", tuple(cells), Box(0.1, 0.1, 0.6, 0.3), attached=(caption,))

    parsed = build_tree(PAGE, TABLE_WORDS, [table], Frame.of(PAGE))

    blocks = [(region.kind, region.text) for region in parsed.at_level("block")]
    assert blocks[0] == ("caption", "Note")
    assert [kind for kind, _ in blocks[1:]] == ["row", "row"]
