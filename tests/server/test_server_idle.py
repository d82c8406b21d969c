"""Unread pages are read while nobody asks the server."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import anyio
import pytest
from starlette.testclient import TestClient

from colregion.engine import Engine
from colregion.indexes.memory import MemoryIndex
from colregion.server import ServerLimits, app, idle
from colregion.server.workers import Workers
from tests.ingestion.color_words import color_parser, draw_bars, fine_colors


@pytest.fixture
def unread(tmp_path: Path) -> Engine:
    for name in ("a.png", "b.png"):
        draw_bars(["red", "-", "green"]).save(tmp_path / name)
    engine = Engine(MemoryIndex(), encoder=fine_colors(), parser=color_parser())
    engine.add(tmp_path, reading="on_demand", workers=0, progress=False)
    return engine


def wait_until_read(engine: Engine) -> None:
    deadline = time.monotonic() + 60
    while engine.index.unread_pages() and time.monotonic() < deadline:
        time.sleep(0.02)


def test_pages_are_read_while_nobody_asks(unread: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle, "_IDLE_S", 0.05)
    with idle.idle_reading(unread, Workers(unread.index, ServerLimits())):
        wait_until_read(unread)
    assert unread.index.unread_pages() == {}
    assert unread.search("green", k=1, reading_budget_s=0)[0].text == "green"


def test_nothing_is_read_while_somebody_asks(
    unread: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle, "_IDLE_S", 0.05)
    workers = Workers(unread.index, ServerLimits())
    answered = threading.Event()
    request = threading.Thread(target=anyio.run, args=(workers.run, answered.wait))
    request.start()
    while workers.idle_s > 0:
        time.sleep(0.01)
    with idle.idle_reading(unread, workers):
        time.sleep(0.4)
    assert len(unread.index.unread_pages()) == 2
    answered.set()
    request.join()


def test_a_server_counts_its_idle_time_from_its_last_request(unread: Engine) -> None:
    workers = Workers(unread.index, ServerLimits())
    time.sleep(0.02)
    assert workers.idle_s >= 0.02


@pytest.mark.parametrize(
    ("method", "address"), [("GET", "/api/documents"), ("POST", "/mcp")], ids=["REST", "MCP"]
)
def test_idle_time_starts_anew_with_a_request(unread: Engine, method: str, address: str) -> None:
    application = app(unread)
    with TestClient(application, base_url="http://localhost") as client:
        time.sleep(0.05)
        before = time.monotonic()
        client.request(method, address)
        idle_s = application.state.workers.idle_s
        assert idle_s <= time.monotonic() - before
