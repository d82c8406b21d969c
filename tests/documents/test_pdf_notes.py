"""Comments, attached files and XFA forms of PDFs, through the real PDFium."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from colregion import Engine
from colregion.core.documents import Note, Page
from colregion.core.geometry import Box
from colregion.documents import open_document
from colregion.errors import UnreadableDocument
from colregion.indexes.memory import MemoryIndex
from colregion.testing import WordEncoder
from tests.ingestion.hostile_parsers import TroubledParser

MakePdf = Callable[..., bytes]
MEDIA = "/MediaBox[0 0 300 200]"
BOX = Box(0.2, 0.25, 0.4, 0.5)  # of /Rect[60 100 120 150]


def page_with(make_pdf: MakePdf, annotation: str, *, entries: str = "") -> Page:
    data = make_pdf([(f"{MEDIA}{entries}/Annots[<</Type/Annot{annotation}>>]", "")])
    return next(open_document(data, doc_id="d").pages())


@pytest.mark.parametrize("kind", ["Text", "Highlight", "StrikeOut", "Caret", "Square", "Ink"])
def test_a_comment_is_a_note_at_its_place_with_its_author(make_pdf: MakePdf, kind: str) -> None:
    annotation = f"/Subtype/{kind}/Rect[60 100 120 150]/T(Ana)/Contents(see Oslo ruling)"
    page = page_with(make_pdf, annotation)
    assert page.notes == (Note("see Oslo ruling", BOX, "[Note by Ana]"),)
    assert page.missing == ""


def test_a_comment_of_no_author_in_another_script(make_pdf: MakePdf) -> None:
    utf16 = "".join(f"\\{byte:03o}" for byte in b"\xfe\xff" + "Müll 票".encode("utf-16-be"))
    (note,) = page_with(make_pdf, f"/Subtype/Text/Rect[60 100 120 150]/Contents({utf16})").notes
    assert (note.text, note.title) == ("Müll 票", "[Note]")


@pytest.mark.parametrize(
    "annotation",
    [
        "/Subtype/Text/F 2/Rect[60 100 120 150]/Contents(hidden)",
        "/Subtype/Text/F 32/Rect[60 100 120 150]/Contents(not viewed)",
        "/Subtype/Text/Rect[60 100 120 150]/Contents( )",
        "/Subtype/Highlight/Rect[60 100 120 150]",
        "/Subtype/Popup/Rect[60 100 120 150]/Contents(window of another)",
        "/Subtype/Link/Rect[60 100 120 150]/Contents(alternative text)",
    ],
)
def test_what_no_viewer_shows_as_a_comment_is_no_note(make_pdf: MakePdf, annotation: str) -> None:
    assert page_with(make_pdf, annotation).notes == ()


def test_a_text_box_that_has_rich_text_only_is_read_without_its_markup(make_pdf: MakePdf) -> None:
    rich = '<?xml version="1.0"?><body><p>close the <b>main</b> valve</p><p>R&amp;D: 4</p></body>'
    annotation = f"/Subtype/FreeText/Rect[60 100 120 150]/RC({rich})"
    assert page_with(make_pdf, annotation).notes == (Note("close the main valve\nR&D: 4", BOX),)


def test_rich_text_of_open_brackets_is_read_in_time_that_grows_with_its_length(
    make_pdf: MakePdf,
) -> None:
    brackets = "<" * 200_000
    start = time.process_time()
    page = page_with(make_pdf, f"/Subtype/FreeText/Rect[60 100 120 150]/RC({brackets})")
    assert page.notes == (Note(brackets, BOX),)
    assert time.process_time() - start < 5  # a search that starts anew at each takes half a minute


def test_a_text_box_without_appearance_is_a_note_without_title(make_pdf: MakePdf) -> None:
    annotation = "/Subtype/FreeText/Rect[60 100 120 150]/DA(/F 9 Tf)/T(Ana)/Contents(gas valve)"
    assert page_with(make_pdf, annotation).notes == (Note("gas valve", BOX),)


def test_a_text_box_with_an_appearance_is_read_from_the_page(make_pdf: MakePdf) -> None:
    form = (
        "<</Type/XObject/Subtype/Form/BBox[0 0 60 50]/Resources<</Font<</F 3 0 R>>>>/Length 36>>"
        "stream\nBT /F 9 Tf 5 20 Td (gas valve) Tj ET\nendstream"
    )
    annotation = "/Subtype/FreeText/F 4/Rect[60 100 120 150]/Contents(gas valve)/AP<</N 6 0 R>>"
    entries = f"{MEDIA}/Annots[<</Type/Annot{annotation}>>]"
    page = next(open_document(make_pdf([(entries, "")], objects=[form])).pages())
    assert page.notes == ()
    assert page.load_text is not None
    assert "".join(page.load_text().characters) == "gas valve"


# The corners of BOX on the page turned clockwise.
@pytest.mark.parametrize(
    ("rotation", "expected"),
    [
        (90, Box(0.5, 0.2, 0.75, 0.4)),
        (180, Box(0.6, 0.5, 0.8, 0.75)),
        (270, Box(0.25, 0.6, 0.5, 0.8)),
    ],
)
def test_a_note_lies_where_it_shows_on_a_turned_page(
    make_pdf: MakePdf, rotation: int, expected: Box
) -> None:
    annotation = "/Subtype/Text/Rect[60 100 120 150]/Contents(a)"
    (note,) = page_with(make_pdf, annotation, entries=f"/Rotate {rotation}").notes
    assert note.box.xyxy == pytest.approx(expected.xyxy)


@pytest.mark.parametrize(
    ("rect", "expected"),
    [
        ("150 100 150 100", (142 / 300, 92 / 200, 158 / 300, 108 / 200)),  # a point
        ("120 150 60 100", (0.2, 0.25, 0.4, 0.5)),  # its corners swapped
        ("290 10 400 20", (1 - 110 / 300, 177 / 200, 1, 193 / 200)),  # over the edge
        ("900 900 910 910", (1 - 16 / 300, 0, 1, 16 / 200)),  # off the page
        ("-9 -9 900 900", (0, 0, 1, 1)),
    ],
)
def test_a_note_is_on_the_page_and_no_smaller_than_an_icon(
    make_pdf: MakePdf, rect: str, expected: tuple[float, ...]
) -> None:
    (note,) = page_with(make_pdf, f"/Subtype/Text/Rect[{rect}]/Contents(a)").notes
    assert note.box.xyxy == pytest.approx(expected, abs=1e-6)


def test_notes_stay_when_a_page_is_flattened_and_read_again(make_pdf: MakePdf) -> None:
    stamp = "<</Type/Annot/Subtype/Stamp/Rect[0 0 50 50]>>"
    text = "<</Type/Annot/Subtype/Text/Rect[60 100 120 150]/Contents(a)>>"
    data = make_pdf([(f"{MEDIA}/Annots[{stamp}{text}]", ""), (MEDIA, "")])
    document = open_document(data)
    for _ in range(2):
        assert [len(document.open_page(number).notes) for number in (1, 2, 1)] == [1, 0, 1]  # type: ignore[misc]


def attached(make_pdf: MakePdf, *names: str, portfolio: bool = False) -> bytes:
    n = len(names)
    files = [f"<</Type/Filespec/F({x})/UF({x})/EF<</F {6 + n} 0 R>>>>" for x in names]
    listed = " ".join(f"({x}) {6 + i} 0 R" for i, x in enumerate(names))
    tree = f"/Names<</EmbeddedFiles<</Names[{listed}]>>>>"
    content = "<</Type/EmbeddedFile/Length 1>>stream\na\nendstream"
    collection = "/Collection<</View/D>>" if portfolio else ""
    catalog = tree + collection
    return make_pdf([(MEDIA, "")], objects=[*files, content], catalog=catalog)


@pytest.mark.parametrize("portfolio", [False, True])
@pytest.mark.parametrize("workers", [0, 1])
def test_attached_files_are_named_in_the_report(
    make_pdf: MakePdf, portfolio: bool, workers: int
) -> None:
    data = attached(make_pdf, "a.pdf", "b.xlsx", portfolio=portfolio)
    with Engine(MemoryIndex(), encoder=WordEncoder(), parser=TroubledParser()) as engine:
        report = engine.add(data, workers=workers)
        assert engine.add(data, workers=workers).outcomes[0].reason == "unchanged"
    (outcome,) = report.outcomes
    assert (outcome.status, report.incomplete) == ("added", ())
    assert outcome.reason == (
        "attached files are not read (a.pdf, b.xlsx); save them and add them by themselves"
    )


def test_the_first_of_many_attached_files_are_named(make_pdf: MakePdf) -> None:
    document = open_document(attached(make_pdf, *"abcdefg"))
    assert "(a, b, c, d, e and 2 more)" in document.unread
    assert open_document(make_pdf([(MEDIA, "")])).unread == ""


def test_a_file_attached_to_a_place_makes_its_page_incomplete(make_pdf: MakePdf) -> None:
    page = page_with(
        make_pdf, "/Subtype/FileAttachment/Rect[0 0 9 9]/FS<</Type/Filespec/F(a.csv)/UF(a.csv)>>"
    )
    assert page.missing.startswith("attached files are not read (a.csv)")


def test_an_attachment_without_a_file_is_named_too(make_pdf: MakePdf) -> None:
    page = page_with(make_pdf, "/Subtype/FileAttachment/Rect[0 0 9 9]")
    assert "(without a name)" in page.missing


XFA = "/NeedsRendering true/AcroForm<</Fields[]/XFA[(datasets) 8 0 R]>>"
WAIT = "BT /F 20 Tf 9 9 Td (Please wait...) Tj ET"


def xfa_pages(make_pdf: MakePdf, data: str, *, catalog: str = XFA) -> list[Page]:
    packet = f"<</Length {len(data)}>>stream\n{data}\nendstream"
    pdf = make_pdf([(MEDIA, WAIT), (MEDIA, "")], objects=[packet], catalog=catalog)
    return list(open_document(pdf).pages())


def test_a_dynamic_xfa_form_is_incomplete_and_its_filled_fields_are_read(make_pdf: MakePdf) -> None:
    data = (
        '<x:datasets xmlns:x="http://www.xfa.org/schema/xfa-data/1.0/"><x:data><form><Name>Ana \n'
        "Diaz</Name><Empty> </Empty><Child><Age>7</Age></Child></form></x:data></x:datasets>"
    )
    first, second = xfa_pages(make_pdf, data)
    whole = Box(0.0, 0.0, 1.0, 1.0)
    assert first.notes == (Note("Name: Ana Diaz\nAge: 7", whole, "[Form data]"),)
    assert second.notes == ()
    assert all("dynamic form (XFA)" in page.missing for page in (first, second))


def test_a_dynamic_xfa_form_of_damaged_data_is_damaged(make_pdf: MakePdf) -> None:
    with pytest.raises(UnreadableDocument, match="its form data are damaged"):
        xfa_pages(make_pdf, "<x:datasets>")


def test_an_xfa_form_with_pages_of_its_own_is_complete(make_pdf: MakePdf) -> None:
    static = XFA.replace("/NeedsRendering true", "")
    first, _ = xfa_pages(make_pdf, "<datasets><a>b</a></datasets>", catalog=static)
    assert (first.missing, first.notes) == ("", ())
