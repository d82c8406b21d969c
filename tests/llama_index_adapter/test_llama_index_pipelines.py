"""The adapter inside LlamaIndex's own engines, retrievers, pipelines and agents."""

from __future__ import annotations

import base64
import copy
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import MockEmbedding, VectorStoreIndex
from llama_index.core.agent.workflow import FunctionAgent, ReActAgent, ToolCallResult
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    CompletionResponseGen,
    ContentBlock,
    ImageBlock,
    LLMMetadata,
    MessageRole,
    TextBlock,
)
from llama_index.core.indices.query.query_transform.base import HyDEQueryTransform
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.llms import CustomLLM, MockLLM, mock
from llama_index.core.llms.callbacks import llm_completion_callback
from llama_index.core.node_parser import SentenceSplitter, TokenTextSplitter
from llama_index.core.postprocessor import PrevNextNodePostprocessor
from llama_index.core.query_engine import (
    CitationQueryEngine,
    RetrieverQueryEngine,
    TransformQueryEngine,
)
from llama_index.core.retrievers import QueryFusionRetriever, RecursiveRetriever
from llama_index.core.retrievers.fusion_retriever import FUSION_MODES
from llama_index.core.schema import IndexNode, MetadataMode, NodeWithScore, TextNode
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.tools import RetrieverTool
from pydantic import Field

from colregion import Engine
from colregion.demo import DOCUMENTS
from colregion.indexes import MemoryIndex
from colregion.llama_index import (
    RegionPostprocessor,
    RegionQueryBundle,
    RegionReader,
    RegionRetriever,
    region_search_tool,
)

REPORT = DOCUMENTS / "tarrow-annual-report-2024.pdf"
QUESTION = "What did fuel and electricity cost in 2024?"


@pytest.fixture(scope="module")
def report() -> Engine:
    engine = Engine.open(MemoryIndex(), parser="text_layer+geometry")
    engine.add(REPORT, workers=0)
    return engine


def ids(found: list[NodeWithScore]) -> list[str]:
    return [node.node_id for node in found]


class Listener(MockLLM):
    """Remembers what it was told."""

    heard: list[ContentBlock] = Field(default_factory=list)

    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        self.heard.extend(block for message in messages for block in message.blocks)
        answer: ChatResponse = super().chat(messages, **kwargs)
        return answer


class TestQueryEngines:
    def test_source_nodes_of_a_query_engine_are_regions(self, report: Engine) -> None:
        retriever = RegionRetriever(engine=report, k=3)
        response = RetrieverQueryEngine.from_args(retriever, llm=MockLLM()).query(QUESTION)
        assert response.source_nodes == retriever.retrieve(QUESTION)
        for node in response.source_nodes:
            assert node.node.get_content(MetadataMode.LLM) in str(response)

    def test_a_query_engine_passes_on_k_and_filters_of_a_question(self, report: Engine) -> None:
        engine = RetrieverQueryEngine.from_args(RegionRetriever(engine=report), llm=MockLLM())
        asked = RegionQueryBundle(QUESTION, k=2, filters={"page_number": 2})
        found = engine.query(asked).source_nodes
        assert len(found) == 2
        assert {node.metadata["page_number"] for node in found} == {2}

    async def test_an_async_query_engine_returns_the_same_answer(self, report: Engine) -> None:
        engine = RetrieverQueryEngine.from_args(RegionRetriever(engine=report), llm=MockLLM())
        assert str(await engine.aquery(QUESTION)) == str(engine.query(QUESTION))

    def test_every_citation_leads_to_a_region(self, report: Engine) -> None:
        retriever = RegionRetriever(engine=report, k=3)
        engine = CitationQueryEngine(retriever, llm=MockLLM())
        sources = engine.query(QUESTION).source_nodes
        assert [node.metadata["region_id"] for node in sources] == ids(retriever.retrieve(QUESTION))
        for number, node in enumerate(sources, start=1):
            assert node.node.get_content().startswith(f"Source {number}:\n")

    def test_pages_of_another_retriever_become_regions(self, report: Engine) -> None:
        pages = [
            TextNode(text=f"page {n}", metadata={"doc_id": REPORT.name, "page_number": n})
            for n in range(1, 6)
        ]
        index = VectorStoreIndex(pages, embed_model=MockEmbedding(embed_dim=4))
        engine = RetrieverQueryEngine.from_args(
            index.as_retriever(similarity_top_k=5),
            llm=MockLLM(),
            node_postprocessors=[RegionPostprocessor(engine=report, k=3)],
        )
        expected = report.rank(QUESTION, [f"{REPORT.name}#p{n}" for n in range(1, 6)], k=3)
        assert ids(engine.query(QUESTION).source_nodes) == [hit.id for hit in expected]

    def test_a_query_transform_does_not_change_the_question(self, report: Engine) -> None:
        retriever = RegionRetriever(engine=report, k=2)
        engine = TransformQueryEngine(
            RetrieverQueryEngine.from_args(retriever, llm=MockLLM()),
            HyDEQueryTransform(llm=MockLLM()),
        )
        assert engine.query(QUESTION).source_nodes == retriever.retrieve(QUESTION)

    @pytest.mark.skipif(
        "multimodal" not in inspect.signature(RetrieverQueryEngine.from_args).parameters,
        reason="llama-index-core is too old to take pictures",
    )
    def test_a_vision_model_gets_texts_and_crops(self, report: Engine, tmp_path: Path) -> None:
        llm = Listener(max_tokens=9, is_chat_model=True)
        retriever = RegionRetriever(engine=report, k=2, crops=tmp_path)
        RetrieverQueryEngine.from_args(retriever, llm=llm, multimodal=True).query(QUESTION)
        pictures = {str(block.url) for block in llm.heard if isinstance(block, ImageBlock)}
        assert pictures == {
            "data:image/png;base64," + base64.b64encode(crop.read_bytes()).decode()
            for crop in tmp_path.iterdir()
        }
        told = "\n".join(block.text for block in llm.heard if isinstance(block, TextBlock))
        for node in retriever.retrieve(QUESTION):
            assert node.node.get_content() in told


