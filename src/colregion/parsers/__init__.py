"""Parsers: documents to words and region trees."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from colregion.core.interfaces import Parser
from colregion.errors import InvalidInput
from colregion.specs import Spec, added_names, make_added, parse_spec

if TYPE_CHECKING:
    from colregion.parsers.external.alto import AltoRegions
    from colregion.parsers.external.azure import AzureRegions
    from colregion.parsers.external.docling import DoclingRegions
    from colregion.parsers.external.function import FunctionRegions
    from colregion.parsers.external.hocr import HocrRegions
    from colregion.parsers.external.page_xml import PageXmlRegions
    from colregion.parsers.external.region_source import RegionSource
    from colregion.parsers.external.regions import ExternalPage, ExternalRegion
    from colregion.parsers.external.textract import TextractRegions
    from colregion.parsers.external.unstructured import UnstructuredElements, UnstructuredParser

__all__ = [
    "AltoRegions",
    "AzureRegions",
    "DoclingRegions",
    "ExternalPage",
    "ExternalRegion",
    "FunctionRegions",
    "HocrRegions",
    "PageXmlRegions",
    "RegionSource",
    "TextractRegions",
    "UnstructuredElements",
    "UnstructuredParser",
    "load_parser",
]

ENTRY_POINTS = "colregion.parsers"
"""Entry-point group for other distributions' parsers; see `load_parser`."""

_SOURCES = {
    "docling": "DoclingRegions",
    "azure": "AzureRegions",
    "textract": "TextractRegions",
    "hocr": "HocrRegions",
    "alto": "AltoRegions",
    "page_xml": "PageXmlRegions",
    "unstructured_json": "UnstructuredElements",
}
_MODULES = {
    **{name: module for module, name in _SOURCES.items()},
    "ExternalPage": "regions",
    "ExternalRegion": "regions",
    "FunctionRegions": "function",
    "RegionSource": "region_source",
    "UnstructuredElements": "unstructured",
    "UnstructuredParser": "unstructured",
}
READERS = ("auto", "text_layer", "tesseract", "rapidocr")
LAYOUT_MODES = ("auto", "model", "geometry")


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.external.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_parser(spec: str = "auto", *, languages: str = "auto") -> Parser:
    """Return the parser that a spec names.

    Args:
        spec: a word reader, optionally "+" and a layout mode ("auto+geometry"). Readers:
            "text_layer" (the file's own characters), "tesseract" and "rapidocr" (OCR), "auto"
            (the file's characters where they are sound, else OCR: Tesseract if installed, and
            RapidOCR where Tesseract is unsure or missing). Layout modes: "auto", "model",
            "geometry".

            Or a tool whose regions are used: "docling", "azure", "textract", "hocr", "alto",
            "page_xml" and "unstructured_json" read the file next to each document that has its
            name and the tool's suffix ("report.docling.json" for "report.pdf"), or the named
            one ("docling:out/report.json"). "unstructured" runs unstructured, optionally with
            one of its strategies ("unstructured:fast"). A word reader may follow for regions
            that come without words ("docling+tesseract"); "none" reads none.

            Or an entry point of the group `colregion.parsers` of another distribution: a
            callable that returns a `Parser`, called with the spec's argument, if any, and its
            options ("name:argument?option=value").
        languages: Tesseract's language codes joined by "+", such as "eng+deu"; "auto" reads
            English and, where little of it is legible, falls back to the detected script.
            RapidOCR, which reads Latin and East Asian scripts, ignores it.

    Raises:
        InvalidInput: an unknown spec. A missing package is an error only when a page needs it.
    """
    parsed = parse_spec(spec)
    name, plus, suffix = parsed.name.partition("+")
    if name in _SOURCES or name == "unstructured":
        is_known = not plus or suffix in (*READERS, "none")
        if is_known and parsed.argument != "" and not parsed.options:
            return _load_external(name, parsed.argument, suffix or "auto", languages=languages)
    elif name in READERS:
        if parsed == Spec(name) or (parsed == Spec(parsed.name) and suffix in LAYOUT_MODES):
            from colregion.parsers.auto_reader import load_reader
            from colregion.parsers.layout import Layout
            from colregion.parsers.page_parser import PageParser

            return PageParser(load_reader(name, languages=languages), Layout(suffix or "auto"))
    elif parsed.name in added_names(ENTRY_POINTS):
        asked = {} if languages == "auto" else {"languages": languages}
        options = {**asked, **parsed.options}
        return make_added(ENTRY_POINTS, parsed, Parser, options)  # type: ignore[type-abstract]
    raise InvalidInput(
        f"unknown parser {spec!r}; known are {', '.join(READERS)}, each also with a layout mode "
        f"({', '.join(f'{READERS[0]}+{mode}' for mode in LAYOUT_MODES)}), and regions of other "
        f"tools: {', '.join(_SOURCES)}, unstructured, each also with a word reader "
        "(docling+tesseract) and a file (docling:report.json)"
    )


def _load_external(name: str, argument: str | None, words: str, *, languages: str) -> Parser:
    from colregion.parsers.auto_reader import load_reader

    reader = None if words == "none" else load_reader(words, languages=languages)
    if name == "unstructured":
        from colregion.parsers.external.unstructured import UnstructuredParser

        codes = "eng" if languages == "auto" else languages
        return UnstructuredParser(argument or "auto", languages=codes, words=reader)
    source: type[RegionSource] = __getattr__(_SOURCES[name])
    return source(argument, words=reader)
