"""The retriever's nodes, and what it may be asked."""

from __future__ import annotations

import asyncio
import pickle
import threading
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.schema import (
    ImageNode,
    MetadataMode,
    Node,
    NodeRelationship,
    NodeWithScore,
    ObjectType,
    QueryBundle,
    TextNode,
)
from llama_index.core.storage.docstore.utils import doc_to_json, json_to_doc
from llama_index.core.tools import RetrieverTool
from llama_index.core.vector_stores.utils import node_to_metadata_dict
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.span_handlers import SimpleSpanHandler
from PIL import Image

from colregion import BackendError, Engine, Hit, InvalidInput, QueryEmbedding
from colregion.indexes import MemoryIndex
from colregion.llama_index import RegionQueryBundle, RegionRetriever, region_node
from colregion.testing import LineParser, WordEncoder

QUESTION = "total"


def ids(found: list[NodeWithScore]) -> list[str]:
    return [node.node_id for node in found]


def related(node: Any, relation: NodeRelationship) -> tuple[str, str | None]:
    other = node.relationships[relation]
    assert other.metadata == {}
    return other.node_id, other.node_type


class TestEmpty:
    def test_an_empty_index_returns_no_nodes(self) -> None:
        empty = Engine(MemoryIndex(), encoder=WordEncoder(), parser=LineParser([]))
        assert RegionRetriever(engine=empty).retrieve(QUESTION) == []

    @pytest.mark.parametrize("question", ["", " ", "\n"])
    def test_an_empty_question_is_refused(self, engine: Engine, question: str) -> None:
        with pytest.raises(InvalidInput, match="question is empty"):
            RegionRetriever(engine=engine).retrieve(question)

    @pytest.mark.parametrize("k", [0, -1])
    def test_k_below_one_is_refused(self, engine: Engine, k: int) -> None:
        with pytest.raises(InvalidInput, match="k must"):
            RegionRetriever(engine=engine, k=k).retrieve(QUESTION)
        with pytest.raises(InvalidInput, match="k must"):
            RegionRetriever(engine=engine).retrieve(RegionQueryBundle(QUESTION, k=k))

    def test_a_missing_index_is_refused_and_not_created(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidInput, match="no index"):
            RegionRetriever(index=tmp_path / "mistyped").retrieve(QUESTION)
        assert not (tmp_path / "mistyped").exists()

    def test_retriever_takes_an_index_or_an_engine_but_not_both(self, engine: Engine) -> None:
        with pytest.raises(InvalidInput, match="one of the two"):
            RegionRetriever()
        with pytest.raises(InvalidInput, match="one of the two"):
            RegionRetriever(index="library", engine=engine)


