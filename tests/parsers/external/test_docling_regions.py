from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from docling_core.types.doc import (
    BoundingBox,
    ContentLayer,
    CoordOrigin,
    DocItemLabel,
    DoclingDocument,
    ProvenanceItem,
    RichTableCell,
    Size,
    TableCell,
    TableData,
)

from colregion.core.documents import Document
from colregion.core.interfaces import Parser
from colregion.core.regions import Cell, ParsedPage
from colregion.errors import MissingDependency, UnreadableDocument
from colregion.parsers import DoclingRegions
from colregion.testing import ParserContract

Outline = Callable[[ParsedPage], list[tuple[str, str, str, tuple[float, ...]]]]
MakeDocument = Callable[..., Document]


def place(
    left: float,
    top: float,
    right: float,
    bottom: float,
    *,
    page: int = 1,
    origin: CoordOrigin = CoordOrigin.BOTTOMLEFT,
    span: tuple[int, int] = (0, 0),
) -> ProvenanceItem:
    box = BoundingBox(l=left, t=top, r=right, b=bottom, coord_origin=origin)
    return ProvenanceItem(page_no=page, bbox=box, charspan=span)


def report(*, pages: int = 1) -> DoclingDocument:
    """A document of pages of 200 x 400 points."""
    document = DoclingDocument(name="report")
    for number in range(1, pages + 1):
        document.add_page(page_no=number, size=Size(width=200, height=400))
    return document


def read(document: DoclingDocument, on: Document) -> list[ParsedPage]:
    """Parse through JSON, as people have it on disk."""
    parser = DoclingRegions(document.model_dump_json(by_alias=True).encode(), words=None)
    return list(parser.parse(on))


def test_blank_document_has_no_regions(make_document: MakeDocument, outline: Outline) -> None:
    (page,) = read(report(), make_document((200, 400)))
    assert outline(page) == []


def test_boxes_of_both_coordinate_origins_are_converted(
    make_document: MakeDocument, outline: Outline
) -> None:
    document = report()
    document.add_heading("Costs", prov=place(20, 380, 120, 360))
    document.add_text(
        DocItemLabel.TEXT, "They rose.", prov=place(20, 60, 180, 80, origin=CoordOrigin.TOPLEFT)
    )
    (page,) = read(document, make_document((200, 400)))
    assert outline(page) == [
        ("1", "title", "Costs", (0.1, 0.05, 0.6, 0.1)),
        ("2", "text", "They rose.", (0.1, 0.15, 0.9, 0.2)),
    ]


def test_table_has_its_caption_and_rows_of_cells(
    make_document: MakeDocument, outline: Outline
) -> None:
    document = report()
    cells = [
        TableCell(
            text=text,
            start_row_offset_idx=row,
            end_row_offset_idx=row + 1,
            start_col_offset_idx=column,
            end_col_offset_idx=column + 1,
            bbox=BoundingBox(
                l=20 + 80 * column,
                t=100 + 20 * row,
                r=80 + 80 * column,
                b=120 + 20 * row,
                coord_origin=CoordOrigin.TOPLEFT,
            ),
        )
        for row, column, text in ((1, 0, "rent"), (0, 0, "item"), (0, 1, "sum"), (1, 1, "7.00"))
    ]
    caption = document.add_text(DocItemLabel.CAPTION, "Table 1", prov=place(20, 320, 100, 310))
    data = TableData(num_rows=2, num_cols=2, table_cells=cells)
    document.add_table(data, caption=caption, prov=place(20, 300, 180, 240))
    (page,) = read(document, make_document((200, 400)))
    assert outline(page) == [
        ("1", "table", "Table 1\nitem | sum\nrent | 7.00", (0.1, 0.2, 0.9, 0.4)),
        ("1.1", "caption", "Table 1", (0.1, 0.2, 0.5, 0.225)),
        ("1.2", "row", "item | sum", (0.1, 0.25, 0.8, 0.3)),
        ("1.2.1", "row", "item", (0.1, 0.25, 0.4, 0.3)),
        ("1.2.2", "row", "sum", (0.5, 0.25, 0.8, 0.3)),
        ("1.3", "row", "rent | 7.00", (0.1, 0.3, 0.8, 0.35)),
        ("1.3.1", "row", "rent", (0.1, 0.3, 0.4, 0.35)),
        ("1.3.2", "row", "7.00", (0.5, 0.3, 0.8, 0.35)),
    ]


