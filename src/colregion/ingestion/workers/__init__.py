"""Reading documents apart from the process that indexes them: in worker processes, side by side,
within limits, so that a file that crashes or hangs a native library costs that file only."""

from __future__ import annotations

from colregion.ingestion.workers.messages import (
    DocumentFailed,
    DocumentRead,
    Event,
    PageRead,
    ReadRequest,
)
from colregion.ingestion.workers.pool import WorkerPool

__all__ = ["DocumentFailed", "DocumentRead", "Event", "PageRead", "ReadRequest", "WorkerPool"]
