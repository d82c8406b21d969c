"""Engines to serve, and clients of an application in this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from colregion.core.documents import Document
from colregion.core.geometry import Box, Upright
from colregion.core.regions import ParsedPage
from colregion.demo import DOCUMENTS
from colregion.engine import Engine
from colregion.indexes import LocalIndex, MemoryIndex
from colregion.testing import LineParser, WordEncoder

if TYPE_CHECKING:
    from starlette.testclient import TestClient

LINES = [
    ("alpha beta", Box(0.1, 0.1, 0.9, 0.2)),
    ("gamma \ud800 delta", Box(0.25, 0.5, 0.75, 0.7)),
]
(REPORT,) = DOCUMENTS.glob("*report*.pdf")
(RECEIPT,) = DOCUMENTS.glob("*receipt*.jpg")


@contextmanager
def served(application: Any) -> Iterator[str]:
    """The address of an application on a port of this machine."""
    import uvicorn

    config = uvicorn.Config(application, port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=20)


def make_scan(folder: Path) -> Path:
    """200 x 100 px, white, red where the second line is."""
    image = Image.new("RGB", (200, 100), "white")
    image.paste((255, 0, 0), (50, 50, 150, 70))
    path = folder / "scan.png"
    image.save(path)
    return path


class SidewaysParser(LineParser):
    """Pages that a quarter turn clockwise makes upright."""

    def parse(self, document: Document) -> Iterator[ParsedPage]:
        for parsed in super().parse(document):
            page = parsed.page
            upright = Upright(90, page.width, page.height)
            yield replace(parsed, page=replace(page, upright=upright))


def make_engine(scan: Path) -> Engine:
    """One page of two lines, in memory."""
    engine = Engine(MemoryIndex(), encoder=WordEncoder(), parser=LineParser(LINES))
    assert not engine.add(scan, metadata={"team": "x"}, workers=0).failed
    return engine


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    return make_scan(tmp_path)


@pytest.fixture
def engine(scan: Path) -> Engine:
    return make_engine(scan)


@pytest.fixture
def sideways_engine(scan: Path) -> Engine:
    """The same page, as a scan that lies on its side."""
    engine = Engine(MemoryIndex(), encoder=WordEncoder(), parser=SidewaysParser(LINES))
    assert not engine.add(scan, workers=0).failed
    return engine


@pytest.fixture
def local_engine(scan: Path, tmp_path: Path) -> Engine:
    """The same page in a folder."""
    index = LocalIndex(tmp_path / "library")
    engine = Engine(index, encoder=WordEncoder(), parser=LineParser(LINES))
    assert not engine.add(scan, workers=0).failed
    return engine


@pytest.fixture(scope="session")
def demo_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an index of the demo's annual report, read without OCR."""
    folder = tmp_path_factory.mktemp("served") / "library"
    with Engine.open(folder, parser="text_layer+geometry") as engine:
        assert not engine.add(REPORT, workers=0).failed
    return folder


@pytest.fixture
def client_of() -> Callable[..., TestClient]:
    """A client of the application of an engine, which takes the options of `app`."""

    def make(engine: Engine, **options: Any) -> TestClient:
        from starlette.testclient import TestClient

        from colregion.server import app

        return TestClient(app(engine, **options), base_url="http://localhost:8010")

    return make


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    """A client that only reads, of a server that only reads."""
    from starlette.testclient import TestClient

    from colregion.server import app

    engine = make_engine(make_scan(tmp_path_factory.mktemp("read")))
    return TestClient(app(engine), base_url="http://localhost:8010")
