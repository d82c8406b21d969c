"""From what any page retriever returns to pages that the engine can rank: for the adapters.

A retriever of pages names each page in its metadata, in one of these ways:

    an indexed page        page_id ("acme#p3"); or doc_id (document_id) and a page number; or the
                           file that the index knows as its source, and a page number
    a picture of the page  image (path, bytes, base64, data URL or PIL image), image_path,
                           image_bytes, image_base64, base64
    a file that holds it   source, file_path or path, and a page number unless it has one page

The page number stands under `page_number` or `page_num` and counts from 1. What `page` counts
from differs between tools (0 in most PDF loaders, 1 in cloud OCR), so it has to be told. Files
that the metadata names are opened: metadata must come from a retriever that is trusted.
"""

from __future__ import annotations

import base64
import binascii
import math
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from PIL import Image

from colregion.core.documents import RESERVED_METADATA, Document, DocumentEntry, Metadata, page_id
from colregion.core.embeddings import EmbeddedPage
from colregion.core.results import Hit
from colregion.documents import open_document
from colregion.engine import Engine
from colregion.errors import InvalidInput, NotIndexed
from colregion.indexes import MemoryIndex
from colregion.ingestion.pipeline import embed

_PAGE_ID = re.compile(r"(?P<doc_id>.+)#p(?P<number>[1-9]\d*)", re.DOTALL)
_DOC_KEYS = ("doc_id", "document_id")
_NUMBER_KEYS = ("page_number", "page_num")
_FILE_KEYS = ("source", "file_path", "path")
_PICTURE_KEYS = ("image", "image_path", "image_bytes", "image_base64", "base64")
# How PNG, JPEG, GIF, WebP and TIFF begin in base64.
_BASE64_PICTURE = re.compile(r"iVBORw0KGgo|/9j/|R0lGOD|UklGR|SUkqA|TU0AK")
_PAGES_KEPT = 32


@dataclass(frozen=True, slots=True, eq=False)
class PageReference:
    """Which page is meant, and where it can be read if the index does not hold it.

    Args:
        doc_id, page_number: the page's document and 1-based number, None where not known.
        picture: of this one page: a path, a file's bytes, or an image.
        file: the document or picture file that holds the page.
        metadata: the retriever's own keys, flat, which hits on the page carry on.
    """

    doc_id: str | None = None
    page_number: int | None = None
    picture: str | Path | bytes | Image.Image | None = None
    file: str | Path | None = None
    metadata: Metadata = field(default_factory=dict)


def page_reference(
    metadata: Mapping[str, Any],
    *,
    picture: str | bytes | None = None,
    first_page: int | None = None,
) -> PageReference:
    """Read a page's metadata by the keys that this module lists.

    Args:
        picture: the page's picture where it does not stand in the metadata: a file's bytes,
            base64 or a data URL. Text that is no picture is no reference.
        first_page: what the key `page` counts from, 0 or 1; None refuses it.

    Raises:
        InvalidInput: nothing names a page, a page number below 1, `page` without `first_page`,
            or a picture that is not base64; the message lists the keys that were there.
    """
    doc_id, number = _named_page(metadata, first_page=first_page)
    found = _picture(metadata)
    if found is None and isinstance(picture, str):
        picture = _decoded(picture) if picture_text(picture) else None
    reference = PageReference(
        doc_id=doc_id,
        page_number=number,
        picture=picture if found is None else found,
        file=_text(metadata, _FILE_KEYS),
        metadata=_own(metadata),
    )
    if reference.picture is None and reference.file is None and (doc_id is None or number is None):
        raise InvalidInput(
            "a page document must name its page by doc_id and page_number, by image_path, image "
            f"or image_base64, or by source and page_number; got the keys {sorted(metadata)}"
        )
    return reference


def picture_text(text: str) -> bool:
    """Whether a text is a picture in base64 or a data URL, by how it begins."""
    return text.startswith("data:image/") or _BASE64_PICTURE.match(text) is not None


def rank_pages(
    engine: Engine, question: str, pages: Sequence[PageReference], *, k: int | None
) -> list[Hit]:
    """The k regions of these pages that answer best, all of them for k None.

    A page that the index holds is taken from there; any other is read and embedded, and kept for
    the next question, by content. A page named twice counts once. Hits carry the references'
    document, page number and metadata.

    Args:
        pages: [] gives [].

    Raises:
        InvalidInput: an empty question, k < 1, no such file, or a document of several pages
            without a page number; two different pictures of the same page.
        NotIndexed: a page that the index does not hold, with nothing to read it from.
        UnreadableDocument: a file that cannot be read.
    """
    held = {entry.id: entry for entry in engine.documents()}
    found: dict[str, tuple[EmbeddedPage, DocumentEntry]] = {}
    for reference in pages:
        page, entry = _indexed(engine, reference, held) or _read(engine, reference)
        before = found.setdefault(page.id, (page, entry))[1]
        if before.content_hash != entry.content_hash:
            raise InvalidInput(f"two different pictures of page {page.id}; give page_number")
    hits = engine.rank(question, [page for page, _ in found.values()], k=k)
    return [replace(hit, entry=found[hit.page_id][1]) for hit in hits]


@cache
def engine_without_index() -> Engine:
    """The process's engine for pages that bring their own pictures or files."""
    return Engine.open(MemoryIndex())


