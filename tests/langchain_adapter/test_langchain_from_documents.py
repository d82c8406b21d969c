"""`RegionRetriever.from_documents`, over documents of the real loader's kind."""

from __future__ import annotations

import inspect
import shutil
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from pydantic import ValidationError

from colregion import Engine, InvalidInput
from colregion.demo import DOCUMENTS
from colregion.indexes import MemoryIndex
from colregion.langchain import RegionRetriever

PAPER = DOCUMENTS / "shore-battery-paper.pdf"
QUESTION = "What does a quay battery cost?"


def pages(file: Path, **metadata: Any) -> list[Document]:
    """As PyPDFLoader loads a file of two pages."""
    return [
        Document(f"page {n}", metadata={"source": str(file), "page": n, "team": "x", **metadata})
        for n in range(2)
    ]


@pytest.fixture
def engine() -> Engine:
    return Engine.open(MemoryIndex(), parser="text_layer+geometry")


def test_files_of_the_documents_are_searched_with_the_metadata_they_share(engine: Engine) -> None:
    documents = pages(PAPER)
    documents[1].metadata["chapter"] = 2
    retriever = RegionRetriever.from_documents(documents, engine=engine, k=2)
    regions = retriever.invoke(QUESTION)
    assert [one.id for one in regions] == [hit.id for hit in engine.search(QUESTION, k=2)]
    assert regions[0].metadata["doc_id"] == PAPER.name
    assert regions[0].metadata["team"] == "x"
    assert "chapter" not in regions[0].metadata


@pytest.mark.slow
def test_a_folder_is_filled_and_used_again(tmp_path: Path) -> None:
    folder = tmp_path / "library"
    retriever = RegionRetriever.from_documents(pages(PAPER), folder, k=1)
    assert (retriever.index, retriever.engine) == (folder, None)
    assert RegionRetriever(folder, k=1).invoke(QUESTION) == retriever.invoke(QUESTION)
    shared = Engine.shared(folder)
    assert [entry.id for entry in shared.documents()] == [PAPER.name]
    shared.close()


def test_files_that_cannot_be_read_are_warned_of(tmp_path: Path, engine: Engine) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    documents = [*pages(PAPER), *pages(tmp_path / "broken.pdf", team="y")]
    with pytest.warns(UserWarning, match=r"broken\.pdf: "):
        RegionRetriever.from_documents(documents, engine=engine)
    assert [entry.id for entry in engine.documents()] == [PAPER.name]


def test_files_of_the_same_name_stay_two_documents(tmp_path: Path, engine: Engine) -> None:
    other = tmp_path / PAPER.name
    shutil.copy(DOCUMENTS / "tarrow-annual-report-2024.pdf", other)
    RegionRetriever.from_documents([*pages(PAPER), *pages(other, team="y")], engine=engine)
    teams = {entry.source: entry.metadata["team"] for entry in engine.documents()}
    assert teams == {str(PAPER): "x", str(other): "y"}


def test_a_document_that_names_no_file_is_refused(engine: Engine) -> None:
    documents = [*pages(PAPER), Document("A note.", metadata={"title": "x"})]
    with pytest.raises(InvalidInput, match="document 2 does not name its file"):
        RegionRetriever.from_documents(documents, engine=engine)
    assert engine.documents() == []


def test_index_is_the_first_positional_argument() -> None:
    assert RegionRetriever("library", k=3) == RegionRetriever(index="library", k=3)
    assert next(iter(inspect.signature(RegionRetriever).parameters)) == "index"
    with pytest.raises(ValidationError, match="not both"):
        RegionRetriever("library", engine=Engine.open(MemoryIndex()))


def test_arguments_of_vector_stores_are_refused_with_ours() -> None:
    arguments: dict[str, Any] = {"search_kwargs": {"k": 3}}
    with pytest.raises(ValidationError, match="there is no search_kwargs; give k="):
        RegionRetriever("library", **arguments)
