"""The tools that agents call: each a method, its schemas derived from the annotations."""

# No `from __future__ import annotations`: the SDK evaluates the annotations.

import base64
import inspect
import json
import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from mcp.types import CallToolResult
from pydantic import BaseModel, Field

from colregion.adapters import tool_schema, tool_text
from colregion.adapters.tool_schema import DocId, IncludeImages, K, PageNumber, Query
from colregion.adapters.tool_text import to_png
from colregion.core.regions import KINDS
from colregion.core.results import DEFAULT_K
from colregion.engine import Engine
from colregion.export.overlay import CROP_MARGIN
from colregion.ingestion.on_demand import ReadingMode
from colregion.mcp import records
from colregion.mcp.images import page_address

_KINDS = {"enum": [*KINDS, None]}
_MARGIN = "How much of the page to show around it, as a fraction of the page's width."
_VALUES = "Search documents with these values of their metadata, which list_documents shows."
_PATHS = "Files, folders or globs on the machine of the server."
Kind = Annotated[
    str | None, Field(description="Return regions of this kind only.", json_schema_extra=_KINDS)
]
LastPage = Annotated[
    int | None,
    Field(ge=1, description="Search pages from page_number, or the first, up to this one."),
]
Values = Annotated[dict[str, str | int | float | bool] | None, Field(description=_VALUES)]
PageId = Annotated[str, Field(description="As the other tools return it: report.pdf#p3.")]
IncludeImage = Annotated[bool, Field(description="Also return an image of the page.")]
RegionId = Annotated[str, Field(description="As the other tools return it: report.pdf#p3#2.1.")]
Margin = Annotated[float, Field(ge=0, le=1, description=_MARGIN)]
Limit = Annotated[int, Field(ge=1, le=500, description="The most documents to list.")]
Offset = Annotated[int, Field(ge=0, description="How many documents to skip.")]
Paths = Annotated[list[str], Field(min_length=1, description=_PATHS)]
_READING = (
    "on_demand leaves scanned pages unread until a question needs them; for an index of a visual "
    "encoder."
)
Reading = Annotated[ReadingMode, Field(description=_READING)]
ListedId = Annotated[str, Field(description="As list_documents returns it.")]


class EngineTools:
    """What agents can do with an index; the docstrings are what the model reads. Results are the
    same as text and images for the model and as structured content for programs.

    Args:
        index: the index's name; "" for an index that is the only one.
    """

    def __init__(self, engine: Engine, *, index: str = "") -> None:
        self._engine = engine
        self._index = index

    def search_regions(
        self,
        query: Query,
        k: K = DEFAULT_K,
        doc_id: DocId = None,
        page_number: PageNumber = None,
        last_page: LastPage = None,
        kind: Kind = None,
        metadata: Values = None,
        include_images: IncludeImages = False,
    ) -> Annotated[CallToolResult, records.SearchResult]:
        pages = page_number if last_page is None else {"gte": page_number or 1, "lte": last_page}
        filters = tool_schema.model_filters(doc_id=doc_id, page_number=pages, kind=kind)
        filters |= {f"metadata.{key}": _alike(value) for key, value in (metadata or {}).items()}
        hits = self._engine.search(query, k=k, filters=filters)
        result = records.SearchResult(regions=[records.region_record(hit) for hit in hits])
        content = tool_text.content_for_model(hits, self._engine, include_images=include_images)
        return _result(result, *content)

    search_regions.__doc__ = tool_schema.DESCRIPTION

    def get_page(
        self, page_id: PageId, include_image: IncludeImage = False
    ) -> Annotated[CallToolResult, records.PageRecord]:
        """Read a whole page: its text area by area, each led by its [region id]; its size, and
        an image of it on request."""
        (page,) = self._engine.index.load([page_id])
        parsed = page.parsed
        entry = self._engine.index.entry(parsed.page.doc_id)
        record = records.page_record(parsed, entry, image=page_address(page_id, index=self._index))
        head = (
            f"{parsed.id}: page {record.page_number} of {record.page_count}, "
            f"{record.page_width:g} x {record.page_height:g} {record.page_unit}"
        )
        image = [to_png(tool_text.scale_for_model(parsed.page.image))] if include_image else []
        text = "\n\n".join([head, *map(tool_text.region_text, records.areas(parsed))])
        return _result(record, text, *image)

    def get_region_image(
        self, region_id: RegionId, margin: Margin = CROP_MARGIN
    ) -> Annotated[CallToolResult, records.RegionImage]:
        """Look at a region: an image of it with a little of its surroundings. For figures,
        tables, and text that was recognised wrongly."""
        hit = self._engine.region(region_id)
        image = tool_text.crop_for_model(hit, margin=margin)
        record = records.region_image(hit, width_px=image.width, height_px=image.height)
        return _result(record, tool_text.text_for_model(hit), to_png(image))

    def list_documents(
        self, limit: Limit = 100, offset: Offset = 0
    ) -> Annotated[CallToolResult, records.DocumentList]:
        """List the documents that can be searched, with their page counts."""
        entries = self._engine.documents()
        listed = entries[offset : offset + limit]
        lines = [f"{len(listed)} of {len(entries)} documents"]
        for entry in listed:
            metadata = "".join(f", {key}: {value}" for key, value in entry.metadata.items())
            pages = f"{entry.page_count} pages{_unread(entry.unread_pages)}"
            lines.append(f"{entry.id} ({pages}, from {entry.source}{metadata})")
        documents = [records.document_record(entry) for entry in listed]
        record = records.DocumentList(documents=documents, total=len(entries))
        return _result(record, "\n".join(lines))

    def add_documents(
        self, paths: Paths, reading: Reading = "now"
    ) -> Annotated[CallToolResult, records.AddResult]:
        """Read PDFs and images into the index, so that they can be searched. Unchanged files are
        skipped. May take a second per page."""
        report = self._engine.add(paths, reading=reading, progress=False)
        lines = []
        for outcome in report.of("added", "replaced", "skipped", "failed"):
            pages = f"{outcome.pages} pages{_unread(outcome.unread_pages)}"
            detail = pages if outcome.pages else outcome.reason
            lines.append(f"{outcome.status} {outcome.doc_id or outcome.source}: {detail}")
        if report.ignored:
            lines.append(f"ignored {len(report.ignored)} files of unsupported types")
        return _result(records.AddResult(outcomes=list(report.outcomes)), "\n".join(lines))

    def remove_document(self, doc_id: ListedId) -> Annotated[CallToolResult, records.RemoveResult]:
        """Remove a document from the index. Its file is not touched."""
        self._engine.remove(doc_id)
        return _result(records.RemoveResult(doc_id=doc_id), f"removed {doc_id}")


