"""What a model may ask of a search tool, the same in every framework. Needs pydantic."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationError

DESCRIPTION = (
    "Search the documents for the passages, tables and figures that answer a question. Every "
    "result begins with its [region id]; cite it when you use what it says."
)

# Agents ask for more than a prompt can hold.
_MOST_REGIONS = 50


def search_arguments(*, default_k: int) -> type[BaseModel]:
    """The model of query, k, doc_id, page_number and include_images; other names are refused."""

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


def told(error: ValidationError) -> str:
    """One line a mistake, without what pydantic adds for programmers."""
    return "\n".join(
        f"{'.'.join(map(str, one['loc'])) or 'arguments'}: {one['msg']}" for one in error.errors()
    )
