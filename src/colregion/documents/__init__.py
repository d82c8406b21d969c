"""Files, bytes and pictures as documents whose pages are read one at a time.

What reads them is imported when the first one is opened: PDFium's bindings and Pillow's formats
would make up a third of the time that `import colregion` takes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeAlias

from PIL import Image

from colregion.documents.files import SUFFIXES, FoundFile, expand
from colregion.errors import InvalidInput, UnreadableDocument
from colregion.records import Document, Metadata, Page

__all__ = ["SUFFIXES", "FoundFile", "expand", "open_document"]

# PDFium and other viewers accept a header anywhere in the first kilobyte.
_HEAD_BYTES = 1024

_OpenPages: TypeAlias = Callable[[], Iterator[Page]]

_PICTURES = "PNG, JPEG, WebP, BMP, GIF, TIFF, PNM"


def open_document(
    source: str | Path | bytes | Image.Image,
    *,
    doc_id: str | None = None,
    name: str | None = None,
    metadata: Metadata | None = None,
    password: str | None = None,
) -> Document:
    """A file, its bytes or a picture as a document.

    What a file is, its first bytes say, not its name: PDF, PNG, JPEG, WebP, BMP, GIF, TIFF and
    PNM. A TIFF has a page a frame (thumbnails left out); of an animation the first frame counts.
    A page keeps its file's path, so the file must stay for as long as pages are read.

    Args:
        doc_id: the file's name by default, or the start of the content's hash.
        name: what people call the source; the path by default.
        password: opens a locked PDF.

    Raises:
        InvalidInput: no such path, or another type of argument.
        UnreadableDocument: damaged, locked, empty, too large, of an unknown type, not a file,
            or not readable by this user.
    """
    if isinstance(source, Image.Image):
        return _held_picture(source, doc_id=doc_id, name=name, metadata=metadata or {})
    if isinstance(source, str | Path):
        name, doc_id = name or str(source), doc_id or Path(source).name
        # Absolute, so that pages can be read after the working folder has changed.
        source = Path(source).expanduser().absolute()
    elif not isinstance(source, bytes):
        raise InvalidInput(
            f"a document is a path, bytes or a PIL image, got {type(source).__name__}"
        )
    head, content_hash = _head_and_hash(source, name=name)
    name = name or _name_of(content_hash)
    doc_id = doc_id or name
    if b"%PDF-" in head:
        page_count, open_pages = _open_pdf(source, doc_id=doc_id, name=name, password=password)
    else:
        page_count, open_pages = _open_picture(source, head, doc_id=doc_id, name=name)
    return Document(
        id=doc_id,
        source=name,
        content_hash=content_hash,
        open_pages=open_pages,
        page_count=page_count,
        metadata=metadata or {},
    )


def _open_pdf(
    source: Path | bytes, *, doc_id: str, name: str, password: str | None
) -> tuple[int, _OpenPages]:
    from colregion.documents.pdf import PdfFile, count_pages, pdf_pages

    file = PdfFile(source, name=name, password=password)
    page_count = count_pages(file)
    return page_count, partial(pdf_pages, file, page_count, doc_id=doc_id)


def _open_picture(
    source: Path | bytes, head: bytes, *, doc_id: str, name: str
) -> tuple[int, _OpenPages]:
    from colregion.documents.pictures import PictureSource, opener, picture_pages

    if opener(head) is None:
        raise UnreadableDocument(_unknown_type(head, name=name))
    picture = PictureSource(source, name=name)
    frames = picture.frames()
    return len(frames), partial(picture_pages, picture, frames, doc_id=doc_id)


def _held_picture(
    image: Image.Image, *, doc_id: str | None, name: str | None, metadata: Metadata
) -> Document:
    from colregion.documents.pictures import HeldImage, upright_rgb

    picture = upright_rgb(image)
    size = f"{picture.width}x{picture.height}".encode()
    content_hash = hashlib.sha256(size + picture.tobytes()).hexdigest()
    name = name or _name_of(content_hash)
    doc_id = doc_id or name
    page = Page(
        doc_id=doc_id,
        number=1,
        width=picture.width,
        height=picture.height,
        unit="px",
        load_image=HeldImage(picture),
    )
    return Document(
        id=doc_id,
        source=name,
        content_hash=content_hash,
        open_pages=lambda: iter([page]),
        page_count=1,
        metadata=metadata,
    )


def _name_of(content_hash: str) -> str:
    return f"sha256-{content_hash[:16]}"


def _head_and_hash(source: Path | bytes, *, name: str | None) -> tuple[bytes, str]:
    if isinstance(source, bytes):
        head, content_hash = source[:_HEAD_BYTES], hashlib.sha256(source).hexdigest()
    else:
        head, content_hash = _head_and_hash_of_file(source)
    if not head:
        raise UnreadableDocument(f"{name or 'the document'} is empty; make or copy it again")
    return head, content_hash


def _head_and_hash_of_file(path: Path) -> tuple[bytes, str]:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
            digest.update(head)
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except FileNotFoundError as cause:
        raise InvalidInput(f"there is no file {path}; check the path") from cause
    except IsADirectoryError as cause:
        raise UnreadableDocument(
            f"{path} is a folder; `expand` lists the documents in it"
        ) from cause
    except PermissionError as cause:
        raise UnreadableDocument(
            f"no permission to read {path}; give this user the right to"
        ) from cause
    except OSError as cause:
        raise UnreadableDocument(f"cannot read {path}: {cause}") from cause
    return head, digest.hexdigest()


def _unknown_type(head: bytes, *, name: str) -> str:
    if head[4:8] == b"ftyp":
        return f"{name} is HEIC, AVIF or a video; save it as JPEG or PNG"
    if head.startswith(b"PK\x03\x04"):
        return f"{name} is a ZIP or an office document; save it as PDF"
    return f"{name} is of no known type; colregion reads PDF and pictures ({_PICTURES})"
