"""`Engine.as_retriever`."""

from __future__ import annotations

import subprocess
import sys
from importlib.machinery import ModuleSpec

import pytest

from colregion import Box, Engine, InvalidInput, frameworks, langchain, llama_index
from colregion.indexes import MemoryIndex
from colregion.ingestion.pipeline import embed
from colregion.testing import LineParser, WordEncoder, make_parsed_page


@pytest.fixture
def engine() -> Engine:
    encoder = WordEncoder()
    engine = Engine(MemoryIndex(), encoder=encoder, parser=LineParser([]))
    lines = [("total due", Box(0.1, 0.1, 0.6, 0.2)), ("address", Box(0.5, 0.6, 0.9, 0.7))]
    engine.add(list(embed([make_parsed_page(lines)], encoder)))
    return engine


def installed(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    spec = ModuleSpec("x", None)
    found = dict.fromkeys(names, spec)
    monkeypatch.setattr(frameworks, "find_spec", found.get)


def test_as_retriever_makes_the_retriever_of_each_framework(engine: Engine) -> None:
    chain = engine.as_retriever("langchain", k=1, score_key="score")
    assert isinstance(chain, langchain.RegionRetriever)
    (document,) = chain.invoke("total")
    llama = engine.as_retriever("llama-index", similarity_top_k=1)
    assert isinstance(llama, llama_index.RegionRetriever)
    (result,) = llama.retrieve("total")
    assert document.id == result.node_id == "doc#p1#1"
    assert document.metadata["score"] == result.score


def test_as_retriever_takes_the_framework_that_is_installed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(monkeypatch, "llama_index")
    assert isinstance(engine.as_retriever(k=1), llama_index.RegionRetriever)


def test_as_retriever_asks_which_of_several_frameworks(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(monkeypatch, "llama_index", "haystack")
    with pytest.raises(InvalidInput, match=r'as_retriever\("llama_index"\) or as_ret.*haystack"\)'):
        engine.as_retriever()


def test_as_retriever_refuses_an_unknown_framework_and_no_framework(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidInput, match="there are langchain, llama_index, haystack"):
        engine.as_retriever("chroma")
    installed(monkeypatch)
    with pytest.raises(InvalidInput, match="no framework is installed"):
        engine.as_retriever()


def test_the_engine_imports_no_framework() -> None:
    code = (
        "import sys, colregion.engine;"
        "print({'langchain_core', 'llama_index', 'haystack'} & set(sys.modules))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert printed.stdout == b"set()\n"
