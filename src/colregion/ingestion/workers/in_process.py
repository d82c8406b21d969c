"""Reading in the current process, page by page: nothing is isolated or bounded.

Workers run `read_pages` on a task; `read_in_process` is for parsers that cannot be sent to
another process, and for callers that want no worker processes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from colregion.core.documents import Document
from colregion.core.interfaces import Parser
from colregion.core.regions import ParsedPage
from colregion.errors import ColregionError
from colregion.ingestion.workers.reading import Reading, ReadRequest
from colregion.ingestion.workers.spool import blank_page, write_page


def read_in_process(
    requests: Iterable[ReadRequest], *, parser: Parser, folder: Path
) -> Iterator[Reading]:
    """Read documents one after another; yields as `WorkerPool.read`."""
    for index, request in enumerate(requests):
        reading = Reading(request, folder / str(index))
        started = time.monotonic()
        try:
            document = request.open()
            reading.page_count, reading.unread = document.page_count, document.unread
            for parsed in read_pages(document, parser, range(1, document.page_count + 1)):
                page = parsed.page
                write_page(parsed, reading.folder / str(page.number))
                reading.add_page(
                    page.number, missing=page.missing, region_count=len(parsed.regions)
                )
                yield reading
        except ColregionError as error:
            reading.failure = str(error)
        reading.seconds = time.monotonic() - started
        reading.end()
        yield reading


def read_pages(document: Document, parser: Parser, numbers: Iterable[int]) -> Iterator[ParsedPage]:
    """The pages of these numbers, or the whole document where `parser.by_page` is false.

    A page that is damaged, that recognition fails on, or that needs what is not installed, comes
    without words where the parser reads page by page, with its image if that can be drawn. For
    other parsers it is an error.

    Raises:
        ColregionError: from a parser that does not read page by page.
    """
    if not parser.by_page:
        yield from parser.parse(document)
        return
    for number in numbers:
        try:
            yield from parser.parse(document.alone(number))
        except ColregionError as error:
            yield _unread_page(document, number, missing=str(error))


def _unread_page(document: Document, number: int, *, missing: str) -> ParsedPage:
    try:
        (page,) = document.alone(number).pages()
        page.load_image()
    except ColregionError:
        return blank_page(document.id, number, missing=missing)
    return ParsedPage(replace(page, missing=missing), (), ())
