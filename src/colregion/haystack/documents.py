"""Regions as Haystack documents, and the pages that documents name."""

from __future__ import annotations

from pathlib import Path

from haystack import Document

from colregion import Hit
from colregion.adapters.crops import write_crop
from colregion.adapters.page_metadata import Files, PageReference, referenced_pages


def region_document(hit: Hit, *, crops: str | Path | None = None) -> Document:
    """A hit as a document with its score.

    Args:
        crops: a folder to write an image of the region to; the meta then names the file as
            "crop_path".

    Raises:
        BackendError: the folder cannot be written.
    """
    meta = hit.to_metadata()
    if crops is not None:
        meta["crop_path"] = str(write_crop(hit, crops))
    return Document(id=hit.id, content=hit.text, meta=meta, score=hit.score)


def page_references(
    document: Document, *, first_page: int | None, files: Files
) -> list[PageReference]:
    """The pages that a document names, by its meta as `referenced_pages` reads it or by an image
    in its blob. Raises likewise."""
    blob = document.blob
    image = blob.data if blob is not None and (blob.mime_type or "").startswith("image/") else None
    return referenced_pages(document.meta, image=image, first_page=first_page, files=files)
