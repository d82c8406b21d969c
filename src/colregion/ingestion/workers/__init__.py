"""Reading documents apart from what keeps them: in processes of their own, side by side, within
limits, so that a file that crashes or hangs a native library costs that file only.

    reader      a parser in as many processes as it can be used in
    schedule    which process reads what; `here` is the same without processes
    processes   starting, stopping and reusing them
    worker      what runs in one, `tasks` what it is asked
    events      what is told of the documents
    pages       a document's pages, those that fail left blank
    spool       a page on its way from one process to another
"""

from __future__ import annotations

from colregion.ingestion.workers.messages import (
    DocumentFailed,
    DocumentRead,
    Event,
    PageRead,
    Reading,
)
from colregion.ingestion.workers.pool import Reader

__all__ = ["DocumentFailed", "DocumentRead", "Event", "PageRead", "Reader", "Reading"]
