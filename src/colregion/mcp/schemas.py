"""What the tools take and give: their JSON schemas are made from these.

Fields have the names that `Hit.to_metadata` gives them; boxes are fractions of the page as
displayed, origin top-left, y down; page numbers are 1-based.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from colregion.core.documents import DocumentEntry, MetadataValue
from colregion.core.regions import KINDS, ParsedPage, Region
from colregion.core.results import Hit, Outcome

# Agents ask for more than a prompt can hold.
_MOST_REGIONS = 50
_MOST_DOCUMENTS = 500
_OPENING_CHARACTERS = 80

_Values: TypeAlias = dict[str, MetadataValue]


class Arguments(BaseModel):
    """A misspelt argument is an error and not ignored."""

    model_config = ConfigDict(extra="forbid")


class SearchRegions(Arguments):
    query: str = Field(description="What to find: a question or key words.")
    k: int = Field(default=5, ge=1, le=_MOST_REGIONS, description="How many regions to return.")
    doc_id: str | None = Field(default=None, description="Search this document only.")
    page_number: int | None = Field(
        default=None, ge=1, description="Search pages of this number only; the first is 1."
    )
    kind: str | None = Field(
        default=None,
        description="Return regions of this kind only.",
        json_schema_extra={"enum": [*KINDS, None]},
    )
    include_images: bool = Field(
        default=False, description="Also return a picture of every region."
    )


class GetPage(Arguments):
    page_id: str = Field(description="As the other tools give it, such as report.pdf#p3.")
    include_image: bool = Field(default=False, description="Also return a picture of the page.")


class GetRegionImage(Arguments):
    region_id: str = Field(description="As the other tools give it, such as report.pdf#p3#2.1.")
    margin: float = Field(
        default=0.02,
        ge=0,
        le=1,
        description="How much of the page to show around it, as a fraction of the page's width.",
    )


class ListDocuments(Arguments):
    limit: int = Field(default=100, ge=1, le=_MOST_DOCUMENTS, description="How many at most.")
    offset: int = Field(default=0, ge=0, description="How many to leave out from the start.")


class AddDocuments(Arguments):
    paths: list[str] = Field(
        min_length=1, description="Files, folders or globs on the machine of the server."
    )


class RemoveDocument(Arguments):
    doc_id: str = Field(description="As list_documents gives it.")


class Place(BaseModel):
    """Where a region is and what it is."""

    region_id: str
    kind: str
    x0: float = Field(description="Left edge, fraction of the page's width.")
    y0: float = Field(description="Upper edge, fraction of the page's height from the top.")
    x1: float = Field(description="Right edge.")
    y1: float = Field(description="Lower edge.")


class FoundRegion(Place):
    doc_id: str
    page_id: str
    page_number: int = Field(description="The first page is 1.")
    page_label: str | None = Field(description="The number printed on the page, where known.")
    text: str
    score: float = Field(description="Higher is better; compares within one search.")
    confidence: float | None = Field(description="0-1, where the index is calibrated.")
    ocr_confidence: float | None = Field(description="0-1, where the text was recognised.")
    hidden_text: str = Field(
        description="Why a reader of the page would not see some of the text: faint, invisible, "
        "tiny; empty where all is seen."
    )
    metadata: _Values = Field(description="What was kept with the document.")

    @classmethod
    def of(cls, hit: Hit) -> FoundRegion:
        """Its record."""
        return cls(
            **_place(hit.region),
            doc_id=hit.doc_id,
            page_id=hit.page_id,
            page_number=hit.page_number,
            page_label=hit.parsed.page.label,
            text=hit.text,
            score=hit.score,
            confidence=hit.confidence,
            ocr_confidence=hit.region.ocr_confidence,
            hidden_text=", ".join(hit.region.hidden_text),
            metadata=dict(hit.entry.metadata),
        )


class FoundRegions(BaseModel):
    regions: list[FoundRegion] = Field(description="Best first.")


class PageArea(Place):
    opening: str = Field(description="The first words of its text.")


class WholePage(BaseModel):
    page_id: str
    doc_id: str
    page_number: int = Field(description="The first page is 1.")
    page_count: int = Field(description="Pages of the document.")
    page_label: str | None = Field(description="The number printed on the page, where known.")
    page_width: float
    page_height: float
    page_unit: str = Field(description="pt or px.")
    rotation: int = Field(description="The quarter turn that the file asks for, applied here.")
    text: str
    areas: list[PageArea] = Field(description="The page's layout, in reading order.")

    @classmethod
    def of(cls, parsed: ParsedPage, entry: DocumentEntry) -> WholePage:
        """Its record."""
        page = parsed.page
        return cls(
            page_id=page.id,
            doc_id=page.doc_id,
            page_number=page.number,
            page_count=entry.page_count,
            page_label=page.label,
            page_width=page.width,
            page_height=page.height,
            page_unit=page.unit,
            rotation=page.rotation,
            text=parsed.text,
            areas=[PageArea(**_place(r), opening=_opening(r)) for r in areas(parsed)],
        )


class RegionImage(Place):
    page_id: str
    width_px: int
    height_px: int

    @classmethod
    def of(cls, hit: Hit, *, width_px: int, height_px: int) -> RegionImage:
        """The record of its picture."""
        place = _place(hit.region)
        return cls(**place, page_id=hit.page_id, width_px=width_px, height_px=height_px)


class DocumentRecord(BaseModel):
    doc_id: str
    source: str
    page_count: int
    metadata: _Values

    @classmethod
    def of(cls, entry: DocumentEntry) -> DocumentRecord:
        """Its record."""
        return cls(
            doc_id=entry.id,
            source=entry.source,
            page_count=entry.page_count,
            metadata=dict(entry.metadata),
        )


class Documents(BaseModel):
    documents: list[DocumentRecord]
    total: int = Field(description="How many the index holds.")


class SourceOutcome(BaseModel):
    source: str
    doc_id: str
    status: str = Field(
        json_schema_extra={"enum": ["added", "replaced", "skipped", "failed", "ignored"]}
    )
    pages: int
    regions: int
    reason: str

    @classmethod
    def of(cls, outcome: Outcome) -> SourceOutcome:
        """Its record."""
        return cls(
            source=outcome.source,
            doc_id=outcome.doc_id,
            status=outcome.status,
            pages=outcome.pages,
            regions=outcome.regions,
            reason=outcome.reason,
        )


class AddedDocuments(BaseModel):
    outcomes: list[SourceOutcome]


class RemovedDocument(BaseModel):
    doc_id: str


def areas(parsed: ParsedPage) -> list[Region]:
    """The coarsest regions of a page, in reading order."""
    return [region for region in parsed.regions if len(region.path) == 1]


def _place(region: Region) -> dict[str, Any]:
    edges = zip(("x0", "y0", "x1", "y1"), region.box.xyxy, strict=True)
    rounded = {edge: round(float(value), 6) for edge, value in edges}
    return {"region_id": region.id, "kind": region.kind, **rounded}


def _opening(region: Region) -> str:
    text = " ".join(region.text.split())
    return text if len(text) <= _OPENING_CHARACTERS else text[:_OPENING_CHARACTERS] + "…"
