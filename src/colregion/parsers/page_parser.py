"""A parser of documents from a reader of words and a layout, page by page."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol

from colregion.core.documents import Document, Page
from colregion.core.geometry import boxes_to_array, pairwise_overlap
from colregion.core.interfaces import Parser
from colregion.core.regions import ParsedPage, Word
from colregion.errors import InvalidInput, MissingDependency
from colregion.parsers.text_layer.hidden_text import mark_hidden_text
from colregion.parsers.words import WordReader

# Of a recognised word beside the file's own: its confidence, and the share of its box that the
# file's words may cover.
_SURE_BESIDE = 0.6
_MOST_SHARED = 0.3

INSTALL_OCR = (
    'pip install "colregion[ocr]"  (RapidOCR), or apt-get install tesseract-ocr and '
    'pip install "colregion[tesseract]"  (Tesseract)'
)


class Layout(Protocol):
    """Builds a page's region tree from its words. Safe to use from threads."""

    @property
    def fingerprint(self) -> str:
        """Names the layout and everything that changes its result."""

    def build(self, page: Page, words: Sequence[Word]) -> ParsedPage:
        """The page with its words and regions in reading order."""


class Verdict(Protocol):
    """Whether a page's own characters can be used, and why not."""

    @property
    def sound(self) -> bool: ...

    @property
    def reason(self) -> str: ...


class PageParser(Parser):
    """Reads each page's words and builds its regions, several pages at a time.

    Pages are taken from the document as threads come free, so no more than `workers` + 1 of
    them are held, however long the document is.

    Args:
        workers: threads; the number of cores by default.

    Raises:
        InvalidInput: fewer than one worker.
    """

    by_page = True

    def __init__(self, reader: WordReader, layout: Layout, *, workers: int | None = None) -> None:
        if workers is not None and workers < 1:
            raise InvalidInput(f"workers must be 1 or more, got {workers}")
        self.reader = reader
        self.layout = layout
        self.workers = workers or os.cpu_count() or 1

    @property
    def fingerprint(self) -> str:
        return f"{self.reader.fingerprint} + {self.layout.fingerprint}"

    def for_one_core(self) -> PageParser:
        return PageParser(self.reader, self.layout, workers=1)

    def parse(self, document: Document) -> Iterator[ParsedPage]:
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="colregion-parse")
        ahead: deque[Future[ParsedPage]] = deque()
        try:
            for page in document.pages():
                ahead.append(pool.submit(self._parse_page, page))
                if len(ahead) > self.workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            # Also when the caller stops early: what has begun ends before the document is closed.
            pool.shutdown(wait=True, cancel_futures=True)

    def _parse_page(self, page: Page) -> ParsedPage:
        page, words = self.reader.read_turned(page)
        return self.layout.build(page, mark_hidden_text(page, words))


class AutoReader(WordReader):
    """The file's own characters where they are sound, recognised words elsewhere.

    A page that shows more text than its file carries has both: the file's words, and recognised
    ones where it has none. Invisible characters, which another recogniser left under a scan,
    count as unsound: their places are often wrong and their quality is unknown, so the picture is
    read anew. Without an OCR engine such a page is an error too; whoever trusts them reads the
    text layer alone.

    Args:
        text_layer: reads the file's own characters.
        judge: says whether they are sound.
        ocr: reads the other pages; None where no engine is installed, which is an error only
            when a page needs one.
    """

    def __init__(
        self, text_layer: WordReader, *, judge: Callable[[Page], Verdict], ocr: WordReader | None
    ) -> None:
        self.text_layer = text_layer
        self.judge = judge
        self.ocr = ocr

    @property
    def fingerprint(self) -> str:
        ocr = self.ocr.fingerprint if self.ocr else "no OCR"
        return f"auto-2({self.text_layer.fingerprint}, {ocr})"

    def read(self, page: Page) -> tuple[Word, ...]:
        return self.read_turned(page)[1]

    def read_turned(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        verdict = self.judge(page)
        if verdict.sound:
            page, words = self.text_layer.read_turned(page)
            if verdict.reason == "partial":
                return self._completed(page, words)
            return page, words
        if self.ocr is None:
            raise MissingDependency(
                f"page {page.id} has to be recognised (its text layer is {verdict.reason}), and "
                f"no OCR engine is installed. Install one: {INSTALL_OCR}"
            )
        return self.ocr.read_turned(page)

    def _completed(self, page: Page, words: tuple[Word, ...]) -> tuple[Page, tuple[Word, ...]]:
        """The file's own words, and those recognised where it has none."""
        if self.ocr is None:
            missing = f"it shows text that its text layer lacks. Install OCR: {INSTALL_OCR}"
            return replace(page, missing=missing), words
        recognised = [
            word for word in self.ocr.read(page) if (word.confidence or 0.0) >= _SURE_BESIDE
        ]
        overlaps = pairwise_overlap(
            boxes_to_array(word.box for word in recognised),
            boxes_to_array(word.box for word in words if word.visible),
        ).sum(axis=1)
        beside = [
            word
            for word, shared in zip(recognised, overlaps, strict=True)
            if shared < _MOST_SHARED * word.box.area
        ]
        return page, (*words, *beside)
