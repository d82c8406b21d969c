from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from PIL import Image

from colregion.core.documents import Document, Page
from colregion.core.geometry import Box, Upright
from colregion.core.regions import ParsedPage, Word
from colregion.errors import BackendError, InvalidInput
from colregion.parsers.layout import Layout
from colregion.parsers.page_parser import PageParser
from colregion.parsers.word_reader import WordReader


def make_page(number: int) -> Page:
    return Page("doc", number, 30, 20, "px", lambda *, dpi=None: Image.new("RGB", (30, 20)))  # noqa: ARG005


@dataclass
class Book:
    """A document that records which pages were opened and whether it was closed."""

    count: int
    opened: list[int] = field(default_factory=list)
    closed: bool = False

    def pages(self) -> Iterator[Page]:
        try:
            for number in range(1, self.count + 1):
                self.opened.append(number)
                yield make_page(number)
        finally:
            self.closed = True

    def document(self) -> Document:
        return Document("doc", "doc.pdf", "hash", self.pages, self.count)


class Numbered(WordReader):
    """Reads one word per page: a name and the page's number."""

    def __init__(self, name: str = "page") -> None:
        self.name = name

    @property
    def fingerprint(self) -> str:
        return f"numbered {self.name}"

    def read_upright(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        return page, (Word(f"{self.name} {page.number}", Box(0.1, 0.1, 0.4, 0.2)),)


class LastFirst(Numbered):
    """Finishes page 1 only after page 2."""

    def __init__(self) -> None:
        super().__init__()
        self.second_is_read = threading.Event()

    def read_upright(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        if page.number == 1:
            assert self.second_is_read.wait(timeout=30)
        result = super().read_upright(page)
        if page.number == 2:
            self.second_is_read.set()
        return result


class FailsOn(Numbered):
    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def read_upright(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        if page.number == self.number:
            raise BackendError(f"page {page.number} is torn")
        return super().read_upright(page)


class Sideways(Numbered):
    def read_upright(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        turned = replace(page, upright=Upright(90.0, page.width, page.height))
        return turned, super().read_upright(page)[1]


GEOMETRY = Layout("geometry")


def texts(parsed: Iterator[ParsedPage]) -> list[str]:
    return [page.words[0].text for page in parsed]


def test_document_without_pages_yields_no_parsed_pages() -> None:
    assert list(PageParser(Numbered(), GEOMETRY).parse(Book(0).document())) == []


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_parsed_pages_are_yielded_in_document_order(workers: int) -> None:
    parser = PageParser(Numbered(), GEOMETRY, workers=workers)

    assert texts(parser.parse(Book(4).document())) == ["page 1", "page 2", "page 3", "page 4"]


def test_parallel_parsing_keeps_document_order() -> None:
    parser = PageParser(LastFirst(), GEOMETRY, workers=2)

    assert texts(parser.parse(Book(3).document())) == ["page 1", "page 2", "page 3"]


def test_parser_opens_at_most_one_page_more_than_it_has_workers() -> None:
    book = Book(50)
    parsed = PageParser(Numbered(), GEOMETRY, workers=2).parse(book.document())

    for number in range(1, 11):
        next(parsed)
        assert len(book.opened) <= number + 2
    parsed.close()  # type: ignore[attr-defined]


def test_stopping_early_closes_the_document_and_its_threads() -> None:
    book = Book(50)
    parsed = PageParser(Numbered(), GEOMETRY, workers=2).parse(book.document())
    next(parsed)

    parsed.close()  # type: ignore[attr-defined]

    assert len(book.opened) == 3
    assert book.closed
    assert not [t for t in threading.enumerate() if t.name.startswith("colregion-parse")]


def test_unreadable_page_raises_its_error_and_closes_the_document() -> None:
    book = Book(9)
    parsed = PageParser(FailsOn(2), GEOMETRY, workers=2).parse(book.document())

    assert next(parsed).page.number == 1
    with pytest.raises(BackendError, match="page 2 is torn"):
        next(parsed)
    assert book.closed


def test_orientation_from_the_reader_reaches_the_layout() -> None:
    (parsed,) = PageParser(Sideways(), GEOMETRY).parse(Book(1).document())

    assert parsed.page.upright == Upright(90.0, 30, 20)


def test_fingerprint_joins_reader_and_layout() -> None:
    assert (
        PageParser(Numbered(), GEOMETRY).fingerprint
        == f"numbered page + {GEOMETRY.fingerprint} + pages-3"
    )


def test_fewer_than_one_worker_is_refused() -> None:
    with pytest.raises(InvalidInput, match="got 0"):
        PageParser(Numbered(), GEOMETRY, workers=0)
