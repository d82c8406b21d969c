"""What reads the words of a page; the layout then builds regions from them."""

from __future__ import annotations

from abc import ABC, abstractmethod

from colregion.core.documents import Page
from colregion.core.regions import Word


class WordReader(ABC):
    """Reads one page's words. Safe to use from threads."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Names the reader and everything that changes its result."""

    @abstractmethod
    def read(self, page: Page) -> tuple[Word, ...]:
        """The page's words in the reader's order, boxes on the page as displayed and clipped
        to it; () for a page on which it finds none.

        Raises:
            MissingDependency: a program or package is not installed.
            BackendError: the recogniser failed.
        """

    def read_turned(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        """The page with `upright` set where the reader found that it lies sideways or askew, and
        its words as `read` gives them. A reader that cannot tell gives the page as it came."""
        return page, self.read(page)
