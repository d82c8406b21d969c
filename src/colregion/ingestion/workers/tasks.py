"""What a reading process is asked to do."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path

from colregion.core.interfaces import Parser
from colregion.ingestion.workers.messages import Reading

PAGES_AT_ONCE = 4
"""Pages of one document that a process reads before it is asked anew, where the parser reads page
by page: few enough that two processes end together on a scanned booklet."""


@dataclass(frozen=True, slots=True)
class Task:
    """Pages of one document that one process reads.

    Args:
        first: number of the first page wanted. A parser that reads page by page gives up to
            `PAGES_AT_ONCE` from it on, another the whole document.
        parser: as `pickled_parser` gives it.
        folder, stem: each page is written to `folder/stem-NUMBER`.
    """

    reading: Reading
    first: int
    last: int | None
    parser: bytes
    folder: Path
    stem: str

    def numbers(self, page_count: int) -> range:
        """The pages wanted of a document of so many."""
        last = min(self.first + PAGES_AT_ONCE - 1, page_count)
        return range(self.first, (min(last, self.last) if self.last else last) + 1)

    def path(self, number: int) -> Path:
        """Where a page is written."""
        return self.folder / f"{self.stem}-{number}"


def pickled_parser(parser: Parser) -> bytes | None:
    """The parser as another process can be given it; None where it cannot.

    It can unless it holds what has no meaning elsewhere (locks, open files, lambdas), or is
    defined in the script or notebook that runs, which other processes cannot import.
    """
    try:
        data = pickle.dumps(parser)
    except (pickle.PicklingError, TypeError, AttributeError):
        return None
    return None if b"__main__" in data else data
