"""Regions for the notes on a page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from colregion.core.documents import Document, Note
from colregion.core.geometry import Box
from colregion.core.regions import ParsedPage
from colregion.parsers.layout import Layout
from colregion.parsers.notes import with_notes
from colregion.parsers.page_parser import PageParser
from colregion.parsers.text_layer.reader import TextLayerReader
from colregion.testing import make_parsed_page

LINE = ("net sum", Box(0.1, 0.1, 0.6, 0.2))
FREE = Box(0.7, 0.7, 0.8, 0.8)
MARKED = Box(0.2, 0.12, 0.4, 0.18)


def page_of(*notes: Note, line: tuple[str, Box] = LINE) -> ParsedPage:
    parsed = make_parsed_page([line])
    return replace(parsed, page=replace(parsed.page, notes=notes))


def test_a_note_is_an_area_behind_the_others() -> None:
    parsed = with_notes(page_of(Note("see Oslo", FREE, "[Note by Ana]"), Note("gas", MARKED)))
    assert [region.path for region in parsed.regions] == [(1,), (1, 1), (1, 1, 1), (2,), (3,)]
    assert parsed.text == "net sum\n\n[Note by Ana] see Oslo\n\ngas"
    assert parsed.regions[3].box == FREE
    assert [(word.text, word.box) for word in parsed.words[2:4]] == [("see", FREE), ("Oslo", FREE)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (Box(0.1, 0.1, 0.6, 0.2), Box(0.605, 0.12, 0.635, 0.18)),
        (Box(0.1, 0.1, 0.98, 0.2), Box(0.065, 0.12, 0.095, 0.18)),  # no margin to the right
        (Box(0.02, 0.1, 0.98, 0.2), MARKED),  # none at all
    ],
)
def test_a_note_on_words_is_put_beside_them(line: Box, expected: Box) -> None:
    parsed = with_notes(page_of(Note("gas", MARKED), line=("net sum", line)))
    assert parsed.regions[-1].box.xyxy == pytest.approx(expected.xyxy)
    assert parsed.words[-1].box == parsed.regions[-1].box


def test_two_notes_on_one_line_do_not_share_a_place() -> None:
    parsed = with_notes(page_of(Note("gas", MARKED), Note("oil", MARKED)))
    first, second = parsed.regions[-2:]
    assert first.box.overlap(second.box) == 0


def test_a_note_that_repeats_words_of_the_page_is_left_out() -> None:
    page = page_of(Note("net \n sum", MARKED), Note(" ", FREE))
    assert with_notes(page) is page


def test_a_blank_page_has_its_notes() -> None:
    blank = replace(page_of(Note("gas", FREE)), words=(), regions=())
    assert [(region.path, region.text) for region in with_notes(blank).regions] == [((1,), "gas")]


def test_a_parsed_document_has_the_regions_of_its_notes() -> None:
    page = replace(page_of(Note("gas valve", FREE)).page, load_text=None)
    document = Document("doc", "doc.pdf", "hash", lambda: iter([page]), 1)
    (parsed,) = PageParser(TextLayerReader(), Layout("geometry")).parse(document)
    assert parsed.text == "gas valve"
