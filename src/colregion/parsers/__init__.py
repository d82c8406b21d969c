"""What reads documents: words from the file or by OCR, regions from their layout."""

from __future__ import annotations

from colregion.core.interfaces import Parser
from colregion.errors import InvalidInput
from colregion.parsers.external import (
    AltoRegions,
    AzureRegions,
    DoclingRegions,
    FunctionRegions,
    GivenPage,
    GivenRegion,
    HocrRegions,
    PageXmlRegions,
    RegionSource,
    TextractRegions,
    UnstructuredElements,
    UnstructuredParser,
)
from colregion.parsers.layout import MODES, Layout
from colregion.parsers.page_parser import PageParser
from colregion.parsers.readers import READERS, load_reader

__all__ = [
    "AltoRegions",
    "AzureRegions",
    "DoclingRegions",
    "FunctionRegions",
    "GivenPage",
    "GivenRegion",
    "HocrRegions",
    "PageXmlRegions",
    "RegionSource",
    "TextractRegions",
    "UnstructuredElements",
    "UnstructuredParser",
    "load_parser",
]

SOURCES: dict[str, type[RegionSource]] = {
    source.name: source
    for source in (
        DoclingRegions,
        AzureRegions,
        TextractRegions,
        HocrRegions,
        AltoRegions,
        PageXmlRegions,
        UnstructuredElements,
    )
}
"""What takes regions from files of other tools, by name."""


def load_parser(spec: str = "auto", *, languages: str = "auto") -> Parser:
    """The parser that a spec names.

    Args:
        spec: what reads the words, then "+" and the layout's mode. "text_layer" reads the file's
            own characters only, "tesseract" and "rapidocr" the page's picture only, "auto" the
            file's characters where they are sound and else the picture: by Tesseract where
            installed, and by RapidOCR where Tesseract is not sure or not installed. The layout's
            mode, as in "auto+geometry", is "auto",
            "model" or "geometry"; "auto" where none is given.

            Or where regions come from: "docling", "azure", "textract", "hocr", "alto",
            "page_xml" and "unstructured_json" take the file beside each document that has its
            name and the source's suffix ("report.docling.json" for "report.pdf"), or the one
            that is named, as in "docling:out/report.json"; "unstructured" has unstructured find
            the regions, with a strategy of it as in "unstructured:fast". What reads the words in
            regions that come without may follow, as in "docling+tesseract"; "none" reads none.
        languages: what Tesseract is to read, its codes joined by "+", such as "eng+deu"; "auto"
            reads English, and where little is legible then, goes by the script that it finds.
            RapidOCR's model reads Latin and East Asian scripts at once and takes no heed.

    Raises:
        InvalidInput: the spec is not known. What is not installed is an error only when a page
            needs it.
    """
    given, _, argument = spec.partition(":")
    if given.partition("+")[0] in (*SOURCES, "unstructured"):
        return _load_source(given, argument or None, languages=languages, spec=spec)
    name, _, mode = spec.partition("+")
    if name not in READERS or (mode or "auto") not in MODES or spec.endswith("+"):
        raise _unknown(spec)
    return PageParser(load_reader(name, languages=languages), Layout(mode or "auto"))


def _load_source(given: str, argument: str | None, *, languages: str, spec: str) -> Parser:
    """Args: given: a source, or a source, "+" and a reader; argument: a file or a strategy."""
    name, plus, reading = given.partition("+")
    if (plus and reading not in (*READERS, "none")) or spec.endswith(":"):
        raise _unknown(spec)
    words = None if reading == "none" else load_reader(reading or "auto", languages=languages)
    if name == "unstructured":
        codes = "eng" if languages == "auto" else languages
        return UnstructuredParser(argument or "auto", languages=codes, words=words)
    return SOURCES[name](argument, words=words)


def _unknown(spec: str) -> InvalidInput:
    return InvalidInput(
        f"unknown parser {spec!r}; known are {', '.join(READERS)}, each also with a layout mode "
        f"({', '.join(f'{READERS[0]}+{mode}' for mode in MODES)}), and regions of other tools: "
        f"{', '.join(SOURCES)}, unstructured, each also with a reader of words (docling+tesseract) "
        "and a file (docling:report.json)"
    )
