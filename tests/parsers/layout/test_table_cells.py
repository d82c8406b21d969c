"""Cells of tables in a type of 0.01 x 0.02, words one character apart unless placed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from colregion.core.geometry import Box, FloatArray, boxes_to_array
from colregion.core.regions import Cell
from colregion.parsers.external.regions import ExternalRegion
from colregion.parsers.external.shapes import rows_of
from colregion.parsers.layout.lines import find_lines
from colregion.parsers.layout.rules import NO_RULES, Rules
from colregion.parsers.layout.table_pieces import is_value
from colregion.parsers.layout.tables import TableCell, find_cells

CHAR, HEIGHT = 0.01, 0.02
Placed = tuple[str, float, float]


def cells_of(
    placed: Sequence[Placed],
    across: Sequence[tuple[float, float, float]] = (),
    down: Sequence[tuple[float, float, float]] = (),
) -> list[list[TableCell]]:
    """The cells of texts placed at (x, y), with rules across (y, x0, x1) and down (x, y0, y1)."""
    texts: list[str] = []
    boxes: list[Box] = []
    for text, left, y in placed:
        x = left
        for token in text.split():
            texts.append(token)
            boxes.append(Box(x, y, x + CHAR * len(token), y + HEIGHT))
            x += CHAR * (len(token) + 0.5)
    squares: FloatArray = boxes_to_array(boxes)
    rules = Rules(np.array(across).reshape(-1, 3), np.array(down).reshape(-1, 3))
    return find_cells(find_lines(texts, squares), texts, squares, rules)


def grid(rows: Sequence[Sequence[str]], *, step: float = 0.03) -> list[Placed]:
    """Columns from 0.1, 0.4, 0.6, ..., rows `step` apart."""
    xs = (0.1, 0.4, 0.6, 0.8, 1.0)
    return [
        (text, x, 0.1 + step * i)
        for i, row in enumerate(rows)
        for text, x in zip(row, xs, strict=False)
        if text
    ]


def lines_of(rows: Sequence[Sequence[TableCell]]) -> list[str]:
    place = Box(0, 0, 1, 1)
    cells = ((each.cell, ExternalRegion(place, each.text)) for row in rows for each in row)
    return [row.text for row in rows_of(cells)]


def places(rows: Sequence[Sequence[TableCell]]) -> list[list[tuple[int, ...]]]:
    """Row, column, row span and column span of each cell."""
    return [
        [(c.cell.row, c.cell.column, c.cell.row_span, c.cell.column_span) for c in row]
        for row in rows
    ]


SALES = [["Region", "2020", "2021"], ["North", "4.10", "4.90"], ["South", "3.15", "3.85"]]


def test_table_without_lines_has_no_rows() -> None:
    assert find_cells([], [], np.empty((0, 4)), NO_RULES) == []


def test_single_word_is_a_table_of_one_cell() -> None:
    ((cell,),) = cells_of([("Total", 0.1, 0.1)])

    assert cell.text == "Total"
    assert cell.cell == Cell(0, 0)


def test_cells_have_their_row_and_column_and_labels_are_headers() -> None:
    rows = cells_of(grid(SALES))

    assert [[cell.text for cell in row] for row in rows] == SALES
    assert places(rows) == [[(i, j, 1, 1) for j in range(3)] for i in range(3)]
    assert [[cell.cell.header for cell in row] for row in rows] == [
        [True, True, True],
        [True, False, False],
        [True, False, False],
    ]
    assert lines_of(rows) == [" | ".join(row) for row in SALES]


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (("Bezeichnung", "Preis"), (("Rohr", "12,50"), ("Ventil", "1.204,00"), ("Bogen", "7,00"))),
        (("नाम", "मूल्य"), (("पाइप", "१२.५०"), ("वाल्व", "४.००"), ("कोहनी", "७.००"))),
        (("品名", "价格"), (("管道", "12.50"), ("阀门", "204.00"), ("弯头", "7.00"))),
    ],
    ids=["German", "Hindi", "Chinese"],
)
def test_first_row_of_names_over_values_is_the_header_in_any_script(
    head: tuple[str, str], body: tuple[tuple[str, str], ...]
) -> None:
    rows = cells_of(grid([head, *body]))

    assert [all(cell.cell.header for cell in row) for row in rows] == [True, False, False, False]


def test_first_column_of_text_written_from_the_right_is_the_rightmost() -> None:
    rows = cells_of(
        [("نام", 0.6, 0.1), ("قیمت", 0.2, 0.1), ("شیر", 0.6, 0.13), ("۱۲٫۵۰", 0.2, 0.13)]
    )

    assert lines_of(rows) == ["نام | قیمت", "شیر | ۱۲٫۵۰"]
    assert [cell.cell.header for row in rows for cell in row] == [True, True, True, False]


def test_number_of_a_column_without_other_rows_is_not_a_header() -> None:
    rows = cells_of(grid([["North", "4.10"], ["South", "3.15"], ["West", "2.00"]]))

    assert [cell.cell.header for row in rows for cell in row] == [True, False] * 3


LADDER = [
    ("Item", 0.1, 0.10),
    ("Description", 0.25, 0.10),
    ("Price", 0.7, 0.10),
    ("Ladder of ash wood with seven", 0.25, 0.13),
    ("rungs, treated against woodworm", 0.25, 0.155),
    ("and varnished twice", 0.25, 0.18),
    ("K-10", 0.1, 0.155),
    ("84.00", 0.7, 0.155),
    ("Bucket", 0.25, 0.21),
    ("K-11", 0.1, 0.21),
    ("6.50", 0.7, 0.21),
]
LADDER_ROW = (
    "K-10 | Ladder of ash wood with seven rungs, treated against woodworm and varnished twice"
)


@pytest.mark.parametrize("ruled", [True, False], ids=["with rules", "without rules"])
@pytest.mark.parametrize("shift", [-0.025, 0.0, 0.025], ids=["top", "middle", "bottom"])
def test_wrapped_cell_is_one_cell_wherever_the_values_of_its_row_stand(
    ruled: bool, shift: float
) -> None:
    moved = [(text, x, y + shift * (text in ("K-10", "84.00"))) for text, x, y in LADDER]
    across = [(y, 0.09, 0.8) for y in (0.09, 0.125, 0.205, 0.235)] if ruled else []

    rows = cells_of(moved, across)

    assert lines_of(rows) == [
        "Item | Description | Price",
        f"{LADDER_ROW} | 84.00",
        "K-11 | Bucket | 6.50",
    ]


def test_value_at_the_middle_of_a_label_of_two_lines_is_in_its_row() -> None:
    rows = cells_of(
        [
            ("Net income from", 0.1, 0.1),
            ("continuing operations", 0.1, 0.125),
            ("1,204", 0.5, 0.1125),
            ("Other income", 0.1, 0.16),
            ("7", 0.54, 0.16),
        ]
    )

    assert lines_of(rows) == ["Net income from continuing operations | 1,204", "Other income | 7"]


def test_head_of_a_section_is_a_row_of_its_own() -> None:
    rows = cells_of(
        grid(
            [
                ["", "2021"],
                ["Current assets:", ""],
                ["Cash", "12"],
                ["Inventories", "30"],
                ["Long-term assets", ""],
                ["Property", "55"],
            ]
        )
    )

    assert lines_of(rows) == [
        "2021",
        "Current assets:",
        "Cash | 12",
        "Inventories | 30",
        "Long-term assets",
        "Property | 55",
    ]


def test_small_letters_at_the_start_of_every_cell_do_not_join_rows() -> None:
    words = [["apple", "pomme"], ["pear", "poire"], ["plum", "prune"], ["cherry", "cerise"]]

    assert lines_of(cells_of(grid(words))) == [" | ".join(row) for row in words]


def test_header_over_two_columns_has_a_column_span() -> None:
    rows = cells_of(
        [
            ("Sales by year", 0.42, 0.07),
            *((text, x, 0.1) for text, x in (("Region", 0.1), ("2020", 0.4), ("2021", 0.55))),
            *((text, x, 0.13) for text, x in (("North", 0.1), ("4.10", 0.4), ("4.90", 0.55))),
            *((text, x, 0.16) for text, x in (("South", 0.1), ("3.15", 0.4), ("3.85", 0.55))),
        ]
    )

    assert places(rows)[0] == [(0, 1, 1, 2)]
    assert lines_of(rows)[:2] == ["Sales by year", "Region | 2020 | 2021"]


def test_rule_under_a_header_shows_the_columns_that_it_names() -> None:
    placed = [
        ("Year", 0.48, 0.07),
        *((text, x, 0.1) for text, x in (("2020", 0.4), ("2021", 0.5), ("2022", 0.6))),
        *((text, x, 0.13) for text, x in (("North", 0.1), ("4.1", 0.4), ("4.9", 0.5), ("5", 0.6))),
    ]

    rows = cells_of(placed, across=[(0.095, 0.39, 0.66)])

    assert places(rows)[0] == [(0, 1, 1, 3)]


MERGED = [
    ("Region", 0.1, 0.1),
    ("Quarter", 0.3, 0.1),
    ("Sales", 0.5, 0.1),
    ("North", 0.1, 0.145),
    ("21", 0.3, 0.13),
    ("2,050", 0.5, 0.13),
    ("22", 0.3, 0.16),
    ("1,975", 0.5, 0.16),
    ("South", 0.1, 0.205),
    ("21", 0.3, 0.19),
    ("2,100", 0.5, 0.19),
    ("22", 0.3, 0.22),
    ("2,340", 0.5, 0.22),
]
MERGED_ROWS = [
    "Region | Quarter | Sales",
    "North | 21 | 2,050",
    "North | 22 | 1,975",
    "South | 21 | 2,100",
    "South | 22 | 2,340",
]


@pytest.mark.parametrize("ruled", [True, False], ids=["with rules", "without rules"])
def test_label_over_two_rows_is_part_of_both(ruled: bool) -> None:
    across = [(y, 0.09, 0.6) for y in (0.09, 0.125, 0.185, 0.245)]
    across += [(y, 0.28, 0.6) for y in (0.155, 0.215)]
    down = [(x, 0.09, 0.245) for x in (0.09, 0.28, 0.48, 0.6)]

    rows = cells_of(MERGED, sorted(across), down) if ruled else cells_of(MERGED)

    assert lines_of(rows) == MERGED_ROWS
    assert [row[0] for row in places(rows)][1:4:2] == [(1, 0, 2, 1), (3, 0, 2, 1)]


def test_label_of_a_group_of_rows_is_part_of_each() -> None:
    rows = cells_of(
        grid(
            [
                ["Region", "Quarter", "Sales"],
                ["North", "First", "21"],
                ["", "Second", "22"],
                ["", "Third", "25"],
                ["South", "First", "31"],
                ["", "Second", "32"],
            ]
        )
    )

    assert lines_of(rows) == [
        "Region | Quarter | Sales",
        "North | First | 21",
        "North | Second | 22",
        "North | Third | 25",
        "South | First | 31",
        "South | Second | 32",
    ]
    assert [row[0][2] for row in places(rows)] == [1, 3, 1, 1, 2, 1]


def test_sum_without_a_label_is_not_of_the_row_above() -> None:
    rows = cells_of(
        grid([["", "2020", "2021"], ["Cash", "4", "5"], ["Debt", "3", "1"], ["", "7", "6"]])
    )

    assert lines_of(rows)[-1] == "7 | 6"


@pytest.mark.parametrize("sign", ["$", "€", "US$"])
def test_currency_sign_far_from_its_number_is_in_the_cell_of_the_number(sign: str) -> None:
    rows = cells_of(
        [
            ("Cash", 0.1, 0.1),
            (sign, 0.4, 0.1),
            ("1,204", 0.5, 0.1),
            ("Debt", 0.1, 0.13),
            ("30", 0.53, 0.13),
            ("Total", 0.1, 0.16),
            (sign, 0.4, 0.16),
            ("1,174", 0.5, 0.16),
        ]
    )

    assert lines_of(rows) == [f"Cash | {sign} 1,204", "Debt | 30", f"Total | {sign} 1,174"]


def test_column_of_dashes_remains_a_column() -> None:
    rows = cells_of(grid([["North", "—", "4.1"], ["South", "—", "3.2"], ["West", "—", "2.0"]]))

    assert lines_of(rows) == ["North | — | 4.1", "South | — | 3.2", "West | — | 2.0"]


def test_names_beside_the_numbers_below_them_are_in_one_column_with_them() -> None:
    rows = cells_of(
        [
            ("Cost", 0.46, 0.1),
            *(
                item
                for i, (name, number) in enumerate((("Cash", "1,204"), ("Debt", "1,174")))
                for item in (
                    (name, 0.1, 0.13 + 0.03 * i),
                    ("$", 0.4, 0.13 + 0.03 * i),
                    (number, 0.52, 0.13 + 0.03 * i),
                )
            ),
        ]
    )

    assert lines_of(rows) == ["Cost", "Cash | $ 1,204", "Debt | $ 1,174"]
    assert [row[-1].cell.column for row in rows] == [1, 1, 1]


def test_options_by_letter_between_two_rules_are_rows_of_their_own() -> None:
    names = ["Radio", "Tyres", "Spare", "Wheel", "Seats", "Paint"]
    placed = [
        item
        for i, name in enumerate(names)
        for item in (
            (name, 0.1, 0.1 + 0.03 * i),
            ("S", 0.4, 0.1 + 0.03 * i),
            ("O", 0.6, 0.1 + 0.03 * i),
        )
    ]
    across = [(0.095 + 0.03 * i, 0.09, 0.7) for i in (0, 1, 2, 3, 4)]

    assert len(cells_of(placed, across)) == 6


def test_lines_of_words_in_one_box_of_a_table_of_boxes_are_one_row() -> None:
    placed = [
        *((text, x, 0.1) for text, x in (("Course", 0.1), ("Opens", 0.3), ("Fee", 0.5))),
        *((text, x, 0.13) for text, x in (("Diploma of", 0.1), ("Start:", 0.3), ("Citizens", 0.5))),
        *((text, x, 0.155) for text, x in (("Design", 0.1), ("In May", 0.3), ("Pay by", 0.5))),
        ("Card", 0.5, 0.18),
    ]
    across = [(y, 0.09, 0.6) for y in (0.09, 0.125, 0.205)]
    down = [(x, 0.09, 0.205) for x in (0.09, 0.28, 0.48, 0.6)]

    rows = cells_of(placed, across, down)

    assert lines_of(rows) == [
        "Course | Opens | Fee",
        "Diploma of Design | Start: In May | Citizens Pay by Card",
    ]
    assert [all(cell.cell.header for cell in row) for row in rows] == [True, False]


def test_remark_below_a_value_is_in_its_cell() -> None:
    rows = cells_of(
        [
            ("Director", 0.1, 0.1),
            ("Boards", 0.5, 0.1),
            ("Shah", 0.1, 0.14),
            ("8", 0.5, 0.14),
            ("(includes 4 as", 0.5, 0.165),
            ("chairman)", 0.5, 0.19),
            ("Modi", 0.1, 0.23),
            ("2", 0.5, 0.23),
        ]
    )

    assert lines_of(rows) == ["Director | Boards", "Shah | 8 (includes 4 as chairman)", "Modi | 2"]


def test_cells_on_both_sides_of_a_rule_are_apart_however_close_they_are() -> None:
    placed = [
        *(item for i in range(4) for item in ((f"Cost {i}", 0.1, 0.1 + 0.03 * i),
                                              (f"{i}.5", 0.4, 0.1 + 0.03 * i))),
        ("A long label that ends at it", 0.1, 0.22),
        ("Note", 0.365, 0.22),
    ]  # fmt: skip
    down = [(0.362, 0.09, 0.25)]

    assert lines_of(cells_of(placed, [], down))[-1] == "A long label that ends at it | Note"


def test_total_under_a_rule_is_not_joined_to_the_row_above() -> None:
    rows = cells_of(
        grid([["Sales", "4"], ["Rent", "3"], ["Total income", "7"]]), [(0.153, 0.39, 0.5)]
    )

    assert lines_of(rows) == ["Sales | 4", "Rent | 3", "Total income | 7"]


def test_label_goes_on_below_a_rule_that_is_only_under_the_numbers() -> None:
    rows = cells_of(
        [
            ("Net cash provided by", 0.1, 0.1),
            ("operating activities", 0.1, 0.125),
            ("12", 0.6, 0.125),
            ("Other income and all", 0.1, 0.155),
            ("7", 0.61, 0.155),
        ],
        [(0.122, 0.59, 0.63)],
    )

    assert lines_of(rows) == [
        "Net cash provided by operating activities | 12",
        "Other income and all | 7",
    ]


def test_sparse_column_of_notes_keeps_its_own_column() -> None:
    names = ["Cash", "Debt", "Rent", "Fees", "Duty", "Fuel", "Gas"]
    placed = [
        item
        for i, name in enumerate(names)
        for item in ((name, 0.1, 0.1 + 0.03 * i), (f"{i}12", 0.7, 0.1 + 0.03 * i))
    ]

    rows = cells_of([*placed, ("note A", 0.4, 0.13)])

    assert lines_of(rows)[:3] == ["Cash | 012", "Debt | note A | 112", "Rent | 212"]
    assert [cell.cell.column for cell in rows[1]] == [0, 1, 2]
    assert [cell.cell.column for cell in rows[2]] == [0, 2]


def test_every_word_is_in_exactly_one_cell() -> None:
    rows = cells_of([*LADDER, ("a note that runs over all of the columns of it", 0.1, 0.26)])

    words = [word for row in rows for cell in row for word in cell.words]
    assert sorted(words) == list(range(len(words)))
    assert len(words) == sum(len(text.split()) for text, _, _ in LADDER) + 11


def test_table_of_5000_rows_keeps_each_row() -> None:
    step = 0.025
    placed = [
        item
        for i in range(5000)
        for item in ((f"Part{i}", 0.1, step * i), ("steel", 0.4, step * i), (f"{i}", 0.7, step * i))
    ]

    rows = cells_of(placed)

    assert len(rows) == 5000
    assert lines_of(rows)[4321] == "Part4321 | steel | 4321"


NUMBERS = (
    "12|1.204,00|1,20,000.00|1 204|1'204|۱۲٫۵۰|(1,204)|$ (57)|CHF 12|12 %|-4|−4.1|± 0.3|1.2 ± 0.3"
    "|53.8(0.5)|<0.01|10–20|3/8/2011|12,5 kg|17²|—|-|n/a|12 (a)"
)


@pytest.mark.parametrize("text", NUMBERS.split("|"))
def test_numbers_of_many_conventions_are_values(text: str) -> None:
    assert is_value(text)


@pytest.mark.parametrize("text", "2021|Q1|K-10|2-hop|10-Q|Total|12 apples".split("|"))
def test_names_and_years_are_no_values(text: str) -> None:
    assert not is_value(text)
