"""Regions from unstructured: of saved elements, or by running it.

Corners are in the element's coordinate `system` of size `layout_width` x `layout_height`:
PixelSpace has its origin top-left with y down, PointSpace and RelativeCoordinateSystem
bottom-left with y up. Elements are blocks, without lines or words.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from colregion.core.documents import Document, Page
from colregion.core.geometry import Box
from colregion.core.interfaces import Parser
from colregion.core.regions import ParsedPage
from colregion.core.tables import CELL_SEPARATOR
from colregion.errors import (
    BackendError,
    InvalidInput,
    MissingDependency,
    UnreadableDocument,
    require,
)
from colregion.parsers.auto_reader import WordsFrom, load_reader
from colregion.parsers.external.check_marks import marked_region, with_labels
from colregion.parsers.external.json_reader import Node, read_json
from colregion.parsers.external.region_source import RegionSource, SourceData
from colregion.parsers.external.regions import ExternalPage, ExternalRegion
from colregion.parsers.external.shapes import box_around, region_of
from colregion.parsers.page_parser import join_over_pages
from colregion.parsers.text_layer.quality import assess_text_layer

STRATEGIES = ("auto", "fast", "ocr_only", "hi_res")

_KINDS = {
    "Title": "title",
    "ListItem": "list",
    "List": "list",
    "Table": "table",
    "Image": "figure",
    "Figure": "figure",
    "Picture": "figure",
    "FigureCaption": "caption",
    "Caption": "caption",
    "Formula": "equation",
    "Header": "header",
    "Footer": "footer",
    "PageNumber": "footer",
}
_FROM_TOP = {"PixelSpace": True, "PointSpace": False, "RelativeCoordinateSystem": False}

_MODEL = "en_core_web_sm"
_OCR_DPI = 300


class UnstructuredElements(RegionSource):
    """Takes the regions of unstructured's elements: the JSON of `elements_to_json`, or a list of
    elements. A page without elements counts as blank."""

    name = "unstructured_json"
    suffix = ".unstructured.json"
    lists_blank_pages = False

    def __init__(self, source: SourceData | None = None, *, words: WordsFrom = "auto") -> None:
        if isinstance(source, Sequence) and not isinstance(source, str | bytes):
            source = [e.to_dict() if hasattr(e, "to_dict") else e for e in source]
        super().__init__(source, words=words)

    def pages(self, content: bytes, *, name: str) -> Mapping[int, ExternalPage]:
        root = read_json(content, name=name)
        elements = [element for element in root.items() if element["type"].text() != "PageBreak"]
        by_page: dict[int, list[ExternalRegion]] = defaultdict(list)
        sizes: dict[int, tuple[float, float]] = {}
        for element in elements:
            metadata = element["metadata"]
            place = metadata["coordinates"]
            if not place:
                continue
            number = metadata["page_number"].page_number() if metadata["page_number"] else 1
            size = place["layout_width"].length(), place["layout_height"].length()
            sizes.setdefault(number, size)
            box = _box(place, *size)
            if box is not None:
                by_page[number].append(_region(element, box, aspect=size[0] / size[1]))
        if elements and not sizes:
            raise UnreadableDocument(
                f"{name} has no coordinates: chunking drops them, and only PDFs and images have "
                "any; save the elements as partition_pdf or partition_image returned them"
            )
        return {
            number: ExternalPage(tuple(_with_lists(with_labels(by_page[number]))), size_wh=size)
            for number, size in sizes.items()
        }


def _region(element: Node, box: Box, *, aspect: float) -> ExternalRegion:
    label, text = element["type"].text(), element["text"].text()
    if label == "CheckBox":
        selected = element["checked"].value is True
        return marked_region(box, text, "text", selected=selected, aspect=aspect)
    kind = _KINDS.get(label, "text")
    rows = _rows_text(element["metadata"]["text_as_html"]) if kind == "table" else ""
    return ExternalRegion(box, rows or text, kind)


class _HtmlRows(HTMLParser):
    """Collects the texts of the cells of a table, row by row."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th") and self.rows:
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += f" {data}"


