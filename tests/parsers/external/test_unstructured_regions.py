"""On what the real unstructured finds, offline.

It tells titles from prose with a spaCy model that cannot be had from PyPI. A model without weights
stands in for it here: places and texts are the same, only the classes of elements differ.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from PIL import Image, ImageDraw, ImageFont
from reportlab.pdfgen.canvas import Canvas
from unstructured.documents.coordinates import PixelSpace, PointSpace
from unstructured.documents.elements import CheckBox, ListItem, NarrativeText, Table, Title
from unstructured.staging.base import elements_to_json

from colregion.core.documents import Document, Page
from colregion.core.interfaces import Parser
from colregion.core.regions import ParsedPage
from colregion.documents import open_document
from colregion.errors import InvalidInput, MissingDependency, UnreadableDocument
from colregion.parsers import UnstructuredElements, UnstructuredParser
from colregion.testing import ParserContract

Outline = Callable[[ParsedPage], list[tuple[str, str, str, tuple[float, ...]]]]
MakeDocument = Callable[..., Document]

WIDTH, HEIGHT = 400, 600


@pytest.fixture(scope="module")
def spacy_model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    import spacy  # brings torch

    folder = tmp_path_factory.mktemp("models")
    package = folder / "en_core_web_sm"
    package.mkdir()
    language = spacy.blank("en")
    language.add_pipe("sentencizer")
    language.to_disk(package / "data")
    (package / "__init__.py").write_text(
        "from pathlib import Path\nfrom spacy.util import load_model_from_path\n"
        "def load(**kw):\n    return load_model_from_path(Path(__file__).parent / 'data', **kw)\n"
    )
    facts = folder / "en_core_web_sm-3.8.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: en_core_web_sm\nVersion: 3.8.0\n")
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def letter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PDF of 400 x 600 points: a page as drawn, a turned one, an empty one."""
    path = tmp_path_factory.mktemp("letters") / "letter.pdf"
    canvas = Canvas(str(path), pagesize=(WIDTH, HEIGHT))
    for rotation in (0, 90):
        for size, text, down in (
            (20, "Delivery note", 100),
            (12, "We send you seven crates of apples by the morning boat.", 300),
            (12, "Please count them when they arrive at the harbour.", 316),
        ):
            canvas.saveState()
            canvas.setFont("Helvetica", size)
            if rotation:  # the text runs up the sheet, and level once the sheet is turned
                canvas.translate(down, 40)
                canvas.rotate(90)
            else:
                canvas.translate(40, HEIGHT - down)
            canvas.drawString(0, 0, text)
            canvas.restoreState()
        canvas.showPage()
    canvas.showPage()
    canvas.save()
    with pypdfium2.PdfDocument(path.read_bytes()) as pdf:
        pdf[1].set_rotation(90)
        pdf.save(path)
    return path


def element_at(
    kind: type, text: str, x0: float, y0: float, x1: float, y1: float, **more: Any
) -> Any:
    points = ((x0, y0), (x0, y1), (x1, y1), (x1, y0))
    return kind(text=text, coordinates=points, coordinate_system=PixelSpace(200, 400), **more)


def test_no_elements_make_a_blank_document(make_document: MakeDocument) -> None:
    (page,) = UnstructuredElements([]).parse(make_document((200, 400)))
    assert page.regions == ()


@pytest.mark.parametrize("saved", [False, True])
def test_elements_are_accepted_as_objects_or_saved_json(
    make_document: MakeDocument, outline: Outline, saved: bool
) -> None:
    elements = [
        element_at(Title, "Costs", 20, 20, 100, 40),
        element_at(ListItem, "rent", 20, 60, 100, 80),
        element_at(ListItem, "heat", 20, 80, 90, 100),
        element_at(Table, "a b", 20, 200, 180, 300),
    ]
    source = elements_to_json(elements).encode() if saved else elements
    (page,) = UnstructuredElements(source, words=None).parse(make_document((200, 400)))
    assert outline(page) == [
        ("1", "title", "Costs", (0.1, 0.05, 0.5, 0.1)),
        ("2", "list", "rent\nheat", (0.1, 0.15, 0.5, 0.25)),
        ("2.1", "list", "rent", (0.1, 0.15, 0.5, 0.2)),
        ("2.2", "list", "heat", (0.1, 0.2, 0.45, 0.25)),
        ("3", "table", "a b", (0.1, 0.5, 0.9, 0.75)),
    ]


