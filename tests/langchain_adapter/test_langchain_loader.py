from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.vectorstores import InMemoryVectorStore

from colregion import Box, Engine, InvalidInput, UnreadableDocument
from colregion.demo import DOCUMENTS
from colregion.indexes import MemoryIndex
from colregion.langchain import RegionLoader
from colregion.testing import LineParser, PlainImage

REPORT = DOCUMENTS / "tarrow-annual-report-2024.pdf"
PARSER = "text_layer+geometry"


@cache
def load_report(level: str) -> list[Document]:
    return RegionLoader(REPORT, parser=PARSER, level=level).load()


def picture(path: Path) -> Path:
    PlainImage()().save(path)
    return path


def test_loader_returns_texts_ids_and_metadata_of_the_engine() -> None:
    with Engine.open(MemoryIndex(), parser=PARSER) as engine:
        engine.add(REPORT, metadata={"team": "x"}, workers=0)
        pages = engine.index.load(engine.index.page_ids(REPORT.name))
        hit = engine.search("Income statement, million euros", k=1)[0].expand("area")
    areas = [r for page in pages for r in page.parsed.regions if r.level == "area" and r.text]
    loaded = RegionLoader(REPORT, parser=PARSER, metadata={"team": "x"}).load()
    assert [(d.id, d.page_content) for d in loaded] == [(area.id, area.text) for area in areas]
    assert hit.to_metadata(confidence=False, quotes=False) in [d.metadata for d in loaded]


@pytest.mark.parametrize(
    ("level", "depths"), [("area", {1}), ("block", {1, 2}), ("line", {1, 2, 3})]
)
def test_loader_returns_an_area_without_parts_whole(level: str, depths: set[int]) -> None:
    loaded = load_report(level)
    found = {len(str(d.id).split("#")[-1].split(".")) for d in loaded}
    assert found <= depths
    assert max(depths) in found
    assert all(d.page_content for d in loaded)


def test_loaded_lines_contain_all_words_of_the_document() -> None:
    # The cells of a row are parted by " | " in its text.
    whole = " ".join(d.page_content for d in load_report("area")).replace(" | ", " ")
    lines = load_report("line")
    assert sorted(" ".join(d.page_content for d in lines).split()) == sorted(whole.split())


async def test_loader_reads_folders_and_several_sources_in_order(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    sources = [picture(tmp_path / "z.png"), tmp_path / "scans"]
    for name in ("b.png", "a.png"):
        picture(tmp_path / "scans" / name)
    parser = LineParser([("total due", Box(0.1, 0.1, 0.6, 0.2))])
    loader = RegionLoader(sources, parser=parser)
    assert [d.metadata["doc_id"] for d in loader.load()] == ["z.png", "a.png", "b.png"]
    assert [d async for d in loader.alazy_load()] == loader.load()


def test_loaded_documents_keep_ids_and_boxes_in_a_text_store() -> None:
    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
    loaded = load_report("area")
    store.add_documents(loaded)
    table = next(d for d in loaded if d.metadata["kind"] == "table")
    (found,) = store.similarity_search(table.page_content, k=1)
    assert (found.id, found.metadata) == (table.id, table.metadata)


def test_loader_raises_for_unreadable_files_and_unknown_options(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="level must be one of"):
        RegionLoader(REPORT, level="page")
    with pytest.raises(InvalidInput, match="unknown parser"):
        RegionLoader(REPORT, parser="magic")
    with pytest.raises(InvalidInput, match="no file or folder"):
        RegionLoader(tmp_path / "no.pdf").load()
    (tmp_path / "bad.pdf").write_bytes(b"no document")
    with pytest.raises(UnreadableDocument):
        RegionLoader(tmp_path / "bad.pdf").load()
