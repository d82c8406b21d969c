"""Pages that are ranked without being indexed, read once and kept by content."""

from __future__ import annotations

import threading
from collections import OrderedDict

from colregion.core.embeddings import EmbeddedPage
from colregion.core.interfaces import Encoder, Parser
from colregion.errors import InvalidInput
from colregion.ingestion.pipeline import embed
from colregion.ingestion.sources import Item, Source, find_items, open_item

_DOCUMENTS_KEPT = 16


class UnindexedPages:
    """Reads and embeds sources; the last documents read are kept. Safe to use from threads."""

    def __init__(self, parser: Parser, encoder: Encoder) -> None:
        self._parser = parser
        self._encoder = encoder
        self._kept: OrderedDict[tuple[str, str], list[EmbeddedPage]] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, source: Source) -> list[EmbeddedPage]:
        """The embedded pages of a file, folder, glob, bytes or picture.

        Raises:
            InvalidInput: nothing is there.
            UnreadableDocument: a file that cannot be read.
        """
        items, failed = find_items(source)
        if failed:
            raise InvalidInput(failed[0].reason)
        pages: list[EmbeddedPage] = []
        for item in items:
            pages.extend(self._read_item(item))
        return pages

    def _read_item(self, item: Item) -> list[EmbeddedPage]:
        document = open_item(item)
        key = (document.content_hash, self._parser.fingerprint_for(document))
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        pages = list(embed(self._parser.parse(document), self._encoder))
        with self._lock:
            self._kept[key] = pages
            while len(self._kept) > _DOCUMENTS_KEPT:
                self._kept.popitem(last=False)
        return pages
