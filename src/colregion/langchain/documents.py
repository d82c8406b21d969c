"""Regions as LangChain documents, also from an artifact that a checkpoint has serialised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from langchain_core.documents import Document

from colregion import Hit, InvalidInput
from colregion.adapters.crops import write_crop


def region_document(
    hit: Hit, *, score_key: str | None = None, crops: str | Path | None = None
) -> Document:
    """A hit as a document.

    Args:
        score_key: the metadata key for the score. With it the metadata also has "quotes" and,
            where the index is calibrated, "confidence"; None leaves all out.
        crops: a folder to write an image of the region to; the metadata then names the file as
            "crop_path".

    Raises:
        BackendError: the folder cannot be written.
    """
    if score_key is None:
        metadata = hit.to_metadata(confidence=False, quotes=False)
    else:
        metadata = {**hit.to_metadata(), score_key: hit.score}
    if crops is not None:
        metadata["crop_path"] = str(write_crop(hit, crops))
    return Document(id=hit.id, page_content=hit.text, metadata=metadata)


def regions_from_artifact(
    artifact: Sequence[Document | Mapping[str, Any]] | None,
) -> list[Document]:
    """The regions of a tool message, whether or not it has been through a checkpoint, which returns
    documents as mappings. None, the artifact of an error, gives []; another kind InvalidInput."""
    documents = []
    for item in artifact or ():
        if isinstance(item, Document):
            documents.append(item)
        elif isinstance(item, Mapping) and "page_content" in item:
            documents.append(Document(**item))
        else:
            raise InvalidInput(f"not the artifact of a region search: it contains {type(item)}")
    return documents
