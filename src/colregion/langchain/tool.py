"""A tool with which agents search for regions."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain_core.tools import BaseTool, StructuredTool, ToolException
from pydantic import ValidationError

from colregion import ColregionError, Engine, Hit
from colregion.adapters.tool_schema import DESCRIPTION, search_arguments, told
from colregion.adapters.tool_text import nothing_found, opened, picture_for_model, text_for_model
from colregion.core.filters import FilterInput, parse_filters
from colregion.langchain.documents import region_document


def region_search_tool(
    source: str | Path | Engine,
    *,
    k: int = 4,
    filters: FilterInput = None,
    name: str = "search_regions",
    description: str = DESCRIPTION,
) -> BaseTool:
    """A tool for agents: text with region ids for the model, the regions as artifact.

    The model may give query, k, doc_id, page_number and include_images, which adds a picture of
    every region (not all models take pictures in what a tool returns). Its mistakes, and what
    goes wrong underneath, come back to it as text, in a message of status "error".

    The artifact is a list of mappings that JSON can hold, with the score under `score`;
    `regions_from_artifact` makes documents of it.

    Args:
        source: the folder of an index, or an open engine.
        k: how many regions when the model does not say.
        filters: as `Engine.search` takes them; the model can only narrow them.

    Raises:
        InvalidInput: filters that cannot be.
    """
    always = parse_filters(filters)

    # The defaults stand here too because older versions pass on only what the model gave.
    def search(
        query: str,
        k: int = k,
        doc_id: str | None = None,
        page_number: int | None = None,
        include_images: bool = False,
    ) -> tuple[str | list[dict[str, Any]], list[dict[str, Any]]]:
        asked = {"doc_id": doc_id, "page_number": page_number}
        given = {key: value for key, value in asked.items() if value is not None}
        try:
            engine = opened(source)
            hits = engine.search(query, k=k, filters=parse_filters([always, given]))
            if not hits:
                return nothing_found(engine, filtered=bool(always)), []
            content = _content(hits, pictures=include_images)
        except ColregionError as error:
            raise ToolException(str(error)) from error
        return content, [region_document(hit, score_key="score").model_dump() for hit in hits]

    return StructuredTool.from_function(
        search,
        name=name,
        description=description,
        args_schema=search_arguments(default_k=k),
        response_format="content_and_artifact",
        handle_tool_error=True,
        handle_validation_error=_told,
    )


def _content(hits: Sequence[Hit], *, pictures: bool) -> str | list[dict[str, Any]]:
    texts = [text_for_model(hit) for hit in hits]
    if not pictures:
        return "\n\n".join(texts)
    pairs = zip(texts, hits, strict=True)
    return [b for text, hit in pairs for b in ({"type": "text", "text": text}, _picture(hit))]


def _picture(hit: Hit) -> dict[str, Any]:
    data = base64.b64encode(picture_for_model(hit)).decode("ascii")
    return {"type": "image", "base64": data, "mime_type": "image/png"}


def _told(error: Any) -> str:
    assert isinstance(error, ValidationError)
    return told(error)
