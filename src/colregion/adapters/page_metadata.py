"""Reads which pages a document's metadata names, in the keys of the common loaders and retrievers.

    an indexed page        page_id ("acme#p3"); or doc_id (document_id) and a page number; or the
                           file that the index knows as its source, and a page number
    an image of the page   image (path, bytes, base64, data URL or PIL image), image_path,
                           image_bytes, image_base64, base64
    the file with the page source, file_path, path, file_directory with filename, file_name, or the
                           origin of a docling document; and a page number unless it has one page

    the page number        page_number, page_num, page_no or pageNumber, from 1
                           dl_meta (docling's loader for LangChain) or doc_items (its node parser
                           for LlamaIndex): the pages of all its items
                           bounding_regions or boundingRegions (Azure)
                           source ending in "#page=3"; or source "3" beside file_path (LlamaIndex's
                           PyMuPDF reader)
                           page, which counts from 0 in most PDF loaders and from 1 in cloud OCR, so
                           the caller says which
                           page_label (LlamaIndex's PDF reader, PyPDFLoader): the printed number,
                           looked up in the document

Files that the metadata names are opened: use metadata only from retrievers that you trust.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from PIL import Image

from colregion.core.documents import RESERVED_METADATA, Metadata
from colregion.errors import InvalidInput

Files: TypeAlias = Mapping[Any, str | Path]
"""What retrievers call a document (an id, also a whole number, or a file name) -> its file."""

_PAGE_ID = re.compile(r"(?P<doc_id>.+)#p(?P<number>[1-9]\d*)", re.DOTALL)
_FRAGMENT = re.compile(r"(?P<file>.+)#page=(?P<number>[1-9]\d*)", re.DOTALL)
_DOC_KEYS = ("doc_id", "document_id")
_NUMBER_KEYS = ("page_number", "page_num", "page_no", "pageNumber")
FILE_KEYS = ("source", "file_path", "path")
"""Keys of a document's path, the first that is there wins."""
_NAME_KEYS = ("filename", "file_name")
_IMAGE_KEYS = ("image", "image_path", "image_bytes", "image_base64", "base64")
# The first bytes of PNG, JPEG, GIF, WebP and TIFF in base64.
_BASE64_IMAGE = re.compile(r"iVBORw0KGgo|/9j/|R0lGOD|UklGR|SUkqA|TU0AK")


@dataclass(frozen=True, slots=True, eq=False)
class PageReference:
    """A page, its 1-based number, and where it can be read if the index does not contain it: an
    `image` of this one page (a path, a file's bytes, or a PIL image), or a `file` that contains it.
    The retriever's own `metadata`, flat, is passed on to hits on the page.

    Args:
        label: the page's printed number ("iv"), which is looked up where there is no page number.
        near: a number that may count from 0 or 1; chooses among pages of the same label.
    """

    doc_id: str | None = None
    page_number: int | None = None
    image: str | Path | bytes | Image.Image | None = None
    file: str | Path | None = None
    metadata: Metadata = field(default_factory=dict)
    label: str | None = None
    near: int | None = None


def referenced_pages(
    metadata: Mapping[str, Any],
    *,
    image: str | bytes | None = None,
    first_page: int | None = None,
    files: Files | None = None,
) -> list[PageReference]:
    """The pages that a document's metadata names, by the keys that this module lists; several for a
    docling chunk that runs over a page break, [] for a document that names none.

    Args:
        image: the page's image where it is not in the metadata: a file's bytes, base64 or a data
            URL. Other text is ignored.
        first_page: what the key `page` counts from, 0 or 1; None refuses it.
        files: the file of each document by what the metadata calls it, such as byaldi's
            `get_doc_ids_to_file_names()`.

    Raises:
        InvalidInput: a page number below 1, `page` without `first_page`, or an image that is not
            base64.
    """
    own_image = _image(metadata)
    if own_image is None and isinstance(image, str):
        image = _decode(image) if is_image_text(image) else None
    page_image = image if own_image is None else own_image
    doc_id, file = _doc_id(metadata), _file(metadata)
    for name in (doc_id, file):
        file = _file_by_name(files or {}, name) or file
    if page_image is None and file is None and doc_id is None:
        return []
    label = metadata.get("page_label")
    labelled = label is not None and str(label) != ""
    numbers = _page_numbers(metadata, first_page=first_page, labelled=labelled)
    return [
        PageReference(
            doc_id=doc_id,
            page_number=number,
            image=page_image,
            file=file,
            metadata=_user_metadata(metadata),
            label=str(label) if labelled and number is None else None,
            near=_near(metadata) if labelled and number is None else None,
        )
        for number in numbers or (None,)
    ]


