"""Parsers that treat their process as damaged files make native libraries do."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

from colregion.core.documents import Document
from colregion.core.geometry import Box
from colregion.core.interfaces import Parser
from colregion.core.regions import ParsedPage, Region, Word
from colregion.errors import MissingDependency, UnreadableDocument

BOX = Box(0.2, 0.1, 0.7, 0.3)


class TroubledParser(Parser):
    """Reads "page N" on every page, after doing what `trouble` says of N: "crash", "hang",
    "hoard", "damaged", "bug", "chatter" or "uninstalled"."""

    def __init__(self, trouble: dict[int, str] | None = None, *, by_page: bool = True) -> None:
        self.trouble = trouble or {}
        self.by_page = by_page

    @property
    def fingerprint(self) -> str:
        return "troubled"

    def parse(self, document: Document) -> Iterator[ParsedPage]:
        for page in document.pages():
            _do(self.trouble.get(page.number, ""))
            text = f"page {page.number}"
            words = tuple(Word(part, BOX) for part in text.split())
            regions = tuple(
                Region(page_id=page.id, path=(1, 1, 1)[:depth], box=BOX, text=text)
                for depth in (1, 2, 3)
            )
            yield ParsedPage(page, words, regions)


class UnpicklableParser(TroubledParser):
    """Cannot be sent to another process."""

    def __init__(self) -> None:
        super().__init__()
        self.callback = lambda: None


def _do(trouble: str) -> None:
    if trouble == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif trouble == "hang":
        time.sleep(600)
    elif trouble == "hoard":
        blocks = [bytearray(64 << 20) for _ in range(1000)]
        raise AssertionError(f"{len(blocks)} blocks of 64 MiB were allocated")
    elif trouble == "damaged":
        raise UnreadableDocument("its stream ends early")
    elif trouble == "bug":
        raise TypeError("no such thing")
    elif trouble == "chatter":
        os.write(1, b"a library prints\n" * 20_000)
    elif trouble == "uninstalled":
        raise MissingDependency("apt-get install something")
