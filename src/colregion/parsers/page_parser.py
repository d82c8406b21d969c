"""Parsing a document page by page: a word reader, then a layout."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from colregion.core.documents import Document, Page
from colregion.core.interfaces import Parser
from colregion.core.regions import ParsedPage, Word
from colregion.errors import InvalidInput
from colregion.parsers.layout import Layout
from colregion.parsers.layout.continuation import carry_over
from colregion.parsers.layout.table_continuation import carry_tables
from colregion.parsers.notes import with_notes
from colregion.parsers.text_layer.hidden_text import mark_hidden_text
from colregion.parsers.word_reader import WordReader

PAGES = "pages-3"
"""Version of what documents give as pages, for the fingerprints of parsers."""


class PageParser(Parser):
    """Reads each page's words and builds its regions, several pages at a time.

    Args:
        workers: threads, 1 or more (else InvalidInput); the number of cores by default.
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
        return f"{self.reader.fingerprint} + {self.layout.fingerprint} + {PAGES}"

    def for_one_core(self) -> PageParser:
        return PageParser(self.reader.for_one_core(), self.layout, workers=1)

    def parse(self, document: Document) -> Iterator[ParsedPage]:
        return parse_pages(
            document,
            lambda page: self.layout.build(*read_words(self.reader, page)),
            workers=self.workers,
        )


def read_words(reader: WordReader, page: Page) -> tuple[Page, tuple[Word, ...]]:
    """Read a page's words and mark those that a person would not see."""
    page, words = reader.read_upright(page)
    return page, mark_hidden_text(page, words)


def parse_pages(
    document: Document, parse_page: Callable[[Page], ParsedPage], *, workers: int | None = None
) -> Iterator[ParsedPage]:
    """Parse pages in threads and yield them in order, each with regions for its notes, joined by
    `join_over_pages`.

    Pages are opened as threads become free: at most `workers` + 1 (by default as many as there
    are cores), and those for whose last paragraph the end is awaited, are in memory, however long
    the document is.
    """
    yield from join_over_pages(_parse_each(document, parse_page, workers or os.cpu_count() or 1))


def join_over_pages(pages: Iterable[ParsedPage]) -> Iterator[ParsedPage]:
    """The pages of a document in order, with paragraphs and tables that go on over a page's end
    joined (`carry_over`, `carry_tables`); pages that this has been done to do not change."""
    return carry_tables(carry_over(pages))


def _parse_each(
    document: Document, parse_page: Callable[[Page], ParsedPage], workers: int
) -> Iterator[ParsedPage]:
    pool = ThreadPoolExecutor(workers, thread_name_prefix="colregion-parse")
    pending: deque[Future[ParsedPage]] = deque()
    try:
        for page in document.pages():
            pending.append(pool.submit(lambda page: with_notes(parse_page(page)), page))
            if len(pending) > workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        # Also when the caller stops early: running pages end before the document is closed.
        pool.shutdown(wait=True, cancel_futures=True)
