"""Region ids lead back to their regions, merged pairs too."""

from __future__ import annotations

import pytest

from colregion import Box, Engine, InvalidInput, NotIndexed
from colregion.core.embeddings import EmbeddedPage
from colregion.core.regions import ParsedPage, Region
from colregion.indexes.memory import MemoryIndex
from colregion.retrieval.lookup import find_region, page_id_of
from colregion.testing import LineParser, WordEncoder, make_page, make_parsed_page

LABEL = ("Total due", Box(0.1, 0.30, 0.2, 0.34))
VALUE = ("12.50 EUR", Box(0.3, 0.30, 0.4, 0.34))
APART = ("Vendor", Box(0.1, 0.70, 0.4, 0.74))
FORM = make_parsed_page([LABEL, VALUE, APART], doc_id="form.png")
FLAT = ParsedPage(FORM.page, FORM.words, tuple(r for r in FORM.regions if len(r.path) == 1))


@pytest.mark.parametrize(
    ("region_id", "page"),
    [
        ("a.pdf#p3", "a.pdf#p3"),
        ("a.pdf#p3#2.4.1", "a.pdf#p3"),
        ("a.pdf#p3#2.4.1+1", "a.pdf#p3"),
        ("odd #p1#2+1 name\n.pdf#p12#1", "odd #p1#2+1 name\n.pdf#p12"),
    ],
)
def test_the_page_is_the_front_of_the_id(region_id: str, page: str) -> None:
    assert page_id_of(region_id) == page


@pytest.mark.parametrize("wrong", ["", "the table", "a.pdf", "a.pdf#p", "a.pdf#p3#2.", "a#p1#1+"])
def test_what_is_no_id_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidInput, match="a region id is like"):
        page_id_of(wrong)


def test_every_region_of_the_tree_and_the_page_itself_are_found() -> None:
    assert [find_region(FORM, region.id) for region in FORM.regions] == list(FORM.regions)
    assert find_region(FORM, "form.png#p1").kind == "page"


def test_a_label_is_found_with_its_value() -> None:
    both = find_region(FORM, "form.png#p1#1.1.1+1")
    assert both.text == "Total due\n12.50 EUR"
    assert both.parts == (LABEL[1], VALUE[1])
    assert both.box == Box(0.1, 0.30, 0.4, 0.34)


def test_a_figure_is_found_with_its_caption() -> None:
    page = make_page(doc_id="paper.pdf")
    figure = Region(page.id, (1,), Box(0.1, 0.1, 0.5, 0.4), "", "figure")
    caption = Region(page.id, (2,), Box(0.1, 0.41, 0.5, 0.44), "Figure 1", "caption")
    both = find_region(ParsedPage(page, (), (figure, caption)), "paper.pdf#p1#1+1")
    assert (both.kind, both.parts) == ("figure", (figure.box, caption.box))


def test_what_is_not_there_is_said_with_what_is() -> None:
    with pytest.raises(NotIndexed, match=r"its areas are form\.png#p1#1 to form\.png#p1#3"):
        find_region(FORM, "form.png#p1#9")
    with pytest.raises(NotIndexed, match="it has none"):
        find_region(ParsedPage(make_page(doc_id="b"), (), ()), "b#p1#1")
    with pytest.raises(NotIndexed, match=r"ask for form\.png#p1#3, its first part"):
        find_region(FORM, "form.png#p1#3+2")


def test_what_a_search_returned_is_fetched_by_its_id() -> None:
    encoder = WordEncoder()
    with Engine(MemoryIndex(), encoder=encoder, parser=LineParser([LABEL])) as engine:
        engine.add([EmbeddedPage(FLAT, encoder.encode_pages([FLAT])[0])], doc_id="form.png")
        (hit, *_) = engine.search("total due")
        assert hit.id == "form.png#p1#1+1"
        again = engine.region(hit.id)
        assert again.region == hit.region
        assert (again.score, again.doc_id) == (0.0, "form.png")
        with pytest.raises(NotIndexed):
            engine.region("other.png#p1#1")
