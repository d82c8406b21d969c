"""From the pages of other retrievers to regions."""

from __future__ import annotations

import base64
import io
import pickle
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.schema import (
    Document,
    ImageDocument,
    ImageNode,
    MediaResource,
    MetadataMode,
    Node,
    NodeRelationship,
    NodeWithScore,
    ObjectType,
    QueryBundle,
    RelatedNodeInfo,
    TextNode,
)
from PIL import Image
from pydantic import AnyUrl, ValidationError

from colregion import Engine, InvalidInput, NotIndexed
from colregion.demo import DOCUMENTS
from colregion.llama_index import RegionPostprocessor

QUESTION = "vendor"


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (60, 80), "white").save(buffer, "PNG")
    return buffer.getvalue()


def ranked(node: Any, *, engine: Engine, k: int | None = 1, **settings: Any) -> list[NodeWithScore]:
    processor = RegionPostprocessor(engine=engine, k=k, **settings)
    return processor.postprocess_nodes([NodeWithScore(node=node, score=0.3)], query_str=QUESTION)


class TestEmpty:
    def test_no_pages_have_no_regions(self, engine: Engine) -> None:
        processor = RegionPostprocessor(engine=engine)
        assert processor.postprocess_nodes([], query_str=QUESTION) == []

    def test_postprocessing_without_a_question_is_refused(self, engine: Engine) -> None:
        with pytest.raises(InvalidInput, match="question"):
            RegionPostprocessor(engine=engine).postprocess_nodes([])
        with pytest.raises(InvalidInput, match="question is empty"):
            RegionPostprocessor(engine=engine).postprocess_nodes([], query_str=" ")

    def test_postprocessor_takes_an_index_or_an_engine_but_not_both(self, engine: Engine) -> None:
        with pytest.raises(InvalidInput, match="one of the two"):
            RegionPostprocessor(index="library", engine=engine)

    @pytest.mark.parametrize(
        "node",
        [
            TextNode(text="no reference", metadata={"title": "x", "score": 1}),
            ImageNode(text="elsewhere", image_url="https://example.org/page.png"),
            Node(image_resource=MediaResource(url=AnyUrl("https://example.org/page.png"))),
        ],
    )
    def test_a_node_without_a_page_is_kept_or_dropped_with_a_warning(
        self, engine: Engine, node: Any
    ) -> None:
        with pytest.warns(UserWarning, match=r"page_number.*got the keys"):
            assert ranked(node, engine=engine) == [NodeWithScore(node=node, score=0.3)]
        with pytest.warns(UserWarning, match="none of 1 documents"):
            assert ranked(node, engine=engine, without_page="drop") == []

    def test_nodes_without_a_page_follow_the_regions(self, engine: Engine) -> None:
        note = NodeWithScore(node=TextNode(text="a note", metadata={"title": "x"}), score=0.9)
        page = NodeWithScore(node=TextNode(metadata={"page_id": "a#p2"}))
        processor = RegionPostprocessor(engine=engine, k=1)
        region, last = processor.postprocess_nodes([note, page], query_str=QUESTION)
        assert region.node_id.startswith("a#p2#")
        assert last is note

    @pytest.mark.parametrize("arguments", [{"top_n": 3}, {"first_page": 2}, {"without_page": "x"}])
    def test_invalid_arguments_are_refused(self, arguments: dict[str, Any]) -> None:
        with pytest.raises(ValidationError, match=next(iter(arguments))):
            RegionPostprocessor(**arguments)

    def test_a_page_that_cannot_be_loaded_is_refused(self, engine: Engine) -> None:
        with pytest.raises(NotIndexed, match="'c'"):
            ranked(TextNode(metadata={"doc_id": "c", "page_number": 1}), engine=engine)


class TestIndexedPages:
    @pytest.mark.parametrize(
        "node",
        [
            TextNode(text="page", metadata={"doc_id": "a", "page_number": 2}),
            TextNode(text="page", metadata={"document_id": "a", "page_num": 2}),
            TextNode(text="page", metadata={"page_id": "a#p2"}),
            Document(text="page", metadata={"doc_id": "a", "page_number": 2}),
            TextNode(
                text="page",
                metadata={"page_number": 2},
                relationships={
                    NodeRelationship.SOURCE: RelatedNodeInfo(
                        node_id="a", node_type=ObjectType.DOCUMENT
                    )
                },
            ),
        ],
    )
    def test_a_page_is_looked_up_by_document_and_number(self, engine: Engine, node: Any) -> None:
        (found,) = ranked(node, engine=engine)
        (hit,) = engine.rank(QUESTION, "a#p2", k=1)
        assert (found.node_id, found.score) == (hit.id, hit.score)
        assert found.node.get_content() == "vendor name"
        # The page's own keys come along.
        assert found.node.metadata == {
            **node.metadata,
            **hit.to_metadata(confidence=False, quotes=False),
        }

    def test_the_key_page_requires_first_page(self, engine: Engine) -> None:
        node = TextNode(text="page", metadata={"doc_id": "a", "page": 1})
        with pytest.raises(InvalidInput, match="first_page"):
            ranked(node, engine=engine)
        found = [ranked(node, engine=engine, first_page=first)[0] for first in (0, 1)]
        assert [one.metadata["page_number"] for one in found] == [2, 1]

    def test_regions_of_several_pages_are_ranked_together(self, engine: Engine) -> None:
        pages = [TextNode(metadata={"doc_id": "a", "page_number": n}) for n in (2, 1, 2)]
        nodes = [NodeWithScore(node=page, score=0.5) for page in pages]
        processor = RegionPostprocessor(engine=engine, k=None)
        found = processor.postprocess_nodes(nodes, query_str=QUESTION)
        hits = engine.rank(QUESTION, ["a#p2", "a#p1"], k=None)
        assert [(node.node_id, node.score) for node in found] == [
            (hit.id, hit.score) for hit in hits
        ]

    def test_input_nodes_are_not_modified(self, engine: Engine) -> None:
        node = Node(image_resource=MediaResource(data=png()))
        node.metadata = {"doc_id": "b", "page_number": 1}
        before = node.model_copy(deep=True)
        ranked(node, engine=engine)
        assert node == before

    async def test_async_gives_the_same(self, engine: Engine) -> None:
        nodes = [NodeWithScore(node=TextNode(metadata={"page_id": "b#p1"}))]
        processor = RegionPostprocessor(engine=engine)
        asked = QueryBundle(QUESTION)
        assert await processor.apostprocess_nodes(nodes, asked) == (
            processor.postprocess_nodes(nodes, asked)
        )


