"""Errors as answers: a status, and the error's own sentence as JSON."""

from __future__ import annotations

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from colregion.errors import (
    BackendError,
    ColregionError,
    IndexCorrupt,
    InvalidInput,
    MissingDependency,
    ModelMismatch,
    NotIndexed,
    UnreadableDocument,
)
from colregion.server.workers import Busy

_STATUS: tuple[tuple[type[ColregionError], int], ...] = (
    (InvalidInput, 400),
    (NotIndexed, 404),
    (ModelMismatch, 409),
    (UnreadableDocument, 409),
    (IndexCorrupt, 503),
    (BackendError, 503),
    (MissingDependency, 503),
)


def status_of(error: Exception) -> int:
    """The HTTP status of one of colregion's errors."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 503)


async def answer_error(_request: Request, error: Exception) -> JSONResponse:
    headers = {"retry-after": "1"} if isinstance(error, Busy) else {}
    return _error(str(error), status_of(error), headers)


async def answer_http_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return _error(error.detail, error.status_code, dict(error.headers or {}))


async def answer_invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    lines = [
        f"{'.'.join(str(part) for part in mistake['loc'][1:]) or 'request'}: {mistake['msg']}"
        for mistake in error.errors()
    ]
    return _error("; ".join(lines), 400, {})


def _error(message: str, status: int, headers: dict[str, str]) -> JSONResponse:
    text = message.encode("utf-8", "replace").decode()
    return JSONResponse({"error": text}, status, headers=headers)
