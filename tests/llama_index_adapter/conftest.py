from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_socket import disable_socket, enable_socket

from colregion import Box, Engine
from colregion.core.embeddings import EmbeddedPage
from colregion.demo import DOCUMENTS
from colregion.indexes import MemoryIndex
from colregion.testing import LineParser, WordEncoder, make_parsed_page

TOTAL = ("total due", Box(0.1, 0.1, 0.6, 0.2))
VENDOR = ("vendor name", Box(0.3, 0.4, 0.9, 0.5))
NUMBER = ("invoice number", Box(0.1, 0.7, 0.5, 0.8))


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    disable_socket(allow_unix_socket=True)  # the event loop talks to itself through one
    yield
    enable_socket()


@pytest.fixture
def engine() -> Engine:
    """Three lines on each of two pages of "a" and on the one page of "b", in memory."""
    encoder = WordEncoder()
    engine = Engine(MemoryIndex(), encoder=encoder, parser=LineParser([TOTAL, VENDOR, NUMBER]))
    for doc_id, page_count in (("a", 2), ("b", 1)):
        parsed = [
            make_parsed_page([TOTAL, VENDOR, NUMBER], doc_id=doc_id, number=number + 1)
            for number in range(page_count)
        ]
        pages = map(EmbeddedPage, parsed, encoder.encode_pages(parsed))
        engine.add(list(pages), metadata={"team": f"team {doc_id}", "year": 2024})
    return engine


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An index in a folder, with the 5 pages of "report"."""
    folder = tmp_path_factory.mktemp("library")
    with Engine.open(folder, parser="text_layer+geometry") as engine:
        engine.add(DOCUMENTS / "tarrow-annual-report-2024.pdf", doc_id="report", workers=0)
    yield folder
    Engine.shared(folder).close()
