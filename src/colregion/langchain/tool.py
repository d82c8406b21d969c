"""A tool with which agents search for regions."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain_core.tools import BaseTool, StructuredTool, ToolException
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from colregion import ColregionError, Engine, Hit
from colregion.filters import FilterInput, parse_filters
from colregion.langchain.documents import region_document
from colregion.langchain.on_engine import opened

# Agents ask for more than a prompt can hold.
_MOST_REGIONS = 50
# About what vision models scale a picture to anyway.
_CROP_MAX_PX = 1024
_CROP_MARGIN = 0.01


def region_search_tool(
    source: str | Path | Engine,
    *,
    k: int = 4,
    filters: FilterInput = None,
    name: str = "search_regions",
    description: str = (
        "Search the documents for the passages, tables and figures that answer a question. Every "
        "result begins with its [region id]; cite it when you use what it says."
    ),
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
                return _nothing_found(engine, filtered=bool(always)), []
            content = _content(hits, pictures=include_images)
        except ColregionError as error:
            raise ToolException(str(error)) from error
        return content, [region_document(hit, score_key="score").model_dump() for hit in hits]

    return StructuredTool.from_function(
        search,
        name=name,
        description=description,
        args_schema=_arguments(default_k=k),
        response_format="content_and_artifact",
        handle_tool_error=True,
        handle_validation_error=_told,
    )


def _arguments(*, default_k: int) -> type[BaseModel]:
    class SearchRegions(BaseModel):
        model_config = ConfigDict(extra="forbid")

        query: str = Field(description="What to find: a question or key words.")
        k: int = Field(
            default=default_k,
            ge=1,
            le=max(default_k, _MOST_REGIONS),
            description="How many regions to return.",
        )
        doc_id: str | None = Field(default=None, description="Search this document only.")
        page_number: int | None = Field(
            default=None, ge=1, description="Search pages of this number only; the first is 1."
        )
        include_images: bool = Field(
            default=False, description="Also return a picture of every region."
        )

    return SearchRegions


def _content(hits: Sequence[Hit], *, pictures: bool) -> str | list[dict[str, Any]]:
    texts = [_text(hit) for hit in hits]
    if not pictures:
        return "\n\n".join(texts)
    pairs = zip(texts, hits, strict=True)
    return [b for text, hit in pairs for b in ({"type": "text", "text": text}, _picture(hit))]


def _text(hit: Hit) -> str:
    text = hit.text or "(a picture without text)"
    return f"[{hit.id}] {hit.kind} on page {hit.page_number}\n{text}"


def _picture(hit: Hit) -> dict[str, Any]:
    picture = hit.crop(margin=_CROP_MARGIN)
    picture.thumbnail((_CROP_MAX_PX, _CROP_MAX_PX))
    png = io.BytesIO()
    picture.save(png, "PNG")
    data = base64.b64encode(png.getvalue()).decode("ascii")
    return {"type": "image", "base64": data, "mime_type": "image/png"}


def _nothing_found(engine: Engine, *, filtered: bool) -> str:
    if filtered:  # the names of the other documents are not to be told
        return "No regions found. Try other words."
    names = [entry.id for entry in engine.documents()]
    shown = ", ".join(names[:_MOST_REGIONS]) + (", ..." if len(names) > _MOST_REGIONS else "")
    return f"No regions found. The documents are: {shown or '(none)'}."


def _told(error: Any) -> str:
    """A validation error in one line a mistake, without what pydantic adds for programmers."""
    assert isinstance(error, ValidationError)
    return "\n".join(
        f"{'.'.join(map(str, one['loc'])) or 'arguments'}: {one['msg']}" for one in error.errors()
    )
