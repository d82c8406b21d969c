"""Reading in the current process, page by page: nothing is isolated or bounded.

Workers run `read_pages` on a task; `read_in_process` is for parsers that cannot be sent to
another process, and for callers that want no worker processes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from colregion.core.documents import Document
from colregion.core.interfaces import Parser
from colregion.core.regions import ParsedPage
from colregion.errors import BackendError, ColregionError, UnreadableDocument
from colregion.ingestion.workers.messages import DocumentProgress, Event, ReadRequest
from colregion.ingestion.workers.spool import blank_page, write_page


def read_in_process(
    requests: Iterable[ReadRequest], *, parser: Parser, folder: Path
) -> Iterator[Event]:
    """Read documents one after another; an error of ours ends only its own document.

    Args:
        folder: an empty one, for the pages of the document that is being read.
    """
    for index, request in enumerate(requests):
        progress = DocumentProgress(request, folder / str(index))
        started = time.monotonic()
        try:
            document = request.open()
            progress.page_count = document.page_count
            for parsed in read_pages(document, parser, range(1, document.page_count + 1)):
                page = parsed.page
                write_page(parsed, progress.folder / str(page.number))
                yield progress.add_page(
                    page.number, missing=page.missing, region_count=len(parsed.regions)
                )
        except ColregionError as error:
            progress.failure = str(error)
        progress.seconds = time.monotonic() - started
        yield progress.conclude()
        progress.delete_files()


def read_pages(document: Document, parser: Parser, numbers: Iterable[int]) -> Iterator[ParsedPage]:
    """The pages of these numbers, or the whole document where `parser.by_page` is false.

    A page that is damaged, or that recognition fails on, becomes a `blank_page` where the parser
    reads page by page; for other parsers it is an error.

    Raises:
        UnreadableDocument, BackendError: from a parser that does not read page by page.
        MissingDependency: something that the parser needs is not installed.
    """
    if not parser.by_page:
        yield from parser.parse(document)
        return
    for number in numbers:
        try:
            yield from parser.parse(document.alone(number))
        except (UnreadableDocument, BackendError) as error:
            yield blank_page(document.id, number, missing=str(error))