def _rows_text(markup: Node) -> str:
    """One line per row of an HTML table; "" for null and anything else."""
    parser = _HtmlRows()
    try:
        parser.feed(markup.text())
        parser.close()
    except AssertionError as cause:  # how the standard library complains of a declaration
        raise UnreadableDocument(f"{markup.where} is no HTML ({cause}); export it again") from cause
    cells = [[" ".join(cell.split()) for cell in row] for row in parser.rows]
    return "\n".join(CELL_SEPARATOR.join(row) for row in cells if any(row))


def _box(place: Node, width: float, height: float) -> Box | None:
    system = place["system"].text()
    if system not in _FROM_TOP:
        raise UnreadableDocument(f"{place.where} names an unknown coordinate system {system!r}")
    points = []
    for point in place["points"].items():
        both = [coordinate.number() for coordinate in point.items()]
        if len(both) != 2:
            raise UnreadableDocument(f"{point.where} must be [x, y], got {len(both)} numbers")
        points.append((both[0], both[1] if _FROM_TOP[system] else height - both[1]))
    return box_around(points, width=width, height=height) if points else None


def _with_lists(regions: Sequence[ExternalRegion]) -> Iterator[ExternalRegion]:
    """Merge consecutive list items into one region."""
    for kind, run in groupby(regions, key=lambda region: region.kind):
        items = list(run)
        merged = region_of(items, kind=kind) if kind == "list" and len(items) > 1 else None
        yield from [merged] if merged else items


class UnstructuredParser(Parser):
    """Runs unstructured on PDF and image files, page by page, and reads the words in its regions.
    Nothing is downloaded or reported anywhere.

    Args:
        strategy: "fast" uses the characters of a PDF, "ocr_only" Tesseract, "hi_res" a layout
            model, which must be in the cache of huggingface_hub; "auto" is "fast" for a page of a
            PDF with characters, else "ocr_only". Blank pages are not given to it.
        languages: Tesseract's language codes joined by "+".
        words: as for `RegionSource`.
    """

    by_page = True

    def __init__(
        self, strategy: str = "auto", *, languages: str = "eng", words: WordsFrom = "auto"
    ) -> None:
        if strategy not in STRATEGIES:
            raise InvalidInput(f"strategy must be one of {STRATEGIES}, got {strategy!r}")
        self.strategy = strategy
        self.languages = languages
        self._reader = load_reader(words) if isinstance(words, str) else words

    @property
    def fingerprint(self) -> str:
        """Raises MissingDependency when unstructured is not installed."""
        from importlib.metadata import version  # slow to import and seldom needed

        require("unstructured", extra="unstructured")
        reading = UnstructuredElements([], words=self._reader).fingerprint
        return f"{version('unstructured')} {self.strategy} {self.languages} {reading}"

    def parse(self, document: Document) -> Iterator[ParsedPage]:
        """Yield every page in order; one is read at a time.

        Raises:
            UnreadableDocument: not a file, neither PDF nor image, damaged, or a page without
                anything that the strategy "fast" finds though something is drawn on it.
            MissingDependency: unstructured, its spaCy model or a program is not installed.
            BackendError: unstructured failed.
        """
        yield from join_over_pages(
            parsed
            for page, elements in self._partition(document)
            for parsed in UnstructuredElements(elements, words=self._reader).parse(
                replace(document, open_pages=partial(iter, [page]), page_count=1)
            )
        )

    def _partition(self, document: Document) -> Iterator[tuple[Page, list[Any]]]:
        path = Path(document.source).expanduser()
        is_pdf = _is_pdf(path, document)
        for page in document.pages():
            strategy = self._strategy_for(page, is_pdf=is_pdf)
            elements = self._elements(page, path, strategy, is_pdf=is_pdf) if strategy else []
            # Without its spaCy model "fast" returns nothing and no error, as it does for scans.
            if strategy == "fast" and not elements:
                raise UnreadableDocument(
                    f"unstructured found nothing on page {page.number} of {document.source} with "
                    "the strategy 'fast', which reads a PDF's own characters; use 'ocr_only' or "
                    "'auto' for scans"
                )
            yield page, elements

    def _elements(self, page: Page, source: Path, strategy: str, *, is_pdf: bool) -> list[Any]:
        kind = "pdf" if is_pdf and strategy != "ocr_only" else "image"
        run = partial(_load_partition(kind), strategy=strategy, languages=self.languages.split("+"))
        with TemporaryDirectory(prefix="colregion-unstructured-") as folder:
            single = _write_page(page, source, kind=kind, folder=Path(folder))
            name = f"page {page.number} of {source}"
            elements = _run(partial(run, filename=str(single)), name=name)
        for element in elements:
            element.metadata.page_number = page.number
        return elements

    def _strategy_for(self, page: Page, *, is_pdf: bool) -> str:
        """The strategy for a page; "" for a blank one."""
        characters = page.load_text().characters if page.load_text is not None else ()
        has_text = not all(map(str.isspace, characters))
        if not has_text and assess_text_layer(page).verdict == "blank":
            return ""
        if self.strategy != "auto":
            return self.strategy
        return "fast" if is_pdf and has_text else "ocr_only"


