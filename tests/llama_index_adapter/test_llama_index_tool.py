"""The tool for agents: what the model reads, and what the program gets."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.base.llms.types import ImageBlock, TextBlock
from llama_index.core.tools import ToolOutput
from PIL import Image

from colregion import Engine, InvalidInput
from colregion.indexes import MemoryIndex
from colregion.llama_index import RegionRetriever, region_search_tool
from colregion.testing import LineParser, WordEncoder


def text_of(output: ToolOutput) -> str:
    (block,) = output.blocks
    assert isinstance(block, TextBlock)
    return block.text


class TestAnswer:
    def test_the_content_is_texts_led_by_region_ids(self, engine: Engine) -> None:
        hits = engine.search("vendor", k=2)
        output = region_search_tool(engine, k=2)(query="vendor")
        assert text_of(output) == "\n\n".join(
            f"[{hit.id}] text on page {hit.page_number}\n{hit.text}" for hit in hits
        )
        assert not output.is_error

    def test_raw_output_has_nodes_with_scores(self, engine: Engine) -> None:
        output = region_search_tool(engine, k=2)(query="vendor", page_number=1)
        retriever = RegionRetriever(engine=engine, k=2, filters={"page_number": 1})
        assert output.raw_output == retriever.retrieve("vendor")
        assert output.raw_input == {"query": "vendor", "page_number": 1}

    def test_images_follow_their_texts_on_request(self, engine: Engine) -> None:
        tool = region_search_tool(engine, filters={"doc_id": "b"})
        output = tool(query="vendor", k=2, include_images=True)
        kinds = [type(block) for block in output.blocks]
        assert kinds == [TextBlock, ImageBlock] * 2
        block = output.blocks[1]
        assert isinstance(block, ImageBlock)
        assert block.image_mimetype == "image/png"
        assert isinstance(block.image, bytes)
        with Image.open(io.BytesIO(base64.b64decode(block.image))) as image:
            assert image.format == "PNG"
            # 36 x 8 px of the page, and one hundredth of its width around them.
            assert 36 <= image.width <= 38
            assert 8 <= image.height <= 10

    async def test_async_gives_the_same(self, engine: Engine) -> None:
        tool = region_search_tool(engine)
        assert await tool.acall(query="total", k=2) == tool.call(query="total", k=2)

    def test_the_schema_describes_every_argument(self, engine: Engine) -> None:
        tool = region_search_tool(engine, k=7, name="find")
        told = tool.metadata.to_openai_tool()["function"]
        assert told["name"] == "find"
        assert "cite" in told["description"]
        assert told["parameters"]["required"] == ["query"]
        properties = told["parameters"]["properties"]
        assert set(properties) == {"query", "k", "doc_id", "page_number", "include_images"}
        assert properties["k"]["default"] == 7
        assert all(one["description"] for one in properties.values())


class TestNothingFound:
    def test_a_search_without_results_tells_the_model_the_document_names(
        self, engine: Engine
    ) -> None:
        output = region_search_tool(engine)(query="total", page_number=99)
        assert text_of(output) == "No regions found. The documents are: a, b."
        assert (output.raw_output, output.is_error) == ([], False)
        unknown = region_search_tool(engine)(query="total", doc_id="c")
        assert text_of(unknown) == "no document 'c' in the index; The documents are: a, b"
        empty = Engine(MemoryIndex(), encoder=WordEncoder(), parser=LineParser([]))
        output = region_search_tool(empty)(query="total")
        assert text_of(output) == "No regions found. The documents are: (none)."

    def test_a_model_can_only_narrow_the_filters_of_the_tool(self, engine: Engine) -> None:
        tool = region_search_tool(engine, filters={"doc_id": "a"})
        found = tool(query="total", page_number=2).raw_output
        assert {node.metadata["doc_id"] for node in found} == {"a"}
        assert text_of(tool(query="total", doc_id="b")) == "No regions found. Try other words."


class TestMistakes:
    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ({}, "query: Input should be a valid string"),
            ({"query": 7}, "query: Input should be a valid string"),
            ({"query": " \n"}, "the question is empty"),
            ({"query": "x", "k": 0}, "k: Input should be greater than or equal to 1"),
            ({"query": "x", "k": 51}, "k: Input should be less than or equal to 50"),
            ({"query": "x", "page_number": "two"}, "page_number: Input should be a valid integer"),
            (
                {"query": "x", "page": 2},
                "page: there is no such argument; there are query, k, doc_id",
            ),
        ],
    )
    def test_mistakes_are_returned_to_the_model_as_text(
        self, engine: Engine, given: dict[str, Any], told: str
    ) -> None:
        output = region_search_tool(engine)(**given)
        assert text_of(output).startswith(told)
        assert "\n" not in text_of(output)
        assert (output.raw_output, output.is_error) == ([], True)

    def test_a_missing_index_is_reported_to_the_model(self, tmp_path: Path) -> None:
        output = region_search_tool(tmp_path / "gone")(query="total")
        assert "no index" in text_of(output)
        assert output.is_error

    def test_numbers_as_text_and_empty_document_ids_are_accepted(self, engine: Engine) -> None:
        tool = region_search_tool(engine)
        assert len(tool(query="total", k="2", doc_id="").raw_output) == 2

    def test_invalid_filters_are_refused_when_the_tool_is_made(self, engine: Engine) -> None:
        with pytest.raises(InvalidInput, match="unknown filter key"):
            region_search_tool(engine, filters={"docid": "a"})
