"""Interface of what reads a page's words."""

from __future__ import annotations

from abc import ABC, abstractmethod

from colregion.core.documents import Page
from colregion.core.regions import Word


class WordReader(ABC):
    """Reads the words of one page. Thread-safe.

    Attributes:
        reads_images: whether it recognizes words on images.
        missing_ocr: what to install before images can be read; "" where they can.
    """

    reads_images: bool = True
    missing_ocr: str = ""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Names the reader and everything that changes its result."""

    @abstractmethod
    def read_upright(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        """Return the page, with `upright` set if it is detected to lie sideways or skewed, and its
        words in the reader's order, boxes on the page as displayed and clipped to it.

        Raises:
            MissingDependency: a program or package is not installed.
            BackendError: OCR failed.
        """

    def read_cut(self, page: Page, *, is_coarse: bool) -> tuple[Page, tuple[Word, ...]]:  # noqa: ARG002
        """The words on the image of a part of a page, as `read_upright`.

        Args:
            is_coarse: whether it is of a page of few pixels, see `tesseract.is_coarse`.
        """
        return self.read_ocr(page)

    def for_one_core(self) -> WordReader:
        """The same reader for one of several processes, as `Parser.for_one_core`."""
        return self

    def read(self, page: Page) -> tuple[Word, ...]:
        """Return the words of `read_upright`."""
        return self.read_upright(page)[1]

    def read_layer(self, page: Page) -> tuple[Page, tuple[Word, ...], bool]:
        """The words that need no recognition, as `read_upright`, and whether they are all that the
        page shows."""
        return page, (), False

    def read_ocr(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        """The words on the page's image, as `read_upright`."""
        return self.read_upright(page)
