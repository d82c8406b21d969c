"""The same question through LangChain, LlamaIndex and the engine itself: one answer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from llama_index.core.schema import NodeWithScore, TextNode
from pydantic import BaseModel
from pytest_socket import disable_socket, enable_socket

from colregion import Engine, Hit, langchain, llama_index
from colregion.cli.search import search as cli_search
from colregion.core.results import DEFAULT_K
from colregion.demo import DOCUMENTS
from colregion.indexes import MemoryIndex
from colregion.mcp import build_server
from colregion.mcp.tools import EngineTools

REPORT = DOCUMENTS / "tarrow-annual-report-2024.pdf"
PARSER = "text_layer+geometry"
QUESTIONS = [
    "How many passengers travelled between Fennick and Gull Point in 2024?",
    "What did fuel and electricity cost in 2024, in million euros?",
    "zyxw",
]


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    disable_socket(allow_unix_socket=True)  # the event loop talks to itself through one
    yield
    enable_socket()


@pytest.fixture(scope="module")
def engine() -> Engine:
    engine = Engine.open(MemoryIndex(), parser=PARSER)
    for name in ("tarrow-annual-report-2024.pdf", "shore-battery-paper.pdf"):
        engine.add(DOCUMENTS / name, metadata={"team": name[:5], "year": 2024}, workers=0)
    return engine


OF_THE_QUESTION = ("score", "confidence", "quotes", "quote_boxes_json")


def of_hits(hits: list[Hit]) -> list[Any]:
    return [
        (hit.id, hit.text, hit.to_metadata(confidence=False, quotes=False), hit.score)
        for hit in hits
    ]


def of_documents(documents: list[Document]) -> list[Any]:
    return [
        (
            document.id,
            document.page_content,
            {k: v for k, v in document.metadata.items() if k not in OF_THE_QUESTION},
            document.metadata["score"],
        )
        for document in documents
    ]


def of_nodes(nodes: list[NodeWithScore]) -> list[Any]:
    return [
        (found.node_id, found.node.get_content(), found.metadata, found.score) for found in nodes
    ]


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(
    "filters",
    [None, {"page_number": {"lte": 3}, "metadata.team": "tarro"}, {"metadata.team": "none"}],
)
async def test_retrievers_return_the_hits_of_the_engine(
    engine: Engine, question: str, filters: dict[str, Any] | None
) -> None:
    expected = of_hits(engine.search(question, k=6, filters=filters))
    chain = langchain.RegionRetriever(engine=engine, k=6, filters=filters, score_key="score")
    llama = llama_index.RegionRetriever(engine=engine, k=6, filters=filters)
    assert of_documents(chain.invoke(question)) == expected
    assert of_documents(await chain.ainvoke(question)) == expected
    assert of_nodes(llama.retrieve(question)) == expected
    assert of_nodes(await llama.aretrieve(question)) == expected


def test_k_and_filters_of_a_question_are_equivalent_in_both_frameworks(engine: Engine) -> None:
    filters = {"doc_id": REPORT.name}
    expected = of_hits(engine.search(QUESTIONS[0], k=2, filters=filters))
    chain = langchain.RegionRetriever(engine=engine, score_key="score")
    llama = llama_index.RegionRetriever(engine=engine)
    asked = llama_index.RegionQueryBundle(QUESTIONS[0], k=2, filters=filters)
    assert of_documents(chain.invoke(QUESTIONS[0], k=2, filters=filters)) == expected
    assert of_nodes(llama.retrieve(asked)) == expected


@pytest.mark.parametrize(
    "page",
    [
        {"doc_id": REPORT.name, "page_number": 3, "rank": 1},
        {"source": str(REPORT), "page": 2},
        {"file_path": str(DOCUMENTS / "shore-battery-paper.pdf"), "page_num": 1.0},
    ],
)
def test_pages_of_another_retriever_become_the_same_regions(
    engine: Engine, page: dict[str, Any]
) -> None:
    chain = langchain.RegionCompressor(engine=engine, k=5, first_page=0)
    llama = llama_index.RegionPostprocessor(engine=engine, k=5, first_page=0)
    documents = chain.compress_documents([Document("", metadata=page)], QUESTIONS[0])
    nodes = [NodeWithScore(node=TextNode(metadata=page))]
    assert len(documents) == 5
    assert of_documents(list(documents)) == of_nodes(
        llama.postprocess_nodes(nodes, query_str=QUESTIONS[0])
    )


@pytest.mark.parametrize("level", ["area", "block", "line"])
def test_loaders_return_the_same_regions(level: str) -> None:
    documents = langchain.RegionLoader(
        REPORT, level=level, parser=PARSER, metadata={"team": "x"}
    ).load()
    nodes = llama_index.RegionReader(level=level, parser=PARSER).load_data(
        REPORT, extra_info={"team": "x"}
    )
    assert len(documents) > 20
    assert [(one.id, one.page_content, one.metadata) for one in documents] == [
        (one.id_, one.get_content(), one.metadata) for one in nodes
    ]


@pytest.mark.parametrize(
    "asked",
    [
        {"query": QUESTIONS[0], "k": 2},
        {"query": QUESTIONS[1], "doc_id": "shore-battery-paper.pdf", "page_number": 1},
        {"query": QUESTIONS[1], "page_number": 77},
        {"query": " "},
        {"query": "fuel", "k": 0},
        {"query": "fuel", "pages": 3},
    ],
)
def test_tools_return_the_same_content_and_regions(engine: Engine, asked: dict[str, Any]) -> None:
    chain = langchain.region_search_tool(engine)
    llama = llama_index.region_search_tool(engine)
    call = {"type": "tool_call", "id": "1", "name": chain.name, "args": asked}
    message, output = chain.invoke(call), llama(**asked)
    assert message.content == output.content
    assert (message.status == "error") == output.is_error
    assert [one["id"] for one in message.artifact or ()] == [
        node.node_id for node in output.raw_output
    ]


def test_tools_have_the_same_name_description_and_schema(engine: Engine) -> None:
    chain = langchain.region_search_tool(engine, k=3)
    llama = llama_index.region_search_tool(engine, k=3).metadata
    assert (chain.name, chain.description) == (llama.name, llama.description)
    assert chain.get_input_jsonschema()["properties"] == llama.get_parameters_dict()["properties"]


async def test_the_mcp_tool_has_the_same_name_description_and_arguments(engine: Engine) -> None:
    llama = llama_index.region_search_tool(engine).metadata
    (tool,) = (t for t in await build_server(engine).list_tools() if t.name == llama.name)
    mcp_schema = tool.model_dump(by_alias=True)["inputSchema"]["properties"]
    for own in ("kind", "last_page", "metadata"):
        del mcp_schema[own]
    assert tool.description == llama.description
    for name, schema in llama.get_parameters_dict()["properties"].items():
        assert {k: v for k, v in mcp_schema.pop(name).items() if k != "title"} == {
            k: v for k, v in schema.items() if k != "title"
        }
    assert mcp_schema == {}


def test_k_has_the_same_default_everywhere() -> None:
    functions: list[Callable[..., Any]] = [
        Engine.search,
        Engine.search_pages,
        Engine.rank,
        langchain.region_search_tool,
        llama_index.RegionRetriever.__init__,
        llama_index.region_search_tool,
        EngineTools.search_regions,
        cli_search,
    ]
    defaults = [inspect.signature(function).parameters["k"].default for function in functions]
    models: tuple[type[BaseModel], ...] = (
        langchain.RegionRetriever,
        langchain.RegionCompressor,
        llama_index.RegionPostprocessor,
    )
    defaults += [model.model_fields["k"].default for model in models]
    assert defaults == [DEFAULT_K] * 11


def test_both_frameworks_share_the_engine_of_an_index(tmp_path: Path) -> None:
    with Engine.open(tmp_path, parser=PARSER) as engine:
        engine.add(REPORT, workers=0)
    documents = langchain.RegionRetriever(index=tmp_path, score_key="score").invoke("fuel")
    assert of_nodes(llama_index.RegionRetriever(index=tmp_path).retrieve("fuel")) == (
        of_documents(documents)
    )
    assert len(documents) == 5
    Engine.shared(tmp_path).close()
