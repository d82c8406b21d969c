"""A LangChain tool with which agents search for regions."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from langchain_core.tools import BaseTool, StructuredTool, ToolException

from colregion import ColregionError, Engine
from colregion.adapters import tool_schema
from colregion.adapters.tool_text import content_for_model, resolve_engine
from colregion.core.filters import FilterInput, parse_filters
from colregion.core.results import DEFAULT_K
from colregion.langchain.documents import region_document


def region_search_tool(
    index: str | Path | Engine,
    *,
    k: int = DEFAULT_K,
    filters: FilterInput = None,
    name: str = "search_regions",
    description: str = tool_schema.DESCRIPTION,
) -> BaseTool:
    """A tool for agents: text with region ids for the model, the regions as artifact.

    The model may pass query, k, doc_id, page_number and include_images, which adds an image of
    every region (not all models accept images in a tool's result). Its mistakes, and errors of
    the search, are returned to it as text, in a message of status "error".

    The artifact is a list of JSON-safe mappings, with the score as `score`;
    `regions_from_artifact` turns it into documents.

    Args:
        index: the folder of an index, or an open engine.
        k: how many regions when the model does not say.
        filters: as `Engine.search` takes them (else InvalidInput); the model can only narrow them.
    """
    always = parse_filters(filters)
    schema = tool_schema.search_arguments(default_k=k)

    # The defaults are repeated because older versions pass on only what the model gave.
    def search(
        query: str,
        k: int = k,
        doc_id: str | None = None,
        page_number: int | None = None,
        include_images: bool = False,
    ) -> tuple[str | list[dict[str, Any]], list[dict[str, Any]]]:
        narrowed = tool_schema.model_filters(doc_id=doc_id, page_number=page_number)
        try:
            engine = resolve_engine(index)
            hits = engine.search(query, k=k, filters=parse_filters([always, narrowed]))
            content = content_for_model(
                hits, engine, include_images=include_images, filtered=bool(always)
            )
        except ColregionError as error:
            raise ToolException(str(error)) from error
        artifact = [region_document(hit, score_key="score").model_dump() for hit in hits]
        if include_images:
            return list(map(_block, content)), artifact
        return "\n\n".join(map(str, content)), artifact

    return StructuredTool.from_function(
        search,
        name=name,
        description=description,
        args_schema=schema,
        response_format="content_and_artifact",
        handle_tool_error=True,
        handle_validation_error=lambda error: tool_schema.validation_message(error, schema),
    )


def _block(part: str | bytes) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    data = base64.b64encode(part).decode("ascii")
    return {"type": "image", "base64": data, "mime_type": "image/png"}
