from __future__ import annotations

import pytest

from colregion import Engine
from colregion.demo import DOCUMENTS
from colregion.indexes import MemoryIndex

PARSER = "text_layer+geometry"


@pytest.fixture(scope="session")
def engine() -> Engine:
    """Two documents in memory: "report" of 5 pages, "paper"."""
    engine = Engine.open(MemoryIndex(), parser=PARSER)
    files = {"report": "tarrow-annual-report-2024.pdf", "paper": "shore-battery-paper.pdf"}
    for doc_id, name in files.items():
        engine.add(DOCUMENTS / name, doc_id=doc_id, metadata={"team": doc_id[0]}, workers=0)
    return engine
