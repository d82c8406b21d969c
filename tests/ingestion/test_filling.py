from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from colregion.core.documents import Page
from colregion.core.geometry import Box, Upright
from colregion.core.regions import ParsedPage, Region, Word
from colregion.ingestion.filling import fill_leaves
from colregion.testing import make_page

# An area of two lines beside each other in a row, and below it an area that is one line.
LEFT, RIGHT, BELOW = Box(0.1, 0.1, 0.4, 0.2), Box(0.5, 0.1, 0.9, 0.2), Box(0.1, 0.5, 0.9, 0.6)
PAGE = make_page()
UNREAD = ParsedPage(
    PAGE,
    (),
    tuple(
        Region(PAGE.id, path, box, "", unread=True)
        for path, box in (
            ((1,), Box(0.1, 0.1, 0.9, 0.2)),
            ((1, 1), LEFT),
            ((1, 2), RIGHT),
            ((2,), BELOW),
        )
    ),
)


def word(text: str, x0: float, y0: float, *, line: int = 0, confidence: float = 0.5) -> Word:
    return Word(text, Box(x0, y0, x0 + 0.1, y0 + 0.04), confidence, line=line, block=0)


def fill(
    page: ParsedPage, paths: list[tuple[int, ...]], words: list[Word], known: Page = PAGE
) -> ParsedPage:
    areas = {one.path: one.box for one in page.regions if one.path in paths}
    return fill_leaves(page, areas, words, known)


def texts(parsed: ParsedPage) -> list[tuple[str, bool]]:
    return [(region.text, region.unread) for region in parsed.regions]


def around(*words: Word) -> Box:
    """The box that the layout gives a line: 15 % of a letter's height more on each side."""
    box = Box.enclosing([one.box for one in words])
    y = 0.15 * 0.04
    x = y * PAGE.height / PAGE.width
    return Box(box.x0 - x, box.y0 - y, box.x1 + x, box.y1 + y)


def paths(parsed: ParsedPage) -> dict[tuple[int, ...], tuple[str, str]]:
    return {region.path: (region.text, region.kind) for region in parsed.regions}


def test_leaves_that_were_read_give_way_to_the_blocks_and_lines_of_their_words() -> None:
    total, amount, below = words = [
        word("total", 0.12, 0.12),
        word("12.50", 0.6, 0.12),
        word("below", 0.2, 0.52),
    ]
    read = fill(UNREAD, [(1, 1), (1, 2), (2,)], words)
    assert paths(read) == {
        (1,): ("total\n12.50", "text"),
        (1, 3): ("total\n12.50", "row"),
        (1, 3, 1): ("total", "row"),
        (1, 3, 2): ("12.50", "row"),
        (2,): ("below", "text"),
        (2, 1): ("below", "text"),
        (2, 1, 1): ("below", "text"),
    }
    boxes = [around(total, amount)] * 2 + [around(total), around(amount)] + [around(below)] * 3
    assert np.allclose(read.region_boxes, [box.xyxy for box in boxes])
    assert not read.is_unread.any()
    assert [one.text for one in read.words] == ["total", "12.50", "below"]
    assert read.regions[0].ocr_confidence == 0.5


def test_words_of_leaves_that_were_not_asked_for_are_left_out() -> None:
    words = [word("total", 0.12, 0.12), word("half-shown", 0.6, 0.12)]
    read = fill(UNREAD, [(1, 1)], words)
    assert {region.path: (region.text, region.unread) for region in read.regions} == {
        (1,): ("total", True),
        (1, 2): ("", True),
        (1, 3): ("total", False),
        (1, 3, 1): ("total", False),
        (2,): ("", True),
    }
    assert np.allclose(read.regions[0].box.xyxy, (*around(words[0]).xyxy[:1], *RIGHT.xyxy[1:]))
    assert [one.text for one in read.words] == ["total"]


def test_a_row_that_is_read_in_parts_becomes_one_row_with_a_path_that_was_not_there_before() -> (
    None
):
    first = fill(UNREAD, [(1, 1)], [word("total", 0.12, 0.12)])
    read = fill(first, [(1, 2)], [word("12.50", 0.6, 0.12)])
    assert paths(read) == {
        (1,): ("total\n12.50", "text"),
        (1, 4): ("total\n12.50", "row"),
        (1, 4, 1): ("total", "row"),
        (1, 4, 2): ("12.50", "row"),
        (2,): ("", "text"),
    }


def test_a_paragraph_over_two_areas_of_the_ink_is_in_the_first_and_the_second_is_gone() -> None:
    boxes = {(1,): Box(0.1, 0.1, 0.9, 0.14), (2,): Box(0.1, 0.16, 0.9, 0.2)}
    lines = [Region(PAGE.id, path, box, "", unread=True) for path, box in boxes.items()]
    words = [
        Word(text, Box(0.1 + 0.2 * i, box.y0, 0.28 + 0.2 * i, box.y1), 0.9, line=n, block=0)
        for n, box in enumerate(boxes.values())
        for i, text in enumerate("four words fill this".split())
    ]
    read = fill(ParsedPage(PAGE, (), tuple(lines)), [(1,), (2,)], words)
    assert list(paths(read)) == [(1,), (1, 1), (1, 1, 1), (1, 1, 2)]
    assert read.regions[1].text == "four words fill this\nfour words fill this"
    assert not read.is_unread.any()


