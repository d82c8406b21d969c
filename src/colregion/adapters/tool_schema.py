"""Arguments of the search tools, the same in every framework. Needs pydantic."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

DESCRIPTION = (
    "Search the documents for the passages, tables and figures that answer a question. Every "
    "result begins with its [region id]; cite it when you use what it says."
)
MAX_REGIONS = 50  # agents ask for more than a prompt can hold

_K = "How many regions to return."
Query = Annotated[str, Field(description="What to find: a question or keywords.")]
K = Annotated[int, Field(ge=1, le=MAX_REGIONS, description=_K)]
DocId = Annotated[str | None, Field(description="Search this document only.")]
PageNumber = Annotated[
    int | None, Field(ge=1, description="Search pages of this number only; the first is 1.")
]
IncludeImages = Annotated[bool, Field(description="Also return an image of every region.")]


def search_arguments(*, default_k: int) -> type[BaseModel]:
    """A model of query, k, doc_id, page_number and include_images that refuses other names and a k
    above `MAX_REGIONS` or the default, whichever is larger."""
    limit = max(default_k, MAX_REGIONS)
    return create_model(
        "SearchRegions",
        __config__=ConfigDict(extra="forbid"),
        query=(Query, ...),
        k=(Annotated[int, Field(ge=1, le=limit, description=_K)], default_k),
        doc_id=(DocId, None),
        page_number=(PageNumber, None),
        include_images=(IncludeImages, False),
    )


def model_filters(**fields: Any) -> dict[str, Any]:
    """The filters that a model gave a value for; many fill in "" for a field they do not use."""
    return {name: value for name, value in fields.items() if value not in (None, "")}


def validation_message(error: ValidationError, arguments: type[BaseModel]) -> str:
    """One line for each mistake in a tool's arguments, without links to pydantic's manual."""
    known = ", ".join(arguments.model_fields)
    lines = []
    for mistake in error.errors():
        unknown = mistake["type"] == "extra_forbidden"
        text = f"there is no such argument; there are {known}" if unknown else mistake["msg"]
        lines.append(f"{'.'.join(map(str, mistake['loc'])) or 'arguments'}: {text}")
    return "\n".join(lines)