class TestNodes:
    def test_nodes_are_the_engines_hits_in_its_order(self, engine: Engine) -> None:
        hits = engine.search(QUESTION, k=5)
        found = RegionRetriever(engine=engine, k=5).retrieve(QUESTION)
        assert len(hits) == 5
        assert [
            (node.node_id, node.score, node.node.get_content(), node.metadata) for node in found
        ] == [
            (hit.id, hit.score, hit.text, hit.to_metadata(confidence=False, quotes=False))
            for hit in hits
        ]
        assert all(type(node.node) is TextNode for node in found)

    def test_a_question_of_fifty_thousand_characters_is_answered(self, folder: Path) -> None:
        question = "What did fuel cost? " * 2500
        assert len(RegionRetriever(index=folder, k=2).retrieve(question)) == 2

    def test_equal_questions_return_equal_nodes(self, engine: Engine) -> None:
        first, second = (RegionRetriever(engine=engine).retrieve(QUESTION) for _ in range(2))
        assert [node.node.hash for node in first] == [node.node.hash for node in second]

    def test_score_and_confidence_are_not_part_of_the_node(self, engine: Engine) -> None:
        (hit,) = engine.search(QUESTION, k=1)
        low, high = (region_node(Hit(hit.region, hit.parsed, hit.entry, s)) for s in (0.0, 2.5))
        assert (low.score, high.score) == (0.0, 2.5)
        assert low.node.hash == high.node.hash
        assert "score" not in high.node.metadata

    def test_a_node_knows_its_document_page_and_neighbours(self, engine: Engine) -> None:
        (hit,) = engine.search("vendor", k=1, filters={"doc_id": "a", "page_number": 2})
        node = region_node(hit).node
        level = "" if hit.region.level == "area" else ".1" * (len(hit.region.path) - 1)
        text = ObjectType.TEXT
        assert related(node, NodeRelationship.SOURCE) == ("a", ObjectType.DOCUMENT)
        assert related(node, NodeRelationship.PARENT) == ("a#p2", text)
        assert related(node, NodeRelationship.PREVIOUS) == (f"a#p2#1{level}", text)
        assert related(node, NodeRelationship.NEXT) == (f"a#p2#3{level}", text)

    def test_the_first_and_last_region_have_one_neighbour_and_a_page_none(
        self, engine: Engine
    ) -> None:
        beside = {NodeRelationship.PREVIOUS, NodeRelationship.NEXT}
        (hit,) = engine.search("total", k=1, filters={"doc_id": "b"})
        assert beside & region_node(hit).node.relationships.keys() == {NodeRelationship.NEXT}
        assert not beside & region_node(hit.expand("page")).node.relationships.keys()
        (hit,) = engine.search("invoice", k=1, filters={"doc_id": "b"})
        assert beside & region_node(hit).node.relationships.keys() == {NodeRelationship.PREVIOUS}

    def test_most_metadata_is_hidden_from_model_and_embedder(self, engine: Engine) -> None:
        (found,) = RegionRetriever(engine=engine, k=1, filters={"doc_id": "b"}).retrieve("total")
        users = "team: team b\nyear: 2024\n\ntotal due"
        assert found.node.get_content(MetadataMode.LLM) == f"doc_id: b\npage_number: 1\n{users}"
        assert found.node.get_content(MetadataMode.EMBED) == users
        assert found.node.get_content() == "total due"

    @pytest.mark.parametrize("crops", [False, True])
    def test_nodes_survive_json_pickle_and_the_document_store(
        self, engine: Engine, tmp_path: Path, crops: bool
    ) -> None:
        retriever = RegionRetriever(engine=engine, crops=tmp_path if crops else None)
        for found in retriever.retrieve(QUESTION):
            node = found.node
            copies = [
                type(node).from_json(node.to_json()),
                pickle.loads(pickle.dumps(node)),
                json_to_doc(doc_to_json(node)),
            ]
            for copy in copies:
                assert copy == node
                assert copy.hash == node.hash

    def test_flat_stores_keep_metadata_and_document_id(self, engine: Engine) -> None:
        (found,) = RegionRetriever(engine=engine, k=1).retrieve(QUESTION)
        kept = node_to_metadata_dict(found.node, flat_metadata=True)
        assert kept["doc_id"] == kept["ref_doc_id"] == found.node.metadata["doc_id"]
        assert {key: kept[key] for key in found.node.metadata} == found.node.metadata


