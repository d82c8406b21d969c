"""Content of the demo documents in the package, and the script that draws them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from PIL import Image

from colregion.demo import DOCUMENTS, QUESTIONS, Question
from scripts.make_demo_documents import make

PAGES = {
    "tarrow-annual-report-2024.pdf": 5,
    "shore-battery-paper.pdf": 2,
    "winter-timetable-slide.pdf": 1,
}
SCAN = "cafe-receipt-scan.jpg"


def page_text(name: str, number: int) -> str:
    pdf = pypdfium2.PdfDocument(DOCUMENTS / name)
    try:
        return " ".join(pdf[number - 1].get_textpage().get_text_bounded().split())
    finally:
        pdf.close()


def test_package_contains_these_documents_and_no_others() -> None:
    assert {path.name for path in DOCUMENTS.iterdir()} == {*PAGES, SCAN}
    assert sum(path.stat().st_size for path in DOCUMENTS.iterdir()) < 1_500_000


@pytest.mark.parametrize(("name", "pages"), PAGES.items())
def test_pdfs_have_their_pages_and_text(name: str, pages: int) -> None:
    pdf = pypdfium2.PdfDocument(DOCUMENTS / name)
    try:
        assert len(pdf) == pages
    finally:
        pdf.close()
    assert "Tarrow" in page_text(name, 1)


@pytest.mark.parametrize("question", [q for q in QUESTIONS if q.document != SCAN])
def test_answer_is_on_the_page_that_the_question_names(question: Question) -> None:
    assert question.pattern.search(page_text(question.document, question.page))


def test_slide_is_in_landscape_format() -> None:
    pdf = pypdfium2.PdfDocument(DOCUMENTS / "winter-timetable-slide.pdf")
    try:
        assert pdf[0].get_size() == (960, 540)
    finally:
        pdf.close()


def test_scan_is_gray_noisy_and_sideways() -> None:
    with Image.open(DOCUMENTS / SCAN) as image:
        assert image.mode == "L"
        assert image.getexif() == {}
        # Lines of text that run vertically: ink varies more between columns than between rows.
        ink = 255.0 - np.asarray(image, dtype=float)
    paper = ink[150:600, 90:1020]
    assert paper.mean(axis=0).std() > 2 * paper.mean(axis=1).std()
    corner = ink[5:40, 5:40]
    assert 3 < corner.std() < 15


@pytest.mark.slow
def test_drawing_the_documents_is_reproducible(tmp_path: Path) -> None:
    first, second = make(tmp_path / "first"), make(tmp_path / "second")
    assert {path.name for path in first} == {*PAGES, SCAN}
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    for name, pages in PAGES.items():
        for number in range(1, pages + 1):
            drawn = pypdfium2.PdfDocument(tmp_path / "first" / name)
            try:
                words = " ".join(drawn[number - 1].get_textpage().get_text_bounded().split())
            finally:
                drawn.close()
            assert words == page_text(name, number)