class TestPicturesOfPages:
    @pytest.mark.parametrize(
        "kind", ["data", "path", "metadata", "image", "image_path", "document"]
    )
    def test_a_page_is_read_from_its_image(self, engine: Engine, tmp_path: Path, kind: str) -> None:
        file = tmp_path / "page.png"
        file.write_bytes(png())
        text = base64.b64encode(png()).decode()
        node = {
            "data": Node(image_resource=MediaResource(data=png())),
            "path": Node(image_resource=MediaResource(path=file)),
            "metadata": TextNode(metadata={"image_path": str(file)}),
            "image": ImageNode(image=text),
            "image_path": ImageNode(image_path=str(file)),
            "document": ImageDocument(image_path=str(file)),
        }[kind]
        node.metadata |= {"doc_id": "scan", "page_number": 7, "team": "z"}
        (found,) = ranked(node, engine=engine)
        assert found.node.get_content() == "vendor name"
        assert found.node_id.startswith("scan#p7#2")
        assert found.metadata["page_number"] == 7
        assert found.metadata["team"] == "z"

    def test_postprocessor_reads_files_without_an_index(self) -> None:
        receipt = DOCUMENTS / "tarrow-annual-report-2024.pdf"
        page = TextNode(metadata={"file_path": str(receipt), "page_number": 5})
        processor = RegionPostprocessor(k=2)
        found = processor.postprocess_nodes(
            [NodeWithScore(node=page)], query_str="What did fuel and electricity cost in 2024?"
        )
        assert len(found) == 2
        assert any("8.6" in one.node.get_content() for one in found)
        assert {one.metadata["source"] for one in found} == {str(receipt)}

    def test_a_page_of_llama_indexs_default_reader_is_read_from_its_file(self) -> None:
        report = DOCUMENTS / "tarrow-annual-report-2024.pdf"
        # SimpleDirectoryReader makes one document of each page.
        metadata = {"page_label": "5", "file_name": report.name, "file_path": str(report)}
        document = RelatedNodeInfo(node_id="8d5f-random", node_type=ObjectType.DOCUMENT)
        chunk = TextNode(
            text="", metadata=metadata, relationships={NodeRelationship.SOURCE: document}
        )
        (found,) = RegionPostprocessor(k=1).postprocess_nodes(
            [NodeWithScore(node=chunk)], query_str="What did fuel and electricity cost in 2024?"
        )
        assert found.metadata["page_number"] == 5
        assert found.metadata["doc_id"] == found.metadata["source"] == str(report)

    def test_score_and_confidence_are_metadata_on_request_and_hidden_from_models(
        self, engine: Engine
    ) -> None:
        node = TextNode(metadata={"page_id": "b#p1"})
        (found,) = ranked(node, engine=engine, score_key="relevance")
        assert found.metadata["relevance"] == found.score
        assert "relevance" not in found.node.get_content(MetadataMode.LLM)
        assert "relevance" not in found.node.get_content(MetadataMode.EMBED)

    def test_postprocessed_regions_have_crops(self, engine: Engine, tmp_path: Path) -> None:
        (found,) = ranked(TextNode(metadata={"page_id": "b#p1"}), engine=engine, crops=tmp_path)
        assert isinstance(found.node, Node)
        assert found.node.image_resource is not None
        assert [found.node.image_resource.path] == list(tmp_path.iterdir())


def test_postprocessor_settings_survive_json_and_pickle(folder: Path) -> None:
    processor = RegionPostprocessor(index=str(folder), k=2, first_page=1)
    nodes = [NodeWithScore(node=TextNode(metadata={"doc_id": "report", "page": 5}))]
    expected = processor.postprocess_nodes(nodes, query_str="fuel")
    for copy in (
        RegionPostprocessor.from_json(processor.to_json()),
        pickle.loads(pickle.dumps(processor)),
    ):
        assert copy.postprocess_nodes(nodes, query_str="fuel") == expected
    assert len(expected) == 2
