from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from colregion.errors import BackendError
from colregion.parsers.ocr import tesseract, tesseract_library
from colregion.parsers.ocr.tesseract import TesseractReader
from colregion.parsers.ocr.tesseract_library import load_library, word_table

pytestmark = pytest.mark.ocr


@pytest.fixture
def library() -> ctypes.CDLL:
    version = str(TesseractReader()._program.get_tesseract_version(cached=True))
    loaded = load_library(version)
    assert loaded is not None, "tesseract-ocr brings its library"
    return loaded


def two_lines() -> Image.Image:
    image = Image.new("L", (500, 160), 255)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(size=32)
    pen.text((40, 30), "Invoice 4711", 0, font)
    pen.text((40, 90), "due Thursday", 0, font)
    return image


@pytest.mark.usefixtures("library")
def test_the_library_reads_the_same_words_as_the_program() -> None:
    program, own = TesseractReader(), TesseractReader().for_one_core()
    words = own._recognize(two_lines(), dpi=200, languages="eng")
    assert [word.text for word in words] == ["Invoice", "4711", "due", "Thursday"]
    assert words == program._recognize(two_lines(), dpi=200, languages="eng")


def test_a_blank_image_has_no_words(library: ctypes.CDLL) -> None:
    table = word_table(
        library, Image.new("L", (200, 80), 255), languages="eng", segmentation=3, dpi=200
    )
    assert not any(text.strip() for text in table.get("text", ()))


def test_missing_data_and_images_that_cannot_be_read_are_our_errors(library: ctypes.CDLL) -> None:
    with pytest.raises(BackendError, match="cannot load the data for 'xxx'"):
        word_table(library, two_lines(), languages="xxx", segmentation=3, dpi=200)
    too_wide = Image.new("L", (40_000, 2), 255)
    with pytest.raises(BackendError, match="Tesseract failed on a page"):
        word_table(library, too_wide, languages="eng", segmentation=3, dpi=200)


def test_a_library_of_another_version_or_none_leaves_the_work_to_the_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert load_library("0.0") is None
    monkeypatch.setattr(tesseract_library, "find_library", lambda _: None)
    assert load_library("0.1") is None
    monkeypatch.setattr(tesseract, "load_library", lambda _: None)
    words = TesseractReader().for_one_core()._recognize(two_lines(), dpi=200, languages="eng")
    assert [word.text for word in words] == ["Invoice", "4711", "due", "Thursday"]


def test_only_a_reader_for_one_core_uses_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(version: str) -> None:
        raise AssertionError(version)

    monkeypatch.setattr(tesseract, "load_library", refuse)
    assert len(TesseractReader()._recognize(two_lines(), dpi=200, languages="eng")) == 4


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted by Linux")
def test_the_library_reads_with_one_thread_and_limits_no_other_library() -> None:
    code = """
import os
from pathlib import Path
from colregion.parsers.ocr.tesseract import TesseractReader
from tests.parsers.ocr.test_tesseract_library import two_lines
reader, threads = TesseractReader().for_one_core(), Path("/proc/self/task")
before = len(list(threads.iterdir()))
assert len(reader._recognize(two_lines(), dpi=200, languages="eng")) == 4
print(len(list(threads.iterdir())) - before, os.environ.get("OMP_THREAD_LIMIT"))
"""
    environment = {key: value for key, value in os.environ.items() if key != "OMP_THREAD_LIMIT"}
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["0", "None"]
