"""Requests to Qdrant: tried again where that can help, and errors of ours where it cannot."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, TypeVar

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

API_KEY = "QDRANT_API_KEY"
"""The environment variable that a server's key is read from."""

# Between the tries of one request: a node that restarts or a leader that changes is back by then.
_WAITS_S = (0.2, 1.0, 3.0)
_PAGE_OF_POINTS = 1000
_PASSING_STATUS = (408, 429, 500, 502, 503, 504)
_PASSING_CODES = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
)
# What the client lets out: its own errors, gRPC's, and plain ones of its local mode.
_FAILURES = (ApiException, QdrantException, grpc.RpcError, ValueError, RuntimeError, OSError)


class Connection:
    """A client of one server, or of the client's own local mode. Safe to use from threads.

    Args:
        location: URL of a server, a folder, or ":memory:".

    Raises:
        BackendError: the folder is in use by another process, or cannot be made.
    """

    def __init__(self, location: str, options: QdrantOptions) -> None:
        self.location = location
        self.remote = location.startswith(("http://", "https://"))
        self._timeout_s = options.timeout_s
        # The local mode is plain Python lists, which threads must not change under each other.
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
        """The answer to a request that may be sent twice.

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
                if wait_s is None or late or not _is_passing(cause):
                    raise self._error(cause) from cause
                time.sleep(wait_s)
        raise AssertionError("the last try returns or raises")

    def scroll(
        self,
        collection: str,
        *,
        must: Sequence[models.Condition],
        must_not: Sequence[models.Condition] = (),
        fields: Sequence[str] | None = None,
    ) -> Iterator[models.Record]:
        """All points that the conditions let through, asked for a thousand at a time.

        Args:
            fields: of the payload; None for all.
        """
        wanted = models.Filter(must=list(must), must_not=list(must_not))
        offset: Any = None
        while True:
            points, offset = self.ask(
                partial(
                    _scroll_on, collection=collection, wanted=wanted, fields=fields, offset=offset
                )
            )
            yield from points
            if offset is None:
                return

    def put(
        self, collection: str, points: Sequence[tuple[str, dict[str, Any], dict[str, Any]]]
    ) -> None:
        """Write points (id, payload, vectors by name), and wait until they can be read."""
        structs = [models.PointStruct(id=i, payload=p, vector=v) for i, p, v in points]
        self.ask(lambda client: client.upsert(collection, structs, wait=True))

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Delete points by id, and wait until they cannot be read any more."""
        selected = models.PointIdsList(points=list(ids))
        self.ask(lambda client: client.delete(collection, selected, wait=True))

    def close(self) -> None:
        """Let go of the server. Closing twice is fine."""
        with self._lock:
            self._client.close()

    def _error(self, cause: Exception) -> BackendError:
        source = cause.source if isinstance(cause, ResponseHandlingException) else cause
        where = f"Qdrant at {self.location}"
        if isinstance(source, httpx.TimeoutException) or _code(source) == _PASSING_CODES[1]:
            return BackendError(
                f"{where} did not answer within {self._timeout_s:g} s; try again, or allow more "
                f"with the option timeout_s"
            )
        if isinstance(source, httpx.TransportError) or _code(source) == _PASSING_CODES[0]:
            return BackendError(f"{where} cannot be reached ({source}); is it running?")
        if isinstance(source, UnexpectedResponse) and source.status_code in (401, 403):
            return BackendError(
                f"{where} refuses access ({source.status_code}); set {API_KEY} to a key that may "
                f"do this"
            )
        return BackendError(f"{where} failed: {source}")


def _scroll_on(
    client: QdrantClient,
    *,
    collection: str,
    wanted: models.Filter,
    fields: Sequence[str] | None,
    offset: Any,
) -> tuple[list[models.Record], Any]:
    return client.scroll(
        collection,
        scroll_filter=wanted,
        limit=_PAGE_OF_POINTS,
        offset=offset,
        with_payload=True if fields is None else list(fields),
    )


def already_there(error: BackendError) -> bool:
    """Whether something could not be made because another process has just made it."""
    cause = error.__cause__
    if isinstance(cause, UnexpectedResponse):
        return cause.status_code == 409
    return _code(cause) == grpc.StatusCode.ALREADY_EXISTS or "already exists" in str(cause)


def _is_passing(error: Exception) -> bool:
    if isinstance(error, ResponseHandlingException):
        return isinstance(error.source, httpx.TransportError)
    if isinstance(error, UnexpectedResponse):
        return error.status_code in _PASSING_STATUS
    return isinstance(error, ResourceExhaustedResponse) or _code(error) in _PASSING_CODES


def _code(error: object) -> grpc.StatusCode | None:
    code = getattr(error, "code", None)
    return code() if isinstance(error, grpc.RpcError) and callable(code) else None