class TestRetrievers:
    def test_a_region_found_twice_is_fused_to_one(self, report: Engine) -> None:
        retriever = RegionRetriever(engine=report, k=2)
        fused = QueryFusionRetriever(
            [retriever, RegionRetriever(engine=report, k=2)],
            llm=MockLLM(),
            mode=FUSION_MODES.RECIPROCAL_RANK,
            num_queries=1,
            use_async=False,
        ).retrieve(QUESTION)
        assert ids(fused) == ids(retriever.retrieve(QUESTION))
        # 1 / (60 + rank) from each of the two.
        assert [node.score for node in fused] == pytest.approx([2 / 60, 2 / 61])

    def test_a_region_of_a_text_store_is_the_same_region(self, report: Engine) -> None:
        documents = RegionReader(parser="text_layer+geometry").load_data(REPORT)
        store = VectorStoreIndex.from_documents(
            documents,
            embed_model=MockEmbedding(embed_dim=4),
            transformations=[SentenceSplitter(chunk_size=2048)],
        )
        retriever = RegionRetriever(engine=report, k=1)
        (expected,) = retriever.retrieve("How much did revenue grow by?")
        fused = QueryFusionRetriever(
            [retriever, store.as_retriever(similarity_top_k=len(documents))],
            llm=MockLLM(),
            mode=FUSION_MODES.SIMPLE,
            num_queries=1,
            similarity_top_k=99,
            use_async=False,
        ).retrieve("How much did revenue grow by?")
        assert len(fused) == len(documents)
        assert expected.node.hash in {node.node.hash for node in fused}

    async def test_async_fusion_returns_regions(self, report: Engine) -> None:
        retrievers = [RegionRetriever(engine=report, k=k) for k in (1, 2, 3)]
        fusion = QueryFusionRetriever(
            list(retrievers), llm=MockLLM(), num_queries=1, similarity_top_k=3
        )
        assert ids(await fusion.aretrieve(QUESTION)) == ids(retrievers[2].retrieve(QUESTION))

    def test_a_document_node_can_lead_to_its_regions(self, report: Engine) -> None:
        regions = RegionRetriever(engine=report, k=2)
        document = IndexNode(text="annual report", index_id="regions", obj=None)
        index = VectorStoreIndex([document], embed_model=MockEmbedding(embed_dim=4))
        recursive = RecursiveRetriever(
            "documents",
            retriever_dict={"documents": index.as_retriever(), "regions": regions},
        )
        assert ids(recursive.retrieve(QUESTION)) == ids(regions.retrieve(QUESTION))
        direct = copy.copy(document)
        direct.obj = regions
        index = VectorStoreIndex(
            [TextNode(text="x")], objects=[direct], embed_model=MockEmbedding(embed_dim=4)
        )
        found = ids(index.as_retriever(similarity_top_k=2).retrieve(QUESTION))
        assert set(ids(regions.retrieve(QUESTION))) <= set(found)

    def test_neighbouring_regions_can_be_fetched(self, report: Engine) -> None:
        store = SimpleDocumentStore()
        store.add_documents(RegionReader(parser="text_layer+geometry").load_data(REPORT))
        retriever = RegionRetriever(engine=report, k=1)
        found = retriever.retrieve("How much did revenue grow by?")
        around = PrevNextNodePostprocessor(docstore=store, num_nodes=1, mode="both")
        page, number = found[0].node_id.rsplit("#", 1)
        assert ids(around.postprocess_nodes(found)) == [
            f"{page}#{n}" for n in (int(number) - 1, int(number), int(number) + 1)
        ]


