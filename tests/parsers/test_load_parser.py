from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from PIL import Image, ImageDraw, ImageFont

from colregion.core.documents import Document, Page
from colregion.core.interfaces import Parser
from colregion.errors import InvalidInput
from colregion.parsers import load_parser
from colregion.parsers.layout import Layout
from colregion.parsers.ocr.fallback import SecondReading
from colregion.parsers.ocr.rapidocr import RapidOcrReader
from colregion.parsers.ocr.tesseract import TesseractReader
from colregion.parsers.page_parser import AutoReader, PageParser
from colregion.parsers.text_layer.reader import TextLayerReader
from colregion.testing import ParserContract


def parts(spec: str, *, languages: str = "eng") -> tuple[object, str]:
    parser = load_parser(spec, languages=languages)
    assert isinstance(parser, PageParser)
    assert isinstance(parser.layout, Layout)
    return parser.reader, parser.layout.mode


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "doclings",
        "docling+",
        "docling:",
        "docling+boxes",
        "auto+",
        "auto+boxes",
        "+geometry",
        "auto+geometry+model",
        "Tesseract",
    ],
)
def test_an_unknown_spec_is_refused_with_those_that_are_known(spec: str) -> None:
    with pytest.raises(InvalidInput, match=r"text_layer, tesseract, rapidocr.*auto\+geometry"):
        load_parser(spec)


@pytest.mark.parametrize(
    ("spec", "reader"),
    [
        ("auto", AutoReader),
        ("text_layer", TextLayerReader),
        ("tesseract", TesseractReader),
        ("rapidocr", RapidOcrReader),
    ],
)
def test_a_spec_names_the_reader_and_may_name_the_layout(spec: str, reader: type) -> None:
    assert isinstance(parts(spec)[0], reader)
    assert isinstance(parts(f"{spec}+geometry")[0], reader)
    assert parts(f"{spec}+geometry")[1] == "geometry"
    assert parts(f"{spec}+model")[1] == "model"


def test_auto_takes_tesseract_before_rapidocr_and_does_without_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ocr(*, tesseract: bool, rapidocr: bool) -> object:
        monkeypatch.setattr("colregion.parsers.readers.tesseract_installed", lambda: tesseract)
        monkeypatch.setattr("colregion.parsers.readers.rapidocr_installed", lambda: rapidocr)
        reader, _ = parts("auto", languages="eng+deu")
        assert isinstance(reader, AutoReader)
        return reader.ocr

    first = ocr(tesseract=True, rapidocr=True)
    assert isinstance(first, TesseractReader)
    assert first.languages == "eng+deu"
    assert isinstance(ocr(tesseract=False, rapidocr=True), RapidOcrReader)
    assert ocr(tesseract=False, rapidocr=False) is None


@pytest.mark.ocr
@pytest.mark.parametrize(
    ("languages", "second"), [("auto", True), ("eng", True), ("eng+chi_sim", True), ("deu", False)]
)
def test_rapidocr_reads_again_only_what_it_was_made_for(languages: str, second: bool) -> None:
    reader, _ = parts("auto", languages=languages)
    assert isinstance(reader, AutoReader)
    assert isinstance(reader.ocr, SecondReading) is second


def test_loading_imports_no_engine() -> None:
    code = (
        "import sys; from colregion.parsers import load_parser; load_parser('auto');"
        "print(sorted({'pytesseract', 'rapidocr', 'rapid_layout', 'cv2', 'onnxruntime'}"
        " & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout == "[]\n"


@pytest.mark.ocr
class TestTesseractParser(ParserContract):
    @pytest.fixture
    def parser(self) -> Parser:
        return load_parser("tesseract+geometry")

    @pytest.fixture
    def document(self) -> Document:
        image = Image.new("RGB", (400, 260), "white")
        draw = ImageDraw.Draw(image)
        for y, text in ((40, "Delivery note"), (110, "Seven crates of apples")):
            draw.text((30, y), text, fill="black", font=ImageFont.load_default(size=24))

        def pages() -> Iterator[Page]:
            yield Page("doc", 1, 400, 260, "px", lambda *, dpi=None: image)  # noqa: ARG005
            blank = Image.new("RGB", (90, 60), "white")
            yield Page("doc", 2, 90, 60, "px", lambda *, dpi=None: blank)  # noqa: ARG005

        return Document("doc", "note.png", "hash", pages, 2)
