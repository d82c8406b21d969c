"""Shared by the adapters: opening engines, reading files, and results as a model reads them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from PIL import Image

from colregion.core.documents import DocumentEntry, Metadata
from colregion.core.interfaces import Parser
from colregion.core.regions import LEVELS, Region
from colregion.core.results import Hit
from colregion.documents import open_document
from colregion.engine import Engine
from colregion.errors import InvalidInput
from colregion.export.overlay import CROP_MARGIN
from colregion.indexes import open_index
from colregion.ingestion.sources import SourceFile, list_files

_MAX_NAMES = 50  # of documents, listed when a search has no results; more would fill a prompt
# The longest side that vision models take without scaling it down; less loses small print.
_IMAGE_MAX_PX = 1568


def validate_source(index: str | Path | None, engine: Engine | None) -> Engine | str | Path:
    """Whichever of the two is not None. Raises InvalidInput for neither, and for both."""
    if index is None and engine is not None:
        return engine
    if engine is None and index is not None:
        return index
    raise InvalidInput("give index= (the folder of an index) or engine=, one of the two")


def resolve_engine(source: Engine | str | Path) -> Engine:
    """The engine itself, or the process's shared engine for the index of that name. Raises
    InvalidInput where there is none, IndexCorrupt for other content or another version."""
    if isinstance(source, Engine):
        return source
    _require_index(source)
    return Engine.shared(source)


@cache
def _require_index(index: str | Path) -> None:
    # Cached, because it costs as much as a small search; errors are not cached.
    open_index(index, create=False).close()


def check_level(level: str) -> str:
    """The level of regions that a loader returns. Raises InvalidInput for an unknown one."""
    if level not in LEVELS:
        raise InvalidInput(f"level must be one of {', '.join(LEVELS)}, got {level!r}")
    return level


def load_regions(
    sources: str | Path | Sequence[str | Path], *, level: str, parser: Parser, metadata: Metadata
) -> Iterator[list[Hit]]:
    """The regions with text of files, folders and globs, in reading order, one list per page.

    They are hits without a score. Each page is parsed when it is reached. A file counts once, and
    no two files have the same document id. Raises InvalidInput for a path that does not exist or
    metadata that is not flat, UnreadableDocument for a file that cannot be read.
    """
    for file in _distinct([sources] if isinstance(sources, str | Path) else sources):
        document = open_document(file.path, doc_id=file.doc_id, metadata=metadata)
        entry = DocumentEntry(
            id=document.id,
            source=document.source,
            content_hash=document.content_hash,
            parser=parser.fingerprint,
            metadata=document.metadata,
        )
        for page in parser.parse(document):
            yield [Hit(region, page, entry) for region in page.at_level(level) if region.text]


def _distinct(sources: Sequence[str | Path]) -> Iterator[SourceFile]:
    ids: dict[Path, str] = {}
    for file in (file for source in sources for file in list_files(source)[0]):
        path = file.path.resolve()
        if path not in ids:
            taken = file.doc_id in ids.values()
            # As `Engine.add` distinguishes a second file of the same id.
            digest = hashlib.sha256(str(file.path).encode()).hexdigest()[:6]
            ids[path] = f"{file.doc_id}~{digest}" if taken else file.doc_id
            yield SourceFile(ids[path], file.path)


def region_text(region: Region, *, place: str = "") -> str:
    """A region's text after its id in brackets, its kind, and a warning about hidden text."""
    warning = f" ({region.hidden_text_warning})" if region.hidden_text_warning else ""
    return f"[{region.id}] {region.kind}{place}{warning}\n{region.text}".rstrip()


def text_for_model(hit: Hit) -> str:
    """The region as a language model reads it, with its id to cite it by."""
    head = region_text(hit.region, place=f" on page {hit.page_number}")
    if hit.unread:
        reason = hit.unread_reason or "it was only seen"
        return f"{head}\n(not read, or not all: {reason}; its image can be looked at)"
    return head if hit.text else f"{head}\n(an image without text)"


def crop_for_model(hit: Hit, *, margin: float = CROP_MARGIN) -> Image.Image:
    """The region with a margin as `Hit.crop` adds it, scaled down to what vision models take."""
    return scale_for_model(hit.crop(margin=margin))


def scale_for_model(image: Image.Image) -> Image.Image:
    """A copy of the image, scaled down to what vision models take."""
    scaled = image.copy()
    scaled.thumbnail((_IMAGE_MAX_PX, _IMAGE_MAX_PX))
    return scaled


def to_png(image: Image.Image) -> bytes:
    """The image as a PNG file."""
    png = io.BytesIO()
    image.save(png, "PNG")
    return png.getvalue()


def content_for_model(
    hits: Sequence[Hit], engine: Engine, *, include_images: bool = False, filtered: bool = False
) -> list[str | bytes]:
    """The result of a search as a language model reads it: texts, and PNG images.

    Args:
        hits: if there are none, the content says which documents the index has.
        include_images: follow each region's text by its image.
        filtered: the application restricted the search to a part of the index, so the content
            does not reveal which documents there are.
    """
    content: list[str | bytes] = []
    for hit in hits:
        content.append(text_for_model(hit))
        if include_images:
            content.append(to_png(crop_for_model(hit)))
    if hits:
        return content
    if filtered:
        return ["No regions found. Try other words."]
    names = [entry.id for entry in engine.documents()]
    listed = ", ".join(names[:_MAX_NAMES])
    if len(names) > _MAX_NAMES:
        listed += f" and {len(names) - _MAX_NAMES} more"
    return [f"No regions found. The documents are: {listed or '(none)'}."]