class TestIngestion:
    def test_chunks_of_a_region_keep_its_metadata_and_document(self) -> None:
        documents = RegionReader(parser="text_layer+geometry").load_data(REPORT)
        nodes = IngestionPipeline(
            transformations=[TokenTextSplitter(chunk_size=128, chunk_overlap=0)]
        ).run(documents=documents)
        assert len(nodes) > len(documents)
        by_id = {document.id_: document for document in documents}
        for node in nodes:
            assert node.ref_doc_id == REPORT.name
            assert node.metadata == by_id[node.metadata["region_id"]].metadata


class ScriptedLLM(CustomLLM):
    """Says what it is given, one text a call."""

    texts: list[str]

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata()

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:  # noqa: ARG002
        return CompletionResponse(text=self.texts.pop(0))

    @llm_completion_callback()
    def stream_complete(
        self,
        prompt: str,
        formatted: bool = False,  # noqa: ARG002
        **kwargs: Any,
    ) -> CompletionResponseGen:
        text = self.complete(prompt, **kwargs).text
        yield CompletionResponse(text=text, delta=text)


async def tool_results(agent: Any) -> list[ToolCallResult]:
    handler = agent.run(user_msg=QUESTION)
    results = [
        event async for event in handler.stream_events() if isinstance(event, ToolCallResult)
    ]
    await handler
    return results


SEARCH = "Thought: I search.\nAction: search_regions\nAction Input: "


# LlamaIndex's workflows ask pydantic, and its agents the workflows, for what is deprecated.
@pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning")
@pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning")
class TestAgents:
    async def test_a_react_agent_gets_regions(self, report: Engine) -> None:
        llm = ScriptedLLM(
            texts=[
                SEARCH + '{"query": "fuel", "k": 2}',
                "Thought: I can answer without using any more tools.\nAnswer: 8.6 million",
            ]
        )
        agent = ReActAgent(tools=[region_search_tool(report)], llm=llm, streaming=False)
        (result,) = await tool_results(agent)
        expected = RegionRetriever(engine=report, k=2).retrieve("fuel")
        assert result.tool_output.raw_output == expected
        for node in expected:
            assert f"[{node.node_id}]" in result.tool_output.content

    async def test_an_agent_reads_its_mistake_and_continues(self, report: Engine) -> None:
        llm = ScriptedLLM(
            texts=[
                SEARCH + '{"query": "fuel", "k": 0}',
                "Thought: I can answer without using any more tools.\nAnswer: none",
            ]
        )
        agent = ReActAgent(tools=[region_search_tool(report)], llm=llm, streaming=False)
        (result,) = await tool_results(agent)
        assert result.tool_output.is_error
        assert result.tool_output.content == "k: Input should be greater than or equal to 1"

    @pytest.mark.skipif(
        not hasattr(mock, "MockFunctionCallingLLM"), reason="llama-index-core is too old to have it"
    )
    @pytest.mark.parametrize("ours", [True, False])
    async def test_a_function_agent_gets_regions(self, report: Engine, ours: bool) -> None:
        from llama_index.core.base.llms.types import ToolCallBlock

        asked = {"query": "fuel", "k": 4} if ours else {"input": "fuel"}

        def answer(messages: list[ChatMessage], **_: Any) -> ChatMessage:
            if messages[-1].role == MessageRole.TOOL:
                return ChatMessage(role="assistant", content="8.6 million")
            call = ToolCallBlock(tool_call_id="1", tool_name="search_regions", tool_kwargs=asked)
            return ChatMessage(role="assistant", blocks=[call])

        retriever = RegionRetriever(engine=report, k=4)
        tool = (
            region_search_tool(report)
            if ours
            else RetrieverTool.from_defaults(retriever, name="search_regions")
        )
        llm = mock.MockFunctionCallingLLM(response_generator=answer, is_chat_model=True)
        agent = FunctionAgent(tools=[tool], llm=llm, streaming=False)
        (result,) = await tool_results(agent)
        # RetrieverTool asks "\ninput is fuel\n", which changes scores and not the best region.
        count = None if ours else 1
        nodes = [node.node for node in result.tool_output.raw_output][:count]
        assert nodes == [node.node for node in retriever.retrieve("fuel")][:count]
