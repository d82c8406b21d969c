"""Regions made of several, and regions by their id."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from colregion import Engine, InvalidInput, NotIndexed
from colregion.core.embeddings import EmbeddedPage
from colregion.core.geometry import Box
from colregion.core.regions import Cell, ParsedPage, Region
from colregion.indexes.memory import MemoryIndex
from colregion.retrieval.parts import (
    cut_to_fit,
    divided_paragraphs,
    find_region,
    join_regions,
    page_id_of,
)
from colregion.testing import LineParser, WordEncoder, make_page, make_parsed_page


def region(path: tuple[int, ...], box: Box, text: str = "a", kind: str = "text") -> Region:
    return Region(make_page().id, path, box, text, kind)


def page_of(*regions: Region) -> ParsedPage:
    return ParsedPage(make_page(), (), regions)


FULL = Box(0.1, 0.1, 0.9, 0.14)


class TestJoinRegions:
    def test_single_region_is_itself(self) -> None:
        alone = region((2,), FULL)
        assert join_regions([alone]) is alone

    def test_joined_region_has_the_first_id_and_the_kind_of_the_largest(self) -> None:
        caption = Region("d#p1", (3,), Box(0.1, 0.6, 0.5, 0.65), "Figure 1", "caption", 0.5)
        figure = Region("d#p1", (2,), Box(0.1, 0.1, 0.6, 0.6), "", "figure")
        both = join_regions([figure, caption])
        assert (both.id, both.kind, both.text) == ("d#p1#2+1", "figure", "Figure 1")
        assert both.box == Box(0.1, 0.1, 0.6, 0.65)
        assert both.ocr_confidence == 0.5

    def test_hidden_text_of_one_part_marks_the_whole(self) -> None:
        plain = Region("d#p1", (1,), Box(0, 0, 1, 0.2), "a")
        hidden = Region("d#p1", (2,), Box(0, 0.3, 1, 0.5), "b", hidden_text=("invisible",))
        assert join_regions([plain, hidden]).hidden_text == ("invisible",)


LABEL_LINE = ("Total due", Box(0.1, 0.30, 0.2, 0.34))
VALUE_LINE = ("12.50 EUR", Box(0.3, 0.30, 0.4, 0.34))
OTHER_LINE = ("Vendor", Box(0.1, 0.70, 0.4, 0.74))
FORM_PAGE = make_parsed_page([LABEL_LINE, VALUE_LINE, OTHER_LINE], doc_id="form.png")
FLAT_PAGE = ParsedPage(
    FORM_PAGE.page, FORM_PAGE.words, tuple(r for r in FORM_PAGE.regions if len(r.path) == 1)
)


@pytest.mark.parametrize(
    ("region_id", "page"),
    [
        ("a.pdf#p3", "a.pdf#p3"),
        ("a.pdf#p3#2.4.1", "a.pdf#p3"),
        ("a.pdf#p3#2.4.1+1", "a.pdf#p3"),
        ("odd #p1#2+1 name\n.pdf#p12#1", "odd #p1#2+1 name\n.pdf#p12"),
    ],
)
def test_page_id_is_the_front_of_a_region_id(region_id: str, page: str) -> None:
    assert page_id_of(region_id) == page


@pytest.mark.parametrize("wrong", ["", "the table", "a.pdf", "a.pdf#p", "a.pdf#p3#2.", "a#p1#1+"])
def test_text_that_is_no_region_id_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidInput, match="a region id is like"):
        page_id_of(wrong)


def test_every_region_of_the_tree_and_the_page_are_found_by_id() -> None:
    assert [find_region(FORM_PAGE, region.id) for region in FORM_PAGE.regions] == list(
        FORM_PAGE.regions
    )
    assert find_region(FORM_PAGE, "form.png#p1").kind == "page"


def test_label_joined_with_its_value_is_found_by_id() -> None:
    both = find_region(FORM_PAGE, "form.png#p1#1.1.1+1")
    assert both.text == "Total due\n12.50 EUR"
    assert both.parts == (LABEL_LINE[1], VALUE_LINE[1])
    assert both.box == Box(0.1, 0.30, 0.4, 0.34)


def test_unknown_region_id_names_the_areas_of_the_page() -> None:
    with pytest.raises(NotIndexed, match=r"its areas are form\.png#p1#1 to form\.png#p1#3"):
        find_region(FORM_PAGE, "form.png#p1#9")
    with pytest.raises(NotIndexed, match="it has none"):
        find_region(ParsedPage(make_page(doc_id="b"), (), ()), "b#p1#1")


def test_region_returned_by_a_search_is_fetched_by_its_id() -> None:
    encoder = WordEncoder()
    with Engine(MemoryIndex(), encoder=encoder, parser=LineParser([LABEL_LINE])) as engine:
        engine.add(
            [EmbeddedPage(FLAT_PAGE, encoder.encode_pages([FLAT_PAGE])[0])], doc_id="form.png"
        )
        (hit, *_) = engine.search("total due")
        assert hit.id == "form.png#p1#1+1"
        again = engine.region(hit.id)
        assert again.region == hit.region
        assert (again.score, again.doc_id) == (None, "form.png")
        with pytest.raises(NotIndexed):
            engine.region("other.png#p1#1")


def price_list() -> ParsedPage:
    """A table of a header and two rows of a part and its price."""
    regions = [Region("doc#p1", (1,), Box(0, 0, 1, 0.75), "", "table")]
    for row, (part, price) in enumerate([("part", "price"), ("A1", "9"), ("B2", "7")], start=1):
        y = (row - 1) / 4
        box = Box(0, y, 1, y + 0.25)
        regions.append(Region("doc#p1", (1, row), box, f"{part} | {price}", "row"))
        for column, text in enumerate((part, price), start=1):
            place = Box(column / 2 - 0.5, y, column / 2, y + 0.25)
            cell = Cell(row - 1, column - 1, header=row == 1)
            regions.append(Region("doc#p1", (1, row, column), place, text, "row", cell=cell))
    return page_of(*regions)


def test_row_fetched_by_its_id_has_the_header_of_its_table_before_it() -> None:
    row = find_region(price_list(), "doc#p1#1.3")
    assert (row.text, row.box) == ("part | price\nB2 | 7", Box(0, 0.5, 1, 0.75))


def test_id_of_rows_joined_in_a_context_gives_their_table() -> None:
    assert find_region(price_list(), "doc#p1#1.2+1").kind == "table"
    with pytest.raises(NotIndexed):
        find_region(price_list(), "doc#p1#11.2+1")
    with pytest.raises(NotIndexed):
        find_region(price_list(), "doc#p1#1.2+9")  # of nine parts


class TestCutToFit:
    evidence = np.array([0.9, 0.5, 0.2, 0.1, 0.8, 0.7, 0.3, 0.2, 0.1, 0.1])

    def cut(self, *, most: int) -> Region | None:
        table = price_list()
        return cut_to_fit(
            table, table.regions[0], self.evidence, fits=lambda one: len(one.text) <= most
        )

    def test_table_is_cut_to_its_best_rows_and_its_header(self) -> None:
        both, best = self.cut(most=100), self.cut(most=20)
        assert both is not None
        assert both.text == "part | price\nA1 | 9\nB2 | 7"
        assert best is not None
        assert (best.text, best.id) == ("part | price\nA1 | 9", "doc#p1#1.2")

    def test_row_that_does_not_fit_is_cut_to_its_best_cells(self) -> None:
        cell = self.cut(most=2)
        assert cell is not None
        assert (cell.text, cell.id) == ("A1", "doc#p1#1.2.1")

    def test_nothing_is_left_where_no_line_fits(self) -> None:
        assert self.cut(most=0) is None


class TestParagraphPieces:
    """A paragraph at the end of the left column that goes on at the top of the right one."""

    left, right = Box(0.1, 0.8, 0.45, 0.9), Box(0.55, 0.1, 0.9, 0.2)

    def columns(self, *, before: str = "It began in") -> ParsedPage:
        return page_of(
            region((1,), Box(0.1, 0.1, 0.45, 0.7), "A text before."),
            region((2,), self.left, before),
            replace(region((3,), self.right, "the left column."), continues=True),
            region((4,), Box(0.55, 0.3, 0.9, 0.9), "Another one."),
        )

    def test_pieces_of_a_paragraph_are_those_that_continue_it(self) -> None:
        assert divided_paragraphs(self.columns()) == {1: [1, 2], 2: [1, 2]}

    def test_paragraph_in_two_columns_keeps_its_boxes_on_the_next_page(self) -> None:
        rest = (2, Box(0.1, 0.1, 0.45, 0.2))
        last = replace(region((3,), self.right, "the left column and"), continued_on=(rest,))
        assert join_regions([region((2,), self.left), last]).continued_on == (rest,)

    def test_text_that_continues_the_page_before_is_not_joined_to_a_whole_sentence(self) -> None:
        assert divided_paragraphs(self.columns(before="It began.")) == {}

    def test_divided_paragraph_is_fetched_by_its_id_with_a_box_in_each_column(self) -> None:
        whole = find_region(self.columns(), "doc#p1#2+1")
        assert (whole.text, whole.parts) == (
            "It began in\nthe left column.",
            (self.left, self.right),
        )
