"""`RegionRetriever.from_documents`, over what LlamaIndex's readers make."""

from __future__ import annotations

import pytest
from llama_index.core.schema import Document

from colregion import Engine, InvalidInput
from colregion.demo import DOCUMENTS
from colregion.indexes import MemoryIndex
from colregion.llama_index import RegionRetriever

PAPER = DOCUMENTS / "shore-battery-paper.pdf"
QUESTION = "What does a quay battery cost?"


@pytest.fixture
def engine() -> Engine:
    return Engine.open(MemoryIndex(), parser="text_layer+geometry")


def test_files_of_the_documents_are_searched(engine: Engine) -> None:
    documents = [
        Document(text="", metadata={"page_label": str(n), "file_path": str(PAPER), "team": "x"})
        for n in (1, 2)
    ]
    retriever = RegionRetriever.from_documents(documents, engine=engine, k=2)
    regions = retriever.retrieve(QUESTION)
    assert [one.node_id for one in regions] == [hit.id for hit in engine.search(QUESTION, k=2)]
    assert regions[0].node.metadata["team"] == "x"


def test_files_are_found_by_the_name_that_the_documents_have(engine: Engine) -> None:
    documents = [Document(text="", metadata={"page_label": "1", "file_name": "a.pdf"})]
    RegionRetriever.from_documents(documents, engine=engine, files={"a.pdf": PAPER})
    assert [entry.source for entry in engine.documents()] == [str(PAPER)]


def test_a_document_that_names_no_file_is_refused(engine: Engine) -> None:
    with pytest.raises(InvalidInput, match="document 0 does not name its file"):
        RegionRetriever.from_documents([Document(text="x")], engine=engine)


def test_the_retrievers_repr_names_its_index() -> None:
    assert repr(RegionRetriever("library", k=3)) == "RegionRetriever('library', k=3)"