def test_cells_have_the_spans_and_headers_of_the_document(make_document: MakeDocument) -> None:
    document = report()
    cells = [
        TableCell(
            text=text,
            row_span=rows,
            col_span=columns,
            start_row_offset_idx=row,
            end_row_offset_idx=row + rows,
            start_col_offset_idx=0,
            end_col_offset_idx=columns,
            column_header=row == 0,
            bbox=BoundingBox(
                l=20, t=100 + 20 * row, r=80, b=120 + 20 * row, coord_origin=CoordOrigin.TOPLEFT
            ),
        )
        for row, rows, columns, text in ((0, 1, 2, "costs"), (1, 2, 1, "rent"))
    ]
    data = TableData(num_rows=3, num_cols=2, table_cells=cells)
    document.add_table(data, prov=place(20, 300, 180, 240))
    (page,) = read(document, make_document((200, 400)))
    assert [region.cell for region in page.regions if region.cell] == [
        Cell(0, 0, 1, 2, header=True),
        Cell(1, 0, 2, 1),
    ]


def test_caption_that_is_a_child_of_its_picture_is_in_the_figure(
    make_document: MakeDocument, outline: Outline
) -> None:
    document = report()
    picture = document.add_picture(prov=place(20, 380, 120, 300))
    caption = document.add_text(
        DocItemLabel.CAPTION, "Figure 1", prov=place(20, 295, 120, 285), parent=picture
    )
    picture.captions.append(caption.get_ref())
    (page,) = read(document, make_document((200, 400)))
    assert outline(page) == [
        ("1", "figure", "Figure 1", (0.1, 0.05, 0.6, 0.2875)),
        ("1.1", "caption", "Figure 1", (0.1, 0.2625, 0.6, 0.2875)),
    ]


def test_table_without_cell_boxes_is_a_single_region(
    make_document: MakeDocument, outline: Outline
) -> None:
    document = report()
    cells = [
        TableCell(
            text=text,
            start_row_offset_idx=0,
            end_row_offset_idx=1,
            start_col_offset_idx=column,
            end_col_offset_idx=column + 1,
        )
        for column, text in enumerate(("rent", "7.00"))
    ]
    data = TableData(num_rows=1, num_cols=2, table_cells=cells)
    document.add_table(data, prov=place(20, 300, 180, 240))
    (page,) = read(document, make_document((200, 400)))
    assert outline(page) == [("1", "table", "rent | 7.00", (0.1, 0.25, 0.9, 0.4))]


def test_list_contains_its_items_and_figure_its_caption(
    make_document: MakeDocument, outline: Outline
) -> None:
    document = report()
    group = document.add_list_group()
    document.add_list_item("first", parent=group, prov=place(20, 390, 100, 380))
    document.add_list_item("second", parent=group, prov=place(20, 378, 110, 368))
    caption = document.add_text(DocItemLabel.CAPTION, "Figure 1", prov=place(20, 100, 80, 90))
    document.add_picture(caption=caption, prov=place(20, 300, 180, 110))
    (page,) = read(document, make_document((200, 400)))
    assert outline(page) == [
        ("1", "list", "first\nsecond", (0.1, 0.025, 0.55, 0.08)),
        ("1.1", "list", "first", (0.1, 0.025, 0.5, 0.05)),
        ("1.2", "list", "second", (0.1, 0.055, 0.55, 0.08)),
        ("2", "figure", "Figure 1", (0.1, 0.25, 0.9, 0.775)),
        ("2.1", "caption", "Figure 1", (0.1, 0.75, 0.4, 0.775)),
    ]


def test_check_boxes_begin_the_text_of_their_item(
    make_document: MakeDocument, outline: Outline
) -> None:
    document = report()
    selected, unselected = DocItemLabel.CHECKBOX_SELECTED, DocItemLabel.CHECKBOX_UNSELECTED
    document.add_text(selected, "Smoker", prov=place(20, 380, 120, 360))
    document.add_text(unselected, "\u2610 Diabetic", prov=place(20, 340, 120, 320))
    (page,) = read(document, make_document((200, 400)))
    assert outline(page) == [
        ("1", "text", "[x] Smoker", (0.1, 0.05, 0.6, 0.1)),
        ("2", "text", "[ ] Diabetic", (0.1, 0.15, 0.6, 0.2)),
    ]
    # Squares of 20 points at the start of the items.
    marks = [word.box.xyxy for word in page.words if word.text in ("[x]", "[ ]")]
    assert marks == [pytest.approx((0.1, 0.05, 0.2, 0.1)), pytest.approx((0.1, 0.15, 0.2, 0.2))]


