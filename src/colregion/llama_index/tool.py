"""A tool with which agents search for regions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llama_index.core.base.llms.types import ContentBlock, ImageBlock, TextBlock
from llama_index.core.tools import FunctionTool, ToolOutput
from pydantic import ValidationError

from colregion import ColregionError, Engine, Hit
from colregion.adapters.tool_schema import DESCRIPTION, search_arguments, told
from colregion.adapters.tool_text import (
    nothing_found,
    opened,
    picture_for_model,
    text_for_model,
)
from colregion.core.filters import parse_filters
from colregion.llama_index.filters import NodeFilters, translate
from colregion.llama_index.nodes import region_node


def region_search_tool(
    source: str | Path | Engine,
    *,
    k: int = 4,
    filters: NodeFilters = None,
    name: str = "search_regions",
    description: str = DESCRIPTION,
) -> FunctionTool:
    """A tool for agents: text with region ids for the model, the regions in `raw_output`.

    The model may give query, k, doc_id, page_number and include_images, which adds a picture
    after every region. Its mistakes, and what goes wrong underneath, come back to it as text, in
    an output marked `is_error`. `raw_output` holds nodes with scores, none on an error.

    Args:
        source: the folder of an index, opened at the first call, or an open engine.
        k: how many regions when the model does not say.
        filters: as `RegionRetriever` takes them; the model can only narrow them.

    Raises:
        InvalidInput: filters that cannot be.
    """
    always = translate(filters)
    schema = search_arguments(default_k=k)

    def search(query: Any = None, **given: Any) -> ToolOutput:
        raw_input = {"query": query, **given}
        try:
            asked = schema.model_validate(raw_input).model_dump()
            narrowed = {key: asked[key] for key in ("doc_id", "page_number") if asked[key]}
            engine = opened(source)
            both = parse_filters([always, narrowed])
            hits = engine.search(asked["query"], k=asked["k"], filters=both)
            blocks = _blocks(hits, with_pictures=asked["include_images"])
            if not hits:
                blocks = [TextBlock(text=nothing_found(engine, filtered=bool(always)))]
        except (ColregionError, ValidationError) as error:
            message = told(error) if isinstance(error, ValidationError) else str(error)
            return ToolOutput(
                tool_name=name, content=message, raw_input=raw_input, raw_output=[], is_error=True
            )
        nodes = [region_node(hit) for hit in hits]
        return ToolOutput(tool_name=name, blocks=blocks, raw_input=raw_input, raw_output=nodes)

    return FunctionTool.from_defaults(
        search,
        name=name,
        description=description,
        fn_schema=schema,
        # What a function returns is made into text; what a callback returns is the output.
        callback=lambda output: output,
    )


def _blocks(hits: Sequence[Hit], *, with_pictures: bool) -> list[ContentBlock]:
    texts = [text_for_model(hit) for hit in hits]
    if not with_pictures:
        return [TextBlock(text="\n\n".join(texts))]
    blocks: list[ContentBlock] = []
    for hit, text in zip(hits, texts, strict=True):
        picture = ImageBlock(image=picture_for_model(hit), image_mimetype="image/png")
        blocks += [TextBlock(text=text), picture]
    return blocks
