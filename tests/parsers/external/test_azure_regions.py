"""On answers of the shape that the REST API 2024-11-30 documents for prebuilt-layout."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from colregion.core.documents import Document
from colregion.core.geometry import Upright
from colregion.core.interfaces import Parser
from colregion.core.regions import Cell, ParsedPage
from colregion.errors import UnreadableDocument
from colregion.parsers import AzureRegions
from colregion.testing import ParserContract

Outline = Callable[[ParsedPage], list[tuple[str, str, str, tuple[float, ...]]]]
MakeDocument = Callable[..., Document]
Json = dict[str, Any]

CONTENT = "Costs They rose a lot Table 1 rent 7.00 stray"


def span(text: str) -> Json:
    return {"offset": CONTENT.index(text), "length": len(text)}


def polygon(x0: float, y0: float, x1: float, y1: float) -> list[float]:
    return [x0, y0, x1, y0, x1, y1, x0, y1]


def piece(text: str, *xyxy: float) -> Json:
    return {
        "content": text,
        "polygon": polygon(*xyxy),
        "confidence": 0.9,
        "span": span(text),
    }


def line(text: str, *xyxy: float) -> Json:
    return {"content": text, "polygon": polygon(*xyxy), "spans": [span(text)]}


def on_page(*xyxy: float) -> list[Json]:
    return [{"pageNumber": 1, "polygon": polygon(*xyxy)}]


def answer() -> Json:
    """A page of 10 x 20 inches: a heading, a paragraph of two lines, a table with its caption,
    and a word that belongs to nothing."""
    return {
        "apiVersion": "2024-11-30",
        "modelId": "prebuilt-layout",
        "stringIndexType": "utf16CodeUnit",
        "content": CONTENT,
        "pages": [
            {
                "pageNumber": 1,
                "angle": 0.02,
                "width": 10,
                "height": 20,
                "unit": "inch",
                "words": [
                    piece("Costs", 1, 1, 3, 2),
                    piece("They", 1, 3, 2, 4),
                    piece("rose", 2, 3, 3, 4),
                    piece("a", 1, 4, 1.5, 5),
                    piece("lot", 2, 4, 3, 5),
                    piece("Table", 1, 6, 2, 7),
                    piece("1", 2.5, 6, 3, 7),
                    piece("rent", 1, 8, 2, 9),
                    piece("7.00", 5, 8, 6, 9),
                    piece("stray", 8, 18, 9, 19),
                ],
                "lines": [
                    line("Costs", 1, 1, 3, 2),
                    line("They rose", 1, 3, 3, 4),
                    line("a lot", 1, 4, 3, 5),
                    line("Table 1", 1, 6, 3, 7),
                    line("rent", 1, 8, 2, 9),
                    line("7.00", 5, 8, 6, 9),
                    line("stray", 8, 18, 9, 19),
                ],
                "spans": [{"offset": 0, "length": len(CONTENT)}],
            }
        ],
        "paragraphs": [
            {
                "role": "sectionHeading",
                "content": "Costs",
                "boundingRegions": on_page(1, 1, 3, 2),
                "spans": [span("Costs")],
            },
            {
                "content": "They rose a lot",
                "boundingRegions": on_page(1, 3, 3, 5),
                "spans": [span("They rose a lot")],
            },
            {
                "content": "rent",
                "boundingRegions": on_page(1, 8, 2, 9),
                "spans": [span("rent")],
            },
        ],
        "tables": [
            {
                "rowCount": 1,
                "columnCount": 2,
                "cells": [
                    {
                        "rowIndex": 0,
                        "columnIndex": column,
                        "content": text,
                        "boundingRegions": on_page(*box),
                        "spans": [span(text)],
                    }
                    for column, text, box in (
                        (1, "7.00", (4, 8, 8, 9)),
                        (0, "rent", (1, 8, 4, 9)),
                    )
                ],
                "boundingRegions": on_page(1, 8, 8, 9),
                "spans": [span("rent 7.00")],
                "caption": {
                    "content": "Table 1",
                    "boundingRegions": on_page(1, 6, 3, 7),
                    "spans": [span("Table 1")],
                },
            }
        ],
    }


def read(data: Json, on: Document) -> ParsedPage:
    (page,) = AzureRegions(data).parse(on)
    return page


EXPECTED = [
    ("1", "title", "Costs", (0.1, 0.05, 0.3, 0.1)),
    ("1.1", "title", "Costs", (0.1, 0.05, 0.3, 0.1)),
    ("1.1.1", "title", "Costs", (0.1, 0.05, 0.3, 0.1)),
    ("2", "text", "They rose\na lot", (0.1, 0.15, 0.3, 0.25)),
    ("2.1", "text", "They rose\na lot", (0.1, 0.15, 0.3, 0.25)),
    ("2.1.1", "text", "They rose", (0.1, 0.15, 0.3, 0.2)),
    ("2.1.2", "text", "a lot", (0.1, 0.2, 0.3, 0.25)),
    ("3", "table", "Table 1\nrent | 7.00", (0.1, 0.3, 0.8, 0.45)),
    ("3.1", "caption", "Table 1", (0.1, 0.3, 0.3, 0.35)),
    ("3.1.1", "caption", "Table 1", (0.1, 0.3, 0.3, 0.35)),
    ("3.2", "row", "rent | 7.00", (0.1, 0.4, 0.8, 0.45)),
    ("3.2.1", "row", "rent", (0.1, 0.4, 0.4, 0.45)),
    ("3.2.2", "row", "7.00", (0.4, 0.4, 0.8, 0.45)),
]


@pytest.mark.parametrize("wrapped", [False, True])
def test_paragraphs_tables_and_captions_make_the_tree_with_each_word_once(
    make_document: MakeDocument, outline: Outline, wrapped: bool
) -> None:
    data = {"status": "succeeded", "analyzeResult": answer()} if wrapped else answer()
    page = read(data, make_document((720, 1440)))
    assert outline(page) == EXPECTED
    assert " ".join(word.text for word in page.words) == CONTENT
    assert page.regions[0].ocr_confidence == pytest.approx(0.9)
    assert page.page.upright is None


def test_figure_contains_its_lines_and_its_caption_once(
    make_document: MakeDocument, outline: Outline
) -> None:
    data = answer()
    figure = data.pop("tables")[0]
    figure["spans"] = [span("Table 1 rent 7.00")]
    del figure["cells"]
    data["figures"] = [figure]
    page = read(data, make_document((720, 1440)))
    assert [row[:3] for row in outline(page)][7:] == [
        ("3", "figure", "Table 1\nrent\n7.00"),
        ("3.1", "caption", "Table 1"),
        ("3.1.1", "caption", "Table 1"),
        ("3.2", "text", "rent\n7.00"),
        ("3.2.1", "text", "rent"),
        ("3.2.2", "text", "7.00"),
    ]


def test_response_without_paragraphs_gets_a_layout_from_its_words(
    make_document: MakeDocument,
) -> None:
    data = answer()
    del data["paragraphs"], data["tables"]
    page = read(data, make_document((720, 1440)))
    assert "They rose" in [region.text for region in page.regions if region.level == "line"]
    assert sorted(w.text for w in page.words) == sorted(CONTENT.split())


def test_sideways_scan_keeps_its_boxes_and_gets_its_turn(
    make_document: MakeDocument,
) -> None:
    data = answer()
    page = data["pages"][0]
    # The same page turned clockwise: (x, y) of 10 x 20 inches comes to (20 - y, x).
    page.update(angle=90, width=20, height=10)
    places = [*page["words"], *page["lines"]]
    places += [r for p in data["paragraphs"] for r in p["boundingRegions"]]
    table = data["tables"][0]
    places += [*table["boundingRegions"], *table["caption"]["boundingRegions"]]
    places += [r for cell in table["cells"] for r in cell["boundingRegions"]]
    for each in places:
        xy = each["polygon"]
        each["polygon"] = [v for x, y in zip(xy[::2], xy[1::2], strict=True) for v in (20 - y, x)]
    parsed = read(data, make_document((1440, 720)))
    assert parsed.page.upright == Upright(270.0, 1440, 720)
    for region, (_, _, text, (x0, y0, x1, y1)) in zip(parsed.regions, EXPECTED, strict=True):
        assert region.text == text
        assert region.box.xyxy == pytest.approx((1 - y1, x0, 1 - y0, x1))


def test_cells_of_a_table_have_the_spans_and_headers_of_the_file(
    make_document: MakeDocument,
) -> None:
    data = answer()
    second, first = data["tables"][0]["cells"]
    first.update(kind="columnHeader", rowSpan=2)
    second.update(rowIndex=1, columnSpan=3)
    cells = [region.cell for region in read(data, make_document((720, 1440))).regions]
    assert [cell for cell in cells if cell] == [Cell(0, 0, 2, 1, header=True), Cell(1, 1, 1, 3)]


def test_row_under_a_cell_of_two_rows_has_its_text_too(make_document: MakeDocument) -> None:
    data = answer()
    second, first = data["tables"][0]["cells"]
    first.update(rowSpan=2)
    second.update(rowIndex=1)
    rows = [r.text for r in read(data, make_document((720, 1440))).regions if r.kind == "row"]
    assert rows == ["rent", "rent", "rent | 7.00", "7.00"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda d: d.pop("pages"), "no analysis of Azure"),
        (lambda d: d["pages"][0].update(width=-1), "width must be a length above 0, got -1"),
        (lambda d: d["pages"][0].update(pageNumber=0), "page number from 1 up"),
        (lambda d: d["pages"][0]["words"][0].update(content=[1]), "content must be a string"),
        (lambda d: d["pages"][0]["words"][0]["span"].update(offset=0.5), "a whole number"),
        (lambda d: d["pages"][0]["words"][0].update(polygon=["a"] * 8), "must be a number"),
        (
            lambda d: d["paragraphs"][0]["boundingRegions"][0].update(pageNumber=4),
            "on page 4, which the file does not list",
        ),
        (lambda d: d["tables"][0]["cells"][0].update(rowIndex=None), "rowIndex must be a number"),
        (lambda d: d["tables"][0]["cells"][0].update(rowIndex=-1), "a whole number from 0 up"),
        (lambda d: d["tables"][0]["cells"][0].update(columnSpan=0), "a whole number from 1 up"),
    ],
)
def test_invalid_file_is_refused_with_what_is_wrong_in_it(
    make_document: MakeDocument, change: Callable[[Json], object], complaint: str
) -> None:
    data = answer()
    change(data)
    with pytest.raises(UnreadableDocument, match=complaint):
        read(data, make_document((720, 1440)))


def with_marks(*marks: tuple[bool, tuple[float, ...], int]) -> Json:
    """The answer with check boxes (selected, box, offset in the content)."""
    data = answer()
    data["pages"][0]["selectionMarks"] = [
        {
            "state": "selected" if selected else "unselected",
            "polygon": polygon(*box),
            "confidence": 0.8,
            "span": {"offset": offset, "length": 1},
        }
        for selected, box, offset in marks
    ]
    return data


def test_check_boxes_are_words_of_the_line_beside_them(make_document: MakeDocument) -> None:
    # Before "They rose" and behind "a lot", whatever their places in the content.
    marks = ((True, (0.2, 3, 0.8, 4), 40), (False, (3.2, 4, 3.8, 5), 0))
    page = read(with_marks(*marks), make_document((720, 1440)))
    assert page.regions[3].text == "[x] They rose\na lot [ ]"
    (mark,) = [word for word in page.words if word.text == "[x]"]
    assert mark.box.xyxy == pytest.approx((0.02, 0.15, 0.08, 0.2))
    assert mark.confidence == pytest.approx(0.8)


def test_check_box_in_a_cell_stays_there(make_document: MakeDocument) -> None:
    box = (4.2, 8, 4.8, 9)  # beside "7.00", on the row of "rent"
    data = with_marks((True, box, CONTENT.index("rent")))
    page = read(data, make_document((720, 1440)))
    cells = [region.text for region in page.regions if region.level == "line"]
    assert cells[-2:] == ["[x] rent", "7.00"]


def test_check_box_beside_no_line_is_a_word_in_no_region(make_document: MakeDocument) -> None:
    page = read(with_marks((True, (1, 15, 2, 16), 41)), make_document((720, 1440)))
    assert [word.text for word in page.words][-2:] == ["stray", "[x]"]
    assert "[x]" not in page.text


def test_paragraph_of_a_check_box_alone_is_no_region(make_document: MakeDocument) -> None:
    data = with_marks((True, (0.2, 1, 0.8, 2), 41))
    mark = {"offset": 41, "length": 1}
    only = {"content": ":selected:", "boundingRegions": on_page(0.2, 1, 0.8, 2), "spans": [mark]}
    data["paragraphs"].append(only)
    page = read(data, make_document((720, 1440)))
    areas = [region.text for region in page.regions if region.level == "area"]
    assert areas == ["[x] Costs", "They rose\na lot", "Table 1\nrent | 7.00"]


class TestAzureContract(ParserContract):
    @pytest.fixture
    def parser(self, tmp_path: Path) -> Parser:
        path = tmp_path / "answer.json"
        path.write_text(json.dumps(answer()))
        return AzureRegions(path)

    @pytest.fixture
    def document(self, make_document: MakeDocument) -> Document:
        return make_document((720, 1440))
