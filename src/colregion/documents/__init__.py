"""Files, bytes and images as documents whose pages are read one at a time.

PDFium's bindings and Pillow's formats are imported when the first document is opened; they would
take a third of the time of `import colregion`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from PIL import Image

from colregion.core.documents import Document, Limits, Metadata, Page
from colregion.documents.file_types import TEXT_SUFFIXES, text_suffix
from colregion.documents.identity import Identity, head_of, identify
from colregion.documents.office import OFFICE_SUFFIXES, office_suffix, to_pdf
from colregion.errors import InvalidInput, NotIndexed, UnreadableDocument

__all__ = ["Identity", "identify", "open_document", "plain_source", "read_image"]

_OpenPage: TypeAlias = Callable[[int], Page]

_IMAGE_FORMATS = "PNG, JPEG, WebP, BMP, GIF, TIFF, PNM"
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
    """Open a file, its bytes or an image as a document.

    The first bytes tell the type, not the name: PDF, PNG, JPEG, WebP, BMP, GIF, TIFF and PNM, and
    office files where LibreOffice is installed. Text, Markdown, HTML, CSV and mail, which it prints
    too, are told by their names. A TIFF has one page per frame (thumbnails left
    out); of an animation the first frame is the page. Pages are read from the file when they are
    used, so it must stay where it is.

    Args:
        doc_id: by default the file's name, or the start of the content's hash.
        name: of the source, for people; by default the path.
        password: opens an encrypted PDF.
        limits: on size, pages and pixels; time and memory are not checked here.
        identity: the result of `identify` for the source, where it is known already.

    Raises:
        InvalidInput: no such path, or another type of argument.
        UnreadableDocument: damaged, encrypted, empty, too large, of an unknown type, not a file,
            or not readable by this user.
        MissingDependency: an office or text file, and LibreOffice is not installed.
    """
    plain = plain_source(source)
    if isinstance(source, str | Path):
        name, doc_id = name or str(source), doc_id or Path(source).name
    identity = identity or identify(plain, doc_id=doc_id, name=name, limits=limits)
    if isinstance(plain, Image.Image):
        opened = _open_image(plain, identity)
    else:
        opened = _open_file(plain, identity, password=password, limits=limits)
    page_count, open_page = opened.page_count, opened.open_page
    if page_count > limits.pages:
        most = f"{identity.name} has more than {limits.pages:,} pages"
        raise UnreadableDocument(f"{most}. Split it, or raise the limit `pages`")
    return Document(
        id=identity.doc_id,
        source=identity.name,
        content_hash=identity.content_hash,
        open_pages=partial(_all_pages, open_page, page_count, opened.close),
        page_count=page_count,
        metadata=metadata or {},
        open_page=open_page,
        unread=opened.unread,
    )


def plain_source(source: str | Path | bytes | Image.Image) -> Path | bytes | Image.Image:
    """The source with its path absolute, or its image upright and in RGB. Raises InvalidInput for
    a source of another type."""
    if isinstance(source, Image.Image):
        from colregion.documents.images import upright_rgb

        return upright_rgb(source)
    if isinstance(source, str | Path):
        # Absolute, so that pages can be read after the working folder has changed.
        return Path(source).expanduser().absolute()
    if isinstance(source, bytes):
        return source
    raise InvalidInput(f"a document is a path, bytes or a PIL image, got {type(source).__name__}")


def read_image(source: str, number: int, *, content_hash: str, dpi: int | None) -> Image.Image:
    """Read the image of a page (1-based) again from the file that was indexed. Raises NotIndexed
    where the file is missing or has changed, UnreadableDocument where it cannot be read."""
    path = Path(source)
    if not path.is_file():
        raise NotIndexed(
            f"{source}, from which page {number} would be read, is no file here; put it there (for "
            "images alone, an index on Qdrant can be given a folder)"
        )
    document = open_document(path)
    if document.content_hash != content_hash:
        raise NotIndexed(f"{source} has changed since it was indexed; add it again")
    (page,) = document.alone(number).pages()
    return page.load_image(dpi=dpi)


def _all_pages(open_page: _OpenPage, page_count: int, close: Callable[[], None]) -> Iterator[Page]:
    """All pages; then the file is closed, and opens itself again for a page that is used later."""
    try:
        yield from map(open_page, range(1, page_count + 1))
    finally:
        close()


def _close_nothing() -> None:
    """Images are open only while they are read."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """How to read the pages of a source; `unread` as in `Document`."""

    page_count: int
    open_page: _OpenPage
    close: Callable[[], None] = _close_nothing
    unread: str = ""


def _open_file(
    source: Path | bytes, identity: Identity, *, password: str | None, limits: Limits
) -> _Opened:
    head, name, doc_id = head_of(source), identity.name, identity.doc_id
    printed, unread = _print_as_pdf(source, head, name=name, limits=limits)
    if printed is not None or b"%PDF-" in head:
        from colregion.documents.pdf import PdfFile, count_pages, pdf_page

        if printed is not None:
            source, password = printed, None
        pdf = PdfFile(source, name=name, password=password, max_pixels=limits.pixels)
        open_page = partial(pdf_page, pdf, doc_id=doc_id)
        return _Opened(count_pages(pdf), open_page, pdf.close, unread or pdf.unread())
    from colregion.documents.images import ImageSource, frame_page, image_opener

    if image_opener(head) is None:
        raise UnreadableDocument(_unknown_type(head, name=name))
    image = ImageSource(source, name=name, max_pixels=limits.pixels, max_frames=limits.pages)
    frames = image.frames()
    return _Opened(len(frames), partial(frame_page, image, frames, doc_id=doc_id))


def _print_as_pdf(
    source: Path | bytes, head: bytes, *, name: str, limits: Limits
) -> tuple[bytes | None, str]:
    """An office or text file as PDF, None for any other; and its `Document.unread`."""
    unread = ""
    suffix = office_suffix(source, head, name=name)
    if suffix is None and (kind := text_suffix(head, name=name)) is not None:
        from colregion.documents.text_files import printable

        content = source if isinstance(source, bytes) else source.read_bytes()
        text = printable(content, kind, name=name)
        source, suffix, unread = text.content, text.suffix, text.unread
    if suffix is None:
        return None, ""
    # A little sooner than the worker pool gives up on this process.
    timeout_s = _OFFICE_SHARE * limits.seconds_per_page
    return to_pdf(source, suffix, name=name, timeout_s=timeout_s), unread


def _open_image(image: Image.Image, identity: Identity) -> _Opened:
    from colregion.documents.images import in_memory_image

    load_image = partial(in_memory_image, image)

    def open_page(number: int) -> Page:
        return Page(identity.doc_id, number, *image.size, "px", load_image=load_image)

    return _Opened(1, open_page)


def _unknown_type(head: bytes, *, name: str) -> str:
    if head[4:8] == b"ftyp":
        return f"{name} is HEIC, AVIF or a video; save it as JPEG or PNG"
    if head.startswith(b"PK\x03\x04"):
        return f"{name} is an archive, which is not opened; unpack it and add what is in it"
    return (
        f"{name} is of no known type; colregion reads PDF, images ({_IMAGE_FORMATS}), office files "
        f"({' '.join(sorted(OFFICE_SUFFIXES))}) and, by their names, texts "
        f"({' '.join(sorted(TEXT_SUFFIXES))})"
    )
