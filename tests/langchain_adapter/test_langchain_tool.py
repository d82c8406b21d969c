from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import ToolMessage
from langchain_core.messages.utils import convert_to_openai_messages
from langchain_core.tools import BaseTool
from PIL import Image

from colregion import Engine, InvalidInput
from colregion.langchain import region_document, region_search_tool, regions_from_artifact

FUEL = "What did fuel and electricity cost in 2024, in million euros?"


def call(tool: BaseTool, **arguments: Any) -> ToolMessage:
    message = tool.invoke({"type": "tool_call", "id": "1", "name": tool.name, "args": arguments})
    assert isinstance(message, ToolMessage)
    return message


def test_the_content_is_texts_with_region_ids(engine: Engine) -> None:
    message = call(region_search_tool(engine), query=FUEL, k=2)
    first, second = engine.search(FUEL, k=2)
    assert "8.6" in first.text
    assert message.content == (
        f"[{first.id}] {first.kind} on page {first.page_number}\n{first.text}\n\n"
        f"[{second.id}] {second.kind} on page {second.page_number}\n{second.text}"
    )
    assert message.status == "success"


def test_the_artifact_is_json_safe_and_has_the_regions(engine: Engine) -> None:
    artifact = call(region_search_tool(engine), query=FUEL).artifact
    assert json.loads(json.dumps(artifact)) == artifact
    expected = [region_document(hit, score_key="score") for hit in engine.search(FUEL, k=5)]
    assert regions_from_artifact(artifact) == expected


@pytest.mark.parametrize(
    ("arguments", "documents", "pages"),
    [
        ({"doc_id": "paper"}, {"paper"}, None),
        ({"doc_id": "report", "page_number": 2}, {"report"}, {2}),
        ({"page_number": "1"}, {"paper", "report"}, {1}),
    ],
)
def test_a_model_can_restrict_the_search_to_a_document_and_a_page(
    engine: Engine, arguments: dict[str, Any], documents: set[str], pages: set[int] | None
) -> None:
    found = call(region_search_tool(engine), query="electricity of Tarrow", k=50, **arguments).artifact
    assert {region["metadata"]["doc_id"] for region in found} == documents
    if pages is not None:
        assert {region["metadata"]["page_number"] for region in found} == pages


def test_the_model_cannot_widen_the_filters(engine: Engine) -> None:
    tool = region_search_tool(engine, filters={"doc_id": "report"})
    assert {r["metadata"]["doc_id"] for r in call(tool, query=FUEL, k=50).artifact} == {"report"}
    message = call(tool, query=FUEL, doc_id="paper")
    assert message.content == "No regions found. Try other words."
    assert message.artifact == []


def test_a_search_of_an_unknown_document_tells_the_model_the_document_names(
    engine: Engine,
) -> None:
    message = call(region_search_tool(engine), query=FUEL, doc_id="lost.pdf")
    assert message.content == (
        "no document 'lost.pdf' in the index; The documents are: paper, report"
    )


def test_images_follow_their_texts_as_blocks_on_request(engine: Engine) -> None:
    message = call(region_search_tool(engine), query=FUEL, k=2, include_images=True)
    assert isinstance(message.content, list)
    kinds = [block["type"] for block in message.content if isinstance(block, dict)]
    assert kinds == ["text", "image", "text", "image"]
    block = message.content[1]
    assert isinstance(block, dict)
    assert block["mime_type"] == "image/png"
    image = Image.open(io.BytesIO(base64.b64decode(block["base64"])))
    box = engine.search(FUEL, k=1)[0].box
    assert max(image.size) <= 1568
    assert image.width / image.height == pytest.approx(
        (box.width + 0.02) * 595 / ((box.height + 0.02 * 595 / 842) * 842), rel=0.02
    )
    openai = convert_to_openai_messages([message])[0]
    assert openai["content"][1]["image_url"]["url"].startswith("data:image/png;base64,")
    assert "base64" not in json.dumps(message.artifact)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "query: Field required"),
        ({"query": " "}, "the question is empty"),
        ({"query": "a", "k": 0}, "k: Input should be greater than or equal to 1"),
        ({"query": "a", "k": 51}, "k: Input should be less than or equal to 50"),
        ({"query": "a", "page_number": 0}, "page_number: Input should be greater than or equal"),
        (
            {"query": "a", "document": "x"},
            "document: there is no such argument; there are query, k, doc_id",
        ),
        ({"query": ["a"]}, "query: Input should be a valid string"),
    ],
)
async def test_mistakes_are_returned_to_the_model_as_text(
    engine: Engine, arguments: dict[str, Any], says: str
) -> None:
    tool = region_search_tool(engine)
    message = call(tool, **arguments)
    assert message.status == "error"
    assert says in str(message.content)
    assert "Traceback" not in str(message.content)
    assert "pydantic" not in str(message.content)
    assert regions_from_artifact(message.artifact) == []
    later = await tool.ainvoke(
        {"type": "tool_call", "id": "1", "name": tool.name, "args": arguments}
    )
    assert (later.status, later.content) == (message.status, message.content)


async def test_concurrent_tool_calls_run_concurrently(
    meeting_engine: Callable[[int], Engine],
) -> None:
    tool = region_search_tool(meeting_engine(3))
    texts = await asyncio.gather(*(tool.ainvoke({"query": "total", "k": 1}) for _ in range(3)))
    assert texts == ["[doc#p1#1] text on page 1\ntotal due"] * 3


def test_a_missing_index_is_reported_to_the_model(tmp_path: Path) -> None:
    message = call(region_search_tool(str(tmp_path / "mistyped")), query=FUEL)
    assert message.status == "error"
    assert "there is no index" in str(message.content)


def test_invalid_filters_are_refused_when_the_tool_is_made(engine: Engine) -> None:
    with pytest.raises(InvalidInput, match="unknown filter key"):
        region_search_tool(engine, filters={"page": 3})


def test_name_description_and_k_can_be_set(engine: Engine) -> None:
    tool = region_search_tool(engine, name="reports", description="The reports.", k=60)
    assert (tool.name, tool.description) == ("reports", "The reports.")
    assert tool.args["k"]["default"] == 60
    assert set(tool.args) == {"query", "k", "doc_id", "page_number", "include_images"}
    assert call(tool, query=FUEL, page_number=1, doc_id="paper").status == "success"


def test_regions_from_artifact_accepts_documents_and_mappings(engine: Engine) -> None:
    document = region_document(engine.search(FUEL, k=1)[0])
    assert regions_from_artifact([document, document.model_dump()]) == [document, document]
    assert regions_from_artifact(None) == []
    assert regions_from_artifact([]) == []


@pytest.mark.parametrize("artifact", [["text"], [{"id": "x"}], "text"])
def test_regions_from_artifact_refuses_other_artifacts(artifact: Any) -> None:
    with pytest.raises(InvalidInput, match="not the artifact of a region search"):
        regions_from_artifact(artifact)
