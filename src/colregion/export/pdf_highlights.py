"""Highlights of hits in a copy of their document, a PDF that any viewer opens."""

from __future__ import annotations

import ctypes
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from colregion.core.geometry import Box
from colregion.core.results import Hit
from colregion.documents.office import office_suffix, to_pdf
from colregion.documents.pdf import PdfFile
from colregion.errors import BackendError, InvalidInput, NotIndexed, UnreadableDocument

_COLOR = (255, 244, 170)  # pale: charts must stay legible through it
_QUOTE_COLOR = (255, 214, 80)  # the words within it
_AUTHOR = "colregion"
_SNIPPET_CHARACTERS = 300
_IMAGE_DPI = 150
_JPEG_QUALITY = 90

_Point: TypeAlias = tuple[float, float]


def annotate_pdf(
    hits: Sequence[Hit],
    *,
    question: str = "",
    source: str | Path | bytes | None = None,
    password: str | None = None,
) -> bytes:
    """Highlight hits in their document.

    A pale highlight covers the region's boxes, a darker one the words of its quotes. The note
    gives the question, the hit's rank among `hits`, its page, its score if it has one, and the
    start of its text. All pages of a PDF are kept with their content and its password; a signature
    in it becomes invalid. From a scan that is an image file the PDF has the pages with hits, made
    from the index's page images.

    Args:
        hits: of one document, best first.
        question: first line of each note.
        source: the PDF, if it is not (or no longer) at the hits' `source`.
        password: of a locked PDF.

    Returns:
        The PDF file's content. Before writing it, `check_destination` guards the source.

    Raises:
        InvalidInput: no hits, hits of several documents, or no file at their source.
        NotIndexed: the PDF is not the one that was indexed.
        UnreadableDocument: the file is not a PDF, is damaged or locked.
    """
    _check_one_document(hits)
    if source is None and hits[0].parsed.page.unit == "px":
        numbers = sorted({hit.page_number for hit in hits})
        pdf, page_indices = _pdf_from_images(hits), {number: i for i, number in enumerate(numbers)}
    else:
        pdf = _read_source(hits[0], source)
        page_indices = {hit.page_number: hit.page_number - 1 for hit in hits}
    file = PdfFile(pdf, name=hits[0].source, password=password)
    try:
        # Locks the file for this thread: PDFium is not thread-safe.
        with file.document() as document:
            for number, index in page_indices.items():
                on_page = [(i, hit) for i, hit in enumerate(hits, 1) if hit.page_number == number]
                _highlight(document, index, on_page, question)
            annotated = io.BytesIO()
            document.save(annotated)
    finally:
        file.close()
    return annotated.getvalue()


def _check_one_document(hits: Sequence[Hit]) -> None:
    documents = sorted({hit.doc_id for hit in hits})
    if not documents:
        raise InvalidInput("there are no hits to highlight; pass the hits of a search")
    if len(documents) > 1:
        listed = ", ".join(documents)
        raise InvalidInput(f"the hits are from several documents, {listed}; make one PDF of each")


def _read_source(hit: Hit, source: str | Path | bytes | None) -> bytes:
    if isinstance(source, bytes):
        data, name = source, "the PDF passed as source"
    else:
        path = Path(hit.source if source is None else source).expanduser()
        name = str(path)
        try:
            data = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError) as cause:
            raise InvalidInput(
                f"{hit.doc_id} is not (or no longer) at {name}; pass source= with its PDF"
            ) from cause
        except OSError as cause:
            raise UnreadableDocument(f"cannot read {name}: {cause.strerror}") from cause
    expected = hit.entry.content_hash
    # Without a parser the embeddings came from the caller, whose hash need not be the file's.
    if expected and hit.entry.parser and hashlib.sha256(data).hexdigest() != expected:
        raise NotIndexed(
            f"{name} is not what was indexed as {hit.doc_id}, so boxes may not fit. Add it again "
            "and repeat the search, or pass source= with the indexed version"
        )
    suffix = office_suffix(data, data[:8], name=name)
    return data if suffix is None else to_pdf(data, suffix, name=name)


def _pdf_from_images(hits: Sequence[Hit]) -> bytes:
    """The pages with hits, one image per page, in order of their numbers."""
    pages = {hit.page_number: hit.parsed.page for hit in hits}
    first, *others = (pages[number].image for number in sorted(pages))
    buffer, options = io.BytesIO(), {"resolution": _IMAGE_DPI, "quality": _JPEG_QUALITY}
    first.save(buffer, "PDF", save_all=True, append_images=others, **options)
    return buffer.getvalue()