def tool_function(tools: Mapping[str, EngineTools], name: str) -> Callable[..., CallToolResult]:
    """The tool of that name. With several indexes it takes the name of one as `index`."""
    if len(tools) == 1:
        (only,) = tools.values()
        return getattr(only, name)  # type: ignore[no-any-return]

    def call(index: str, **arguments: Any) -> CallToolResult:
        return getattr(tools[index], name)(**arguments)  # type: ignore[no-any-return]

    method = getattr(EngineTools, name)
    signature = inspect.signature(method)
    names: Any = Annotated[Literal[tuple(tools)], Field(description="Which of the indexes.")]
    index = inspect.Parameter("index", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=names)
    _, *parameters = signature.parameters.values()
    call.__signature__ = signature.replace(parameters=[index, *parameters])  # type: ignore[attr-defined]
    call.__name__, call.__doc__ = name, method.__doc__
    return call


def _unread(pages: int) -> str:
    return f", {pages} unread" if pages else ""


def error_result(message: str) -> CallToolResult:
    """A result that tells the model what was wrong with its call."""
    return CallToolResult.model_validate({"content": [_block(message)], "isError": True})


def _result(record: BaseModel, *content: str | bytes) -> CallToolResult:
    structured = json.loads(_encodable(json.dumps(record.model_dump(), ensure_ascii=False)))
    blocks = [_block(part) for part in content]
    return CallToolResult.model_validate({"content": blocks, "structuredContent": structured})


def _block(part: str | bytes) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": _encodable(part)}
    data = base64.b64encode(part).decode("ascii")
    return {"type": "image", "data": data, "mimeType": "image/png"}


def _alike(value: str | int | float | bool) -> list[str | int | float | bool]:
    """A value, and a number as text or text as a number: models do not see which one it is, and
    the command line stores text."""
    if isinstance(value, bool):
        return [value]
    if not isinstance(value, str):
        return [value, str(value)]
    try:
        number = float(value)
    except ValueError:
        return [value]
    return [value, number] if math.isfinite(number) else [value]


def _encodable(text: str) -> str:
    """Without unpaired surrogates, which damaged text layers and file names contain and which
    would end the connection."""
    return text.encode("utf-8", "replace").decode("utf-8")
