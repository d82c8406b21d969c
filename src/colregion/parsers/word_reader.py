"""Interface of what reads a page's words."""

from __future__ import annotations

from abc import ABC, abstractmethod

from colregion.core.documents import Page
from colregion.core.regions import Word


class WordReader(ABC):
    """Reads the words of one page. Thread-safe."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Names the reader and everything that changes its result."""

    @abstractmethod
    def read(self, page: Page) -> tuple[Word, ...]:
        """Return the page's words in the reader's order, boxes on the page as displayed and
        clipped to it; () for a page without any.

        Raises:
            MissingDependency: a program or package is not installed.
            BackendError: OCR failed.
        """

    def read_upright(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        """Return the page, with `upright` set if the reader detects that it lies sideways or
        skewed, and the words of `read`. A reader without detection returns the page unchanged."""
        return page, self.read(page)
