"""Requests to Qdrant, with retries of transient failures and errors of ours for the rest."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any, ParamSpec, TypeVar

import grpc
import httpx
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse
from qdrant_client.http import exceptions as http

from colregion.errors import BackendError
from colregion.indexes.qdrant.options import QdrantOptions

_P = ParamSpec("_P")
_T = TypeVar("_T")

API_KEY = "QDRANT_API_KEY"  # the environment variable with the API key of a server
# Between the attempts of one request: long enough for a node to restart or a leader to change.
_WAITS_S = (0.2, 1.0, 3.0)
_POINTS_PER_REQUEST = 1000
_TRANSIENT = (408, 429, 500, 502, 503, 504)
_GRPC_STATUS = {
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}
_CURES = dict.fromkeys((401, 403), f"; set {API_KEY} to a key that may do this") | {
    503: "; is the server running?",
    504: "; try again, or allow more time with the option timeout_s",
}
# Errors of the client, of gRPC, and plain ones of the client's local mode.
_FAILURES = (http.ApiException, QdrantException, grpc.RpcError, ValueError, RuntimeError, OSError)


class Connection:
    """Client of the server at a URL, or of qdrant-client's local mode in a folder or ":memory:".
    Safe to use from threads. Raises BackendError for a folder in use or not writable.
    """

    def __init__(self, location: str, options: QdrantOptions) -> None:
        self.location = location
        self.remote = location.startswith(("http://", "https://"))
        self._timeout_s = options.timeout_s
        # The local mode uses plain Python lists, which are not safe for several threads.
        self._lock = nullcontext() if self.remote else threading.RLock()
        where: dict[str, Any] = {"path": location, "force_disable_check_same_thread": True}
        if location == ":memory:":
            where = {"location": location}
        elif self.remote:
            where = {
                "url": location,
                # Without a port the client would add its own, which is wrong behind a proxy.
                "port": 443 if location.startswith("https://") else 80,
                "api_key": os.environ.get(API_KEY),
                "prefer_grpc": options.grpc_port is not None,
                "grpc_port": options.grpc_port or 6334,
                "timeout": round(options.timeout_s),
                "check_compatibility": False,
            }
        try:
            self.client = QdrantClient(**where)
        except _FAILURES as cause:
            raise self._error(cause) from cause

    def ask(self, method: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call an idempotent method of the client, again after transient failures. Raises
        BackendError when the server is down, late, or refuses the request."""
        deadline = time.monotonic() + self._timeout_s
        waits_s = iter(_WAITS_S)
        while True:
            try:
                with self._lock:
                    return method(*args, **kwargs)
            except _FAILURES as cause:
                wait_s = next(waits_s, None)
                final = wait_s is None or time.monotonic() >= deadline
                if final or _status(cause) not in _TRANSIENT:
                    raise self._error(cause) from cause
                time.sleep(wait_s or 0)

    def scroll(
        self, collection: str, condition: models.Condition, *, fields: list[str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """The payloads of all points that meet the condition, all fields or these."""
        offset: Any = None
        while True:
            points, offset = self.ask(
                self.client.scroll,
                collection,
                scroll_filter=models.Filter(must=[condition]),
                limit=_POINTS_PER_REQUEST,
                offset=offset,
                with_payload=True if fields is None else fields,
            )
            yield from (point.payload or {} for point in points)
            if offset is None:
                return

    def retrieve(self, collection: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The payloads of the existing points, by id."""
        points = self.ask(self.client.retrieve, collection, list(ids), with_payload=True)
        return {str(point.id): point.payload or {} for point in points}

    def put(self, collection: str, point: str, payload: dict[str, Any]) -> None:
        """Write a point without vectors, and wait until it can be read."""
        struct = models.PointStruct(id=point, payload=payload, vector={})
        self.ask(self.client.upsert, collection, [struct], wait=True)

    def delete(self, collection: str, chosen: models.Filter) -> None:
        """Delete the points that pass a filter, and wait until they are gone."""
        self.ask(self.client.delete, collection, chosen, wait=True)

    def close(self) -> None:
        """Close the connection. Closing twice is fine."""
        with self._lock:
            self.client.close()

    def _error(self, cause: Exception) -> BackendError:
        reason = cause.source if isinstance(cause, http.ResponseHandlingException) else cause
        cure = _CURES.get(_status(cause) or 0, "")
        return BackendError(f"Qdrant at {self.location} failed: {reason}{cure}")


def _status(error: Exception) -> int | None:
    """The HTTP status for an error of REST, gRPC or the network; None for any other error."""
    if isinstance(error, http.UnexpectedResponse):
        return error.status_code
    if isinstance(error, ResourceExhaustedResponse):
        return 429
    if isinstance(error, http.ResponseHandlingException):
        if isinstance(error.source, httpx.TimeoutException):
            return 504
        return 503 if isinstance(error.source, httpx.TransportError) else None
    return _GRPC_STATUS.get(error.code()) if isinstance(error, grpc.Call) else None
