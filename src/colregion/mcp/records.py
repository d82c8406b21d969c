"""Structured results of the tools; their JSON schemas are derived from these models.

Fields are named as in `Hit.to_metadata`; boxes are fractions of the page as displayed, origin
top-left, y down; page numbers are 1-based.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from colregion.core.documents import RESERVED_METADATA, DocumentEntry, MetadataValue
from colregion.core.regions import ParsedPage, Region
from colregion.core.results import Hit, Outcome

_OPENING_CHARACTERS = 80


class Place(BaseModel):
    region_id: str
    kind: str
    x0: float = Field(description="Left edge, fraction of the page's width.")
    y0: float = Field(description="Upper edge, fraction of the page's height from the top.")
    x1: float = Field(description="Right edge.")
    y1: float = Field(description="Lower edge.")


class OnPage(BaseModel):
    doc_id: str
    page_id: str
    page_number: int = Field(description="The first page is 1.")
    page_label: str | None = Field(description="The number printed on the page, where known.")
    text: str


class RegionRecord(Place, OnPage):
    score: float | None = Field(description="Higher is better; compares within one search.")
    confidence: float | None = Field(description="0-1, where the index is calibrated.")
    ocr_confidence: float | None = Field(description="0-1, where the text was recognised.")
    hidden_text: str = Field(
        description="Why a reader of the page would not see some of the text: faint, invisible, "
        "tiny; empty where all is visible."
    )
    unread: bool = Field(description="Whether some of it was seen on the image and not read.")
    quotes: list[str] = Field(description="The words of the region that carry the evidence.")
    metadata: dict[str, MetadataValue] = Field(description="The document's own metadata.")


class SearchResult(BaseModel):
    regions: list[RegionRecord] = Field(description="Best first.")


class AreaRecord(Place):
    opening: str = Field(description="The first words of its text.")


class PageRecord(OnPage):
    page_count: int = Field(description="Pages of the document.")
    page_width: float
    page_height: float
    page_unit: str = Field(description="pt or px.")
    rotation: int = Field(description="The quarter turn that the file specifies, applied here.")
    image: str = Field(description="Address of an image of the page, to be read as a resource.")
    areas: list[AreaRecord] = Field(description="The page's layout, in reading order.")


class RegionImage(Place):
    page_id: str
    width_px: int
    height_px: int


class DocumentRecord(BaseModel):
    doc_id: str
    source: str
    page_count: int
    unread_pages: int = Field(description="Pages with parts that were seen and not read.")
    metadata: dict[str, MetadataValue]


class DocumentList(BaseModel):
    documents: list[DocumentRecord]
    total: int = Field(description="Number of documents in the index.")


class AddResult(BaseModel):
    outcomes: list[Outcome]


class RemoveResult(BaseModel):
    doc_id: str


def region_record(hit: Hit) -> RegionRecord:
    return RegionRecord(
        **_fields(hit),
        text=hit.text,
        score=hit.score,
        confidence=hit.confidence,
        quotes=[quote.text for quote in hit.quotes],
        metadata=dict(hit.entry.metadata),
    )


def page_record(parsed: ParsedPage, entry: DocumentEntry, *, image: str) -> PageRecord:
    area_records = [
        AreaRecord(**_fields(Hit(area, parsed, entry)), opening=_opening(area))
        for area in areas(parsed)
    ]
    whole = _fields(Hit(parsed.whole(), parsed, entry))
    return PageRecord(
        **whole, page_count=entry.page_count, text=parsed.text, image=image, areas=area_records
    )


def document_record(entry: DocumentEntry) -> DocumentRecord:
    return DocumentRecord(
        doc_id=entry.id,
        source=entry.source,
        page_count=entry.page_count,
        unread_pages=entry.unread_pages,
        metadata=dict(entry.metadata),
    )


def region_image(hit: Hit, *, width_px: int, height_px: int) -> RegionImage:
    return RegionImage(**_fields(hit), width_px=width_px, height_px=height_px)


def areas(parsed: ParsedPage) -> list[Region]:
    """The coarsest regions of a page, in reading order."""
    return [region for region in parsed.regions if len(region.path) == 1]


def _fields(hit: Hit) -> dict[str, Any]:
    """A hit's own metadata and page id; each record takes the fields that it has."""
    metadata = hit.to_metadata(confidence=False, quotes=False)
    own = {key: metadata[key] for key in RESERVED_METADATA & metadata.keys()}
    return {**own, "page_id": hit.page_id}


def _opening(region: Region) -> str:
    text = " ".join(region.text.split())
    return text if len(text) <= _OPENING_CHARACTERS else text[:_OPENING_CHARACTERS] + "…"
