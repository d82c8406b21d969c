from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pytest
from PIL import Image

from colregion.core.documents import Document, Page
from colregion.core.geometry import Box, Upright
from colregion.core.regions import ParsedPage, Word
from colregion.errors import BackendError, InvalidInput, MissingDependency
from colregion.parsers.page_parser import AutoReader, PageParser
from colregion.parsers.words import WordReader


def make_page(number: int) -> Page:
    return Page("doc", number, 30, 20, "px", lambda *, dpi=None: Image.new("RGB", (30, 20)))  # noqa: ARG005


@dataclass
class Book:
    """A document that notes which of its pages were opened, and whether it was closed."""

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
    """Reads the name that it was given, and the page's number."""

    def __init__(self, name: str = "page") -> None:
        self.name = name

    @property
    def fingerprint(self) -> str:
        return f"numbered {self.name}"

    def read(self, page: Page) -> tuple[Word, ...]:
        return (Word(f"{self.name} {page.number}", Box(0.1, 0.1, 0.4, 0.2)),)


class LastFirst(Numbered):
    """Does not finish page 1 before page 2 is read."""

    def __init__(self) -> None:
        super().__init__()
        self.second_is_read = threading.Event()

    def read(self, page: Page) -> tuple[Word, ...]:
        if page.number == 1:
            assert self.second_is_read.wait(timeout=30)
        words = super().read(page)
        if page.number == 2:
            self.second_is_read.set()
        return words


class FailsOn(Numbered):
    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def read(self, page: Page) -> tuple[Word, ...]:
        if page.number == self.number:
            raise BackendError(f"page {page.number} is torn")
        return super().read(page)


