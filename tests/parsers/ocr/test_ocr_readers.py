"""Behaviour shared by all OCR readers, on rendered pages."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest
from PIL import Image, ImageDraw, ImageFont

from colregion.core.documents import Page
from colregion.core.geometry import Box, Upright
from colregion.parsers.ocr.rapidocr import RapidOcrReader
from colregion.parsers.ocr.tesseract import TesseractReader
from colregion.parsers.word_reader import WordReader

WIDTH, HEIGHT = 900, 640
LINES = (
    ((60, 50), "Harbour Office"),
    ((60, 130), "Payment received from the northern depot"),
    ((60, 180), "Quantity ordered last month was seventeen"),
    ((60, 230), "Please return this form before Thursday"),
    ((60, 280), "Signature of our responsible engineer"),
    ((420, 420), "Balance 4182"),
)


@dataclass(frozen=True)
class FixedImage:
    """Loads a fixed image at any resolution."""

    image: Image.Image

    def __call__(self, *, dpi: int | None = None) -> Image.Image:  # noqa: ARG002
        return self.image


def page_of(image: Image.Image) -> Page:
    return Page("drawn", 1, image.width, image.height, "px", FixedImage(image))


def letter() -> Image.Image:
    """Six lines of print, off-centre on a page wider than high."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    for at, text in LINES:
        draw.text(at, text, fill="black", font=ImageFont.load_default(size=32))
    return image


def places(*, degrees_clockwise: float) -> Mapping[str, Box]:
    """The boxes of the words of `letter` after turning it, from turning a black box of each."""
    draw = ImageDraw.Draw(Image.new("L", (1, 1)))
    font = ImageFont.load_default(size=32)
    boxes = {}
    for (x, y), text in LINES:
        for word in text.split():
            left = x + draw.textlength(text[: text.index(word)], font=font)
            mask = Image.new("L", (WIDTH, HEIGHT))
            ImageDraw.Draw(mask).rectangle(draw.textbbox((left, y), word, font=font), fill=255)
            mask = mask.rotate(-degrees_clockwise, expand=True)
            corners = mask.getbbox()
            assert corners is not None
            boxes[word] = Box.from_pixels(corners, width_px=mask.width, height_px=mask.height)
    return boxes


def turned_letter(degrees_clockwise: float) -> Image.Image:
    return letter().rotate(
        -degrees_clockwise, resample=Image.Resampling.BICUBIC, expand=True, fillcolor="white"
    )


@pytest.fixture(
    params=[
        pytest.param("tesseract", marks=pytest.mark.ocr),
        pytest.param("rapidocr", marks=pytest.mark.slow),
    ]
)
def reader(request: pytest.FixtureRequest) -> WordReader:
    return TesseractReader() if request.param == "tesseract" else RapidOcrReader()


def test_ocr_of_a_blank_page_has_no_words_and_no_turn(reader: WordReader) -> None:
    page = page_of(Image.new("RGB", (300, 200), "white"))

    assert reader.read_upright(page) == (page, ())


def test_ocr_words_are_where_they_are_printed(reader: WordReader) -> None:
    page, words = reader.read_upright(page_of(letter()))

    assert page.upright is None
    where = places(degrees_clockwise=0)
    assert [word.text for word in words] == [w for _, text in LINES for w in text.split()]
    for word in words:
        assert word.box.center == pytest.approx(where[word.text].center, abs=0.01), word
        assert word.box.iou(where[word.text]) > 0.4, word
        assert word.confidence is not None
        assert word.confidence > 0.7
    assert len({word.line for word in words}) == len(LINES)


@pytest.mark.parametrize(
    "degrees",
    [90, *(pytest.param(angle, marks=pytest.mark.slow) for angle in (180, 270, -5, 3, 184))],
)
def test_turned_page_is_detected_and_its_boxes_are_as_displayed(
    reader: WordReader, degrees: float
) -> None:
    page, words = reader.read_upright(page_of(turned_letter(degrees)))

    assert page.upright is not None
    assert page.upright.degrees_clockwise == pytest.approx(-degrees % 360, abs=0.4)
    where = places(degrees_clockwise=degrees)
    read = {word.text: word.box for word in words}
    assert len(where.keys() & read.keys()) > 0.8 * len(where)
    for text in where.keys() & read.keys():
        assert read[text].iou(where[text]) > 0.4, text


def test_known_turn_is_used(reader: WordReader) -> None:
    image = turned_letter(180)
    page = replace(page_of(image), upright=Upright(180.0, image.width, image.height))

    same, words = reader.read_upright(page)

    assert same is page
    where = places(degrees_clockwise=180)["Balance"]
    assert next(w.box for w in words if w.text == "Balance").iou(where) > 0.4


@pytest.mark.slow
def test_parallel_ocr_gives_the_words_of_sequential_ocr(reader: WordReader) -> None:
    pages = [page_of(letter()), page_of(Image.new("RGB", (80, 60), "white")), page_of(letter())]

    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(reader.read, pages))

    assert together == [reader.read(page) for page in pages]