def test_areas_in_which_nothing_new_was_read_keep_their_regions() -> None:
    first = fill(UNREAD, [(2,)], [word("below", 0.2, 0.52)])
    read = fill(first, [(1, 1)], [word("total", 0.12, 0.12)])
    assert read.regions[-3:] == first.regions[-3:]


def test_words_keep_the_reading_order_of_the_page_however_it_is_read() -> None:
    first = fill(UNREAD, [(2,)], [word("below", 0.2, 0.52)])
    second = fill(first, [(1, 1)], [word("total", 0.12, 0.12)])
    assert [one.text for one in second.words] == ["total", "below"]
    assert [one.line for one in second.words] == [1, 0]
    assert [one.block for one in second.words] == [1, 0]


def test_lines_of_a_leaf_are_lines_of_its_text() -> None:
    words = [word("a", 0.1, 0.5), word("b", 0.3, 0.5), word("c", 0.1, 0.55, line=1)]
    read = fill(UNREAD, [(2,)], words)
    assert read.regions[3].text == "a b\nc"


def test_a_leaf_that_is_read_already_stays_as_it_is() -> None:
    first = fill(UNREAD, [(2,)], [word("below", 0.2, 0.52)])
    assert fill(first, [(2,)], [word("again", 0.2, 0.52)]) is first


def test_leaves_that_the_page_does_not_have_any_more_and_regions_with_parts_are_not_filled() -> (
    None
):
    words = [word("total", 0.12, 0.12)]
    divided_anew = {(1, 1): BELOW, (1,): UNREAD.regions[0].box, (7, 3): LEFT}
    assert fill_leaves(UNREAD, divided_anew, words, PAGE) is UNREAD


def test_a_large_leaf_without_words_is_read_and_a_figure() -> None:
    read = fill(UNREAD, [(2,)], [])
    assert (read.regions[3].text, read.regions[3].kind, read.regions[3].unread) == (
        "",
        "figure",
        False,
    )
    assert read.regions[3].ocr_confidence is None


@pytest.mark.parametrize(
    ("kind", "expected"), [("list", "figure"), ("title", "figure"), ("table", "table")]
)
def test_a_large_leaf_without_words_is_no_text_whatever_the_layout_model_took_it_for(
    kind: str, expected: str
) -> None:
    page = replace(UNREAD, regions=(*UNREAD.regions[:3], replace(UNREAD.regions[3], kind=kind)))
    assert fill(page, [(2,)], []).regions[3].kind == expected


def test_a_small_leaf_without_words_is_none_and_the_paths_of_the_others_stay() -> None:
    dirt = Box(0.1, 0.5, 0.18, 0.6)
    page = replace(UNREAD, regions=(*UNREAD.regions[:3], replace(UNREAD.regions[3], box=dirt)))
    assert [one.path for one in fill(page, [(2,)], []).regions] == [(1,), (1, 1), (1, 2)]
    small = Box(0.1, 0.1, 0.15, 0.2)
    page = replace(UNREAD, regions=tuple(replace(one, box=small) for one in UNREAD.regions))
    read = fill(page, [(1, 1), (2,)], [])
    assert [(one.path, one.unread) for one in read.regions] == [((1,), True), ((1, 2), True)]
    assert fill(read, [(1, 2)], []).regions == ()


def test_a_word_outside_of_all_leaves_goes_to_the_nearest() -> None:
    between = [word("total", 0.12, 0.12), word("x", 0.42, 0.12), word("12.50", 0.6, 0.12)]
    read = fill(UNREAD, [(1, 1), (1, 2)], between)
    assert read.regions[0].text == "total\nx\n12.50"


def test_a_word_of_a_region_that_is_read_already_is_not_read_twice() -> None:
    first = fill(UNREAD, [(1, 1)], [word("total", 0.12, 0.12)])
    again = [word("tota1", 0.12, 0.12), word("12.50", 0.6, 0.12)]
    assert [one.text for one in fill(first, [(1, 2)], again).words] == ["total", "12.50"]


def test_what_reading_tells_about_the_page_is_kept() -> None:
    upright = Upright(90.0, 60, 80)
    turned = replace(PAGE, upright=upright, missing="part of it is Thai")
    read = fill(UNREAD, [(2,)], [], turned)
    assert (read.page.upright, read.page.missing) == (upright, "part of it is Thai")
    assert read.page.load_image is PAGE.load_image


def test_a_word_of_the_text_layer_inside_a_leaf_keeps_its_region() -> None:
    layer = Word("layer", Box(0.45, 0.12, 0.55, 0.16))
    own = Region(PAGE.id, (1,), Box(0.4, 0.1, 0.9, 0.2), "layer")
    leaf = Region(PAGE.id, (2,), Box(0.42, 0.11, 0.7, 0.18), "", unread=True)
    read = fill(ParsedPage(PAGE, (layer,), (own, leaf)), [(2,)], [word("ink", 0.58, 0.12)])
    assert [(one.path[0], one.text) for one in read.regions if len(one.path) == 1] == [
        (1, "layer"),
        (2, "ink"),
    ]
    assert [one.text for one in read.words] == ["layer", "ink"]


def test_hidden_words_stay_behind_all_others() -> None:
    hidden = Word("ghost", LEFT, visible=False)
    page = replace(UNREAD, words=(hidden,))
    read = fill(page, [(2,)], [word("below", 0.2, 0.52)])
    assert [one.text for one in read.words] == ["below", "ghost"]
