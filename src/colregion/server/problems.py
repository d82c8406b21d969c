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
    return error_answer(status_of(error), str(error), **headers)


async def answer_http_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return error_answer(error.status_code, error.detail, **(error.headers or {}))


async def answer_invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    lines = [
        f"{'.'.join(str(part) for part in mistake['loc'][1:]) or 'request'}: {mistake['msg']}"
        for mistake in error.errors()
    ]
    return error_answer(400, "; ".join(lines))


def error_answer(status: int, message: str, **headers: str) -> JSONResponse:
    """The answer of this status that says what is wrong, as JSON."""
    text = message.encode("utf-8", "replace").decode()
    return JSONResponse({"error": text}, status, headers=headers)