def _highlight(
    document: pdfium.PdfDocument, index: int, hits: Sequence[tuple[int, Hit]], question: str
) -> None:
    if index >= len(document):
        raise InvalidInput(
            f"the PDF has {len(document)} pages, but a hit is on page {index + 1}; "
            "pass source= with the PDF that was indexed"
        )
    try:
        page = document[index]
        for rank, hit in hits:
            note = _note(question, rank, hit)
            _add_annotation(page, hit.region.boxes, color=_COLOR, note=note, name=hit.id)
            if words := [box for quote in hit.quotes for box in quote.boxes]:
                name = f"{hit.id} words"
                _add_annotation(page, words, color=_QUOTE_COLOR, note=note, name=name)
        # Rendering makes PDFium create the highlights' appearance streams, without which some
        # viewers do not show them. The size does not matter.
        page.render(scale=1 / max(page.get_size())).close()
        page.close()
    except pdfium.PdfiumError as cause:
        message = f"page {index + 1} is damaged ({cause}); export the PDF again"
        raise UnreadableDocument(message) from cause


def _add_annotation(
    page: pdfium.PdfPage, boxes: Sequence[Box], *, color: tuple[int, int, int], note: str, name: str
) -> None:
    quads = [_quad(box, page) for box in boxes]
    xs, ys = zip(*(point for quad in quads for point in quad), strict=True)
    annotation = raw.FPDFPage_CreateAnnot(page, raw.FPDF_ANNOT_HIGHLIGHT)
    rectangle = raw.FS_RECTF(left=min(xs), top=max(ys), right=max(xs), bottom=min(ys))
    results = [
        raw.FPDFAnnot_SetRect(annotation, rectangle),
        raw.FPDFAnnot_SetColor(annotation, raw.FPDFANNOT_COLORTYPE_Color, *color, 255),
        raw.FPDFAnnot_SetFlags(annotation, raw.FPDF_ANNOT_FLAG_PRINT),
    ]
    for quad in quads:
        corners = raw.FS_QUADPOINTSF(*sum(quad, ()))
        results.append(raw.FPDFAnnot_AppendAttachmentPoints(annotation, corners))
    for key, text in ((b"Contents", note), (b"T", _AUTHOR), (b"NM", name)):
        results.append(raw.FPDFAnnot_SetStringValue(annotation, key, _wide(text)))
    raw.FPDFPage_CloseAnnot(annotation)
    if not all(results):
        raise BackendError(f"PDFium could not write the highlight of {name}")


def _quad(box: Box, page: pdfium.PdfPage) -> list[_Point]:
    """Corners of a box in the PDF page's own space: as displayed top left, top right, bottom left,
    bottom right. Undoes the crop box and /Rotate, which turns clockwise."""
    left, bottom, right, top = page.get_bbox()
    rotation = page.get_rotation()

    def place(x: float, y: float) -> _Point:
        across, down = {0: (x, y), 90: (y, 1 - x), 180: (1 - x, 1 - y), 270: (1 - y, x)}[rotation]
        return left + across * (right - left), top - down * (top - bottom)

    return [place(x, y) for y in (box.y0, box.y1) for x in (box.x0, box.x1)]


def _note(question: str, rank: int, hit: Hit) -> str:
    text = " ".join(hit.text.split())
    if len(text) > _SNIPPET_CHARACTERS:
        text = text[:_SNIPPET_CHARACTERS].rsplit(" ", 1)[0] + " …"
    score = "" if hit.score is None else f", score {hit.score:.3f}"
    place = f"{rank}. page {hit.page_number}, {hit.kind}{score}"
    warning = f"caution: {hit.hidden_text_warning}" if hit.hidden_text_warning else ""
    return "\n".join(filter(None, (question.strip(), place, warning, text)))


def _wide(text: str) -> ctypes.Array[ctypes.c_ushort]:
    """Text as zero-terminated UTF-16; zeros within it become spaces, which do not end it."""
    data = (text.replace("\0", " ") + "\0").encode("utf-16-le", "replace")
    return (ctypes.c_ushort * (len(data) // 2)).from_buffer_copy(data)
