"""The keys of other frameworks' filters, which mix a region's fields with documents' metadata."""

from __future__ import annotations

from colregion.core.documents import RESERVED_METADATA
from colregion.errors import InvalidInput

_FIELDS = ("doc_id", "source", "page_number", "kind", "hidden_text")


def filter_field(key: str) -> str:
    """The field of a filter: one of a region, or else `metadata.KEY`, with or without `metadata.`
    before it. Raises InvalidInput for metadata that every hit has and that cannot be filtered by.
    """
    if key in _FIELDS or key.startswith("metadata."):
        return key
    if key in RESERVED_METADATA:
        known = f"{', '.join(_FIELDS)} or a key of your own metadata"
        raise InvalidInput(f"regions cannot be filtered by {key!r}; use {known}")
    return f"metadata.{key}"
