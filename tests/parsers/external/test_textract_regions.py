"""On answers of the shape that the API documents for AnalyzeDocument and DetectDocumentText."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from colregion.core.documents import Document
from colregion.core.geometry import Upright
from colregion.core.interfaces import Parser
from colregion.core.regions import Cell, ParsedPage
from colregion.errors import UnreadableDocument
from colregion.parsers import TextractRegions
from colregion.testing import ParserContract

Outline = Callable[[ParsedPage], list[tuple[str, str, str, tuple[float, ...]]]]
MakeDocument = Callable[..., Document]
Json = dict[str, Any]


def block(
    kind: str,
    name: str,
    xyxy: Sequence[float],
    children: Sequence[str] = (),
    *,
    turned: int = 0,
    **more: Any,
) -> Json:
    """A block; its polygon begins where its text does, `turned` corners further on."""
    x0, y0, x1, y1 = xyxy
    corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    corners = corners[turned:] + corners[:turned]
    made: Json = {
        "BlockType": kind,
        "Id": name,
        "Confidence": 99.0,
        "Geometry": {
            "BoundingBox": {"Left": x0, "Top": y0, "Width": x1 - x0, "Height": y1 - y0},
            "Polygon": [{"X": x, "Y": y} for x, y in corners],
        },
        **more,
    }
    if children:
        made["Relationships"] = [{"Type": "CHILD", "Ids": list(children)}]
    return made


def blocks(*, turned: int = 0) -> list[Json]:
    """A heading, a list of two items, a table of a row with a title, a line in nothing."""

    def words(*placed: tuple[str, Sequence[float]]) -> list[Json]:
        return [block("WORD", text, at, turned=turned, Text=text) for text, at in placed]

    def line(name: str, at: Sequence[float], *children: str) -> Json:
        return block("LINE", name, at, children, turned=turned)

    title = block("TABLE_TITLE", "tt", (0.1, 0.5, 0.2, 0.55), ["Sums"])
    table = block("TABLE", "t", (0.1, 0.6, 0.9, 0.7), ["c2", "c1"])
    table["Relationships"].append({"Type": "TABLE_TITLE", "Ids": ["tt"]})
    return [
        block("PAGE", "p", (0, 0, 1, 1), ["l1", "l2", "l3", "l4", "l5", "l6"]),
        line("l1", (0.1, 0.1, 0.3, 0.15), "Costs"),
        line("l2", (0.1, 0.2, 0.3, 0.25), "one"),
        line("l3", (0.1, 0.3, 0.3, 0.35), "two"),
        line("l4", (0.1, 0.6, 0.3, 0.65), "rent"),
        line("l5", (0.6, 0.6, 0.7, 0.65), "7.00"),
        line("l6", (0.8, 0.9, 0.9, 0.95), "stray"),
        *words(
            ("Costs", (0.1, 0.1, 0.3, 0.15)),
            ("one", (0.1, 0.2, 0.3, 0.25)),
            ("two", (0.1, 0.3, 0.3, 0.35)),
            ("Sums", (0.1, 0.5, 0.2, 0.55)),
            ("rent", (0.1, 0.6, 0.3, 0.65)),
            ("7.00", (0.6, 0.6, 0.7, 0.65)),
            ("stray", (0.8, 0.9, 0.9, 0.95)),
        ),
        table,
        title,
        block("CELL", "c1", (0.1, 0.6, 0.5, 0.7), ["rent"], RowIndex=1, ColumnIndex=1),
        block("CELL", "c2", (0.5, 0.6, 0.9, 0.7), ["7.00"], RowIndex=1, ColumnIndex=2),
    ]


LAYOUT = [
    block("LAYOUT_SECTION_HEADER", "a", (0.1, 0.1, 0.4, 0.15), ["l1"]),
    block("LAYOUT_LIST", "b", (0.1, 0.2, 0.4, 0.35), ["b1", "b2"]),
    block("LAYOUT_TEXT", "b1", (0.1, 0.2, 0.3, 0.25), ["l2"]),
    block("LAYOUT_TEXT", "b2", (0.1, 0.3, 0.3, 0.35), ["l3"]),
    block("LAYOUT_TABLE", "d", (0.1, 0.61, 0.9, 0.7), ["l4", "l5"]),
]

TABLE = [
    ("table", "Sums\nrent | 7.00", (0.1, 0.5, 0.9, 0.7)),
    ("caption", "Sums", (0.1, 0.5, 0.2, 0.55)),
    ("caption", "Sums", (0.1, 0.5, 0.2, 0.55)),
    ("row", "rent | 7.00", (0.1, 0.6, 0.9, 0.7)),
    ("row", "rent", (0.1, 0.6, 0.5, 0.7)),
    ("row", "7.00", (0.5, 0.6, 0.9, 0.7)),
]


def read(data: Any, on: Document) -> list[ParsedPage]:
    return list(TextractRegions(data).parse(on))


def test_layout_blocks_make_the_tree_and_tables_have_cells(
    make_document: MakeDocument, outline: Outline
) -> None:
    (page,) = read({"Blocks": [*blocks(), *LAYOUT]}, make_document((612, 792)))
    shown = outline(page)
    assert shown[:8] == [
        ("1", "title", "Costs", (0.1, 0.1, 0.4, 0.15)),
        ("1.1", "title", "Costs", (0.1, 0.1, 0.3, 0.15)),
        ("1.1.1", "title", "Costs", (0.1, 0.1, 0.3, 0.15)),
        ("2", "list", "one\ntwo", (0.1, 0.2, 0.4, 0.35)),
        ("2.1", "list", "one", (0.1, 0.2, 0.3, 0.25)),
        ("2.1.1", "list", "one", (0.1, 0.2, 0.3, 0.25)),
        ("2.2", "list", "two", (0.1, 0.3, 0.3, 0.35)),
        ("2.2.1", "list", "two", (0.1, 0.3, 0.3, 0.35)),
    ]
    assert [row[1:] for row in shown[8:]] == TABLE
    assert [word.text for word in page.words] == "Costs one two Sums rent 7.00 stray".split()
    assert page.words[0].confidence == pytest.approx(0.99)


def test_lines_and_tables_without_a_layout_are_areas_in_the_order_of_the_lines(
    make_document: MakeDocument, outline: Outline
) -> None:
    (page,) = read({"Blocks": blocks()}, make_document((612, 792)))
    areas = [row for row in outline(page) if "." not in row[0]]
    assert [row[2] for row in areas] == ["Costs", "one", "two", "Sums\nrent | 7.00", "stray"]
    assert [row[1:] for row in outline(page) if row[0].startswith("4")] == TABLE


def test_cells_have_their_place_and_merged_ones_their_spans(make_document: MakeDocument) -> None:
    made = blocks()
    cells = {each["Id"]: each for each in made if each["BlockType"] == "CELL"}
    cells["c1"]["EntityTypes"] = ["COLUMN_HEADER"]
    merged = block("MERGED_CELL", "m", (0.1, 0.6, 0.9, 0.7), ["c1", "c2"])
    merged.update(RowIndex=1, ColumnIndex=1, RowSpan=1, ColumnSpan=2)
    (table,) = [each for each in made if each["BlockType"] == "TABLE"]

    (apart,) = read({"Blocks": made}, make_document((612, 792)))
    table["Relationships"].append({"Type": "MERGED_CELL", "Ids": ["m"]})
    (joined,) = read({"Blocks": [*made, merged]}, make_document((612, 792)))

    assert [(r.text, r.cell) for r in apart.regions if r.cell] == [
        ("rent", Cell(0, 0, header=True)),
        ("7.00", Cell(0, 1)),
    ]
    ((text, cell),) = [(r.text, r.cell) for r in joined.regions if r.cell]
    assert sorted(text.split()) == ["7.00", "rent"]
    assert cell is not None
    assert (cell.row, cell.column, cell.row_span, cell.column_span) == (0, 0, 1, 2)


def test_response_of_text_only_gets_a_layout_from_its_words(make_document: MakeDocument) -> None:
    plain = [b for b in blocks() if b["BlockType"] in ("PAGE", "LINE", "WORD")]
    (page,) = read({"Blocks": plain}, make_document((612, 792)))
    lines = {region.text for region in page.regions if region.level == "line"}
    assert lines == {"Costs", "one", "two", "rent", "7.00", "stray"}


@pytest.mark.parametrize(("turned", "degrees"), [(0, None), (1, 270.0), (2, 180.0), (3, 90.0)])
def test_turn_of_a_page_follows_the_direction_of_its_text(
    make_document: MakeDocument, turned: int, degrees: float | None
) -> None:
    (page,) = read({"Blocks": blocks(turned=turned)}, make_document((612, 792)))
    assert page.page.upright == (None if degrees is None else Upright(degrees, 612, 792))


def test_responses_of_an_asynchronous_job_are_one_document(
    make_document: MakeDocument, outline: Outline
) -> None:
    word = block("WORD", "w", (0.2, 0.2, 0.4, 0.3), Text="two", Page=2)
    line = block("LINE", "l", (0.2, 0.2, 0.4, 0.3), ["w"], Page=2)
    area = block("LAYOUT_TEXT", "a", (0.2, 0.2, 0.4, 0.3), ["l"], Page=2)
    first = {"Blocks": [{"BlockType": "PAGE", "Id": "p1", "Page": 1}]}
    pages = read(
        [first, {"Blocks": [area, line]}, {"Blocks": [word]}], make_document((9, 9), (9, 9))
    )
    assert outline(pages[0]) == []
    assert [row[2] for row in outline(pages[1])] == ["two", "two", "two"]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ({}, "no Blocks of Textract"),
        ([], "no Blocks of Textract"),
        ({"Blocks": 3}, "Blocks must be a list, got 3"),
        ({"Blocks": [{"BlockType": "PAGE", "Page": 0}]}, "page number from 1 up, got 0"),
        ({"Blocks": [{"BlockType": "LINE", "Geometry": []}]}, "Geometry must be an object"),
        ({"Blocks": [{"BlockType": "PAGE", "Page": 2}]}, "says nothing of page 1"),
    ],
)
def test_invalid_file_is_refused_with_what_is_wrong_in_it(
    make_document: MakeDocument, data: Any, complaint: str
) -> None:
    with pytest.raises(UnreadableDocument, match=complaint):
        read(data, make_document((612, 792)))


def check_box(name: str, xyxy: Sequence[float], *, selected: bool) -> Json:
    status = "SELECTED" if selected else "NOT_SELECTED"
    return block("SELECTION_ELEMENT", name, xyxy, SelectionStatus=status)


def test_check_boxes_are_words_of_the_line_beside_them(
    make_document: MakeDocument, outline: Outline
) -> None:
    marks = [
        check_box("s1", (0.06, 0.2, 0.09, 0.25), selected=True),  # before "one"
        check_box("s2", (0.32, 0.3, 0.35, 0.35), selected=False),  # behind "two"
    ]
    (page,) = read({"Blocks": [*blocks(), *LAYOUT, *marks]}, make_document((612, 792)))
    assert [row[2] for row in outline(page) if row[0] in ("2", "2.1.1", "2.2.1")] == [
        "[x] one\ntwo [ ]",
        "[x] one",
        "two [ ]",
    ]
    assert page.words[1].box.xyxy == pytest.approx((0.06, 0.2, 0.09, 0.25))
    assert page.words[1].confidence == pytest.approx(0.99)


def test_check_box_that_is_the_value_of_a_key_is_a_word_of_its_line(
    make_document: MakeDocument,
) -> None:
    # In no row of a line; the key is "one".
    mark = check_box("s", (0.7, 0.4, 0.75, 0.45), selected=True)
    value = block("KEY_VALUE_SET", "v", (0.7, 0.4, 0.75, 0.45), ["s"], EntityTypes=["VALUE"])
    key = block("KEY_VALUE_SET", "k", (0.1, 0.2, 0.3, 0.25), ["one"], EntityTypes=["KEY"])
    key["Relationships"].append({"Type": "VALUE", "Ids": ["v"]})
    (page,) = read({"Blocks": [*blocks(), *LAYOUT, mark, value, key]}, make_document((612, 792)))
    assert page.regions[3].text == "one [x]\ntwo"


def test_check_box_beside_a_word_of_a_value_belongs_to_that_word(
    make_document: MakeDocument,
) -> None:
    mark = check_box("s", (0.06, 0.3, 0.09, 0.35), selected=True)  # before "two"
    value = block("KEY_VALUE_SET", "v", (0.06, 0.3, 0.3, 0.35), ["s", "two"])
    key = block("KEY_VALUE_SET", "k", (0.1, 0.2, 0.3, 0.25), ["one"])
    key["Relationships"].append({"Type": "VALUE", "Ids": ["v"]})
    (page,) = read({"Blocks": [*blocks(), *LAYOUT, mark, value, key]}, make_document((612, 792)))
    assert page.regions[3].text == "one\n[x] two"


def test_check_box_of_a_cell_is_in_its_text(make_document: MakeDocument, outline: Outline) -> None:
    changed = [b for b in blocks() if b["Id"] != "c2"]
    cell = block("CELL", "c2", (0.5, 0.6, 0.9, 0.7), ["7.00", "s"], RowIndex=1, ColumnIndex=2)
    mark = check_box("s", (0.52, 0.6, 0.55, 0.65), selected=True)
    (page,) = read({"Blocks": [*changed, cell, mark, *LAYOUT]}, make_document((612, 792)))
    assert outline(page)[-1][2] == "[x] 7.00"


def test_check_box_beside_no_line_is_a_word_in_no_region(make_document: MakeDocument) -> None:
    mark = check_box("s", (0.5, 0.4, 0.55, 0.45), selected=False)
    (page,) = read({"Blocks": [*blocks(), *LAYOUT, mark]}, make_document((612, 792)))
    assert page.words[-1].text == "[ ]"
    assert "[ ]" not in page.text


@pytest.mark.parametrize("turned", [1, 3])
def test_check_boxes_of_sideways_text_are_words_of_their_line(
    make_document: MakeDocument, turned: int
) -> None:
    """Lines of one word, at x 0.2 and 0.3; the box is at the same x as the second."""
    words = [
        block("WORD", f"w{i}", at, turned=turned, Text=text)
        for i, (text, at) in enumerate(
            [("Yes", (0.2, 0.3, 0.25, 0.5)), ("No", (0.3, 0.3, 0.35, 0.5))]
        )
    ]
    lines = [
        block("LINE", f"l{i}", at, [f"w{i}"], turned=turned)
        for i, at in enumerate([(0.2, 0.3, 0.25, 0.5), (0.3, 0.3, 0.35, 0.5)])
    ]
    area = block("LAYOUT_TEXT", "a", (0.2, 0.3, 0.35, 0.5), ["l0", "l1"])
    mark = check_box("s", (0.3, 0.52, 0.35, 0.55), selected=True)
    (page,) = read({"Blocks": [*words, *lines, area, mark]}, make_document((612, 792)))
    texts = [region.text for region in page.regions if region.level == "line"]
    assert texts[0] == "Yes"
    assert sorted(texts[1].split()) == ["No", "[x]"]


class TestTextractContract(ParserContract):
    @pytest.fixture
    def parser(self, tmp_path: Path) -> Parser:
        (tmp_path / "doc.textract.json").write_text(json.dumps({"Blocks": [*blocks(), *LAYOUT]}))
        return TextractRegions()

    @pytest.fixture
    def document(self, make_document: MakeDocument, tmp_path: Path) -> Document:
        return make_document((612, 792), source=str(tmp_path / "doc.pdf"))