def _named_page(
    metadata: Mapping[str, Any], *, first_page: int | None
) -> tuple[str | None, int | None]:
    if named := _PAGE_ID.fullmatch(str(metadata.get("page_id", ""))):
        return named["doc_id"], int(named["number"])
    return _text(metadata, _DOC_KEYS), _page_number(metadata, first_page=first_page)


def _text(metadata: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    for key in keys:
        value = metadata.get(key)
        if isinstance(value, str | Path) and str(value):
            return str(value)
    return None


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
    # Stores that keep all numbers as floats give 3.0 back.
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    if isinstance(value, bool) or not text.isdecimal() or int(text) < least:
        raise InvalidInput(f"{key} must be a whole number from {least} up, got {value!r}")
    return int(text)


def _picture(metadata: Mapping[str, Any]) -> str | bytes | Image.Image | None:
    for key in _PICTURE_KEYS:
        value = metadata.get(key)
        if isinstance(value, Image.Image) or (isinstance(value, bytes) and value):
            return value
        if isinstance(value, str | Path) and str(value):
            is_data = key.endswith(("bytes", "base64")) or picture_text(str(value))
            return _decoded(str(value)) if is_data else str(value)
    return None


def _decoded(text: str) -> bytes:
    data = text.partition(";base64,")[2] if text.startswith("data:") else text
    try:
        decoded = base64.b64decode("".join(data.split()), validate=True)
    except binascii.Error as cause:
        raise InvalidInput(f"a picture's base64 cannot be decoded: {text[:30]!r}") from cause
    if not decoded:
        raise InvalidInput(f"a picture's base64 is empty: {text[:30]!r}")
    return decoded


def _own(metadata: Mapping[str, Any]) -> Metadata:
    """What a hit's metadata can carry on: flat, finite, and not under one of its own keys."""
    return {
        key: value
        for key, value in metadata.items()
        if key not in RESERVED_METADATA
        and key not in _PICTURE_KEYS
        and isinstance(value, str | int | float | bool | None)
        and not (isinstance(value, float) and not math.isfinite(value))
    }


def _indexed(
    engine: Engine, reference: PageReference, held: Mapping[str, DocumentEntry]
) -> tuple[EmbeddedPage, DocumentEntry] | None:
    entry = held.get(reference.doc_id or "")
    if entry is None and reference.file is not None:
        wanted = os.path.abspath(reference.file)
        entry = next((one for one in held.values() if os.path.abspath(one.source) == wanted), None)
    if entry is None:
        return None
    number = reference.page_number or (1 if entry.page_count == 1 else None)
    if number is None:
        return None
    try:
        (page,) = engine.index.load([page_id(entry.id, number)])
    except NotIndexed:
        if reference.picture is None:
            raise
        return None
    return page, replace(entry, metadata={**reference.metadata, **entry.metadata})


def _read(engine: Engine, reference: PageReference) -> tuple[EmbeddedPage, DocumentEntry]:
    given = reference.file if reference.picture is None else reference.picture
    if given is None:
        raise NotIndexed(
            f"no document {reference.doc_id!r} in the index; add it, or give its pages with "
            "image_path, image or source"
        )
    name = reference.doc_id or reference.file or (given if isinstance(given, str | Path) else None)
    document = open_document(given, doc_id=None if name is None else str(name))
    position = 1
    if reference.picture is None and document.page_count > 1:
        if reference.page_number is None:
            raise InvalidInput(
                f"{document.source} has {document.page_count} pages; give page_number"
            )
        position = reference.page_number
    number = reference.page_number or 1
    made_with = f"{engine.parser.fingerprint_for(document)} | {engine.encoder.fingerprint}"
    key = (document.content_hash, str(position), page_id(document.id, number), made_with)
    page = _kept.get(key)
    if page is None:
        page = _embedded(engine, document, position=position, number=number)
        _kept.put(key, page)
    entry = DocumentEntry(
        id=document.id,
        source=str(reference.file or document.source),
        content_hash=document.content_hash,
        parser="",
        metadata=reference.metadata,
    )
    return page, entry


def _embedded(engine: Engine, document: Document, *, position: int, number: int) -> EmbeddedPage:
    pages = list(islice(document.pages(), position - 1, position))
    if not pages:
        raise InvalidInput(f"{document.source} has {document.page_count} pages, no page {position}")
    numbered = replace(pages[0], number=number)
    alone = replace(document, open_pages=lambda: iter([numbered]), page_count=1)
    (embedded,) = embed(engine.parser.parse(alone), engine.encoder)
    # A page holds on to its picture once loaded; a copy of it loads it when it is wanted.
    unloaded = replace(embedded.parsed, page=replace(embedded.parsed.page))
    return replace(embedded, parsed=unloaded)


class _Kept:
    """The pages read last."""

    def __init__(self) -> None:
        self._pages: OrderedDict[tuple[str, ...], EmbeddedPage] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[str, ...]) -> EmbeddedPage | None:
        with self._lock:
            if key in self._pages:
                self._pages.move_to_end(key)
            return self._pages.get(key)

    def put(self, key: tuple[str, ...], page: EmbeddedPage) -> None:
        with self._lock:
            self._pages[key] = page
            while len(self._pages) > _PAGES_KEPT:
                self._pages.popitem(last=False)


_kept = _Kept()
