"""Requests to Qdrant: retries of what may succeed later, and our errors for the rest."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, TypeAlias, TypeVar

import grpc
import httpx
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse
from qdrant_client.http.exceptions import (
    ApiException,
    ResponseHandlingException,
    UnexpectedResponse,
)

from colregion.errors import BackendError
from colregion.indexes.qdrant.options import QdrantOptions

_T = TypeVar("_T")
# Id, payload, and vectors by name.
Point: TypeAlias = tuple[str, dict[str, Any], dict[str, Any]]

API_KEY = "QDRANT_API_KEY"
"""The environment variable with the API key of a server."""

# Between the attempts of one request: long enough for a node to restart or a leader to change.
_WAITS_S = (0.2, 1.0, 3.0)
_POINTS_PER_REQUEST = 1000
_TRANSIENT_STATUS = (408, 429, 500, 502, 503, 504)
_TRANSIENT_CODES = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
)
# What the client raises: its own errors, gRPC's, and plain ones of its local mode.
_FAILURES = (ApiException, QdrantException, grpc.RpcError, ValueError, RuntimeError, OSError)


class Connection:
    """Client of one server, or of qdrant-client's local mode. Safe to use from threads.

    Args:
        location: URL of a server, a folder, or ":memory:".

    Raises:
        BackendError: the folder is in use by another process, or cannot be made.
    """

    def __init__(self, location: str, options: QdrantOptions) -> None:
        self.location = location
        self.remote = location.startswith(("http://", "https://"))
        self._timeout_s = options.timeout_s
        # The local mode is made of plain Python lists, which one thread at a time may use.
        self._lock = nullcontext() if self.remote else threading.RLock()
        try:
            self._client = self._connect(options)
        except _FAILURES as cause:
            raise self._error(cause) from cause

    def _connect(self, options: QdrantOptions) -> QdrantClient:
        if self.location == ":memory:":
            return QdrantClient(":memory:")
        if not self.remote:
            return QdrantClient(path=self.location, force_disable_check_same_thread=True)
        return QdrantClient(
            url=self.location,
            # Without a port the client would add its own, which is wrong behind a proxy.
            port=443 if self.location.startswith("https://") else 80,
            api_key=os.environ.get(API_KEY),
            prefer_grpc=options.grpc_port is not None,
            grpc_port=options.grpc_port or 6334,
            timeout=max(1, round(options.timeout_s)),
            check_compatibility=False,
        )

    def ask(self, request: Callable[[QdrantClient], _T]) -> _T:
        """Send a request, several times if need be: it must have the same effect then.

        Raises:
            BackendError: the server is down, late, or refuses the request.
        """
        started = time.monotonic()
        for wait_s in (*_WAITS_S, None):
            try:
                with self._lock:
                    return request(self._client)
            except _FAILURES as cause:
                late = time.monotonic() - started >= self._timeout_s
                if wait_s is None or late or not _is_transient(cause):
                    raise self._error(cause) from cause
                time.sleep(wait_s)
        raise AssertionError("the last attempt returns or raises")

    def scroll(
        self,
        collection: str,
        must: Sequence[models.Condition],
        *,
        fields: Sequence[str] | None = None,
    ) -> Iterator[models.Record]:
        """All points that meet the conditions, a thousand per request.

        Args:
            fields: names of the payload's fields to return; None for all.
        """
        offset: Any = None
        while True:
            request = partial(
                QdrantClient.scroll,
                collection_name=collection,
                scroll_filter=models.Filter(must=list(must)),
                limit=_POINTS_PER_REQUEST,
                offset=offset,
                with_payload=True if fields is None else list(fields),
            )
            points, offset = self.ask(request)
            yield from points
            if offset is None:
                return

    def retrieve(self, collection: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The payloads of those points that exist, by id."""
        points = self.ask(lambda client: client.retrieve(collection, list(ids), with_payload=True))
        return {str(point.id): point.payload or {} for point in points}

    def put(self, collection: str, points: Sequence[Point]) -> None:
        """Write points, and wait until they can be read."""
        structs = [models.PointStruct(id=i, payload=p, vector=v) for i, p, v in points]
        self.ask(lambda client: client.upsert(collection, structs, wait=True))

    def delete(self, collection: str, points: list[str] | models.Filter) -> None:
        """Delete points by id or by filter, and wait until they cannot be read any more."""
        # mypy: a list of ids is a selector, whose type is invariant
        self.ask(lambda client: client.delete(collection, points, wait=True))  # type: ignore[arg-type]

    def close(self) -> None:
        """Close the connection. Closing twice is fine."""
        with self._lock:
            self._client.close()

    def _error(self, cause: Exception) -> BackendError:
        source = cause.source if isinstance(cause, ResponseHandlingException) else cause
        where = f"Qdrant at {self.location}"
        if isinstance(source, httpx.TimeoutException) or _code(source) == _TRANSIENT_CODES[1]:
            return BackendError(
                f"{where} did not answer within {self._timeout_s:g} s; try again, or allow more "
                f"with the option timeout_s"
            )
        if isinstance(source, httpx.TransportError) or _code(source) == _TRANSIENT_CODES[0]:
            return BackendError(f"{where} cannot be reached ({source}); is it running?")
        if isinstance(source, UnexpectedResponse) and source.status_code in (401, 403):
            return BackendError(
                f"{where} refuses access ({source.status_code}); set {API_KEY} to a key that may "
                f"do this"
            )
        return BackendError(f"{where} failed: {source}")


def already_there(error: BackendError) -> bool:
    """Whether creating something failed because another process has just created it."""
    cause = error.__cause__
    if isinstance(cause, UnexpectedResponse):
        return cause.status_code == 409
    return _code(cause) == grpc.StatusCode.ALREADY_EXISTS or "already exists" in str(cause)


def _is_transient(error: Exception) -> bool:
    if isinstance(error, ResponseHandlingException):
        return isinstance(error.source, httpx.TransportError)
    if isinstance(error, UnexpectedResponse):
        return error.status_code in _TRANSIENT_STATUS
    return isinstance(error, ResourceExhaustedResponse) or _code(error) in _TRANSIENT_CODES


def _code(error: object) -> grpc.StatusCode | None:
    code = getattr(error, "code", None)
    return code() if isinstance(error, grpc.RpcError) and callable(code) else None
