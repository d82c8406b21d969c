"""A parser that takes a document's regions from what another tool wrote about it."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from colregion.core.documents import Document, Page
from colregion.core.interfaces import Parser
from colregion.core.regions import ParsedPage, Word
from colregion.errors import InvalidInput, UnreadableDocument
from colregion.parsers.external.found import GivenPage
from colregion.parsers.external.tree import build_given
from colregion.parsers.page_parser import PageParser
from colregion.parsers.readers import load_reader
from colregion.parsers.words import WordReader

Given: TypeAlias = str | Path | bytes | Mapping[str, Any] | Sequence[Any]
"""A file, its bytes, or what the file would hold."""

MAX_BYTES = 512 << 20
"""A larger file is refused: read into memory it would take several times as much."""


class RegionSource(Parser):
    """Takes regions from a file of another tool: one that is named, or the one that lies beside
    each document under the document's name and this source's suffix.

    Args:
        source: the file, its bytes or its plain data; None takes `report.docling.json` for
            `report.pdf` (of docling; each source has its own `suffix`).
        words: what reads the words in the regions where the file gives none, as for
            `load_reader`: "auto" takes the document's own characters where they are sound and
            else recognises the picture; None reads none, and a region then has its text but no
            lines.

    Raises:
        InvalidInput: no such source, or an unknown reader.
    """

    name: ClassVar[str]
    suffix: ClassVar[str]
    lists_blank_pages: ClassVar[bool] = True
    """Whether the tool names every page, so that one that it does not name was not read."""

    def __init__(
        self, source: Given | None = None, *, words: str | WordReader | None = "auto"
    ) -> None:
        self._path = Path(source).expanduser() if isinstance(source, str | Path) else None
        self._content = None if source is None or self._path is not None else _as_bytes(source)
        self._reader = load_reader(words) if isinstance(words, str) else words

    @abstractmethod
    def pages(self, content: bytes, *, name: str) -> Mapping[int, GivenPage]:
        """What the file says of each page it names, by number from 1.

        Args:
            name: of the file, for messages.

        Raises:
            UnreadableDocument: the file is not what this tool writes.
        """

    @property
    def fingerprint(self) -> str:
        return f"{self.name}-1 ({self._reader.fingerprint if self._reader else 'own words'})"

    def fingerprint_for(self, document: Document) -> str:
        content, _ = self._find(document)
        return f"{self.fingerprint} {hashlib.sha256(content).hexdigest()}"

    def parse(self, document: Document) -> Iterator[ParsedPage]:
        """Every page in order.

        Raises:
            UnreadableDocument: there is no such file, it is damaged, it says nothing of a page,
                or it is of another document.
            MissingDependency: a page has to be recognised and nothing is installed for it.
        """
        content, name = self._find(document)
        given = _OfDocument(self.pages(content, name=name), name, self.lists_blank_pages)
        reader = _WhereNeeded(self._reader, given)
        yield from PageParser(reader, _GivenLayout(given)).parse(document)

    def _find(self, document: Document) -> tuple[bytes, str]:
        if self._content is not None:
            return self._content, f"the data of {self.name}"
        path = self._path or self._beside(document)
        try:
            if path.stat().st_size > MAX_BYTES:
                raise UnreadableDocument(f"{path} is larger than {MAX_BYTES >> 20} MiB; split it")
            return path.read_bytes(), path.name
        except (OSError, ValueError) as cause:  # a name with a null byte is a ValueError
            raise UnreadableDocument(
                f"cannot read the regions of {document.source} from {path}: "
                f"{getattr(cause, 'strerror', None) or cause}"
            ) from cause

    def _beside(self, document: Document) -> Path:
        source = Path(document.source).expanduser()
        return source.with_name(f"{source.stem}{self.suffix}")


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


@dataclass(frozen=True, slots=True)
class _OfDocument:
    """What a file says of a document's pages."""

    pages: Mapping[int, GivenPage]
    name: str
    lists_blank_pages: bool

    def of(self, page: Page) -> GivenPage:
        given = self.pages.get(page.number)
        if given is not None:
            return given
        if self.lists_blank_pages:
            known = ", ".join(map(str, sorted(self.pages)[:5])) or "none"
            raise UnreadableDocument(
                f"{self.name} says nothing of page {page.number} of {page.doc_id} "
                f"(its first pages: {known}); make it from the whole document"
            )
        return GivenPage()


@dataclass(frozen=True, slots=True)
class _WhereNeeded(WordReader):
    """Reads words of those pages for which the file gives none."""

    reader: WordReader | None
    given: _OfDocument

    @property
    def fingerprint(self) -> str:
        return self.given.name

    def read(self, page: Page) -> tuple[Word, ...]:
        return self.read_turned(page)[1]

    def read_turned(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        given = self.given.of(page)
        if self.reader is None or given.has_words or not given.regions:
            return page, ()
        return self.reader.read_turned(page)


@dataclass(frozen=True, slots=True)
class _GivenLayout:
    """The layout that the file gives."""

    given: _OfDocument

    @property
    def fingerprint(self) -> str:
        return self.given.name

    def build(self, page: Page, words: Sequence[Word]) -> ParsedPage:
        return build_given(page, self.given.of(page), words)