def test_check_boxes_without_text_belong_to_the_nearest_text_in_their_row(
    make_document: MakeDocument, outline: Outline
) -> None:
    document = report()
    document.add_text(DocItemLabel.CHECKBOX_SELECTED, "", prov=place(20, 380, 30, 370))
    document.add_text(DocItemLabel.TEXT, "Yes", prov=place(35, 380, 60, 370))
    document.add_text(DocItemLabel.CHECKBOX_UNSELECTED, "", prov=place(80, 380, 90, 370))
    document.add_text(DocItemLabel.TEXT, "No", prov=place(95, 380, 120, 370))
    document.add_text(DocItemLabel.CHECKBOX_SELECTED, "", prov=place(20, 100, 30, 90))
    (page,) = read(document, make_document((200, 400)))
    assert [row[2] for row in outline(page)] == ["[x] Yes", "[ ] No", "[x]"]
    assert page.words[0].box.xyxy == pytest.approx((0.1, 0.05, 0.15, 0.075))


def test_check_boxes_of_a_list_begin_its_items(
    make_document: MakeDocument, outline: Outline
) -> None:
    document = report()
    group = document.add_list_group()
    label = DocItemLabel.CHECKBOX_SELECTED
    document.add_text(label, "Apples", prov=place(20, 380, 120, 360), parent=group)
    document.add_list_item("Pears", prov=place(20, 350, 120, 330), parent=group)
    (page,) = read(document, make_document((200, 400)))
    assert [row[2] for row in outline(page)] == ["[x] Apples\nPears", "[x] Apples", "Pears"]


def cell_at(row: int, column: int, text: str = "", *, boxed: bool = True) -> TableCell:
    """A cell of 80 x 20 points in a table whose corner is 20 points from the left, 100 down."""
    left, top = 20 + 80 * column, 100 + 20 * row
    box = BoundingBox(l=left, t=top, r=left + 80, b=top + 20, coord_origin=CoordOrigin.TOPLEFT)
    return TableCell(
        text=text,
        start_row_offset_idx=row,
        end_row_offset_idx=row + 1,
        start_col_offset_idx=column,
        end_col_offset_idx=column + 1,
        bbox=box if boxed else None,
    )


def with_table(document: DoclingDocument, *cells: TableCell) -> DoclingDocument:
    data = TableData(num_rows=2, num_cols=2, table_cells=list(cells))
    document.add_table(data, prov=place(20, 300, 180, 260))
    return document


@pytest.mark.parametrize("boxed", [True, False])
def test_check_boxes_in_cells_of_a_table_are_the_cells_text(
    make_document: MakeDocument, outline: Outline, boxed: bool
) -> None:
    document = report()
    document.add_text(DocItemLabel.CHECKBOX_SELECTED, "", prov=place(110, 296, 120, 286))
    with_table(
        document,
        cell_at(0, 0, "Smoker"),
        cell_at(0, 1, boxed=boxed),
        cell_at(1, 0, "Age"),
        cell_at(1, 1, "47"),
    )
    (page,) = read(document, make_document((200, 400)))
    rows = [(path, text) for path, _, text, _ in outline(page)]
    assert rows == [
        ("1", "Smoker | [x]\nAge | 47"),
        ("1.1", "Smoker | [x]"),
        ("1.1.1", "Smoker"),
        ("1.1.2", "[x]"),
        ("1.2", "Age | 47"),
        ("1.2.1", "Age"),
        ("1.2.2", "47"),
    ]
    (mark,) = (word for word in page.words if word.text == "[x]")
    assert mark.box.xyxy == pytest.approx((0.55, 0.26, 0.6, 0.285))


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ("Yes No", ("Yes", "No"), "[x] Yes [ ] No"),
        ("\u2612 Yes \u2610 No", ("", ""), "[x] Yes [ ] No"),
        ("Yes No", ("", ""), "[x] [ ] Yes No"),
        ("Notify them? No____ Yes", ("No", "Yes"), "Notify them? [x] No____ [ ] Yes"),
        ("\u662f\u5426", ("\u662f", "\u5426"), "[x] \u662f [ ] \u5426"),
    ],
)
def test_several_check_boxes_of_a_cell_stand_before_their_labels(
    make_document: MakeDocument, text: str, labels: tuple[str, str], expected: str
) -> None:
    document = report()
    first, second = DocItemLabel.CHECKBOX_SELECTED, DocItemLabel.CHECKBOX_UNSELECTED
    document.add_text(first, labels[0], prov=place(20, 298, 50, 288))
    document.add_text(second, labels[1], prov=place(60, 298, 90, 288))
    with_table(document, cell_at(0, 0, text), cell_at(1, 0, "x"))
    (page,) = read(document, make_document((200, 400)))
    assert page.regions[0].text == f"{expected}\nx"
    marks = [word.text for word in page.words if word.text in ("[x]", "[ ]")]
    assert marks == ["[x]", "[ ]"]


