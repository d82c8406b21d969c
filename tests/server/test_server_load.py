"""Many clients at once, clients that hang up, and an index that changes while it is served."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from PIL import Image
from starlette.testclient import TestClient

from colregion.core.embeddings import QueryEmbedding
from colregion.engine import Engine
from colregion.indexes import LocalIndex, MemoryIndex
from colregion.indexes.local.schema import DATABASE
from colregion.server import ServerLimits, app
from colregion.testing import LineParser, WordEncoder
from tests.server.conftest import LINES


class CountingEncoder(WordEncoder):
    """Counts how many questions it encodes at a time, and stops while `gate` is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = self.total = 0
        self.lock = threading.Lock()
        self.gate = threading.Event()
        self.gate.set()

    def encode_query(self, text: str) -> QueryEmbedding:
        with self.lock:
            self.now += 1
            self.total += 1
            self.most = max(self.most, self.now)
        assert self.gate.wait(timeout=20)
        time.sleep(0.005)
        with self.lock:
            self.now -= 1
        return super().encode_query(text)


@pytest.fixture
def encoder() -> CountingEncoder:
    return CountingEncoder()


@pytest.fixture
def counting_engine(encoder: CountingEncoder, scan: Path) -> Engine:
    engine = Engine(MemoryIndex(), encoder=encoder, parser=LineParser(LINES))
    assert not engine.add(scan, workers=0).failed
    return engine


@asynccontextmanager
async def connected(application: Any) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def ask(client: httpx.AsyncClient, number: int = 0) -> httpx.Response:
    return await client.post("/api/search", json={"question": f"alpha {number}"})


async def wait_until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(20):
        while not condition():
            await asyncio.sleep(0.01)


async def test_fifty_questions_at_once_are_all_answered_four_at_a_time(
    counting_engine: Engine, encoder: CountingEncoder
) -> None:
    async with connected(app(counting_engine, limits=ServerLimits(concurrent=4))) as client:
        answers = await asyncio.gather(*(ask(client, n) for n in range(50)))
    assert [answer.status_code for answer in answers] == [200] * 50
    assert all(len(answer.json()["regions"]) == 2 for answer in answers)
    assert (encoder.most, encoder.total) == (4, 50)


async def test_questions_beyond_the_queue_are_refused_and_the_others_answered(
    counting_engine: Engine, encoder: CountingEncoder
) -> None:
    encoder.gate.clear()
    limits = ServerLimits(concurrent=1, waiting=2)
    async with connected(app(counting_engine, limits=limits)) as client:
        accepted = [asyncio.create_task(ask(client)) for _ in range(3)]
        await wait_until(lambda: encoder.now == 1)
        await asyncio.sleep(0.05)
        refused = await ask(client)
        over_mcp = await client.post("/mcp", json={})
        encoder.gate.set()
        answers = await asyncio.gather(*accepted)
    assert refused.status_code == over_mcp.status_code == 503
    assert refused.json()["error"] == "the server is busy; ask again in a moment"
    assert refused.headers["retry-after"] == "1"
    assert [answer.status_code for answer in answers] == [200] * 3


async def test_event_loop_answers_while_the_engine_works(
    counting_engine: Engine, encoder: CountingEncoder
) -> None:
    encoder.gate.clear()
    async with connected(app(counting_engine)) as client:
        asked = asyncio.create_task(ask(client))
        await wait_until(lambda: encoder.now == 1)
        assert (await client.get("/")).status_code == 200
        encoder.gate.set()
        assert (await asked).status_code == 200


async def test_client_that_hangs_up_disturbs_no_other(
    counting_engine: Engine, encoder: CountingEncoder
) -> None:
    encoder.gate.clear()
    async with connected(app(counting_engine, limits=ServerLimits(concurrent=1))) as client:
        asked = asyncio.create_task(ask(client))
        await wait_until(lambda: encoder.now == 1)
        asked.cancel()
        encoder.gate.set()
        assert (await ask(client)).status_code == 200


def test_documents_added_while_serving_are_found(
    local_engine: Engine, client_of: Callable[..., TestClient], scan: Path
) -> None:
    client = client_of(local_engine)
    assert client.get("/api/documents").json()["total"] == 1
    other = scan.with_name("other.png")
    Image.open(scan).rotate(180).save(other)
    with Engine(
        LocalIndex(scan.parent / "library"), encoder=WordEncoder(), parser=LineParser(LINES)
    ) as writer:
        writer.add(other, workers=0)
    body = {"question": "alpha", "filters": {"doc_id": "other.png"}}
    assert len(client.post("/api/search", json=body).json()["regions"]) == 2


def test_document_removed_while_serving_is_gone_with_a_sentence(
    local_engine: Engine, client_of: Callable[..., TestClient], scan: Path
) -> None:
    client = client_of(local_engine)
    assert client.get("/api/pages/scan.png%23p1.jpg").status_code == 200
    with LocalIndex(scan.parent / "library") as writer:
        writer.remove("scan.png")
    for path in ("/api/pages/scan.png%23p1.jpg", "/api/regions/scan.png%23p1%231.png"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "no page 'scan.png#p1' in the index" in answer.json()["error"]


def test_question_is_answered_while_another_process_writes(
    local_engine: Engine, client_of: Callable[..., TestClient], tmp_path: Path
) -> None:
    client = client_of(local_engine)
    with closing(sqlite3.connect(tmp_path / "library" / DATABASE)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert client.post("/api/search", json={"question": "alpha"}).status_code == 200
        writer.execute("ROLLBACK")


@pytest.mark.parametrize("replaced", [False, True])
def test_index_removed_or_replaced_while_serving_is_a_sentence(
    local_engine: Engine, client_of: Callable[..., TestClient], tmp_path: Path, replaced: bool
) -> None:
    client = client_of(local_engine)
    shutil.rmtree(tmp_path / "library")
    if replaced:
        LocalIndex(tmp_path / "library").close()
    for answer in (
        client.post("/api/search", json={"question": "alpha"}),
        client.get("/api/documents"),
        client.get("/api/pages/scan.png%23p1.jpg"),
        client.post("/mcp", json={}),
    ):
        assert answer.status_code == 503
        assert "was removed or replaced while it was served" in answer.json()["error"]
    report = client.get("/report?q=alpha")
    assert report.status_code == 503
    assert "was removed or replaced" in report.text


def test_missing_page_image_is_a_sentence(
    local_engine: Engine, client_of: Callable[..., TestClient], tmp_path: Path
) -> None:
    client = client_of(local_engine)
    shutil.rmtree(tmp_path / "library" / "images")
    answer = client.get("/api/pages/scan.png%23p1.jpg")
    assert answer.status_code == 404
    assert "is gone" in answer.json()["error"]
