"""Highlights cover the regions as displayed, in every viewer and on every rotated page."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as raw
import pytest
from numpy.typing import NDArray
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from colregion.core.documents import DocumentEntry, Page
from colregion.core.geometry import Box
from colregion.core.quotes import Evidence
from colregion.core.regions import ParsedPage, Region, Word
from colregion.core.results import Hit
from colregion.documents import open_document
from colregion.errors import InvalidInput, NotIndexed, UnreadableDocument
from colregion.export.pdf_highlights import annotate_pdf
from colregion.testing import PlainImage, make_parsed_page

GREY_PATCH = "0.75 g 100 150 60 20 re f"
ENTRIES = "/MediaBox[0 0 300 200]/CropBox[50 20 280 190]"
DPI = 144


def write_pdf(*pages: tuple[str, str]) -> bytes:
    """Pages are (entries, content)."""
    bodies = [b"<</Type/Catalog/Pages 2 0 R>>", b""]
    for entries, content in pages:
        number = len(bodies) + 1
        bodies.append(f"<</Type/Page/Parent 2 0 R/Contents {number + 1} 0 R{entries}>>".encode())
        bodies.append(f"<</Length {len(content)}>>stream\n{content}\nendstream".encode())
    kids = " ".join(f"{number} 0 R" for number in range(3, len(bodies) + 1, 2))
    bodies[1] = f"<</Type/Pages/Count {len(pages)}/Kids[{kids}]>>".encode()
    written, offsets = b"%PDF-1.7\n", []
    for number, body in enumerate(bodies, start=1):
        offsets.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    trailer = b"trailer<</Size %d/Root 1 0 R>>\n" % (len(bodies) + 1)
    return written + head + table + trailer + b"startxref\n%d\n%%%%EOF\n" % len(written)


def hit_on(page: Page, *boxes: Box, source: str = "", data: bytes = b"", text: str = "x") -> Hit:
    region = Region(
        page_id=page.id,
        path=(1,),
        box=Box.enclosing(boxes),
        text=text,
        parts=boxes if len(boxes) > 1 else (),
    )
    digest = hashlib.sha256(data).hexdigest() if data else ""
    entry = DocumentEntry(page.doc_id, source, digest, "text_layer")
    return Hit(region, ParsedPage(page, (), (region,)), entry, 0.8125)


def render(pdf: bytes, index: int = 0) -> NDArray[np.uint8]:
    """(rows, cols, 3) of a page as a viewer shows it."""
    document = pdfium.PdfDocument(pdf)
    image = document[index].render(scale=DPI / 72).to_pil().convert("RGB")
    document.close()
    return np.asarray(image)


def bounds(mask: NDArray[np.bool_]) -> list[int]:
    """x0, y0, x1, y1 in pixels of what is true."""
    ys, xs = np.nonzero(mask)
    return [int(value) for value in (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)]


def is_grey(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray((np.abs(image.astype(int) - 191) <= 2).all(axis=2))


def is_black(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray((image < 20).all(axis=2))


def is_yellow(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    red, blue = image[:, :, 0].astype(int), image[:, :, 2].astype(int)
    return np.asarray(red - blue > 55)


def notes_in(pdf: bytes, index: int = 0) -> list[dict[str, str]]:
    document = pdfium.PdfDocument(pdf)
    page = document[index]
    notes = []
    for i in range(raw.FPDFPage_GetAnnotCount(page)):
        annotation = raw.FPDFPage_GetAnnot(page, i)
        texts = {"subtype": str(raw.FPDFAnnot_GetSubtype(annotation))}
        for key in ("Contents", "T", "NM"):
            size = raw.FPDFAnnot_GetStringValue(annotation, key.encode(), None, 0)
            buffer = (raw.FPDF_WCHAR * (size // 2))()
            raw.FPDFAnnot_GetStringValue(annotation, key.encode(), buffer, size)
            texts[key] = bytes(buffer).decode("utf-16-le").rstrip("\0")
        raw.FPDFPage_CloseAnnot(annotation)
        notes.append(texts)
    document.close()
    return notes


@pytest.mark.parametrize(
    ("rotation", "box"),
    [
        # The crop box is 230 x 170; the patch is 50..110 from its left, 20..40 from its top.
        (0, Box(50 / 230, 20 / 170, 110 / 230, 40 / 170)),
        (90, Box(130 / 170, 50 / 230, 150 / 170, 110 / 230)),
        (180, Box(120 / 230, 130 / 170, 180 / 230, 150 / 170)),
        (270, Box(20 / 170, 120 / 230, 40 / 170, 180 / 230)),
    ],
)
@pytest.mark.parametrize("more", ["", "/UserUnit 2.5"])
def test_highlight_covers_the_box(rotation: int, box: Box, more: str) -> None:
    pdf = write_pdf((f"{ENTRIES}/Rotate {rotation}{more}", GREY_PATCH))
    (page,) = open_document(pdf).pages()
    assert page.rotation == rotation
    before = render(pdf)
    patch = bounds(is_grey(before))
    assert patch == list(box.to_pixels(width_px=before.shape[1], height_px=before.shape[0]))
    after = render(annotate_pdf([hit_on(page, box)], source=pdf))
    assert after.shape == before.shape
    assert bounds(is_yellow(after)) == patch
    assert not is_grey(after).any()
    outside = np.ones(after.shape[:2], dtype=bool)
    outside[patch[1] : patch[3], patch[0] : patch[2]] = False
    assert (after == before)[outside].all()


def test_dark_content_under_a_highlight_stays_dark() -> None:
    pdf = write_pdf((ENTRIES, "0 g 60 30 23 17 re f"))
    (page,) = open_document(pdf).pages()
    lower_left = Box(0.0, 0.5, 0.5, 1.0)
    before, after = render(pdf), render(annotate_pdf([hit_on(page, lower_left)], source=pdf))
    assert bounds(is_black(before)) == bounds(is_black(after))
    assert is_yellow(after).any()


def test_highlight_covers_the_parts_of_a_region_and_nothing_between() -> None:
    pdf = write_pdf(("/MediaBox[0 0 200 100]", ""))
    (page,) = open_document(pdf).pages()
    parts = (Box(0.1, 0.1, 0.4, 0.2), Box(0.6, 0.5, 0.9, 0.8))
    marked = is_yellow(render(annotate_pdf([hit_on(page, *parts)], source=pdf)))
    rows, cols = marked.shape
    expected = np.zeros_like(marked)
    expected[int(0.1 * rows) : int(0.2 * rows), int(0.1 * cols) : int(0.4 * cols)] = True
    expected[int(0.5 * rows) : int(0.8 * rows), int(0.6 * cols) : int(0.9 * cols)] = True
    assert (marked == expected).all()


def test_all_pages_are_kept_and_only_pages_with_hits_change() -> None:
    pdf = write_pdf(
        *[("/MediaBox[0 0 200 100]", f"0.75 g {20 * i} 10 10 10 re f") for i in (1, 2, 3)]
    )
    pages = list(open_document(pdf).pages())
    annotated = annotate_pdf([hit_on(pages[2], Box(0.5, 0.1, 0.6, 0.2))], source=pdf)
    assert [len(notes_in(annotated, i)) for i in range(3)] == [0, 0, 1]
    assert (render(annotated, 1) == render(pdf, 1)).all()
    assert is_yellow(render(annotated, 2)).any()


def test_note_gives_question_rank_page_score_and_text() -> None:
    pdf = write_pdf((ENTRIES, GREY_PATCH))
    (page,) = open_document(pdf, doc_id="acme").pages()
    hit = hit_on(
        page, Box(0.1, 0.1, 0.2, 0.2), text="Umsatz:\n4 € (\U0001f98a)\0 \ud800 " + "so " * 200
    )
    annotated = annotate_pdf([hit, hit], source=pdf, question="Wie hoch? ")
    first, second = notes_in(annotated)
    assert first["subtype"] == str(raw.FPDF_ANNOT_HIGHLIGHT)
    lines = first["Contents"].splitlines()
    assert lines[:2] == ["Wie hoch?", "1. page 1, text, score 0.812"]
    assert lines[2].startswith("Umsatz: 4 € (\U0001f98a)")
    assert lines[2].endswith("so …")
    assert len(lines[2]) <= 302
    assert (first["T"], first["NM"]) == ("colregion", "acme#p1#1")
    assert second["Contents"].splitlines()[1].startswith("2. ")


def test_note_of_a_hit_without_score_omits_the_score() -> None:
    pdf = write_pdf((ENTRIES, GREY_PATCH))
    (page,) = open_document(pdf, doc_id="acme").pages()
    hit = replace(hit_on(page, Box(0.1, 0.1, 0.2, 0.2), text="Total"), score=None)
    (note,) = notes_in(annotate_pdf([hit], source=pdf))
    assert note["Contents"].splitlines() == ["1. page 1, text", "Total"]


def test_highlights_have_appearance_streams() -> None:
    pdf = write_pdf((ENTRIES, GREY_PATCH))
    (page,) = open_document(pdf).pages()
    document = pdfium.PdfDocument(annotate_pdf([hit_on(page, Box(0, 0, 1, 1))], source=pdf))
    annotation = raw.FPDFPage_GetAnnot(document[0], 0)
    assert raw.FPDFAnnot_HasKey(annotation, b"AP")
    assert raw.FPDFAnnot_HasKey(annotation, b"QuadPoints")
    raw.FPDFPage_CloseAnnot(annotation)
    document.close()


def test_source_file_is_read_and_a_moved_one_can_be_passed(tmp_path: Path) -> None:
    pdf = write_pdf((ENTRIES, GREY_PATCH))
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf)
    (page,) = open_document(path).pages()
    hit = hit_on(page, Box(0.1, 0.1, 0.5, 0.5), source=str(path), data=pdf)
    assert len(notes_in(annotate_pdf([hit]))) == 1
    assert path.read_bytes() == pdf
    moved = path.rename(tmp_path / "b.pdf")
    with pytest.raises(InvalidInput, match=r"is not \(or no longer\) at .*a\.pdf; pass source="):
        annotate_pdf([hit])
    assert len(notes_in(annotate_pdf([hit], source=moved))) == 1
    moved.write_bytes(pdf + b"\n")
    with pytest.raises(NotIndexed, match=r"b\.pdf is not what was indexed as a\.pdf"):
        annotate_pdf([hit], source=moved)


def test_no_hits_and_hits_from_several_documents_are_refused() -> None:
    with pytest.raises(InvalidInput, match="no hits"):
        annotate_pdf([])
    hits = [
        hit_on(make_parsed_page([], doc_id=doc_id).page, Box(0, 0, 1, 1)) for doc_id in ("b", "a")
    ]
    with pytest.raises(InvalidInput, match="from several documents, a, b"):
        annotate_pdf(hits)


@pytest.mark.parametrize(
    ("source", "message"), [(b"no pdf", "damaged"), (b"", "damaged"), (Path("/"), "cannot read")]
)
def test_source_that_is_not_a_pdf_is_refused(source: bytes | Path, message: str) -> None:
    (page,) = open_document(write_pdf((ENTRIES, ""))).pages()
    with pytest.raises(UnreadableDocument, match=message):
        annotate_pdf([hit_on(page, Box(0, 0, 1, 1))], source=source)


def test_pdf_with_too_few_pages_is_refused() -> None:
    pages = list(open_document(write_pdf((ENTRIES, ""), (ENTRIES, ""))).pages())
    with pytest.raises(InvalidInput, match="has 1 pages, but a hit is on page 2"):
        annotate_pdf([hit_on(pages[1], Box(0, 0, 1, 1))], source=write_pdf((ENTRIES, "")))


def test_locked_pdf_needs_its_password_and_keeps_it() -> None:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(300, 200), encrypt="secret")
    canvas.drawString(100, 150, "HELLO")
    canvas.save()
    pdf = buffer.getvalue()
    (page,) = open_document(pdf, password="secret").pages()
    hit = hit_on(page, Box(0.3, 0.1, 0.5, 0.3))
    with pytest.raises(UnreadableDocument, match="password"):
        annotate_pdf([hit], source=pdf)
    annotated = annotate_pdf([hit], source=pdf, password="secret")
    with pytest.raises(pdfium.PdfiumError, match="assword"):
        pdfium.PdfDocument(annotated)
    document = pdfium.PdfDocument(annotated, password="secret")
    assert is_yellow(np.asarray(document[0].render().to_pil().convert("RGB"))).any()
    document.close()


def image_hits(numbers: Sequence[int]) -> list[Hit]:
    """On pages of 60 x 80 px with a blue square at 12..24, 40..48."""
    square = Box(0.2, 0.5, 0.4, 0.6)
    hits = []
    for number in numbers:
        image = PlainImage(painted=((square, (0, 90 * number, 255)),))
        page = make_parsed_page([], doc_id="scan.tif", number=number, image=image).page
        hits.append(hit_on(page, square, source="/nowhere/scan.tif", data=b"x"))
    return hits


def test_pages_with_hits_of_an_image_file_become_a_pdf() -> None:
    annotated = annotate_pdf(image_hits([2, 1, 2]))
    document = pdfium.PdfDocument(annotated)
    sizes = np.array([document.get_page_size(i) for i in range(len(document))])
    document.close()
    assert sizes == pytest.approx(np.array([[60 * 72 / 150, 80 * 72 / 150]] * 2), abs=0.01)
    notes = [[note["Contents"] for note in notes_in(annotated, i)] for i in (0, 1)]
    assert [[note.splitlines()[0][:9] for note in page] for page in notes] == [
        ["2. page 1"],
        ["1. page 2", "3. page 2"],
    ]
    page = Image.fromarray(render(annotated, 0))
    blue = np.asarray(page)[:, :, 2]
    rows, cols = blue.shape
    assert blue[int(0.55 * rows), int(0.3 * cols)] < 180
    assert blue[int(0.3 * rows), int(0.3 * cols)] > 240


def test_words_that_carry_the_evidence_are_darker_than_their_region() -> None:
    pdf = write_pdf((ENTRIES, GREY_PATCH))
    page = next(open_document(pdf, doc_id="a").pages())
    line = Region(page.id, (1,), Box(0, 0, 1, 1), "x y")
    words = (Word("x", Box(0.0, 0.0, 0.5, 1.0)), Word("y", Box(0.5, 0.0, 1.0, 1.0)))
    parsed = ParsedPage(page, words, (line,))
    evidence = Evidence(np.zeros(1), {})
    hit = Hit(line, parsed, DocumentEntry("a", "", "", ""), evidence=evidence)
    notes = notes_in(annotate_pdf([hit], source=pdf))
    assert [note["NM"] for note in notes] == ["a#p1#1", "a#p1#1 words"]
    assert notes[0]["Contents"] == notes[1]["Contents"]
