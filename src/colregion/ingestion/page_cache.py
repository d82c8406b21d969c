"""Cache of the pages that are ranked without being indexed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from colregion.core.documents import Document
from colregion.core.embeddings import EmbeddedPage
from colregion.core.interfaces import Encoder, Index, Parser
from colregion.core.regions import ParsedPage
from colregion.errors import InvalidInput
from colregion.ingestion.pipeline import embed
from colregion.ingestion.sources import Source, find_items, list_sources, open_item

Rankable: TypeAlias = Source | ParsedPage | EmbeddedPage


class PageCache:
    """Reads and embeds pages and keeps the most recently used. Safe to use from threads.

    Args:
        max_pages: pages to keep; a longer document is kept alone.
    """

    def __init__(self, parser: Parser, encoder: Encoder, *, max_pages: int = 256) -> None:
        self._parser = parser
        self._encoder = encoder
        self._max_pages = max_pages
        self._entries: OrderedDict[tuple[object, ...], list[EmbeddedPage]] = OrderedDict()
        self._lock = threading.Lock()

    def pages(self, page: Rankable, index: Index) -> list[EmbeddedPage]:
        """The embedded pages of an indexed page's id, a page, or what `read` reads. Raises
        NotIndexed for a page id that is not in the index, and as `read`."""
        if isinstance(page, EmbeddedPage):
            return [page]
        if isinstance(page, ParsedPage):
            return list(embed([page], self._encoder))
        if isinstance(page, str) and "#p" in page and not Path(page).exists():
            return index.load([page])
        return self.read(page)

    def all_pages(self, pages: Rankable | Sequence[Rankable], index: Index) -> list[EmbeddedPage]:
        """`pages` of each, one after the other."""
        several = [pages] if isinstance(pages, Rankable) else list(pages)
        return [page for one in several for page in self.pages(one, index)]

    def one_page(self, page: Rankable, index: Index) -> EmbeddedPage:
        """`pages` of what must be one page only, else InvalidInput."""
        pages = self.pages(page, index)
        if len(pages) != 1:
            raise InvalidInput(f"explain needs one page, got {len(pages)}; name one by its id")
        return pages[0]

    def read(self, source: Source) -> list[EmbeddedPage]:
        """The embedded pages of a file, folder, glob, bytes, open file or image.

        Raises:
            InvalidInput: there is nothing to read.
            UnreadableDocument: a file that cannot be read.
        """
        items, outcomes = find_items(list_sources(source))
        for outcome in outcomes:
            if outcome.status == "failed":
                raise InvalidInput(outcome.reason)
        pages: list[EmbeddedPage] = []
        for item in items:
            document = open_item(item)
            pages.extend(self._load(document, key=(document.id, document.content_hash)))
        return pages

    def read_page(self, document: Document, *, position: int, number: int) -> EmbeddedPage:
        """One page of a document.

        Args:
            position: 1-based position of the page in the document.
            number: the page number that it gets; differs where the document is the image of one
                page of a longer one.

        Raises:
            InvalidInput: the document has no such page.
            UnreadableDocument: it cannot be read.
        """
        if position > document.page_count:
            raise InvalidInput(
                f"{document.source} has {document.page_count} pages, no page {position}"
            )
        alone = document.alone(position)
        numbered = replace(
            alone, open_pages=lambda: (replace(page, number=number) for page in alone.pages())
        )
        key = (document.id, document.content_hash, position, number)
        (embedded,) = self._load(numbered, key=key)
        return embedded

    def _load(self, document: Document, *, key: tuple[object, ...]) -> list[EmbeddedPage]:
        key = (self._parser.fingerprint_for(document), *key)
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
                return self._entries[key]
        pages = [
            replace(page, parsed=page.parsed.unloaded())
            for page in embed(self._parser.parse(document), self._encoder)
        ]
        with self._lock:
            self._entries[key] = pages
            total = sum(map(len, self._entries.values()))
            while total > self._max_pages and len(self._entries) > 1:
                total -= len(self._entries.popitem(last=False)[1])
        return pages