def test_table_has_the_rows_of_its_html(make_document: MakeDocument, outline: Outline) -> None:
    html = "<table><thead><tr><th>item</th><th>sum</th></tr></thead><tbody><tr><td>rent <b>a</b>"
    html += "</td><td></td></tr><tr></tr></tbody></table>"
    table = element_at(Table, "item sum rent a", 20, 200, 180, 300)
    table.metadata.text_as_html = html
    (page,) = UnstructuredElements([table], words=None).parse(make_document((200, 400)))
    assert outline(page) == [("1", "table", "item | sum\nrent a |", (0.1, 0.5, 0.9, 0.75))]


def test_damaged_html_of_a_table_is_refused(make_document: MakeDocument) -> None:
    table = element_at(Table, "item", 20, 200, 180, 300)
    table.metadata.text_as_html = "<table><![foo[x]]>"
    with pytest.raises(UnreadableDocument, match="text_as_html is no HTML"):
        list(UnstructuredElements([table], words=None).parse(make_document((200, 400))))


def test_points_with_a_bottom_left_origin_are_converted(
    make_document: MakeDocument, outline: Outline
) -> None:
    points = ((20, 380), (20, 360), (100, 360), (100, 380))
    text = NarrativeText("up", coordinates=points, coordinate_system=PointSpace(200, 400))
    (page,) = UnstructuredElements([text], words=None).parse(make_document((200, 400)))
    assert outline(page) == [("1", "text", "up", (0.1, 0.05, 0.5, 0.1))]


def test_check_boxes_belong_to_the_nearest_text_in_their_row(make_document: MakeDocument) -> None:
    def at(x0: float, x1: float, *, y0: float = 100) -> dict[str, Any]:
        system = PixelSpace(WIDTH, HEIGHT)
        corners = ((x0, y0), (x0, y0 + 20), (x1, y0 + 20), (x1, y0))
        return {"coordinates": corners, "coordinate_system": system}

    elements = [
        CheckBox(checked=True, **at(40, 60)),
        NarrativeText("Yes", **at(65, 100)),
        CheckBox(checked=False, **at(140, 160)),
        NarrativeText("No", **at(165, 200)),
        CheckBox(checked=True, **at(40, 60, y0=300)),
    ]
    (page,) = UnstructuredElements(elements, words=None).parse(make_document((WIDTH, HEIGHT)))
    assert [region.text for region in page.regions] == ["[x] Yes", "[ ] No", "[x]"]
    assert page.words[0].box.xyxy == pytest.approx((0.1, 100 / 600, 0.15, 120 / 600))


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"{}", "must be a list"),
        (b"[{}]", "has no coordinates"),
        (b'[{"text": "a", "metadata": {"coordinates": {}}}]', "layout_width must be a number"),
        (
            b'[{"metadata": {"coordinates": {"layout_width": 1, "layout_height": 1,'
            b' "system": "X"}}}]',
            "unknown coordinate system 'X'",
        ),
    ],
)
def test_invalid_file_is_refused_with_what_is_wrong_in_it(
    make_document: MakeDocument, data: bytes, complaint: str
) -> None:
    with pytest.raises(UnreadableDocument, match=complaint):
        list(UnstructuredElements(data, words=None).parse(make_document((200, 400))))


@pytest.mark.slow
@pytest.mark.usefixtures("spacy_model")
def test_regions_of_a_pdf_contain_its_words_also_on_rotated_pages(letter: Path) -> None:
    upright, turned, blank = UnstructuredParser().parse(open_document(letter))
    assert blank.regions == ()
    assert (turned.page.width, turned.page.height) == (HEIGHT, WIDTH)
    for page in (upright, turned):
        assert [region.text for region in page.regions if region.level == "line"] == [
            "Delivery note",
            "We send you seven crates of apples by the morning boat.",
            "Please count them when they arrive at the harbour.",
        ]
        note, letter_text = (region for region in page.regions if region.level == "area")
        assert note.text == "Delivery note"
        assert "crates of apples" in letter_text.text
        # The baseline is 100 points down and 40 from the left.
        assert note.box.center[1] * page.page.height == pytest.approx(93, abs=6)
        assert note.box.x0 * page.page.width == pytest.approx(40, abs=4)


@pytest.mark.slow
@pytest.mark.ocr
@pytest.mark.usefixtures("spacy_model")
@pytest.mark.parametrize("suffix", ["png", "pdf"])
def test_image_is_read_by_the_ocr_of_unstructured(tmp_path: Path, suffix: str) -> None:
    image = Image.new("RGB", (700, 300), "white")
    draw = ImageDraw.Draw(image)
    draw.text((60, 120), "Seven crates of apples", fill="black", font=ImageFont.load_default(40))
    image.save(tmp_path / f"note.{suffix}")
    parser = UnstructuredParser(words="tesseract")
    (page,) = parser.parse(open_document(tmp_path / f"note.{suffix}"))
    (area,) = (region for region in page.regions if region.level == "area")
    assert area.text == "Seven crates of apples"
    assert area.box.center == pytest.approx((0.4, 0.47), abs=0.06)
    assert [word.text for word in page.words] == ["Seven", "crates", "of", "apples"]


