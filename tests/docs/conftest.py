"""A folder as a newcomer has it, in which the documentation's examples run."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator

import pytest

from colregion.demo import DOCUMENTS
from colregion.engine import Engine
from tests.docs.blocks import ROOT, blocks_of, run_python


@pytest.fixture(scope="module")
def printed_by_readme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """What the README's Python blocks print, each. They run in the working folder of the module,
    where `colregion demo` has left its documents and `scans` has one of them, and make the index
    `library` there."""
    folder = tmp_path_factory.mktemp("newcomer")
    shutil.copytree(DOCUMENTS, folder / "colregion-demo" / "documents")
    shutil.copytree(DOCUMENTS, folder / "scans", ignore=shutil.ignore_patterns("*.pdf"))
    readme = ROOT / "README.md"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        names: dict[str, object] = {}
        blocks = [block for block in blocks_of(readme) if block.language == "python"]
        printed = [run_python(block, readme, names) for block in blocks]
        shutil.copytree("library", "colregion-demo/index")
        yield printed
    for engine in list(Engine._shared.values()):
        engine.close()


@pytest.fixture
def qdrant_url() -> Iterator[str]:
    """The address of a small server that speaks Qdrant's protocol."""
    from tests.indexes.qdrant.conftest import SmallQdrant  # imports the client

    with SmallQdrant() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.url
        server.shutdown()
        thread.join()
        server.client.close()