class TestCrops:
    def test_a_node_names_the_file_of_its_crop(self, engine: Engine, tmp_path: Path) -> None:
        retriever = RegionRetriever(engine=engine, k=1, crops=tmp_path / "crops")
        (found,) = retriever.retrieve("vendor")
        assert type(found.node) is Node
        assert not isinstance(found.node, ImageNode)
        assert found.node.get_content() == "vendor name"
        assert found.node.image_resource is not None
        path = found.node.image_resource.path
        assert path is not None
        assert path.parent == tmp_path / "crops"
        with Image.open(path) as picture:
            # 0.3-0.9 of 60 px, 0.4-0.5 of 80 px, and 0.36 px on every side.
            assert (picture.format, picture.size) == ("PNG", (38, 10))

    def test_the_crop_of_a_region_is_written_once(self, engine: Engine, tmp_path: Path) -> None:
        retriever = RegionRetriever(engine=engine, k=1, crops=tmp_path)
        first, second = (retriever.retrieve("vendor")[0].node.hash for _ in range(2))
        assert first == second
        assert len(list(tmp_path.iterdir())) == 1

    def test_an_unwritable_crop_folder_is_an_error(self, engine: Engine, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("in the way")
        retriever = RegionRetriever(engine=engine, crops=tmp_path / "file")
        with pytest.raises(BackendError, match="cannot be written"):
            retriever.retrieve(QUESTION)


class TestPerQuestion:
    def test_a_question_can_set_k(self, engine: Engine) -> None:
        retriever = RegionRetriever(engine=engine, k=1)
        assert len(retriever.retrieve(RegionQueryBundle(QUESTION, k=3))) == 3
        assert len(retriever.retrieve(RegionQueryBundle(QUESTION))) == 1
        assert len(retriever.retrieve(QueryBundle(QUESTION))) == 1

    def test_similarity_top_k_is_another_name_for_k(self, engine: Engine) -> None:
        retriever = RegionRetriever(engine=engine, similarity_top_k=2)
        assert (retriever.k, retriever.similarity_top_k) == (2, 2)
        retriever.similarity_top_k = 3
        assert len(retriever.retrieve(QUESTION)) == 3

    def test_a_question_can_set_filters(self, engine: Engine) -> None:
        retriever = RegionRetriever(engine=engine, k=9)
        found = retriever.retrieve(RegionQueryBundle(QUESTION, filters={"page_number": 2}))
        assert {node.metadata["page_number"] for node in found} == {2}

    def test_a_question_can_narrow_the_retrievers_filters_and_never_widen_them(
        self, engine: Engine
    ) -> None:
        retriever = RegionRetriever(engine=engine, k=9, filters={"doc_id": "a"})
        narrower = RegionQueryBundle(QUESTION, filters={"page_number": 1})
        assert {
            (node.metadata["doc_id"], node.metadata["page_number"])
            for node in retriever.retrieve(narrower)
        } == {("a", 1)}
        for other in ({"doc_id": "b"}, {"doc_id": ["b"]}, {"metadata.team": "team b"}):
            assert retriever.retrieve(RegionQueryBundle(QUESTION, filters=other)) == []


class TestToolWrapping:
    def test_the_wording_of_a_retriever_tool_does_not_change_the_results(
        self, engine: Engine
    ) -> None:
        retriever = RegionRetriever(engine=engine, k=1)
        tool = RetrieverTool.from_defaults(retriever)
        output = tool(input="invoice number")
        assert output.raw_input == {"input": "\ninput is invoice number\n"}
        (result,), (expected,) = output.raw_output, retriever.retrieve("invoice number")
        assert result.node == expected.node
        assert tool("invoice number").raw_output == [expected]


class RememberingEncoder(WordEncoder):
    """Remembers what it was asked, and in which thread."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.threads: list[int] = []

    def encode_query(self, text: str) -> QueryEmbedding:
        self.asked.append(text)
        self.threads.append(threading.get_ident())
        return super().encode_query(text)


class TestAsync:
    async def test_async_retrieval_returns_the_same_nodes(self, engine: Engine) -> None:
        retriever = RegionRetriever(engine=engine)
        bundle = RegionQueryBundle(QUESTION, k=2, filters={"doc_id": "a"})
        assert await retriever.aretrieve(bundle) == retriever.retrieve(bundle)
        with pytest.raises(InvalidInput, match="question is empty"):
            await retriever.aretrieve(" ")

    async def test_async_retrieval_does_not_block_the_event_loop(self) -> None:
        encoder = RememberingEncoder()
        engine = Engine(MemoryIndex(), encoder=encoder, parser=LineParser([]))
        retriever = RegionRetriever(engine=engine)
        await asyncio.gather(*(retriever.aretrieve("x") for _ in range(4)))
        assert len(encoder.threads) == 4
        assert threading.get_ident() not in encoder.threads

    async def test_sync_and_async_retrieval_have_spans(self, engine: Engine) -> None:
        spans, root = SimpleSpanHandler(), get_dispatcher()
        root.add_span_handler(spans)
        try:
            retriever = RegionRetriever(engine=engine)
            retriever.retrieve(QUESTION)
            await retriever.aretrieve(QUESTION)
        finally:
            root.span_handlers.remove(spans)
        names = [span.id_.rpartition("-")[0].partition("-")[0] for span in spans.completed_spans]
        assert {"RegionRetriever._retrieve", "RegionRetriever._aretrieve"} <= set(names)


class TestIndexByName:
    def test_an_index_is_opened_once_per_process(self, folder: Path) -> None:
        retriever = RegionRetriever(index=str(folder))
        assert retriever.retrieve("What did fuel cost?") == (
            RegionRetriever(index=folder).retrieve("What did fuel cost?")
        )
        hits = Engine.shared(folder).search("What did fuel cost?")
        assert ids(retriever.retrieve("What did fuel cost?")) == [hit.id for hit in hits]

    def test_a_pickled_retriever_uses_the_same_index(self, folder: Path) -> None:
        retriever = RegionRetriever(index=folder, k=2, filters={"page_number": {"gte": 4}})
        copy = pickle.loads(pickle.dumps(retriever))
        assert copy.retrieve("fuel") == retriever.retrieve("fuel")
        assert len(copy.retrieve("fuel")) == 2


def test_min_confidence_leaves_out_unlikely_regions(folder: Path) -> None:
    some = RegionRetriever(index=folder, min_confidence=0.0).retrieve("What did fuel cost?")
    assert some
    assert all("confidence" not in node.metadata for node in some)
    assert RegionRetriever(index=folder, min_confidence=1.0).retrieve("What did fuel cost?") == []
