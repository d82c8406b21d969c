from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from colregion import Engine
from colregion.demo import DOCUMENTS
from colregion.indexes import MemoryIndex

PARSER = "text_layer+geometry"


@cache
def _library() -> Engine:
    engine = Engine.open(MemoryIndex(), parser=PARSER)
    engine.add(DOCUMENTS / "tarrow-annual-report-2024.pdf", doc_id="report", metadata={"team": "x"})
    engine.add(DOCUMENTS / "shore-battery-paper.pdf", doc_id="paper", metadata={"team": "y"})
    return engine


@pytest.fixture
def engine() -> Engine:
    """Two documents in memory: "report" of 5 pages, "paper"."""
    return _library()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An index in a folder, with "report" alone."""
    with Engine.open(tmp_path / "index", parser=PARSER) as engine:
        engine.add(DOCUMENTS / "tarrow-annual-report-2024.pdf", doc_id="report")
    return tmp_path / "index"
