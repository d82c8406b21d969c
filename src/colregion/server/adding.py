"""Documents added and removed over HTTP, for a server that is started as writable."""

from __future__ import annotations

import re
import shutil
from functools import partial
from pathlib import Path

from fastapi import APIRouter, Response, UploadFile
from starlette.exceptions import HTTPException

from colregion.core.results import AddReport
from colregion.engine import Engine
from colregion.errors import BackendError, InvalidInput
from colregion.indexes import LocalIndex
from colregion.ingestion.on_demand import ReadingMode
from colregion.ingestion.pipeline import Progress
from colregion.mcp.records import AddResult, RemoveResult
from colregion.server.api import json_answer
from colregion.server.records import ErrorAnswer
from colregion.server.workers import Workers

_MAX_NAME = 150
_UNSAFE = re.compile(r"[^\w .()+-]+")


class Adding:
    """Uploads go into the folder `uploads` of the index, so that they can be opened again; an index
    without a folder takes their bytes."""

    def __init__(self, engine: Engine, workers: Workers) -> None:
        self._engine, self._workers = engine, workers
        index = engine.index
        self._folder = index.folder / "uploads" if isinstance(index, LocalIndex) else None

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/api", responses={"4XX": {"model": ErrorAnswer}})
        router.add_api_route("/documents", self.add, methods=["POST"], response_model=AddResult)
        router.add_api_route(
            "/documents/{doc_id:path}",
            self.remove,
            methods=["DELETE"],
            response_model=RemoveResult,
        )
        return router

    async def add(self, file: UploadFile, reading: ReadingMode = "now") -> Response:
        """Read a document into the index, named as its file. May take a second per page; with
        `reading=on_demand` scanned pages are only seen, and read when a question needs them."""
        report = await self._workers.run_add(partial(self._add, file, reading))
        return json_answer(AddResult(outcomes=list(report.outcomes)))

    async def remove(self, doc_id: str) -> Response:
        """Remove a document from the index. Its file is deleted only if it was uploaded."""
        await self._workers.run(self._remove, doc_id)
        return json_answer(RemoveResult(doc_id=doc_id))

    def _add(self, file: UploadFile, reading: ReadingMode) -> AddReport:
        add = partial(self._engine.add, reading=reading, on_progress=self._on_progress)
        name = safe_name(file.filename or "")
        if self._folder is None:
            self._check_free(name, source="sha256-")
            return add(file.file.read(), doc_id=name)
        target = self._folder / name
        self._check_free(name, source=str(target))
        previous = target.with_name(f".{name}.previous")
        try:
            self._folder.mkdir(exist_ok=True)
            if target.exists():
                target.replace(previous)
            with target.open("wb") as copy:
                shutil.copyfileobj(file.file, copy)
        except OSError as cause:
            raise BackendError(f"{name} cannot be stored: {cause.strerror}") from cause
        is_stored = False
        try:
            report = add(target, doc_id=name)
            is_stored = not report.failed
        finally:
            if is_stored:
                previous.unlink(missing_ok=True)
            elif previous.exists():
                previous.replace(target)
            else:
                target.unlink()
        return report

    def _on_progress(self, _step: Progress) -> None:
        self._workers.check_stopped()

    def _check_free(self, name: str, *, source: str) -> None:
        """Refuse to replace a document that did not come from an upload of this name: one with
        another start of its source."""
        entry = self._engine.index.entries([name]).get(name)
        if entry is not None and not entry.source.startswith(source):
            cure = "rename the file, or remove that document first"
            raise HTTPException(409, f"there is a document {name!r} from elsewhere; {cure}")

    def _remove(self, doc_id: str) -> None:
        entry = self._engine.index.entry(doc_id)
        self._engine.remove(doc_id)
        if self._folder is not None and Path(entry.source).parent == self._folder:
            Path(entry.source).unlink(missing_ok=True)


def safe_name(name: str) -> str:
    """A client's name of a file as one that every system accepts, without folders. Raises
    InvalidInput where nothing is left."""
    last = re.split(r"[/\\]", name)[-1]
    safe = _UNSAFE.sub("_", last).strip(" .")
    if not safe:
        raise InvalidInput(f"a document needs a file name, got {name!r}")
    stem, dot, suffix = safe.rpartition(".")
    return safe if len(safe) <= _MAX_NAME else f"{stem[: _MAX_NAME - 10]}{dot}{suffix[:9]}"
