"""Regions from a user's function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from colregion.core.documents import Document, Page
from colregion.core.interfaces import Parser
from colregion.core.regions import ParsedPage, Word
from colregion.errors import InvalidInput
from colregion.parsers.auto_reader import WordsFrom, load_reader
from colregion.parsers.external.page_builder import build_page
from colregion.parsers.external.regions import ExternalPage, ExternalRegion
from colregion.parsers.page_parser import PAGES, parse_pages, read_words


class FunctionRegions(Parser):
    """Takes each page's regions from a function.

    Args:
        find: returns the regions of a `Page` in reading order, boxes on the page as displayed;
            none for a blank page. Called once per page, from several threads.
        name: of the function and its version. Indexed pages are parsed again only when it
            changes.
        words: reads the words in the regions, as for `load_reader`; None reads none, and a
            region then has its text but no lines.

    Raises:
        InvalidInput: no name, or an unknown reader.
    """

    by_page = True

    def __init__(
        self,
        find: Callable[[Page], Iterable[ExternalRegion]],
        *,
        name: str,
        words: WordsFrom = "auto",
    ) -> None:
        if not name:
            raise InvalidInput("name the function and its version, so that a change is noticed")
        self._find = find
        self._name = name
        self._reader = load_reader(words) if isinstance(words, str) else words

    @property
    def fingerprint(self) -> str:
        reader = self._reader.fingerprint if self._reader else "own words"
        return f"function-1 {self._name} ({reader}) + {PAGES}"

    def parse(self, document: Document) -> Iterator[ParsedPage]:
        """Yield every page in order. Errors of the function are not caught.

        Raises:
            InvalidInput: the function returned something other than regions.
        """
        yield from parse_pages(document, self._parse_page)

    def _parse_page(self, page: Page) -> ParsedPage:
        words: tuple[Word, ...] = ()
        if self._reader is not None:
            page, words = read_words(self._reader, page)
        regions = tuple(self._find(page))
        others = [type(one).__name__ for one in regions if not isinstance(one, ExternalRegion)]
        if others:
            raise InvalidInput(f"{self._name} must give ExternalRegion, got {others[0]}")
        external = ExternalPage(regions)
        return build_page(page, external, () if external.has_words else words)
