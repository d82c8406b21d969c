"""A small server that speaks Qdrant's REST protocol, so that the client's own requests, its JSON
and its errors are tested without one installed. It answers from the client's local mode."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from qdrant_client import QdrantClient, models

MULTIVECTOR_LIMIT = 1_048_576


class Refused(Exception):
    """Answered with a status other than 200."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class SmallQdrant(ThreadingHTTPServer):
    """Args:
    fault: called with method and path before every request; what it raises is the answer
        (`Refused`), or drops the connection (`ConnectionError`).
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.client = QdrantClient(":memory:")
        self.lock = threading.Lock()
        self.fault: Callable[[str, str], None] = lambda _method, _path: None
        self.bodies: list[tuple[str, Any]] = []
        self.refused = Refused

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: Any) -> None:
        """Dropped connections are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    server: SmallQdrant

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline()
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        path = self.path.partition("?")[0]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            self.server.fault(self.command, path)
            content = parse(body)
            self.server.bodies.append((path, content))
            with self.server.lock:
                result = answer(self.server.client, self.command, path, content)
            self._send(200, {"result": result, "status": "ok", "time": 0.0})
        except Refused as refused:
            self._send(refused.status, {"status": {"error": str(refused)}, "time": 0.0})
        self.close_connection = True

    def _send(self, status: int, content: Any) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """The tests say what went wrong."""


def parse(body: bytes) -> Any:
    """JSON as strict as the server's: no NaN, no half characters."""

    def refuse(constant: str) -> None:
        raise Refused(400, f"{constant} is no JSON")

    if not body:
        return {}
    content = json.loads(body, parse_constant=refuse)
    try:
        json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError as cause:
        raise Refused(400, f"lone surrogate: {cause}") from cause
    return content


def answer(client: QdrantClient, method: str, path: str, body: Any) -> Any:
    """The result of one request."""
    if (method, path) == ("GET", "/collections"):
        return _plain(client.get_collections())
    match = re.fullmatch(r"/collections/([^/]+)(/.*)?", path)
    assert match, path
    name, rest = match[1], match[2] or ""
    if (method, rest) == ("GET", "/exists"):
        return {"exists": client.collection_exists(name)}
    if (method, rest) == ("PUT", ""):
        if client.collection_exists(name):
            raise Refused(409, f"Collection `{name}` already exists!")
        made = models.CreateCollection(**body)
        return client.create_collection(name, vectors_config=made.vectors)
    if not client.collection_exists(name):
        raise Refused(404, f"Collection `{name}` doesn't exist!")
    try:
        return _plain(_of_collection(client, name, method, rest, body))
    except ValueError as cause:
        raise Refused(400, str(cause)) from cause


def _of_collection(client: QdrantClient, name: str, method: str, rest: str, body: Any) -> Any:
    if (method, rest) == ("GET", ""):
        return client.get_collection(name)
    if (method, rest) == ("PUT", "/index"):
        models.CreateFieldIndex(**body)
        return models.UpdateResult(operation_id=0, status=models.UpdateStatus.COMPLETED)
    if (method, rest) == ("PUT", "/points"):
        request = models.PointsList(**body)
        for point in request.points:
            named: Any = point.vector
            if any(sum(map(len, vectors)) >= MULTIVECTOR_LIMIT for vectors in named.values()):
                raise Refused(400, "Total size of multivector is too large")
        return client.upsert(name, request.points, update_filter=request.update_filter)
    if (method, rest) == ("POST", "/points"):
        selection = models.PointRequest(**body)
        return client.retrieve(
            name, selection.ids, selection.with_payload or False, selection.with_vector or False
        )
    if rest == "/points/delete":
        if "points" in body:
            return client.delete(name, models.PointIdsList(**body))
        return client.delete(name, models.FilterSelector(**body))
    if rest == "/points/scroll":
        scroll = models.ScrollRequest(**body)
        records, offset = client.scroll(
            name,
            scroll.filter,
            limit=scroll.limit or 10,
            offset=scroll.offset,
            with_payload=scroll.with_payload or False,
        )
        return {"points": [_plain(point) for point in records], "next_page_offset": offset}
    if rest == "/facet":
        facet = models.FacetRequest(**body)
        return client.facet(name, facet.key, facet.filter, limit=facet.limit or 10)
    if rest == "/points/count":
        return client.count(name, models.CountRequest(**body).filter)
    assert rest == "/points/query", (method, rest)
    query = models.QueryRequest(**body)
    return client.query_points(
        name,
        query=query.query,
        using=query.using,
        prefetch=query.prefetch,
        query_filter=query.filter,
        limit=query.limit or 10,
        with_payload=query.with_payload or False,
    )


def _plain(result: Any) -> Any:
    if isinstance(result, list):
        return [_plain(one) for one in result]
    return result.model_dump(mode="json") if hasattr(result, "model_dump") else result


@pytest.fixture
def small_qdrant() -> Iterator[SmallQdrant]:
    server = SmallQdrant()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
    server.client.close()