class Sideways(Numbered):
    def read_turned(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        return replace(page, upright=Upright(90.0, page.width, page.height)), self.read(page)


class NoRegions:
    fingerprint = "no regions"

    def build(self, page: Page, words: Sequence[Word]) -> ParsedPage:
        return ParsedPage(page, tuple(words), ())


@dataclass(frozen=True)
class Verdict:
    sound: bool
    reason: str = ""


def texts(parsed: Iterator[ParsedPage]) -> list[str]:
    return [page.words[0].text for page in parsed]


def test_a_document_without_pages_gives_none() -> None:
    assert list(PageParser(Numbered(), NoRegions()).parse(Book(0).document())) == []


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_pages_come_in_order(workers: int) -> None:
    parser = PageParser(Numbered(), NoRegions(), workers=workers)

    assert texts(parser.parse(Book(4).document())) == ["page 1", "page 2", "page 3", "page 4"]


def test_pages_are_read_side_by_side_and_still_come_in_order() -> None:
    parser = PageParser(LastFirst(), NoRegions(), workers=2)

    assert texts(parser.parse(Book(3).document())) == ["page 1", "page 2", "page 3"]


def test_no_more_pages_are_opened_than_the_workers_need() -> None:
    book = Book(50)
    parsed = PageParser(Numbered(), NoRegions(), workers=2).parse(book.document())

    for number in range(1, 11):
        next(parsed)
        assert len(book.opened) <= number + 2
    parsed.close()  # type: ignore[attr-defined]


def test_leaving_early_closes_the_document_and_ends_the_threads() -> None:
    book = Book(50)
    parsed = PageParser(Numbered(), NoRegions(), workers=2).parse(book.document())
    next(parsed)

    parsed.close()  # type: ignore[attr-defined]

    assert len(book.opened) == 3
    assert book.closed
    assert not [t for t in threading.enumerate() if t.name.startswith("colregion-parse")]


def test_a_page_that_cannot_be_read_ends_the_parsing_with_its_error() -> None:
    book = Book(9)
    parsed = PageParser(FailsOn(2), NoRegions(), workers=2).parse(book.document())

    assert next(parsed).page.number == 1
    with pytest.raises(BackendError, match="page 2 is torn"):
        next(parsed)
    assert book.closed


def test_a_turn_that_the_reader_finds_reaches_the_layout() -> None:
    (parsed,) = PageParser(Sideways(), NoRegions()).parse(Book(1).document())

    assert parsed.page.upright == Upright(90.0, 30, 20)


def test_the_fingerprint_joins_reader_and_layout() -> None:
    assert PageParser(Numbered(), NoRegions()).fingerprint == "numbered page + no regions"


def test_fewer_than_one_worker_is_refused() -> None:
    with pytest.raises(InvalidInput, match="got 0"):
        PageParser(Numbered(), NoRegions(), workers=0)


@pytest.mark.parametrize(("sound", "source"), [(True, "file 7"), (False, "scan 7")])
def test_the_text_layer_is_used_where_it_is_sound(sound: bool, source: str) -> None:
    reader = AutoReader(Numbered("file"), judge=lambda _: Verdict(sound), ocr=Numbered("scan"))

    assert reader.read(make_page(7))[0].text == source


def test_a_page_that_is_recognised_keeps_the_turn_that_was_found() -> None:
    reader = AutoReader(Numbered("file"), judge=lambda _: Verdict(False), ocr=Sideways("scan"))

    page, words = reader.read_turned(make_page(7))

    assert page.upright == Upright(90.0, 30, 20)
    assert words[0].text == "scan 7"


@pytest.mark.parametrize("reason", ["missing", "invisible", "garbled"])
def test_without_an_ocr_engine_only_pages_that_need_one_fail_and_say_what_to_install(
    reason: str,
) -> None:
    reader = AutoReader(
        Numbered("file"), judge=lambda page: Verdict(page.number == 1, reason), ocr=None
    )

    assert reader.read(make_page(1))[0].text == "file 1"
    with pytest.raises(MissingDependency) as caught:
        reader.read(make_page(2))
    for said in ("doc#p2", reason, 'pip install "colregion[ocr]"', "apt-get install tesseract-ocr"):
        assert said in str(caught.value)


def test_the_fingerprint_tells_whether_there_is_an_ocr_engine() -> None:
    def fingerprint(ocr: WordReader | None) -> str:
        return AutoReader(Numbered("file"), judge=lambda _: Verdict(True), ocr=ocr).fingerprint

    assert len({fingerprint(None), fingerprint(Numbered("a")), fingerprint(Numbered("b"))}) == 3


class InRows(WordReader):
    """Reads these words, one below the other."""

    def __init__(self, *texts: str, confidence: float | None = None) -> None:
        self.words = tuple(
            Word(text, Box(0.1, 0.1 + 0.2 * i, 0.4, 0.2 + 0.2 * i), confidence)
            for i, text in enumerate(texts)
        )

    @property
    def fingerprint(self) -> str:
        return "in rows"

    def read(self, page: Page) -> tuple[Word, ...]:  # noqa: ARG002
        return self.words


def test_a_partial_text_layer_is_completed_by_words_recognised_beside_it() -> None:
    reader = AutoReader(
        InRows("file", "file"),
        judge=lambda _: Verdict(True, "partial"),
        ocr=InRows("scan", "scan", "scan", confidence=0.9),
    )
    words = reader.read(make_page(1))
    assert [(word.text, word.box.y0) for word in words] == [
        ("file", 0.1),
        ("file", pytest.approx(0.3)),
        ("scan", pytest.approx(0.5)),
    ]


def test_doubtful_words_do_not_complete_a_text_layer() -> None:
    partial = AutoReader(
        InRows("file"),
        judge=lambda _: Verdict(True, "partial"),
        ocr=InRows("scan", "sc@n", confidence=0.3),
    )
    assert [word.text for word in partial.read(make_page(1))] == ["file"]


def test_without_an_ocr_engine_a_partial_text_layer_is_used_and_what_lacks_is_said() -> None:
    reader = AutoReader(InRows("file"), judge=lambda _: Verdict(True, "partial"), ocr=None)
    page, words = reader.read_turned(make_page(1))
    assert [word.text for word in words] == ["file"]
    assert "shows text that its text layer lacks" in page.missing
    assert "apt-get install tesseract-ocr" in page.missing