def test_items_of_a_cell_are_its_text_and_no_regions_beside_the_table(
    make_document: MakeDocument, outline: Outline
) -> None:
    document = with_table(report(), cell_at(0, 0, "Smoker"), cell_at(1, 0, "Name"))
    (table,) = document.tables
    group = document.add_group(parent=table)
    label = DocItemLabel.CHECKBOX_SELECTED
    document.add_text(label, "often", prov=place(110, 298, 150, 288), parent=group)
    document.add_text(DocItemLabel.TEXT, "since 2001", prov=place(110, 288, 170, 282), parent=group)
    empty = cell_at(0, 1, boxed=False).model_dump()
    document.add_table_cell(table, RichTableCell(**empty, ref=group.get_ref()))
    (page,) = read(document, make_document((200, 400)))
    areas = [row for row in outline(page) if "." not in row[0]]
    assert areas == [("1", "table", "Smoker | [x] often since 2001\nName", (0.1, 0.25, 0.9, 0.35))]
    assert page.regions[3].box.xyxy == pytest.approx((0.55, 0.255, 0.85, 0.295))


def test_text_that_spans_two_pages_is_split_between_them(
    make_document: MakeDocument, outline: Outline
) -> None:
    document = report(pages=2)
    item = document.add_text(
        DocItemLabel.TEXT, "begins here ends there", prov=place(20, 40, 180, 20, span=(0, 11))
    )
    item.prov.append(place(20, 390, 180, 370, page=2, span=(12, 22)))
    first, second = read(document, make_document((200, 400), (200, 400)))
    assert outline(first) == [("1", "text", "begins here", (0.1, 0.9, 0.9, 0.95))]
    assert outline(second) == [("1", "text", "ends there", (0.1, 0.025, 0.9, 0.075))]


@pytest.mark.parametrize("older", [False, True])
def test_headers_are_read_from_the_body_or_the_furniture_of_older_files(
    make_document: MakeDocument, outline: Outline, older: bool
) -> None:
    document = report()
    document.add_text(
        DocItemLabel.PAGE_HEADER,
        "Annual report",
        prov=place(20, 396, 180, 388),
        content_layer=ContentLayer.FURNITURE,
    )
    data = json.loads(document.model_dump_json(by_alias=True))
    if older:
        data["furniture"]["children"] = data["body"].pop("children")
        data["texts"][0]["parent"] = {"$ref": "#/furniture"}
    (page,) = DoclingRegions(data, words=None).parse(make_document((200, 400)))
    assert [row[:3] for row in outline(page)] == [("1", "header", "Annual report")]


