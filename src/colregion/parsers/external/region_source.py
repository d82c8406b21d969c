"""Base of the parsers that take a document's regions from another tool's file."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from colregion.core.documents import Document, Page
from colregion.core.interfaces import Parser
from colregion.core.regions import ParsedPage, Word
from colregion.errors import InvalidInput, UnreadableDocument
from colregion.parsers.auto_reader import WordsFrom, load_reader
from colregion.parsers.external.page_builder import build_page
from colregion.parsers.external.regions import ExternalPage
from colregion.parsers.page_parser import PAGES, parse_pages, read_words

SourceData: TypeAlias = str | Path | bytes | Mapping[str, Any] | Sequence[Any]
"""A file's path, its bytes, or the data of a JSON file."""

MAX_BYTES = 512 << 20
"""Larger files are refused: in memory they would take several times as much."""


class RegionSource(Parser):
    """Takes regions from a file of another tool.

    Args:
        source: the file, its bytes or its data; None takes the file next to each document that
            has the document's name and this class's `suffix`, such as `report.docling.json` for
            `report.pdf`.
        words: reads the words of regions for which the file has none: a name for `load_reader`
            or a reader; None reads none, and a region then has its text but no lines.

    Raises:
        InvalidInput: `source` is none of these, or an unknown reader.
    """

    by_page = True

    name: ClassVar[str]
    suffix: ClassVar[str]
    lists_blank_pages: ClassVar[bool] = True
    """Whether the tool lists every page, so that a page that is not listed was not processed."""

    def __init__(self, source: SourceData | None = None, *, words: WordsFrom = "auto") -> None:
        self._path = Path(source).expanduser() if isinstance(source, str | Path) else None
        self._content = None if source is None or self._path is not None else _as_bytes(source)
        self._reader = load_reader(words) if isinstance(words, str) else words
        self._latest: tuple[bytes, Mapping[int, ExternalPage]] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_latest": None}

    @abstractmethod
    def pages(self, content: bytes, *, name: str) -> Mapping[int, ExternalPage]:
        """Return the pages that a file lists, by number from 1; `name` is for messages. Raises
        UnreadableDocument if the file is not what this tool writes."""

    @property
    def fingerprint(self) -> str:
        reader = self._reader.fingerprint if self._reader else "own words"
        return f"{self.name}-4 ({reader}) + {PAGES}"

    def fingerprint_for(self, document: Document) -> str:
        content, _ = self._load(document)
        return f"{self.fingerprint} {hashlib.sha256(content).hexdigest()}"

    def parse(self, document: Document) -> Iterator[ParsedPage]:
        """Yield every page in order.

        Raises:
            UnreadableDocument: the file is missing or damaged, lacks a page, or belongs to
                another document.
            MissingDependency: a page needs OCR and no engine is installed.
        """
        content, name = self._load(document)
        pages = self._listed_pages(content, name=name)

        def parse_page(page: Page) -> ParsedPage:
            external = pages.get(page.number)
            if external is None and self.lists_blank_pages:
                known = ", ".join(map(str, sorted(pages)[:5])) or "none"
                raise UnreadableDocument(
                    f"{name} says nothing of page {page.number} of {page.doc_id} "
                    f"(its first pages: {known}); make it from the whole document"
                )
            external = external or ExternalPage()
            words: tuple[Word, ...] = ()
            if self._reader is not None and external.regions and not external.has_words:
                page, words = read_words(self._reader, page)
            return build_page(page, external, words)

        yield from parse_pages(document, parse_page)

    def _listed_pages(self, content: bytes, *, name: str) -> Mapping[int, ExternalPage]:
        """The result of `pages`, kept for the document's next page."""
        latest = self._latest
        if latest is None or latest[0] != content:
            self._latest = latest = (content, self.pages(content, name=name))
        return latest[1]

    def _load(self, document: Document) -> tuple[bytes, str]:
        """The file's content and its name for messages."""
        if self._content is not None:
            return self._content, f"the data of {self.name}"
        source = Path(document.source).expanduser()
        path = self._path or source.parent / f"{source.stem}{self.suffix}"
        try:
            size = path.stat().st_size
            content = path.read_bytes() if size <= MAX_BYTES else b""
        except (OSError, ValueError) as cause:  # ValueError: a name with a null byte
            raise UnreadableDocument(
                f"cannot read the regions of {document.source} from {path}: "
                f"{getattr(cause, 'strerror', None) or cause}"
            ) from cause
        if size > MAX_BYTES:
            raise UnreadableDocument(f"{path} is larger than {MAX_BYTES >> 20} MiB; split it")
        return content, path.name


def _as_bytes(source: Any) -> bytes:
    if isinstance(source, bytes):
        return source
    try:
        return json.dumps(source).encode()
    except (TypeError, ValueError, RecursionError) as cause:
        raise InvalidInput(
            f"regions are given as a path, bytes, or plain data of a JSON file, "
            f"got {type(source).__name__} ({cause})"
        ) from cause