@pytest.mark.slow
@pytest.mark.usefixtures("spacy_model")
def test_strategy_fast_without_results_is_an_error_of_ours(tmp_path: Path) -> None:
    Image.linear_gradient("L").save(tmp_path / "scan.pdf")
    with pytest.raises(
        UnreadableDocument, match=r"found nothing on page 1 of .*scan.pdf.*'ocr_only'"
    ):
        list(UnstructuredParser("fast").parse(open_document(tmp_path / "scan.pdf")))


def test_page_that_shows_nothing_but_spaces_is_blank(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "empty.pdf"))
    canvas.drawString(40, 40, "   ")
    canvas.save()
    document = open_document(tmp_path / "empty.pdf")
    (drawn,) = document.pages()
    assert drawn.load_text is not None
    assert drawn.load_text().characters == (" ",)
    (page,) = UnstructuredParser(words=None).parse(document)
    assert page.regions == ()


@pytest.mark.slow
@pytest.mark.usefixtures("spacy_model")
def test_page_that_fails_costs_itself_and_pages_are_opened_one_by_one(letter: Path) -> None:
    document = open_document(letter)
    opened: list[int] = []

    def pages() -> Iterator[Page]:
        for page in document.pages():
            opened.append(page.number)
            yield page

    parser = UnstructuredParser("fast", words=None)
    assert parser.by_page
    read = parser.parse(replace(document, open_pages=pages))
    assert "Delivery note" in next(read).text
    assert opened == [1]
    (third,) = parser.parse(document.alone(3))
    assert (third.page.number, third.regions) == (3, ())
    (first,) = document.alone(1).pages()
    short = replace(document, open_pages=lambda: iter([replace(first, number=9)]))
    with pytest.raises(UnreadableDocument, match=r"page 9 of .* cannot be taken out"):
        list(parser.parse(short))


@pytest.mark.slow
@pytest.mark.usefixtures("spacy_model")
def test_missing_and_damaged_files_are_refused(letter: Path, tmp_path: Path) -> None:
    with pytest.raises(UnreadableDocument, match="unstructured reads files"):
        list(UnstructuredParser().parse(open_document(letter.read_bytes())))
    document = open_document(letter)
    (tmp_path / "letter.docx").write_bytes(b"PK\x03\x04")
    moved = Document("a", str(tmp_path / "letter.docx"), "h", document.open_pages, 3)
    with pytest.raises(UnreadableDocument, match="gives no coordinates for office files"):
        list(UnstructuredParser().parse(moved))


@pytest.mark.slow
def test_missing_spacy_model_is_named_before_parsing(
    letter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spacy.util.is_package", lambda _: False)
    with pytest.raises(MissingDependency, match="python -m spacy download en_core_web_sm"):
        list(UnstructuredParser().parse(open_document(letter)))


@pytest.mark.slow
@pytest.mark.usefixtures("spacy_model")
def test_unstructured_sends_and_prints_nothing(letter: Path) -> None:
    code = (
        "import json, os, sys\n"
        f"sys.path[:0] = {sys.path!r}\n"
        "from colregion.documents import open_document\n"
        "from colregion.parsers import UnstructuredParser\n"
        f"pages = list(UnstructuredParser().parse(open_document({str(letter)!r})))\n"
        "names = 'DO_NOT_TRACK', 'SCARF_NO_ANALYTICS', 'UNSTRUCTURED_DISABLE_NOTICE'\n"
        "print(json.dumps([len(pages), *(os.environ[name] for name in names)]))"
    )
    environment = {
        name: value for name, value in os.environ.items() if name != "UNSTRUCTURED_DISABLE_NOTICE"
    }
    shown = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**environment, "DO_NOT_TRACK": "1"},
    )
    assert json.loads(shown.stdout) == [3, "1", "true", "1"]


def test_unknown_strategy_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'slow'"):
        UnstructuredParser("slow")


@pytest.mark.slow
@pytest.mark.usefixtures("spacy_model")
class TestUnstructuredContract(ParserContract):
    @pytest.fixture
    def parser(self) -> Parser:
        return UnstructuredParser()

    @pytest.fixture
    def document(self, letter: Path) -> Document:
        return open_document(letter)
