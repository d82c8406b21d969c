from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from PIL import Image, ImageDraw, ImageFont

from colregion.core.documents import Page
from colregion.errors import InvalidInput, MissingDependency
from colregion.parsers.ocr.tesseract import (
    TesseractReader,
    at_readable_dpi,
    tesseract_installed,
    words_of_table,
)

pytestmark = pytest.mark.ocr

Row: TypeAlias = tuple[str, float, tuple[int, int, int, int], tuple[int, int, int]]


def table(*rows: Row) -> dict[str, list[Any]]:
    """Rows of (text, confidence, (left, top, width, height), (block, paragraph, line))."""
    names = ("left", "top", "width", "height", "block_num", "par_num", "line_num")
    flat = [(*place, *numbers) for _, _, place, numbers in rows]
    columns = {name: [row[at] for row in flat] for at, name in enumerate(names)}
    return {**columns, "text": [row[0] for row in rows], "conf": [row[1] for row in rows]}


def drawn(*, width_px: int, height_px: int, size_px: int) -> Image.Image:
    image = Image.new("RGB", (width_px, height_px), "white")
    font = ImageFont.load_default(size=size_px)
    ImageDraw.Draw(image).text((width_px // 4, height_px // 3), "Thursday", "black", font)
    return image


class AtAnyDpi:
    """A page of 288 x 144 points that is drawn at the resolution asked for."""

    def __init__(self) -> None:
        self.asked: list[int | None] = []

    def __call__(self, *, dpi: int | None = None) -> Image.Image:
        self.asked.append(dpi)
        dpi = dpi or 72
        return drawn(width_px=4 * dpi, height_px=2 * dpi, size_px=dpi // 4)


def test_no_rows_give_no_words() -> None:
    assert words_of_table({}, width_px=200, height_px=100) == []


def test_words_carry_box_confidence_and_a_count_of_lines_and_blocks() -> None:
    words = words_of_table(
        table(
            ("", -1, (0, 0, 200, 100), (1, 0, 0)),
            ("Total", 96, (20, 10, 40, 5), (1, 1, 1)),
            ("due", 50, (70, 10, 20, 5), (1, 1, 1)),
            ("net", 81, (20, 20, 20, 5), (1, 1, 2)),
            ("thanks", 0, (150, 90, 60, 20), (2, 1, 1)),
        ),
        width_px=200,
        height_px=100,
    )

    assert [word.text for word in words] == ["Total", "due", "net", "thanks"]
    assert words[0].box.xyxy == (0.1, 0.1, 0.3, 0.15)
    assert words[3].box.xyxy == (0.75, 0.9, 1.0, 1.0)  # clipped to the page
    assert [word.confidence for word in words] == [0.96, 0.5, 0.81, 0.0]
    assert [word.line for word in words] == [0, 0, 1, 2]
    assert [word.block for word in words] == [0, 0, 0, 1]


@pytest.mark.parametrize(
    "row",
    [
        ("  ", 95.0, (20, 10, 40, 5), (1, 1, 1)),  # a picture's empty word
        ("Total", -1.0, (20, 10, 40, 5), (1, 1, 1)),
        ("A", 90.0, (0, 0, 200, 60), (1, 1, 1)),  # a picture taken for a letter
        ("|", 90.0, (100, 0, 4, 90), (1, 1, 1)),  # a rule
        ("Total", 95.0, (20, 10, 0, 5), (1, 1, 1)),
        ("Total", 95.0, (200, 10, 30, 5), (1, 1, 1)),  # beside the page
    ],
)
def test_what_is_no_word_is_left_out(
    row: Row,
) -> None:
    assert words_of_table(table(row), width_px=200, height_px=100) == []


@pytest.mark.parametrize(
    ("size", "dpi", "new_size", "new_dpi"),
    [
        ((300, 200), 200, (300, 200), 200),
        ((300, 200), 300, (300, 200), 300),
        ((300, 200), 160, (375, 250), 200),
        ((300, 200), 50, (600, 400), 100),  # twice at most
        ((300, 200), 800, (150, 100), 400),
        ((1, 3000), 1200, (1, 1000), 400),
    ],
)
def test_pictures_come_to_a_resolution_that_can_be_read(
    size: tuple[int, int], dpi: float, new_size: tuple[int, int], new_dpi: float
) -> None:
    image, told = at_readable_dpi(Image.new("L", size), dpi=dpi)

    assert image.size == new_size
    assert told == pytest.approx(new_dpi)


@pytest.mark.parametrize("languages", ["", "eng+", "eng deu", "--psm", "eng;deu"])
def test_languages_that_are_no_list_of_codes_are_refused(languages: str) -> None:
    with pytest.raises(InvalidInput, match=r"eng\+deu"):
        TesseractReader(languages=languages)


@pytest.mark.parametrize(
    ("languages", "package"),
    [("xyz", "tesseract-ocr-xyz"), ("eng+xy_zz", "tesseract-ocr-xy-zz"), ("script/Xy", "xy")],
)
def test_a_language_that_is_not_installed_is_named_with_its_package(
    languages: str, package: str
) -> None:
    image = drawn(width_px=200, height_px=100, size_px=20)
    page = Page("doc", 1, 200, 100, "px", lambda *, dpi=None: image)  # noqa: ARG005

    with pytest.raises(MissingDependency, match=f"apt-get install .*{package}"):
        TesseractReader(languages=languages).read(page)


def test_without_the_program_the_error_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(MissingDependency, match="apt-get install tesseract-ocr"):
        _ = TesseractReader().fingerprint
    assert not tesseract_installed()


def test_a_page_in_points_is_drawn_at_200_dpi() -> None:
    load = AtAnyDpi()

    words = TesseractReader().read(Page("doc", 1, 288, 144, "pt", load))

    assert load.asked == [200]
    assert [word.text for word in words] == ["Thursday"]
    assert words[0].box.x0 == pytest.approx(0.25, abs=0.01)


def test_the_thread_limit_reaches_no_other_library() -> None:
    before = os.environ.get("OMP_THREAD_LIMIT")

    TesseractReader().read(Page("doc", 1, 288, 144, "pt", AtAnyDpi()))

    assert os.environ.get("OMP_THREAD_LIMIT") == before


def test_the_fingerprint_tells_languages_apart() -> None:
    assert TesseractReader().fingerprint != TesseractReader("osd").fingerprint
    assert "eng" in TesseractReader().fingerprint


def lines_of(*lines: str) -> Page:
    image = Image.new("RGB", (1200, 100 + 60 * len(lines)), "white")
    font = ImageFont.truetype("DejaVuSans.ttf", 40)
    for i, line in enumerate(lines):
        ImageDraw.Draw(image).text((50, 40 + 60 * i), line, "black", font)
    return Page("d", 1, *image.size, "px", lambda *, dpi=None: image)  # noqa: ARG005


def russian_page() -> Page:
    return lines_of(
        "Председатель собрания открыл заседание",
        "в десять часов утра и объявил повестку дня",
        "Участники утвердили годовой отчёт общества",
        "и назначили следующее собрание на четверг",
    )


@pytest.mark.ocr("rus")
@pytest.mark.fonts
def test_the_language_goes_by_the_script_where_english_is_not_legible() -> None:
    page, words = TesseractReader("auto").read_turned(russian_page())
    assert {"заседание", "четверг"} <= {word.text for word in words}
    assert (page.missing, page.upright) == ("", None)


@pytest.mark.fonts
def test_what_is_legible_as_english_is_read_as_english(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = TesseractReader("auto")

    def look(*_: object, **__: object) -> tuple[str, float, bool]:
        raise AssertionError("the script was looked at")

    monkeypatch.setattr(reader, "_script", look)
    words = reader.read(lines_of("The chairman opened the meeting", "at ten on Thursday"))
    assert {"chairman", "Thursday"} <= {word.text for word in words}


@pytest.mark.fonts
def test_a_script_whose_language_is_not_installed_is_named_with_its_package() -> None:
    reader = TesseractReader("auto")
    reader.__dict__["_installed"] = frozenset({"eng", "osd"})
    page, _ = reader.read_turned(russian_page())
    assert "Cyrillic" in page.missing
    assert "apt-get install tesseract-ocr-rus" in page.missing
