"""Files, bytes and pictures as documents whose pages are read one at a time.

What reads them is imported when the first one is opened: PDFium's bindings and Pillow's formats
would make up a third of the time that `import colregion` takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeAlias

from PIL import Image

from colregion.core.documents import Document, Limits, Metadata, Page
from colregion.documents.identity import Identity, head_of, identify
from colregion.documents.office import office_suffix, to_pdf
from colregion.errors import InvalidInput, UnreadableDocument

__all__ = [
    "Identity",
    "identify",
    "open_document",
    "plain_source",
]

_OpenPage: TypeAlias = Callable[[int], Page]
_Close: TypeAlias = Callable[[], None]

_PICTURES = "PNG, JPEG, WebP, BMP, GIF, TIFF, PNM"
_DEFAULT_LIMITS = Limits()
_OFFICE_SHARE = 0.9


def open_document(
    source: str | Path | bytes | Image.Image,
    *,
    doc_id: str | None = None,
    name: str | None = None,
    metadata: Metadata | None = None,
    password: str | None = None,
    limits: Limits = _DEFAULT_LIMITS,
    identity: Identity | None = None,
) -> Document:
    """A file, its bytes or a picture as a document.

    What a file is, its first bytes say, not its name: PDF, PNG, JPEG, WebP, BMP, GIF, TIFF and
    PNM, and office files where LibreOffice is installed. A TIFF has a page a frame (thumbnails
    left out); of an animation the first frame counts. A page keeps its file's path, so the file
    must stay for as long as pages are read.

    Args:
        doc_id: the file's name by default, or the start of the content's hash.
        name: what people call the source; the path by default.
        password: opens a locked PDF.
        limits: size, pages and pixels; time and memory are not looked at here.
        identity: what `identify` said of the source, where that is known already.

    Raises:
        InvalidInput: no such path, or another type of argument.
        UnreadableDocument: damaged, locked, empty, too large, of an unknown type, not a file,
            or not readable by this user.
        MissingDependency: an office file, and LibreOffice is not installed.
    """
    plain = plain_source(source)
    if isinstance(source, str | Path):
        name, doc_id = name or str(source), doc_id or Path(source).name
    identity = identity or identify(plain, doc_id=doc_id, name=name, limits=limits)
    if isinstance(plain, Image.Image):
        page_count, open_page, close = _open_held(plain, doc_id=identity.doc_id)
    else:
        page_count, open_page, close = _open_file(plain, identity, password=password, limits=limits)
    if page_count > limits.pages:
        raise UnreadableDocument(
            f"{identity.name} has more than {limits.pages:,} pages. Split it, or raise the limit "
            "`pages`"
        )
    return Document(
        id=identity.doc_id,
        source=identity.name,
        content_hash=identity.content_hash,
        open_pages=partial(_each, open_page, page_count, close),
        page_count=page_count,
        metadata=metadata or {},
        open_page=open_page,
    )


def plain_source(source: str | Path | bytes | Image.Image) -> Path | bytes | Image.Image:
    """The source with its path absolute, or its picture upright and in RGB.

    Raises:
        InvalidInput: a source of another type.
    """
    if isinstance(source, Image.Image):
        from colregion.documents.images import upright_rgb

        return upright_rgb(source)
    if isinstance(source, str | Path):
        # Absolute, so that pages can be read after the working folder has changed.
        return Path(source).expanduser().absolute()
    if isinstance(source, bytes):
        return source
    raise InvalidInput(f"a document is a path, bytes or a PIL image, got {type(source).__name__}")


def _each(open_page: _OpenPage, page_count: int, close: _Close) -> Iterator[Page]:
    """The file is closed behind the last page; a page that is used later opens it again."""
    try:
        yield from map(open_page, range(1, page_count + 1))
    finally:
        close()


def _nothing_to_close() -> None:
    """Pictures are open only while they are read."""


def _open_file(
    source: Path | bytes, identity: Identity, *, password: str | None, limits: Limits
) -> tuple[int, _OpenPage, _Close]:
    head, name, doc_id = head_of(source), identity.name, identity.doc_id
    suffix = office_suffix(source, head, name=name)
    if suffix is not None:
        # A little sooner than whoever waits for this process gives it up.
        timeout_s = _OFFICE_SHARE * limits.seconds_per_page
        source, password = to_pdf(source, suffix, name=name, timeout_s=timeout_s), None
    if suffix is not None or b"%PDF-" in head:
        from colregion.documents.pdf import PdfFile, count_pages, pdf_page

        file = PdfFile(source, name=name, password=password, max_pixels=limits.pixels)
        return count_pages(file), partial(pdf_page, file, doc_id=doc_id), file.close
    from colregion.documents.images import PictureSource, opener, picture_page

    if opener(head) is None:
        raise UnreadableDocument(_unknown_type(head, name=name))
    picture = PictureSource(source, name=name, max_pixels=limits.pixels, max_frames=limits.pages)
    frames = picture.frames()
    return len(frames), partial(picture_page, picture, frames, doc_id=doc_id), _nothing_to_close


def _open_held(picture: Image.Image, *, doc_id: str) -> tuple[int, _OpenPage, _Close]:
    from colregion.documents.images import HeldImage, held_page

    return 1, partial(held_page, HeldImage(picture), doc_id=doc_id), _nothing_to_close


def _unknown_type(head: bytes, *, name: str) -> str:
    if head[4:8] == b"ftyp":
        return f"{name} is HEIC, AVIF or a video; save it as JPEG or PNG"
    if head.startswith(b"PK\x03\x04"):
        return f"{name} is an archive, which is not opened; unpack it and add what is in it"
    return f"{name} is of no known type; colregion reads PDF and pictures ({_PICTURES})"
