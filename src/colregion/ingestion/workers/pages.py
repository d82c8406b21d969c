"""A document's pages one after another; what cannot be read of it is left blank and says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from PIL import Image

from colregion.core.documents import Document, Page
from colregion.core.interfaces import Parser
from colregion.core.regions import ParsedPage
from colregion.errors import BackendError, UnreadableDocument

_A4_PT = (595.0, 842.0)


def read_pages(
    document: Document, parser: Parser, *, numbers: Iterable[int] | None = None
) -> Iterator[ParsedPage]:
    """The pages in order.

    A page that is damaged, or that a recogniser fails on, comes as `blank_page` where the parser
    reads page by page; of a document that is parsed as a whole it is an error.

    Args:
        numbers: of the pages wanted, for a parser that reads page by page; all by default.

    Raises:
        UnreadableDocument, BackendError: by a parser that does not read page by page.
        MissingDependency: what the parser needs is not installed.
    """
    if not parser.by_page:
        yield from parser.parse(document)
        return
    for number in numbers or range(1, document.page_count + 1):
        try:
            yield from parser.parse(document.alone(number))
        except (UnreadableDocument, BackendError) as error:
            yield blank_page(document.id, number, missing=str(error))


def blank_page(doc_id: str, number: int, *, missing: str) -> ParsedPage:
    """A white A4 page without words in the place of one that could not be read.

    Args:
        missing: why, for people.
    """
    width, height = _A4_PT
    page = Page(
        doc_id=doc_id,
        number=number,
        width=width,
        height=height,
        unit="pt",
        load_image=_White(),
        missing=missing,
    )
    return ParsedPage(page, (), ())


@dataclass(frozen=True, slots=True)
class _White:
    def __call__(self, *, dpi: int | None = None) -> Image.Image:  # noqa: ARG002
        width, height = _A4_PT
        return Image.new("RGB", (round(width), round(height)), "white")
