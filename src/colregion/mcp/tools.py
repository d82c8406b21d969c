"""What agents can do with an index: the tools, without the protocol."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from PIL import Image
from pydantic import BaseModel

from colregion.adapters.tool_text import nothing_found, picture_for_model, text_for_model
from colregion.core.regions import Region
from colregion.engine import Engine
from colregion.mcp import schemas

# About what vision models scale a picture to anyway, at the finer of their settings.
_PICTURE_MAX_PX = 1568

_A = TypeVar("_A", bound=schemas.Arguments)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool gives back.

    Args:
        record: for programs.
        content: the same for a model: texts, and pictures as PNG.
    """

    record: BaseModel
    content: Sequence[str | bytes]


@dataclass(frozen=True, slots=True)
class Tool(Generic[_A]):
    """A function of the engine that a model can call.

    Args:
        run: raises errors of colregion, whose messages the model reads.
        writes, removes: whether it changes the index, and takes something away.
    """

    name: str
    description: str
    arguments: type[_A]
    record: type[BaseModel]
    run: Callable[[Engine, _A], Answer]
    writes: bool = False
    removes: bool = False


def tools(*, writable: bool) -> list[Tool[Any]]:
    """The tools of a server."""
    return [tool for tool in _TOOLS if writable or not tool.writes]


def _search_regions(engine: Engine, given: schemas.SearchRegions) -> Answer:
    asked = {"doc_id": given.doc_id, "page_number": given.page_number, "kind": given.kind}
    filters = {field: value for field, value in asked.items() if value is not None}
    hits = engine.search(given.query, k=given.k, filters=filters)
    content: list[str | bytes] = []
    for hit in hits:
        content.append(text_for_model(hit))
        if given.include_images:
            content.append(picture_for_model(hit))
    found = schemas.FoundRegions(regions=[schemas.FoundRegion.of(hit) for hit in hits])
    return Answer(found, content or [nothing_found(engine, filtered=False)])


def _get_page(engine: Engine, given: schemas.GetPage) -> Answer:
    (page,) = engine.index.load([given.page_id])
    parsed = page.parsed
    record = schemas.WholePage.of(parsed, engine.index.entry(parsed.page.doc_id))
    head = (
        f"{parsed.id}: page {record.page_number} of {record.page_count}, "
        f"{record.page_width:g} x {record.page_height:g} {record.page_unit}"
    )
    areas = [f"[{r.id}] {r.kind}{_caution(r)}\n{r.text}".rstrip() for r in schemas.areas(parsed)]
    content: list[str | bytes] = ["\n\n".join([head, *areas])]
    if given.include_image:
        content.append(_png(parsed.page.image))
    return Answer(record, content)


def _caution(region: Region) -> str:
    return f" ({region.hidden_text_warning})" if region.hidden_text_warning else ""


def _get_region_image(engine: Engine, given: schemas.GetRegionImage) -> Answer:
    hit = engine.region(given.region_id)
    picture = hit.crop(margin=given.margin)
    picture.thumbnail((_PICTURE_MAX_PX, _PICTURE_MAX_PX))
    record = schemas.RegionImage.of(hit, width_px=picture.width, height_px=picture.height)
    return Answer(record, [text_for_model(hit), _png(picture)])


def _list_documents(engine: Engine, given: schemas.ListDocuments) -> Answer:
    held = engine.documents()
    shown = held[given.offset : given.offset + given.limit]
    record = schemas.Documents(
        documents=[schemas.DocumentRecord.of(entry) for entry in shown], total=len(held)
    )
    lines = [f"{len(shown)} of {len(held)} documents"]
    for entry in shown:
        kept = "".join(f", {key}: {value}" for key, value in entry.metadata.items())
        lines.append(f"{entry.id} ({entry.page_count} pages, from {entry.source}{kept})")
    return Answer(record, ["\n".join(lines)])


def _add_documents(engine: Engine, given: schemas.AddDocuments) -> Answer:
    report = engine.add(given.paths)
    record = schemas.AddedDocuments(
        outcomes=[schemas.SourceOutcome.of(outcome) for outcome in report.outcomes]
    )
    lines = []
    for outcome in report.of("added", "replaced", "skipped", "failed"):
        what = f"{outcome.pages} pages" if outcome.pages else outcome.reason
        lines.append(f"{outcome.status} {outcome.doc_id or outcome.source}: {what}")
    if report.ignored:
        lines.append(f"ignored {len(report.ignored)} files of types that are not read")
    return Answer(record, ["\n".join(lines)])


def _remove_document(engine: Engine, given: schemas.RemoveDocument) -> Answer:
    engine.remove(given.doc_id)
    return Answer(schemas.RemovedDocument(doc_id=given.doc_id), [f"removed {given.doc_id}"])


def _png(image: Image.Image) -> bytes:
    small = image.copy()
    small.thumbnail((_PICTURE_MAX_PX, _PICTURE_MAX_PX))
    png = io.BytesIO()
    small.save(png, "PNG")
    return png.getvalue()


_TOOLS: tuple[Tool[Any], ...] = (
    Tool(
        "search_regions",
        "Search the documents for the passages, tables and figures that answer a question. Every "
        "result begins with its [region id]; cite it when you use what it says.",
        schemas.SearchRegions,
        schemas.FoundRegions,
        _search_regions,
    ),
    Tool(
        "get_page",
        "Read a whole page: its text area by area, each led by its [region id]; its size, and a "
        "picture of it when asked.",
        schemas.GetPage,
        schemas.WholePage,
        _get_page,
    ),
    Tool(
        "get_region_image",
        "Look at a region: a picture of it with a little of its surroundings. For figures, "
        "tables, and text that was recognised wrongly.",
        schemas.GetRegionImage,
        schemas.RegionImage,
        _get_region_image,
    ),
    Tool(
        "list_documents",
        "List the documents that can be searched, with their page counts.",
        schemas.ListDocuments,
        schemas.Documents,
        _list_documents,
    ),
    Tool(
        "add_documents",
        "Read PDFs and pictures into the index, so that they can be searched. Unchanged files "
        "are skipped. May take a second a page.",
        schemas.AddDocuments,
        schemas.AddedDocuments,
        _add_documents,
        writes=True,
    ),
    Tool(
        "remove_document",
        "Take a document out of the index. Its file is not touched.",
        schemas.RemoveDocument,
        schemas.RemovedDocument,
        _remove_document,
        writes=True,
        removes=True,
    ),
)
