"""Regions of files as documents."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from llama_index.core import SimpleDirectoryReader
from llama_index.core.schema import Document, MetadataMode

from colregion import Engine, Hit, InvalidInput, UnreadableDocument
from colregion.demo import DOCUMENTS
from colregion.indexes import MemoryIndex
from colregion.llama_index import RegionReader, region_node

REPORT = DOCUMENTS / "tarrow-annual-report-2024.pdf"
SLIDE = DOCUMENTS / "winter-timetable-slide.pdf"
PARSER = "text_layer+geometry"


def test_reading_no_files_returns_no_documents() -> None:
    assert RegionReader(parser=PARSER).load_data([]) == []


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(InvalidInput, match="area, block, line"):
        RegionReader(level="paragraph")


def test_reader_raises_for_unreadable_files_and_invalid_metadata(tmp_path: Path) -> None:
    reader = RegionReader(parser=PARSER)
    with pytest.raises(InvalidInput, match="no file"):
        reader.load_data(tmp_path / "missing.pdf")
    (tmp_path / "damaged.pdf").write_bytes(b"%PDF-1.7 rubbish")
    with pytest.raises(UnreadableDocument, match="damaged"):
        reader.load_data(tmp_path / "damaged.pdf")
    with pytest.raises(InvalidInput, match="metadata"):
        reader.load_data(REPORT, extra_info={"doc_id": "mine"})


def test_reader_parses_pages_lazily(tmp_path: Path) -> None:
    (tmp_path / "b.pdf").write_bytes(b"%PDF-1.7 rubbish")
    (tmp_path / "a.pdf").write_bytes(REPORT.read_bytes())
    documents = iter(RegionReader(parser=PARSER).lazy_load_data(tmp_path))
    assert next(documents).metadata["doc_id"] == "a.pdf"
    with pytest.raises(UnreadableDocument):
        list(documents)


@pytest.fixture(scope="module")
def report() -> Engine:
    engine = Engine.open(MemoryIndex(), parser=PARSER)
    engine.add(REPORT, metadata={"team": "x"}, workers=0)
    return engine


@pytest.mark.parametrize("level", ["area", "block", "line"])
def test_read_documents_equal_the_nodes_of_a_search(report: Engine, level: str) -> None:
    pages = report.index.page_ids(REPORT.name)
    reader = RegionReader(level=level, parser=PARSER)
    read = {node.id_: node for node in reader.load_data(REPORT, extra_info={"team": "x"})}
    found = {
        hit.id: region_node(hit).node
        for hit in (
            Hit(region, page.parsed, report.index.entry(REPORT.name), score=1.0)
            for page in report.index.load(pages)
            for region in page.parsed.regions
            if region.level == level and region.text
        )
    }
    assert len(found) > 20
    assert found.keys() <= read.keys()
    for name, node in found.items():
        document = read[name]
        for mode in MetadataMode:
            assert document.get_content(mode) == node.get_content(mode)
        assert document.metadata == node.metadata
        assert document.relationships == node.relationships


def test_documents_come_in_reading_order_and_form_a_chain() -> None:
    documents = RegionReader(level="line", parser=PARSER).load_data(REPORT)
    for before, after in pairwise(documents):
        assert isinstance(before, Document)
        if before.metadata["page_number"] == after.metadata["page_number"]:
            assert before.next_node is not None
            assert before.next_node.node_id == after.id_
            assert after.prev_node is not None
            assert after.prev_node.node_id == before.id_
        else:
            assert before.next_node is None
            assert after.prev_node is None


def test_files_get_distinct_ids_and_are_read_once(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.pdf").write_bytes(SLIDE.read_bytes())
    reader = RegionReader(parser=PARSER)
    below = reader.load_data(tmp_path)
    assert {document.metadata["doc_id"] for document in below} == {"x/same.pdf", "y/same.pdf"}
    paths = [tmp_path / "x" / "same.pdf", tmp_path / "y" / "same.pdf", tmp_path / "x"]
    named = reader.load_data(paths)
    assert len(named) == len(below) == len({document.id_ for document in named})
    first, second = sorted({document.metadata["doc_id"] for document in named})
    assert first == "same.pdf"
    assert second.startswith("same.pdf~")


def test_reader_works_as_a_file_extractor(tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(REPORT.read_bytes())
    reader = SimpleDirectoryReader(
        str(tmp_path), file_extractor={".pdf": RegionReader(parser=PARSER)}
    )
    documents = reader.load_data()
    assert len(documents) > 20
    assert documents[0].id_ == "report.pdf#p1#1"
    assert documents[0].metadata["file_name"] == "report.pdf"
    assert documents[0].metadata["page_number"] == 1
