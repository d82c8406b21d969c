from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints

import pytest
from PIL import Image, ImageDraw, ImageFont

from colregion import parsers
from colregion.core.documents import Document, Page
from colregion.core.interfaces import Parser
from colregion.core.regions import ParsedPage
from colregion.errors import InvalidInput
from colregion.parsers import load_parser
from colregion.parsers.auto_reader import AutoReader, FallbackReader
from colregion.parsers.layout import Layout
from colregion.parsers.ocr.rapidocr import RapidOcrReader
from colregion.parsers.ocr.tesseract import TesseractReader
from colregion.parsers.page_parser import PageParser
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
        "auto:file.json",
        "auto?workers=2",
        "docling?strict=true",
    ],
)
def test_unknown_spec_is_refused_with_the_known_ones(spec: str) -> None:
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
def test_spec_names_the_word_reader_and_optionally_the_layout_mode(spec: str, reader: type) -> None:
    assert isinstance(parts(spec)[0], reader)
    assert isinstance(parts(f"{spec}+geometry")[0], reader)
    assert parts(f"{spec}+geometry")[1] == "geometry"
    assert parts(f"{spec}+model")[1] == "model"


def test_auto_prefers_tesseract_to_rapidocr_and_works_without_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ocr(*, tesseract: bool, rapidocr: bool) -> object:
        monkeypatch.setattr("colregion.parsers.auto_reader.tesseract_installed", lambda: tesseract)
        monkeypatch.setattr("colregion.parsers.auto_reader.rapidocr_installed", lambda: rapidocr)
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
    ("languages", "has_fallback"),
    [("auto", True), ("eng", True), ("eng+chi_sim", True), ("deu", False)],
)
def test_rapidocr_is_the_fallback_only_for_languages_it_supports(
    languages: str, has_fallback: bool
) -> None:
    reader, _ = parts("auto", languages=languages)
    assert isinstance(reader, AutoReader)
    assert isinstance(reader.ocr, FallbackReader) is has_fallback


def test_loading_a_parser_imports_no_ocr_engine() -> None:
    code = (
        "import sys; from colregion.parsers import load_parser; load_parser('auto');"
        "print(sorted({'pytesseract', 'rapidocr', 'rapid_layout', 'cv2', 'onnxruntime'}"
        " & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout == "[]\n"


def test_importing_parsers_loads_no_parser_module() -> None:
    code = (
        "import sys, colregion.parsers;"
        "print([name for name in sys.modules if name.startswith('colregion.parsers.')])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout == "[]\n"


def test_public_names_are_loaded_on_access() -> None:
    for name in parsers.__all__:
        assert getattr(parsers, name).__name__ == name
    assert set(parsers.__all__) <= set(dir(parsers))
    with pytest.raises(AttributeError, match="no attribute 'GivenRegion'"):
        _ = parsers.GivenRegion


class CustomParser(Parser):
    """A parser as another distribution may provide it."""

    def __init__(self, path: str = "", *, strict: bool = False, languages: str = "eng") -> None:
        self.settings = (path, strict, languages)

    @property
    def fingerprint(self) -> str:
        return "custom"

    def parse(self, document: Document) -> Iterator[ParsedPage]:  # noqa: ARG002
        return iter(())


def not_a_parser() -> str:
    return "text"


@pytest.fixture
def entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entry points of another distribution: "custom", "broken", and one of our own names."""
    targets = {"custom": "CustomParser", "broken": "not_a_parser", "auto": "CustomParser"}
    registered = EntryPoints(
        EntryPoint(name, f"{__name__}:{target}", "colregion.parsers")
        for name, target in targets.items()
    )
    monkeypatch.setattr(
        "importlib.metadata.entry_points", lambda *, group: registered.select(group=group)
    )


@pytest.mark.usefixtures("entry_point")
@pytest.mark.parametrize(
    ("spec", "languages", "settings"),
    [
        ("custom", "auto", ("", False, "eng")),
        ("custom:out/a.json", "auto", ("out/a.json", False, "eng")),
        ("custom:a?strict=true", "deu", ("a", True, "deu")),
        ("custom?languages=fra", "deu", ("", False, "fra")),
    ],
)
def test_parser_of_another_distribution_is_made_from_its_entry_point(
    spec: str, languages: str, settings: tuple[str, bool, str]
) -> None:
    parser = load_parser(spec, languages=languages)

    assert isinstance(parser, CustomParser)
    assert parser.settings == settings


@pytest.mark.usefixtures("entry_point")
def test_entry_point_cannot_replace_a_name_of_ours() -> None:
    assert isinstance(load_parser("auto"), PageParser)


@pytest.mark.usefixtures("entry_point")
@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("custom?color=1", "'custom' cannot be made from its spec: .*'color'"),
        ("broken:file", "'broken' cannot be made from its spec: too many"),
        ("broken", "must return a colregion Parser, got str"),
    ],
)
def test_entry_point_that_cannot_make_a_parser_is_refused(spec: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        load_parser(spec)


@pytest.mark.ocr
@pytest.mark.slow
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
