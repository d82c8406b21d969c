"""The components in real pipelines of Haystack, without network."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from haystack import Document, Pipeline
from haystack.components.joiners import DocumentJoiner
from haystack.components.preprocessors import DocumentSplitter
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever
from haystack.dataclasses import ByteStream
from haystack.document_stores.in_memory import InMemoryDocumentStore
from PIL import Image
from pytest_socket import disable_socket, enable_socket

from colregion import Box, Engine, Hit, InvalidInput
from colregion.core.filters import parse_filters
from colregion.demo import DOCUMENTS
from colregion.haystack import RegionRanker, RegionRetriever, region_document
from colregion.haystack.filters import translate
from colregion.indexes import MemoryIndex
from colregion.testing import LineParser, WordEncoder
from tests.haystack_adapter.conftest import PARSER

REPORT = DOCUMENTS / "tarrow-annual-report-2024.pdf"
FUEL = "What did fuel and electricity cost in 2024, in million euros?"


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()


def ids(hits: list[Hit]) -> list[str]:
    return [hit.id for hit in hits]


def loaded(text: str) -> Pipeline:
    try:
        return Pipeline.loads(text, allowed_modules=["colregion"])
    except TypeError:  # version 2 trusts every class
        return Pipeline.loads(text)


def test_retriever_returns_the_hits_of_the_engine_as_documents(engine: Engine) -> None:
    documents = RegionRetriever(engine=engine, top_k=3).run(FUEL)["documents"]
    hits = engine.search(FUEL, k=3)
    assert [one.id for one in documents] == ids(hits)
    assert [one.content for one in documents] == [hit.text for hit in hits]
    assert [one.score for one in documents] == [hit.score for hit in hits]
    assert [one.meta for one in documents] == [hit.to_metadata() for hit in hits]
    assert Document.from_dict(documents[0].to_dict()) == documents[0]


def test_as_retriever_makes_the_component(engine: Engine) -> None:
    retriever = engine.as_retriever("haystack", top_k=1)
    assert isinstance(retriever, RegionRetriever)
    assert len(retriever.run(FUEL)["documents"]) == 1


def test_a_pipeline_takes_filters_and_top_k_for_one_run(engine: Engine) -> None:
    pipeline = Pipeline()
    pipeline.add_component("retriever", RegionRetriever(engine=engine))
    last = {"field": "meta.page_number", "operator": ">=", "value": 5}
    asked = {"query": FUEL, "top_k": 2, "filters": last}
    regions = pipeline.run({"retriever": asked})["retriever"]["documents"]
    expected = engine.search(FUEL, k=2, filters={"page_number": {"gte": 5}})
    assert [one.id for one in regions] == ids(expected)
    assert len(regions) == 2


def test_filters_of_a_run_only_narrow_those_of_the_retriever(engine: Engine) -> None:
    retriever = RegionRetriever(engine=engine, filters={"doc_id": "report"})
    paper = {"field": "meta.team", "operator": "==", "value": "p"}
    assert retriever.run(FUEL, filters=paper) == {"documents": []}


def test_a_pipeline_survives_yaml(tmp_path: Path) -> None:
    with Engine.open(tmp_path / "index", parser=PARSER) as engine:
        engine.add(REPORT, doc_id="report", workers=0)
    pipeline = Pipeline()
    retriever = RegionRetriever(
        tmp_path / "index", top_k=2, filters={"page_number": 5}, min_confidence=0.0
    )
    ranker = RegionRanker(top_k=1, first_page=0, files={"a": REPORT}, without_page="drop")
    pipeline.add_component("retriever", retriever)
    pipeline.add_component("ranker", ranker)
    text = pipeline.dumps()
    again = loaded(text)
    assert again.dumps() == text
    regions = again.get_component("retriever").run(FUEL)["documents"]
    assert {one.meta["page_number"] for one in regions} == {5}
    assert len(regions) == 2
    ranked = again.get_component("ranker").run(FUEL, [Document(meta={"doc_id": "a", "page": 4})])
    assert [one.meta["page_number"] for one in ranked["documents"]] == [5]
    Engine.shared(tmp_path / "index").close()


@pytest.mark.parametrize("component", [RegionRetriever, RegionRanker])
def test_a_component_with_an_engine_cannot_be_serialised(engine: Engine, component: Any) -> None:
    with pytest.raises(InvalidInput, match="index="):
        component(engine=engine).to_dict()


def test_ranker_turns_the_pages_of_haystacks_own_splitter_into_regions(engine: Engine) -> None:
    # As PyPDFToDocument writes it: pages separated by form feeds, and the file's path.
    text = "\f".join(f"fuel on page {n}" for n in range(1, 6))
    whole = Document(content=text, meta={"file_path": str(REPORT)})
    pages = DocumentSplitter(split_by="page", split_length=1).run([whole])["documents"]
    store = InMemoryDocumentStore()
    store.write_documents(pages)
    pipeline = Pipeline()
    pipeline.add_component("pages", InMemoryBM25Retriever(store))
    pipeline.add_component("regions", RegionRanker(engine=engine, top_k=2))
    pipeline.connect("pages.documents", "regions.documents")
    asked = {"pages": {"query": "fuel"}, "regions": {"query": FUEL}}
    regions = pipeline.run(asked)["regions"]["documents"]
    expected = engine.rank(FUEL, [f"report#p{n}" for n in range(1, 6)], k=2)
    assert [one.meta["page_number"] for one in regions] == [hit.page_number for hit in expected]
    assert [one.content for one in regions] == [hit.text for hit in expected]


def test_ranker_reads_a_page_image_in_the_blob() -> None:
    lines = [("total due", Box(0.1, 0.1, 0.6, 0.2)), ("address", Box(0.5, 0.6, 0.9, 0.7))]
    reader = Engine(MemoryIndex(), encoder=WordEncoder(), parser=LineParser(lines))
    png = io.BytesIO()
    Image.new("RGB", (60, 80)).save(png, "PNG")
    page = Document(
        blob=ByteStream(png.getvalue(), mime_type="image/png"),
        meta={"doc_id": "acme", "page_number": 7},
    )
    (region,) = RegionRanker(engine=reader, top_k=1).run("total", [page])["documents"]
    assert (region.id, region.content) == ("acme#p7#1", "total due")


def test_documents_without_a_page_follow_the_regions_or_are_dropped(engine: Engine) -> None:
    note = Document(content="A note.", meta={"title": "x"})
    page = Document(meta={"doc_id": "report", "page_number": 5})
    keep = RegionRanker(engine=engine, top_k=2).run(FUEL, [note, page])["documents"]
    assert [one.id for one in keep] == [*ids(engine.rank(FUEL, "report#p5", k=2)), note.id]
    drop = RegionRanker(engine=engine, top_k=2, without_page="drop").run(FUEL, [note, page])
    assert drop["documents"] == keep[:2]
    assert RegionRanker(engine=engine).run(FUEL, []) == {"documents": []}


def test_a_joiner_fuses_the_same_region_from_two_questions(engine: Engine) -> None:
    joiner = DocumentJoiner(join_mode="reciprocal_rank_fusion")
    (hit,) = engine.search(FUEL, k=1)
    (same,) = engine.search(FUEL, k=1, filters={"doc_id": hit.doc_id})
    both = [[region_document(hit)], [region_document(same)]]
    assert [one.id for one in joiner.run(both)["documents"]] == [hit.id]


def test_retriever_writes_crops(engine: Engine, tmp_path: Path) -> None:
    (region,) = RegionRetriever(engine=engine, top_k=1, crops=tmp_path).run(FUEL)["documents"]
    assert [region.meta["crop_path"]] == [str(path) for path in tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("filters", "same"),
    [
        (None, None),
        ({}, None),
        ({"doc_id": "a"}, {"doc_id": "a"}),
        ({"field": "meta.kind", "operator": "==", "value": "table"}, {"kind": "table"}),
        (
            {"field": "team", "operator": "not in", "value": ["a"]},
            {"metadata.team": {"nin": ["a"]}},
        ),
        (
            {
                "operator": "AND",
                "conditions": [
                    {"field": "meta.page_number", "operator": ">", "value": 2},
                    {
                        "operator": "AND",
                        "conditions": [{"field": "meta.year", "operator": "in", "value": [1, 2]}],
                    },
                ],
            },
            [{"page_number": {"gt": 2}}, {"metadata.year": [1, 2]}],
        ),
    ],
)
def test_haystacks_filters_are_those_of_the_engine(filters: Any, same: Any) -> None:
    assert translate(filters) == parse_filters(same)


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"operator": "OR", "conditions": []}, "combined by 'OR'"),
        ({"field": "meta.team", "operator": "like", "value": "a"}, "operator 'like'"),
        ({"field": "meta.x0", "operator": ">", "value": 0.5}, "cannot be filtered by 'x0'"),
        ({"page": 3}, "page"),
    ],
)
def test_filters_that_cannot_be_translated_are_refused(filters: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        RegionRetriever("library", filters=filters)


def test_retriever_needs_an_index_or_an_engine(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="index="):
        RegionRetriever()
    with pytest.raises(InvalidInput, match="no index"):
        RegionRetriever(tmp_path / "missing").run(FUEL)
