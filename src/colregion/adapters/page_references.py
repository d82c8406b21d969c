"""Turns what any page retriever returns into pages that the engine can rank.

A retriever names each page in its metadata, in one of these ways:

    an indexed page        page_id ("acme#p3"); or doc_id (document_id) and a page number; or the
                           file that the index knows as its source, and a page number
    an image of the page   image (path, bytes, base64, data URL or PIL image), image_path,
                           image_bytes, image_base64, base64
    the file with the page source, file_path or path, and a page number unless it has one page

The page number is `page_number` or `page_num` and counts from 1. Tools differ in what `page`
counts from (0 in most PDF loaders, 1 in cloud OCR), so the caller says so. Files that the metadata
names are opened: use metadata only from retrievers that you trust.
"""

from __future__ import annotations

import base64
import binascii
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from colregion.core.documents import RESERVED_METADATA, DocumentEntry, Metadata, page_id
from colregion.core.embeddings import EmbeddedPage
from colregion.core.results import Hit
from colregion.documents import open_document
from colregion.engine import Engine
from colregion.errors import InvalidInput, NotIndexed
from colregion.indexes import MemoryIndex

_PAGE_ID = re.compile(r"(?P<doc_id>.+)#p(?P<number>[1-9]\d*)", re.DOTALL)
_DOC_KEYS = ("doc_id", "document_id")
_NUMBER_KEYS = ("page_number", "page_num")
_FILE_KEYS = ("source", "file_path", "path")
_IMAGE_KEYS = ("image", "image_path", "image_bytes", "image_base64", "base64")
# The first bytes of PNG, JPEG, GIF, WebP and TIFF in base64.
_BASE64_IMAGE = re.compile(r"iVBORw0KGgo|/9j/|R0lGOD|UklGR|SUkqA|TU0AK")


@dataclass(frozen=True, slots=True, eq=False)
class PageReference:
    """A page, its 1-based number, and where it can be read if the index does not contain it: an
    `image` of this one page (a path, a file's bytes, or a PIL image), or a `file` that contains it.
    The retriever's own `metadata`, flat, is passed on to hits on the page."""

    doc_id: str | None = None
    page_number: int | None = None
    image: str | Path | bytes | Image.Image | None = None
    file: str | Path | None = None
    metadata: Metadata = field(default_factory=dict)


def page_reference(
    metadata: Mapping[str, Any], *, image: str | bytes | None = None, first_page: int | None = None
) -> PageReference:
    """Read a page's metadata by the keys that this module lists.

    Args:
        image: the page's image where it is not in the metadata: a file's bytes, base64 or a data
            URL. Other text is ignored.
        first_page: what the key `page` counts from, 0 or 1; None refuses it.

    Raises:
        InvalidInput: nothing names a page, a page number below 1, `page` without `first_page`,
            or an image that is not base64; the message lists the metadata's keys.
    """
    doc_id, number = _page_name(metadata, first_page=first_page)
    own_image = _image(metadata)
    if own_image is None and isinstance(image, str):
        image = _decode(image) if is_image_text(image) else None
    reference = PageReference(
        doc_id=doc_id,
        page_number=number,
        image=image if own_image is None else own_image,
        file=_text(metadata, _FILE_KEYS),
        metadata=_user_metadata(metadata),
    )
    if reference.image is None and reference.file is None and (doc_id is None or number is None):
        raise InvalidInput(
            "a page document must name its page by doc_id and page_number, by image_path, image "
            f"or image_base64, or by source and page_number; got the keys {sorted(metadata)}"
        )
    return reference


def is_image_text(text: str) -> bool:
    """Whether a text is an image in base64 or a data URL, by its first characters."""
    return text.startswith("data:image/") or _BASE64_IMAGE.match(text) is not None


def rank_pages(
    engine: Engine, question: str, pages: Sequence[PageReference], *, k: int | None
) -> list[Hit]:
    """The k regions of these pages that answer best, all of them for k None.

    A page that the index contains is loaded from there; any other is read and embedded, and
    cached for the next question. A page named twice counts once. Hits carry the references'
    document, page number and metadata.

    Args:
        pages: [] gives [].

    Raises:
        InvalidInput: an empty question, k < 1, no such file, a document of several pages without
            a page number, or two different images of the same page.
        NotIndexed: a page that the index does not contain, with nothing to read it from.
        UnreadableDocument: a file that cannot be read.
    """
    entries = {entry.id: entry for entry in engine.documents()}
    loaded: dict[str, tuple[EmbeddedPage, DocumentEntry]] = {}
    for reference in pages:
        page, entry = _indexed(engine, reference, entries) or _read(engine, reference)
        first = loaded.setdefault(page.id, (page, entry))[1]
        if first.content_hash != entry.content_hash:
            raise InvalidInput(f"two different images of page {page.id}; give page_number")
    hits = engine.rank(question, [page for page, _ in loaded.values()], k=k)
    return [replace(hit, entry=loaded[hit.page_id][1]) for hit in hits]


