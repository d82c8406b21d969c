"""A LlamaIndex tool with which agents search for regions."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from llama_index.core.base.llms.types import ContentBlock, ImageBlock, TextBlock
from llama_index.core.tools import FunctionTool, ToolOutput
from pydantic import ValidationError

from colregion import ColregionError, Engine
from colregion.adapters import tool_schema
from colregion.adapters.tool_text import content_for_model, resolve_engine
from colregion.core.filters import parse_filters
from colregion.core.results import DEFAULT_K
from colregion.llama_index.filters import NodeFilters, translate
from colregion.llama_index.nodes import region_node


def region_search_tool(
    index: str | Path | Engine,
    *,
    k: int = DEFAULT_K,
    filters: NodeFilters = None,
    name: str = "search_regions",
    description: str = tool_schema.DESCRIPTION,
) -> FunctionTool:
    """A tool for agents: text with region ids for the model, the regions in `raw_output`.

    The model may pass query, k, doc_id, page_number and include_images, which adds an image after
    every region. Its mistakes, and errors of the search, are returned to it as text, in an output
    marked `is_error`. `raw_output` has nodes with scores, none on an error.

    Args:
        index: the folder of an index, opened at the first call, or an open engine.
        k: how many regions when the model does not say.
        filters: as `RegionRetriever` takes them (else InvalidInput); the model can only narrow
            them.
    """
    always = translate(filters)
    schema = tool_schema.search_arguments(default_k=k)
    failure = partial(ToolOutput, tool_name=name, raw_output=[], is_error=True)

    def search(query: Any = None, **others: Any) -> ToolOutput:
        raw_input = {"query": query, **others}
        try:
            arguments = schema.model_validate(raw_input).model_dump()
            question, k, include_images = map(arguments.pop, ("query", "k", "include_images"))
            engine = resolve_engine(index)
            both = parse_filters([always, tool_schema.model_filters(**arguments)])
            hits = engine.search(question, k=k, filters=both)
            content = content_for_model(
                hits, engine, include_images=include_images, filtered=bool(always)
            )
        except ValidationError as error:
            message = tool_schema.validation_message(error, schema)
            return failure(content=message, raw_input=raw_input)
        except ColregionError as error:
            return failure(content=str(error), raw_input=raw_input)
        if not include_images:
            content = ["\n\n".join(map(str, content))]
        blocks = list(map(_block, content))
        nodes = [region_node(hit) for hit in hits]
        return ToolOutput(tool_name=name, blocks=blocks, raw_input=raw_input, raw_output=nodes)

    return FunctionTool.from_defaults(
        search,
        name=name,
        description=description,
        fn_schema=schema,
        # A function's result is converted to text; a callback's result is the output itself.
        callback=lambda output: output,
    )


def _block(part: str | bytes) -> ContentBlock:
    if isinstance(part, str):
        return TextBlock(text=part)
    return ImageBlock(image=part, image_mimetype="image/png")
