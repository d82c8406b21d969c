"""Reading in this process, page after page: nothing is isolated, time and memory are not bounded.

For parsers that cannot be sent to another process, and for those who want no others.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from colregion.core.interfaces import Parser
from colregion.errors import ColregionError
from colregion.ingestion.workers.messages import Event, Gathered, Reading
from colregion.ingestion.workers.pages import read_pages
from colregion.ingestion.workers.spool import write_page


def read_here(readings: Iterator[Reading], *, parser: Parser, folder: Path) -> Iterator[Event]:
    """Read documents one after another; what a document's own errors are ends it only.

    Args:
        folder: an empty one, for the pages of the document that is being read.
    """
    for reading in readings:
        gathered = Gathered(reading)
        started = time.monotonic()
        try:
            document = reading.open()
            gathered.page_count = document.page_count
            for parsed in read_pages(document, parser):
                page = parsed.page
                path = folder / str(page.number)
                write_page(parsed, path)
                yield gathered.take(
                    page.number, path, n_regions=len(parsed.regions), missing=page.missing
                )
        except ColregionError as error:
            gathered.failure = str(error)
        gathered.seconds = time.monotonic() - started
        yield gathered.conclusion()
        gathered.delete_files()