def _write_page(page: Page, source: Path, *, kind: str, folder: Path) -> Path:
    """A file of one page, because unstructured reads files as a whole: taken out of a PDF, or as
    an image."""
    if kind == "image":
        target = folder / "page.png"
        page.load_image(dpi=_OCR_DPI).save(target)
        return target
    target = folder / "page.pdf"
    pikepdf = require("pikepdf", extra="unstructured")
    try:
        with pikepdf.open(source) as pdf, pikepdf.new() as single:
            single.pages.append(pdf.pages[page.number - 1])
            single.save(target)
    except (pikepdf.PdfError, IndexError, ValueError, TypeError) as cause:
        raise UnreadableDocument(
            f"page {page.number} of {source} cannot be taken out of it ({cause}); export the PDF "
            "again"
        ) from cause
    return target


def _is_pdf(path: Path, document: Document) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(1024)
    except (OSError, ValueError) as cause:
        raise UnreadableDocument(
            f"unstructured reads files, and {document.source} is none ({cause}); "
            "write bytes and images to a file first"
        ) from cause
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"{\\rtf")):
        raise UnreadableDocument(
            f"unstructured gives no coordinates for office files such as {document.source}; "
            "save it as PDF first"
        )
    return b"%PDF-" in head


def _load_partition(kind: str) -> Any:
    """`partition_pdf` or `partition_image`, after checking that they can run offline."""
    # No telemetry and no advertisement on standard output; the user's own settings win.
    for name in ("DO_NOT_TRACK", "SCARF_NO_ANALYTICS"):
        os.environ.setdefault(name, "true")
    os.environ.setdefault("UNSTRUCTURED_DISABLE_NOTICE", "1")
    module = require(f"unstructured.partition.{kind}", extra="unstructured")
    if not require("spacy.util", extra="unstructured").is_package(_MODEL):
        # It would be downloaded during parsing and, offline, "fast" would silently find nothing.
        raise MissingDependency(
            f"unstructured needs the spaCy model {_MODEL}. Install it: "
            f"python -m spacy download {_MODEL}"
        )
    return getattr(module, f"partition_{kind}")


def _run(partition: Callable[[], list[Any]], *, name: str) -> list[Any]:
    from pdf2image import exceptions as rendering
    from pdfminer.psexceptions import PSException
    from unstructured.errors import UnprocessableEntityError
    from unstructured_pytesseract import TesseractNotFoundError

    try:
        return partition()
    except (TesseractNotFoundError, rendering.PDFInfoNotInstalledError) as cause:
        is_ocr = isinstance(cause, TesseractNotFoundError)
        program, package = ("tesseract", "-ocr") if is_ocr else ("poppler", "-utils")
        raise MissingDependency(
            f"unstructured needs {program}. Install it: apt-get install {program}{package}"
        ) from cause
    except (PSException, UnprocessableEntityError, rendering.PDFPageCountError) as cause:
        raise UnreadableDocument(
            f"unstructured cannot read {name} ({cause}); export it again"
        ) from cause
    except (OSError, RuntimeError, ValueError, LookupError, TypeError, AttributeError) as cause:
        raise BackendError(
            f"unstructured failed on {name} ({cause}); 'hi_res' needs a layout model that was "
            "downloaded beforehand, 'fast' needs none"
        ) from cause
