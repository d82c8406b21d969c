from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from colregion import Box, Engine, QueryEmbedding
from colregion.demo import DOCUMENTS
from colregion.indexes import MemoryIndex
from colregion.ingestion.pipeline import embed
from colregion.testing import LineParser, WordEncoder, make_parsed_page

PARSER = "text_layer+geometry"


@cache
def _library() -> Engine:
    engine = Engine.open(MemoryIndex(), parser=PARSER)
    engine.add(
        DOCUMENTS / "tarrow-annual-report-2024.pdf",
        doc_id="report",
        metadata={"team": "x"},
        workers=0,
    )
    engine.add(
        DOCUMENTS / "shore-battery-paper.pdf", doc_id="paper", metadata={"team": "y"}, workers=0
    )
    return engine


@pytest.fixture
def engine() -> Engine:
    """Two documents in memory: "report" of 5 pages, "paper"."""
    return _library()


@pytest.fixture(scope="session")
def _report_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "index"
    with Engine.open(folder, parser=PARSER) as engine:
        engine.add(DOCUMENTS / "tarrow-annual-report-2024.pdf", doc_id="report", workers=0)
    return folder


@pytest.fixture
def folder(_report_index: Path, tmp_path: Path) -> Path:
    """An index in a folder of the test's own, with "report" alone."""
    return shutil.copytree(_report_index, tmp_path / "index")


class MeetingEncoder(WordEncoder):
    """Answers no question before `n` are being asked."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.all_here = threading.Barrier(n, timeout=20)

    def encode_query(self, text: str) -> QueryEmbedding:
        self.all_here.wait()
        return super().encode_query(text)


@pytest.fixture
def meeting_engine() -> Callable[[int], Engine]:
    """Makes an engine that answers when `n` questions are being asked, from two pages with the
    same lines."""

    def make(n: int) -> Engine:
        encoder = MeetingEncoder(n)
        engine = Engine(MemoryIndex(), encoder=encoder, parser=LineParser([]))
        lines = [("total due", Box(0.1, 0.1, 0.6, 0.2)), ("address", Box(0.5, 0.6, 0.9, 0.7))]
        pages = [make_parsed_page(lines, number=number) for number in (1, 2)]
        engine.add(list(embed(pages, encoder)))
        return engine

    return make