@cache
def engine_without_index() -> Engine:
    """The process's engine for pages that bring their own images or files."""
    return Engine.open(MemoryIndex())


def _page_name(
    metadata: Mapping[str, Any], *, first_page: int | None
) -> tuple[str | None, int | None]:
    if match := _PAGE_ID.fullmatch(str(metadata.get("page_id", ""))):
        return match["doc_id"], int(match["number"])
    return _text(metadata, _DOC_KEYS), _page_number(metadata, first_page=first_page)


def _text(metadata: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    values = (metadata.get(key) for key in keys)
    return next((str(v) for v in values if isinstance(v, str | Path) and str(v)), None)


def _page_number(metadata: Mapping[str, Any], *, first_page: int | None) -> int | None:
    for key in _NUMBER_KEYS:
        if metadata.get(key) is not None:
            return _whole_number(metadata[key], key=key, least=1)
    if metadata.get("page") is None:
        return None
    if first_page is None:
        raise InvalidInput(
            "the metadata counts pages under 'page', which starts at 0 in some tools and at 1 in "
            "others; say first_page=0 (PyPDF, PyMuPDF and most PDF loaders) or first_page=1"
        )
    return _whole_number(metadata["page"], key="page", least=first_page) + 1 - first_page


def _whole_number(value: Any, *, key: str, least: int) -> int:
    # Stores that keep all numbers as floats return 3.0.
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    if isinstance(value, bool) or not text.isdecimal() or int(text) < least:
        raise InvalidInput(f"{key} must be a whole number from {least} up, got {value!r}")
    return int(text)


def _image(metadata: Mapping[str, Any]) -> str | bytes | Image.Image | None:
    for key in _IMAGE_KEYS:
        value = metadata.get(key)
        if isinstance(value, Image.Image) or (isinstance(value, bytes) and value):
            return value
        if isinstance(value, str | Path) and str(value):
            is_data = key.endswith(("bytes", "base64")) or is_image_text(str(value))
            return _decode(str(value)) if is_data else str(value)
    return None


def _decode(text: str) -> bytes:
    data = text.partition(";base64,")[2] if text.startswith("data:") else text
    try:
        decoded = base64.b64decode("".join(data.split()), validate=True)
    except binascii.Error as cause:
        raise InvalidInput(f"an image's base64 cannot be decoded: {text[:30]!r}") from cause
    if not decoded:
        raise InvalidInput(f"an image's base64 is empty: {text[:30]!r}")
    return decoded


def _user_metadata(metadata: Mapping[str, Any]) -> Metadata:
    """The keys that a hit's metadata can carry: flat, finite, and none of its own."""
    return {
        key: value
        for key, value in metadata.items()
        if key not in RESERVED_METADATA
        and key not in _IMAGE_KEYS
        and isinstance(value, str | int | float | bool | None)
        and not (isinstance(value, float) and not math.isfinite(value))
    }


def _indexed(
    engine: Engine, reference: PageReference, entries: Mapping[str, DocumentEntry]
) -> tuple[EmbeddedPage, DocumentEntry] | None:
    entry = entries.get(reference.doc_id or "")
    if entry is None and reference.file is not None:
        path = os.path.abspath(reference.file)
        entry = next((e for e in entries.values() if os.path.abspath(e.source) == path), None)
    if entry is None:
        return None
    number = reference.page_number or (1 if entry.page_count == 1 else None)
    if number is None:
        return None
    try:
        (page,) = engine.index.load([page_id(entry.id, number)])
    except NotIndexed:
        if reference.image is None:
            raise
        return None
    return page, replace(entry, metadata={**reference.metadata, **entry.metadata})


def _read(engine: Engine, reference: PageReference) -> tuple[EmbeddedPage, DocumentEntry]:
    source = reference.file if reference.image is None else reference.image
    if source is None:
        raise NotIndexed(
            f"no document {reference.doc_id!r} in the index; add it, or give its pages with "
            "image_path, image or source"
        )
    path = source if isinstance(source, str | Path) else None
    name = reference.doc_id or reference.file or path
    document = open_document(source, doc_id=None if name is None else str(name))
    position = 1
    if reference.image is None and document.page_count > 1:
        if reference.page_number is None:
            count = document.page_count
            raise InvalidInput(f"{document.source} has {count} pages; give page_number")
        position = reference.page_number
    number = reference.page_number or 1
    page = engine.page_cache.read_page(document, position=position, number=number)
    entry = DocumentEntry(
        id=document.id,
        source=str(reference.file or document.source),
        content_hash=document.content_hash,
        parser="",
        metadata=reference.metadata,
    )
    return page, entry