def test_boxes_on_a_rotated_page_are_as_displayed(
    make_document: MakeDocument, outline: Outline
) -> None:
    document = DoclingDocument(name="report")
    document.add_page(page_no=1, size=Size(width=400, height=200))
    document.add_text(DocItemLabel.TEXT, "wide", prov=place(40, 190, 240, 170))
    (displayed,) = read(document, make_document((400, 200), rotation=90))
    assert outline(displayed)[0][3] == (0.1, 0.05, 0.6, 0.15)
    # A tool that ignores /Rotate sees the page sideways.
    (unturned,) = read(document, make_document((200, 400), rotation=90))
    assert outline(unturned)[0][3] == (0.85, 0.1, 0.95, 0.6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda d: d.update(schema_name="Other"),
            r"no DoclingDocument.*\(schema_name: Input should",
        ),
        (lambda d: d["pages"]["1"]["size"].update(width=0), "page 1 has no size: width=0"),
        (lambda d: d["texts"][0]["prov"][0].update(page_no=9), "page 9, which the file does not"),
        (
            lambda d: d["texts"][0]["prov"][0]["bbox"].update(l="x"),
            r"texts\.0.*bbox\.l: Input should be a valid number",
        ),
        (lambda d: d["texts"][0]["prov"][0]["bbox"].update(coord_origin="UP"), "coord_origin"),
        (lambda d: d["texts"][0].update(prov=[]), "convert it to PDF first"),
        (lambda d: d.update(texts=7), "texts: Input should be a valid array"),
        (lambda d: d.update(pages={}), "which the file does not list"),
        (lambda d: d.update(version="9.0.0"), "update docling-core"),
        (lambda d: d["texts"][0].update(children=[{"$ref": "#/texts/0"}]), "no DoclingDocument"),
        (lambda d: d["texts"][0].update(children=[{"$ref": "#/texts/99"}]), "no DoclingDocument"),
    ],
)
def test_invalid_document_is_refused_with_what_is_wrong_in_it(
    make_document: MakeDocument, change: Callable[[Any], object], message: str
) -> None:
    document = report()
    document.add_text(DocItemLabel.TEXT, "a", prov=place(20, 380, 120, 360))
    data = json.loads(document.model_dump_json(by_alias=True))
    change(data)
    with pytest.raises(UnreadableDocument, match=message):
        list(DoclingRegions(data, words=None).parse(make_document((200, 400))))


def test_document_object_gives_the_regions_and_fingerprint_of_its_json(
    make_document: MakeDocument, outline: Outline
) -> None:
    document = report()
    document.add_heading("Costs", prov=place(20, 380, 120, 360))
    as_json = document.model_dump_json(by_alias=True).encode()
    on = make_document((200, 400))
    parser = DoclingRegions(document, words=None)

    (page,) = parser.parse(on)

    assert outline(page) == [("1", "title", "Costs", (0.1, 0.05, 0.6, 0.1))]
    assert parser.fingerprint_for(on) == DoclingRegions(as_json, words=None).fingerprint_for(on)


def test_nested_list_is_a_region_of_its_own(make_document: MakeDocument, outline: Outline) -> None:
    document = report()
    group = document.add_list_group()
    item = document.add_list_item("outer", parent=group, prov=place(20, 390, 100, 380))
    nested = document.add_list_group(parent=item)
    document.add_list_item("inner", parent=nested, prov=place(40, 378, 100, 368))
    (page,) = read(document, make_document((200, 400)))
    assert [row[:3] for row in outline(page)] == [
        ("1", "list", "outer"),
        ("1.1", "list", "outer"),
        ("2", "list", "inner"),
        ("2.1", "list", "inner"),
    ]


def test_missing_docling_core_names_the_extra(
    make_document: MakeDocument, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "docling_core.types.doc", None)
    with pytest.raises(MissingDependency, match=r'pip install "colregion\[docling\]"'):
        list(DoclingRegions({"name": "report"}, words=None).parse(make_document((200, 400))))


class TestDoclingContract(ParserContract):
    @pytest.fixture
    def parser(self, tmp_path: Path) -> Parser:
        document = report(pages=2)
        document.add_title("Yearly report", prov=place(20, 380, 180, 350))
        document.save_as_json(tmp_path / "doc.docling.json")
        return DoclingRegions(words=None)

    @pytest.fixture
    def document(self, make_document: MakeDocument, tmp_path: Path) -> Document:
        return make_document((200, 400), (200, 400), source=str(tmp_path / "doc.pdf"))


def test_page_missing_from_the_document_is_refused(make_document: MakeDocument) -> None:
    with pytest.raises(UnreadableDocument, match=r"says nothing of page 2 of doc .*first pages: 1"):
        read(report(), make_document((200, 400), (200, 400)))
