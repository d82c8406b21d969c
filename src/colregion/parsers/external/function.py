"""Regions from a function of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from colregion.core.documents import Document, Page
from colregion.core.interfaces import Parser
from colregion.core.regions import ParsedPage, Word
from colregion.errors import InvalidInput
from colregion.parsers.external.found import GivenPage, GivenRegion
from colregion.parsers.external.tree import build_given
from colregion.parsers.page_parser import PageParser
from colregion.parsers.readers import load_reader
from colregion.parsers.words import WordReader


class FunctionRegions(Parser):
    """Regions that a function gives for each page.

    Args:
        find: takes a `Page` and gives its regions in reading order, boxes on the page as
            displayed; none for a blank page. Called from several threads, once a page.
        name: of the function and its version. The index goes by it: pages are read again only
            when it changes.
        words: what reads the words in the regions, as for `load_reader`; None reads none, and a
            region then has its text but no lines.

    Raises:
        InvalidInput: no name, or an unknown reader.
    """

    def __init__(
        self,
        find: Callable[[Page], Iterable[GivenRegion]],
        *,
        name: str,
        words: str | WordReader | None = "auto",
    ) -> None:
        if not name:
            raise InvalidInput("name the function and its version, so that a change is noticed")
        self._find = find
        self._name = name
        self._reader = load_reader(words) if isinstance(words, str) else words

    @property
    def fingerprint(self) -> str:
        reader = self._reader.fingerprint if self._reader else "own words"
        return f"function-1 {self._name} ({reader})"

    def parse(self, document: Document) -> Iterator[ParsedPage]:
        """Every page in order. What the function raises is raised.

        Raises:
            InvalidInput: the function gave something else than regions.
        """
        reader = self._reader or _NoWords()
        yield from PageParser(reader, _FunctionLayout(self._find, self._name)).parse(document)


class _NoWords(WordReader):
    @property
    def fingerprint(self) -> str:
        return "no words"

    def read(self, page: Page) -> tuple[Word, ...]:  # noqa: ARG002
        return ()


class _FunctionLayout:
    """The layout that the function gives."""

    def __init__(self, find: Callable[[Page], Iterable[GivenRegion]], name: str) -> None:
        self._find = find
        self.fingerprint = name

    def build(self, page: Page, words: Sequence[Word]) -> ParsedPage:
        regions = tuple(self._find(page))
        strange = next((one for one in regions if not isinstance(one, GivenRegion)), None)
        if strange is not None:
            raise InvalidInput(
                f"{self.fingerprint} must give GivenRegion, got {type(strange).__name__}"
            )
        given = GivenPage(regions)
        return build_given(page, given, () if given.has_words else words)
