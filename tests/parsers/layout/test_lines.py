from __future__ import annotations

import numpy as np
import pytest

from colregion.core.geometry import Box
from colregion.parsers.layout.lines import find_lines, find_rows


def set_words(*words: tuple[str, float, float]) -> tuple[list[str], np.ndarray]:
    """Words at (x, y) in a type of 0.01 width and 0.02 height a character."""
    boxes = [(x, y, x + 0.01 * len(text), y + 0.02) for text, x, y in words]
    return [text for text, _, _ in words], np.array(boxes)


def test_no_words_make_no_lines() -> None:
    assert find_lines([], np.zeros((0, 4))) == []
    assert find_rows([]) == []


@pytest.mark.parametrize(
    ("space_chars", "expected"),
    [
        (1.0, ["Total amount"]),
        (2.2, ["Total amount"]),  # two spaces of a typewriter
        (2.3, ["Total", "amount"]),
        (9.0, ["Total", "amount"]),
    ],
)
def test_gap_of_more_than_two_and_a_quarter_characters_ends_a_line(
    space_chars: float, expected: list[str]
) -> None:
    texts, boxes = set_words(("Total", 0.1, 0.5), ("amount", 0.15 + 0.01 * space_chars, 0.5))

    assert [line.text for line in find_lines(texts, boxes)] == expected


def test_line_is_the_union_of_its_words_in_any_order() -> None:
    texts, boxes = set_words(("world", 0.26, 0.503), ("Hello", 0.2, 0.5))

    (line,) = find_lines(texts, boxes)

    assert line.text == "Hello world"
    assert line.words == (1, 0)
    assert line.box == Box(0.2, 0.5, 0.31, 0.523)


def test_words_of_two_ocr_blocks_are_joined_only_over_a_normal_gap() -> None:
    texts, boxes = set_words(("left", 0.1, 0.5), ("right", 0.155, 0.5))  # 1.5 characters apart

    assert len(find_lines(texts, boxes)) == 1
    assert len(find_lines(texts, boxes, blocks=[1, 1])) == 1
    assert len(find_lines(texts, boxes, blocks=[1, None])) == 1
    assert len(find_lines(texts, boxes, blocks=[1, 2])) == 2


def test_lines_of_a_skewed_scan_are_not_joined() -> None:
    """Each word is 0.006 lower than the one on its left: the lines, 0.03 apart, sink by more
    than their distance over six words."""
    words = [
        (f"row{r}", 0.1 + 0.05 * c, 0.1 + 0.03 * r + 0.006 * c) for r in range(3) for c in range(7)
    ]
    texts, boxes = set_words(*words)

    lines = find_lines(texts, boxes)

    assert [line.text for line in lines] == [" ".join([f"row{r}"] * 7) for r in range(3)]


def two_columns(*, gutter: float, rows: int) -> tuple[list[str], np.ndarray]:
    """Rows of six words of four characters a side; words are 0.01 apart, but before the gutter."""
    return set_words(
        *(
            (f"w{c:02}{r}", 0.05 * c + (gutter - 0.01) * (c > 5), 0.1 + 0.03 * r)
            for r in range(rows)
            for c in range(12)
        )
    )


@pytest.mark.parametrize(
    ("gutter", "rows", "expected"),
    [
        (0.022, 4, [6] * 8),  # 2.2 characters
        (0.022, 3, [12] * 3),  # along which there are but two other lines
        (0.015, 4, [12] * 4),
    ],
)
def test_narrow_gutter_along_several_lines_ends_lines(
    gutter: float, rows: int, expected: list[int]
) -> None:
    lines = find_lines(*two_columns(gutter=gutter, rows=rows))

    assert [len(line.words) for line in lines] == expected


def test_stretched_space_in_a_line_is_no_gutter_where_words_stand_above_it() -> None:
    texts, boxes = two_columns(gutter=0.022, rows=4)
    above, box = set_words(("above", 0.29, 0.04), ("above", 0.29, 0.07))

    lines = find_lines([*texts, *above], np.vstack([boxes, box]))

    assert [len(line.words) for line in lines] == [1, 1, 12, 12, 12, 12]


def test_symbol_whose_box_reaches_into_the_next_line_stays_in_its_own() -> None:
    """Fonts of mathematical symbols have boxes that hang far below the line."""
    texts, boxes = set_words(
        ("where", 0.1, 0.1), ("K", 0.16, 0.1), ("holds", 0.18, 0.1), ("the", 0.1, 0.125),
        ("values", 0.14, 0.125), ("of", 0.21, 0.125),
    )  # fmt: skip
    boxes[1, [1, 3]] = 0.105, 0.14

    lines = find_lines(texts, boxes)

    assert [line.text for line in lines] == ["where K holds", "the values of"]
    assert (lines[0].box.y1, lines[0].bottom) == pytest.approx((0.14, 0.12))


def test_tall_rule_does_not_join_the_lines_it_crosses() -> None:
    texts = ["I", "upper", "lower"]
    boxes = np.array([(0.1, 0.1, 0.11, 0.2), (0.12, 0.11, 0.17, 0.13), (0.12, 0.15, 0.17, 0.17)])

    assert [line.text for line in find_lines(texts, boxes)] == ["I", "upper", "lower"]


def test_right_to_left_words_are_read_from_the_right() -> None:
    texts, boxes = set_words(("شكرا", 0.1, 0.5), ("جزيلا", 0.15, 0.5))

    (line,) = find_lines(texts, boxes)

    assert line.words == (1, 0)
    assert line.text == "جزيلا شكرا"


def test_line_height_is_that_of_the_type_if_boxes_fit_the_ink() -> None:
    """Boxes around the ink: "Ag" is a full letter of 0.02, "see" reaches from x-height to base."""
    texts = ["Ag", "Ag", "see", "see"]
    boxes = np.array(
        [
            (0.10, 0.100, 0.12, 0.120),
            (0.13, 0.100, 0.15, 0.120),
            (0.16, 0.106, 0.19, 0.1156),
            (0.10, 0.206, 0.13, 0.2156),
        ]
    )

    heights = [line.height for line in find_lines(texts, boxes)]

    assert heights == pytest.approx([0.02, 0.02])


def test_line_height_is_that_of_the_boxes_if_they_fit_the_type() -> None:
    texts, boxes = set_words(("Ag", 0.1, 0.1), ("see", 0.13, 0.1), ("one", 0.1, 0.3))

    assert [line.height for line in find_lines(texts, boxes)] == pytest.approx([0.02, 0.02])


def test_rows_contain_lines_side_by_side_from_the_left() -> None:
    texts, boxes = set_words(
        ("12.50", 0.7, 0.503), ("Total", 0.1, 0.5), ("Date", 0.1, 0.4), ("Paid", 0.1, 0.53)
    )

    rows = find_rows(find_lines(texts, boxes))

    assert [[line.text for line in row.lines] for row in rows] == [
        ["Date"],
        ["Total", "12.50"],
        ["Paid"],
    ]


def test_lines_above_each_other_are_separate_rows() -> None:
    texts = ["upper", "lower"]
    boxes = np.array([(0.1, 0.10, 0.2, 0.12), (0.1, 0.109, 0.2, 0.129)])

    assert len(find_rows(find_lines(texts, boxes))) == 2
