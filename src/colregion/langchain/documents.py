"""Regions as LangChain documents, and back from what a checkpoint keeps of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.documents import Document

from colregion import Hit, InvalidInput


def region_document(hit: Hit, *, score_key: str | None = None) -> Document:
    """A hit as a document; its score stands under `score_key`, if one is named, and then its
    confidence under "confidence", where the index is calibrated."""
    if score_key is None:
        metadata = hit.to_metadata(confidence=False)
    else:
        metadata = {**hit.to_metadata(), score_key: hit.score}
    return Document(id=hit.id, page_content=hit.text, metadata=metadata)


def regions_from_artifact(
    artifact: Sequence[Document | Mapping[str, Any]] | None,
) -> list[Document]:
    """The regions of a tool message, whether or not it has been through a checkpoint.

    A checkpoint gives documents back as mappings. None, the artifact of an error, gives [].

    Raises:
        InvalidInput: an artifact of another kind.
    """
    found = []
    for item in artifact or ():
        if not isinstance(item, Document) and not (
            isinstance(item, Mapping) and "page_content" in item
        ):
            raise InvalidInput(f"not the artifact of a region search: it holds {type(item)}")
        found.append(item if isinstance(item, Document) else Document(**item))
    return found
