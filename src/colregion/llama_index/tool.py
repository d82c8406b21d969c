"""A tool with which an agent searches regions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llama_index.core.base.llms.types import ContentBlock, ImageBlock, TextBlock
from llama_index.core.bridge.pydantic import BaseModel, Field, create_model
from llama_index.core.tools import FunctionTool, ToolOutput

from colregion import ColregionError, Engine, Hit, InvalidInput
from colregion.filters import parse_filters
from colregion.llama_index.engine_source import EngineSource
from colregion.llama_index.filters import NodeFilters, translate
from colregion.llama_index.nodes import png_bytes, region_node

DESCRIPTION = (
    "Search the documents and get back the regions of their pages (paragraphs, table rows, "
    "figures) that answer a question, best first. Each begins with its id in square brackets; "
    "cite that id for whatever you take from it."
)
"""What the tool says of itself to a model."""


def region_search_tool(
    index: str | Path | None = None,
    *,
    engine: Engine | None = None,
    k: int = 4,
    filters: NodeFilters = None,
    name: str = "search_regions",
    description: str = DESCRIPTION,
) -> FunctionTool:
    """A tool that takes `query, k, doc_id, page_number, include_images` from a model.

    The model gets text, each region led by `[region_id]`, and each region's picture after it
    where it asks for images. `raw_output` holds the regions as nodes with scores. What the model
    asked in a way that cannot be answered comes back to it as text, marked as an error.

    Args:
        index: the folder of an index; opened at the first call, one engine a process.
        engine: an open engine, in place of `index`.
        k: how many regions where the model does not say.
        filters: as `RegionRetriever` takes them; the model can only narrow them.

    Raises:
        InvalidInput: neither an index nor an engine, or filters that cannot be.
    """
    source = EngineSource(index, engine)
    fixed = translate(filters)
    default_k = k

    def search(
        query: str,
        k: int = default_k,
        doc_id: str | None = None,
        page_number: int | None = None,
        include_images: bool = False,
    ) -> ToolOutput:
        asked = {"doc_id": doc_id, "page_number": page_number}
        narrower = {key: value for key, value in asked.items() if value is not None}
        raw_input = {"query": query, "k": k, **narrower, "include_images": include_images}
        try:
            if not isinstance(query, str):
                raise InvalidInput(f"query must be text, got {query!r}")
            both = parse_filters([fixed, narrower])
            hits = source.open().search(query, k=k, filters=both)
            blocks = _blocks(hits, include_images=include_images)
        except ColregionError as error:
            return ToolOutput(
                tool_name=name,
                content=f"The search failed: {error}",
                raw_input=raw_input,
                raw_output=[],
                is_error=True,
            )
        return ToolOutput(
            tool_name=name,
            blocks=blocks,
            raw_input=raw_input,
            raw_output=[region_node(hit) for hit in hits],
        )

    return FunctionTool.from_defaults(
        search,
        name=name,
        description=description,
        fn_schema=_arguments(name, k=k),
        # What a tool returns is turned into text, unless a callback gives the output itself.
        callback=lambda output: output,
    )


def _arguments(name: str, *, k: int) -> type[BaseModel]:
    fields: dict[str, Any] = {
        "query": (str, Field(description="what to look for, as a question or in keywords")),
        "k": (int, Field(default=k, ge=1, description="how many regions to return")),
        "doc_id": (str | None, Field(default=None, description="only from this document")),
        "page_number": (
            int | None,
            Field(default=None, ge=1, description="only from this page; the first page is 1"),
        ),
        "include_images": (
            bool,
            Field(default=False, description="also return a picture of each region"),
        ),
    }
    return create_model(name, **fields)


def _blocks(hits: Sequence[Hit], *, include_images: bool) -> list[ContentBlock]:
    if not hits:
        return [TextBlock(text="Nothing was found; try other words, or a wider search.")]
    blocks: list[ContentBlock] = []
    for hit in hits:
        blocks.append(TextBlock(text=f"[{hit.id}]\n{hit.text or '(no text)'}"))
        if include_images:
            blocks.append(ImageBlock(image=png_bytes(hit), image_mimetype="image/png"))
    return blocks