def is_image_text(text: str) -> bool:
    """Whether a text is an image in base64 or a data URL, by its first characters."""
    return text.startswith("data:image/") or _BASE64_IMAGE.match(text) is not None


def _doc_id(metadata: Mapping[str, Any]) -> str | None:
    if match := _PAGE_ID.fullmatch(str(metadata.get("page_id", ""))):
        return match["doc_id"]
    ids = (metadata.get(key) for key in _DOC_KEYS)
    return next((str(i) for i in ids if _is_whole(i) or (isinstance(i, str) and i)), None)


def _file(metadata: Mapping[str, Any]) -> str | None:
    path = _text(metadata, ("file_path", *FILE_KEYS) if _is_page_source(metadata) else FILE_KEYS)
    if path is not None:
        match = _FRAGMENT.fullmatch(path)
        return match["file"] if match else path
    name = _text(metadata, _NAME_KEYS) or _text(_docling(metadata).get("origin"), ("filename",))
    folder = _text(metadata, ("file_directory",))
    return name if name is None or folder is None else str(Path(folder, name))


def _file_by_name(files: Files, name: str | None) -> str | None:
    if name is None:
        return None
    keys = (name, int(name)) if name.isdecimal() else (name,)
    return next((str(files[key]) for key in keys if key in files), None)


def _text(metadata: Any, keys: Sequence[str]) -> str | None:
    if not isinstance(metadata, Mapping):
        return None
    values = (metadata.get(key) for key in keys)
    return next((str(v) for v in values if isinstance(v, str | Path) and str(v)), None)


def _is_page_source(metadata: Mapping[str, Any]) -> bool:
    """Whether `source` is a page number, as LlamaIndex's PyMuPDF reader writes it."""
    source = metadata.get("source")
    return isinstance(source, str) and source.isdecimal() and bool(metadata.get("file_path"))


def _page_numbers(
    metadata: Mapping[str, Any], *, first_page: int | None, labelled: bool
) -> tuple[int, ...]:
    if match := _PAGE_ID.fullmatch(str(metadata.get("page_id", ""))):
        return (int(match["number"]),)
    for key in _NUMBER_KEYS:
        if metadata.get(key) is not None:
            return (_whole_number(metadata[key], key=key, least=1),)
    if pages := _docling_pages(metadata) or _azure_pages(metadata):
        return pages
    source = _text(metadata, FILE_KEYS) or ""
    if match := _FRAGMENT.fullmatch(source):
        return (int(match["number"]),)
    if _is_page_source(metadata):
        return (_whole_number(source, key="source", least=1),)
    if metadata.get("page") is None or (labelled and first_page is None):
        return ()
    if first_page is None:
        raise InvalidInput(
            "the metadata counts pages under 'page', which starts at 0 in some tools and at 1 in "
            "others; say first_page=0 (PyPDF, PyMuPDF and most PDF loaders) or first_page=1"
        )
    return (_whole_number(metadata["page"], key="page", least=first_page) + 1 - first_page,)


def _docling(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    meta = metadata.get("dl_meta", metadata)
    return meta if isinstance(meta, Mapping) and "doc_items" in meta else {}


def _docling_pages(metadata: Mapping[str, Any]) -> tuple[int, ...]:
    items = _docling(metadata).get("doc_items") or ()
    places = [place for item in items for place in item.get("prov") or ()]
    numbers = {_whole_number(place["page_no"], key="page_no", least=1) for place in places}
    return tuple(sorted(numbers))


def _azure_pages(metadata: Mapping[str, Any]) -> tuple[int, ...]:
    regions = metadata.get("bounding_regions") or metadata.get("boundingRegions")
    if not isinstance(regions, Sequence):
        return ()
    keys = ("page_number", "pageNumber")
    numbers = (
        _whole_number(region[key], key=key, least=1)
        for region in regions
        for key in keys
        if isinstance(region, Mapping) and key in region
    )
    return tuple(sorted(set(numbers)))


def _near(metadata: Mapping[str, Any]) -> int | None:
    page = metadata.get("page")
    return None if page is None else _whole_number(page, key="page", least=0)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


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
