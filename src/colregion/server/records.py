"""What programs send and receive, as pydantic models; OpenAPI is derived from them.

Fields are named as in `Hit.to_metadata`. Addresses are relative to that of the application.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from colregion.adapters.tool_schema import MAX_REGIONS
from colregion.core.documents import DocumentEntry
from colregion.core.regions import ParsedPage
from colregion.core.results import DEFAULT_K, Hit
from colregion.core.text import content_terms
from colregion.export.destination import source_file
from colregion.export.excerpt import readable
from colregion.export.html.map_layers import MapLayer
from colregion.export.html.markup import clean, term_spans
from colregion.mcp.images import quote_id
from colregion.mcp.records import DocumentRecord, RegionRecord, document_record, region_record

_MAX_CITATIONS = 60  # a context has up to 50; finding marks takes time for each
_BoxTuple = tuple[float, float, float, float]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Asked(_Request):
    question: str = Field(description="A question or keywords.", examples=["What was Q3 revenue?"])
    filters: dict[str, Any] | list[dict[str, Any]] | None = Field(
        None,
        description="Fields and conditions that must all hold: doc_id, source, page_number, kind, "
        "hidden_text, metadata.KEY. A condition is a value, a list (any of), or operators: eq ne "
        "in nin gt gte lt lte.",
        examples=[{"doc_id": ["acme", "globex"], "page_number": {"gte": 1, "lte": 9}}],
    )
    min_confidence: float | None = Field(
        None, ge=0, le=1, description="Leave out regions less likely to be right, even all of them."
    )


class SearchRequest(_Asked):
    k: int = Field(DEFAULT_K, ge=1, le=MAX_REGIONS, description="How many regions to return.")


class ContextRequest(_Asked):
    max_tokens: int = Field(800, ge=1, le=100_000, description="The budget for the text.")


class ResolveRequest(_Request):
    answer: str = Field(description="A model's answer, with citations.")
    citations: dict[str, str] = Field(
        max_length=_MAX_CITATIONS, description="Mark, with its brackets -> region id."
    )


class MapsRequest(_Request):
    question: str
    page_id: str = Field(examples=["report.pdf#p3"])


class ErrorAnswer(BaseModel):
    error: str = Field(description="What is wrong, and what to do about it.")


class HitRecord(RegionRecord):
    page_width: float
    page_height: float
    page_count: int = Field(description="Pages of the document.")
    boxes: list[_BoxTuple] = Field(description="x0, y0, x1, y1 of each part of the region.")
    quote_boxes: list[_BoxTuple] = Field(description="Of each line of its quotes.")
    excerpt: str = Field(description="The text with line breaks only where they carry meaning.")
    matches: list[tuple[int, int]] = Field(
        description="Start and end, in characters of the excerpt, of words of the question."
    )
    caution: str = Field(description="A warning about hidden text, or empty.")
    image_url: str = Field(description="Image of the region.")
    file_url: str | None = Field(description="The file at this page, where it still exists.")


class SearchAnswer(BaseModel):
    regions: list[HitRecord] = Field(description="Best first.")


class ContextCitation(BaseModel):
    mark: str
    region: HitRecord


class ContextAnswer(BaseModel):
    text: str = Field(description="Regions in reading order, each led by its mark.")
    tokens: int
    reason: str = Field(description="Why there is no text; empty where there is some.")
    citations: list[ContextCitation]
    unread: list[HitRecord] = Field(
        description="Regions that the text lacks, because they were seen and not read."
    )


class CitationRecord(BaseModel):
    start: int
    end: int
    mark: str
    region_id: str


class UnknownRecord(BaseModel):
    start: int
    end: int
    text: str
    reason: str


class ResolveAnswer(BaseModel):
    citations: list[CitationRecord] = Field(description="In the order of the answer.")
    unknown: list[UnknownRecord] = Field(description="What looks like a citation and is none.")
    regions: list[HitRecord] = Field(description="The cited regions, each once.")


class FileRecord(DocumentRecord):
    missing_pages: list[int] = Field(description="Pages that could not be read and are blank.")
    file_url: str | None = Field(description="The file, where it still exists.")


class FileList(BaseModel):
    documents: list[FileRecord] = Field(description="By id.")
    total: int = Field(description="Number of documents in the index.")
    writable: bool = Field(description="Whether documents can be added and removed.")


class PageText(BaseModel):
    page_id: str
    doc_id: str
    source: str
    page_number: int
    page_label: str | None
    page_count: int
    page_width: float
    page_height: float
    quarter_turns: int = Field(description="Clockwise, that make the page upright: 0-3.")
    missing: str = Field(description="What of the page could not be read, and why; or empty.")
    words: list[tuple[str, float, float, float, float]] = Field(
        description="Text, x0, y0, x1, y1 of the visible words, in reading order."
    )
    file_url: str | None


class MapRecord(BaseModel):
    label: str = Field(description='A word of the question, or "whole question".')
    image: str = Field(description="PNG to lay over the page, as a data URI.")
    low: float | None = Field(description="Similarity at the transparent end of the colors.")
    high: float | None = Field(description="Similarity at the dark end.")


class MapsAnswer(BaseModel):
    maps: list[MapRecord] = Field(description="Empty for a page without vectors.")


def hit_record(hit: Hit, question: str = "") -> HitRecord:
    page = hit.parsed.page
    excerpt = clean(readable(hit))
    return HitRecord(
        **region_record(hit).model_dump(),
        page_width=float(page.width),
        page_height=float(page.height),
        page_count=hit.entry.page_count,
        boxes=[_box_tuple(box.xyxy) for box in hit.region.boxes],
        quote_boxes=[_box_tuple(box.xyxy) for quote in hit.quotes for box in quote.boxes],
        excerpt=excerpt,
        matches=list(term_spans(excerpt, frozenset(content_terms(question)))),
        caution=hit.hidden_text_warning,
        image_url=f"api/regions/{quote_id(hit.id)}.png",
        file_url=_file_url(hit.entry, page_number=hit.page_number),
    )


def file_record(entry: DocumentEntry) -> FileRecord:
    return FileRecord(
        **document_record(entry).model_dump(),
        missing_pages=list(entry.missing_pages),
        file_url=_file_url(entry),
    )


def page_text(parsed: ParsedPage, entry: DocumentEntry) -> PageText:
    page = parsed.page
    return PageText(
        page_id=parsed.id,
        doc_id=page.doc_id,
        source=entry.source,
        page_number=page.number,
        page_label=page.label,
        page_count=entry.page_count,
        page_width=float(page.width),
        page_height=float(page.height),
        quarter_turns=page.quarter_turns,
        missing=page.missing,
        words=[
            (clean(word.text), *_box_tuple(word.box.xyxy)) for word in parsed.words if word.visible
        ],
        file_url=_file_url(entry, page_number=page.number),
    )


def map_record(layer: MapLayer) -> MapRecord:
    low, high = (value if value == value else None for value in (layer.low, layer.high))
    return MapRecord(label=clean(layer.label), image=str(layer.uri), low=low, high=high)


def _file_url(entry: DocumentEntry, *, page_number: int | None = None) -> str | None:
    if source_file(entry.source) is None:
        return None
    at_page = f"#page={page_number}" if page_number else ""
    return f"api/documents/{quote_id(entry.id)}/file{at_page}"


def _box_tuple(xyxy: tuple[float, ...]) -> _BoxTuple:
    x0, y0, x1, y1 = (round(float(value), 5) for value in xyxy)
    return x0, y0, x1, y1
