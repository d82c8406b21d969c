from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from PIL import Image, ImageDraw, ImageFont

from colregion.core.documents import Page
from colregion.core.geometry import Box
from colregion.core.regions import Word
from colregion.errors import InvalidInput, MissingDependency
from colregion.parsers.ocr.tesseract import (
    TesseractReader,
    at_readable_dpi,
    parse_word_table,
    tesseract_installed,
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


class ScalableImage:
    """A page of 288 x 144 points, rendered at the requested resolution."""

    def __init__(self) -> None:
        self.requested: list[int | None] = []

    def __call__(self, *, dpi: int | None = None) -> Image.Image:
        self.requested.append(dpi)
        dpi = dpi or 72
        return drawn(width_px=4 * dpi, height_px=2 * dpi, size_px=dpi // 4)


def test_empty_table_has_no_words() -> None:
    assert parse_word_table({}, width_px=200, height_px=100) == []


def test_words_have_box_confidence_and_line_and_block_numbers() -> None:
    words = parse_word_table(
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
        ("  ", 95.0, (20, 10, 40, 5), (1, 1, 1)),  # an image's empty word
        ("Total", -1.0, (20, 10, 40, 5), (1, 1, 1)),
        ("A", 90.0, (0, 0, 200, 60), (1, 1, 1)),  # a figure
        ("|", 90.0, (100, 0, 4, 90), (1, 1, 1)),  # a rule
        ("Total", 95.0, (20, 10, 0, 5), (1, 1, 1)),
        ("Total", 95.0, (200, 10, 30, 5), (1, 1, 1)),  # off the page
    ],
)
def test_rows_that_are_no_words_are_skipped(row: Row) -> None:
    assert parse_word_table(table(row), width_px=200, height_px=100) == []


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
def test_images_are_resampled_to_a_readable_resolution(
    size: tuple[int, int], dpi: float, new_size: tuple[int, int], new_dpi: float
) -> None:
    image, resampled_dpi = at_readable_dpi(Image.new("L", size), dpi=dpi)

    assert image.size == new_size
    assert resampled_dpi == pytest.approx(new_dpi)


@pytest.mark.parametrize("languages", ["", "eng+", "eng deu", "--psm", "eng;deu"])
def test_malformed_language_list_is_refused(languages: str) -> None:
    with pytest.raises(InvalidInput, match=r"eng\+deu"):
        TesseractReader(languages=languages)


@pytest.mark.parametrize(
    ("languages", "package"),
    [("xyz", "tesseract-ocr-xyz"), ("eng+xy_zz", "tesseract-ocr-xy-zz"), ("script/Xy", "xy")],
)
def test_missing_language_data_names_its_package(languages: str, package: str) -> None:
    image = drawn(width_px=200, height_px=100, size_px=20)
    page = Page("doc", 1, 200, 100, "px", lambda *, dpi=None: image)  # noqa: ARG005

    with pytest.raises(MissingDependency, match=f"apt-get install .*{package}"):
        TesseractReader(languages=languages).read(page)


def test_missing_program_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(MissingDependency, match="apt-get install tesseract-ocr"):
        _ = TesseractReader().fingerprint
    assert not tesseract_installed()


def test_page_in_points_is_rendered_at_200_dpi() -> None:
    load = ScalableImage()

    words = TesseractReader().read(Page("doc", 1, 288, 144, "pt", load))

    assert load.requested == [200]
    assert [word.text for word in words] == ["Thursday"]
    assert words[0].box.x0 == pytest.approx(0.25, abs=0.01)


def test_thread_limit_is_set_for_tesseract_but_not_for_this_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log, program = tmp_path / "limits", tmp_path / "tesseract"
    installed = shutil.which("tesseract")
    program.write_text(f'#!/bin/sh\necho "$OMP_THREAD_LIMIT $*" >> {log}\nexec {installed} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delenv("OMP_THREAD_LIMIT", raising=False)

    words = TesseractReader().read(Page("doc", 1, 288, 144, "pt", ScalableImage()))

    assert [word.text for word in words] == ["Thursday"]
    recognitions = [call for call in log.read_text().splitlines() if "--psm" in call]
    assert [call.split(" ")[0] for call in recognitions] == ["1"]
    assert "OMP_THREAD_LIMIT" not in os.environ


def test_fingerprint_depends_on_the_languages() -> None:
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
@pytest.mark.slow
def test_auto_language_reads_the_detected_script_if_english_is_not_legible() -> None:
    page, words = TesseractReader("auto").read_upright(russian_page())
    assert {"заседание", "четверг"} <= {word.text for word in words}
    assert (page.missing, page.upright) == ("", None)


@pytest.mark.fonts
def test_auto_language_detects_no_script_if_english_is_legible(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader = TesseractReader("auto")

    def detect(*_: object, **__: object) -> tuple[str, float, bool]:
        raise AssertionError("the script was detected")

    monkeypatch.setattr(reader, "_script", detect)
    words = reader.read(lines_of("The chairman opened the meeting", "at ten on Thursday"))
    assert {"chairman", "Thursday"} <= {word.text for word in words}


@pytest.mark.fonts
@pytest.mark.slow
def test_missing_language_of_a_detected_script_is_named_with_its_package() -> None:
    reader = TesseractReader("auto")
    reader.__dict__["_installed"] = frozenset({"eng", "osd"})
    page, _ = reader.read_upright(russian_page())
    assert "Cyrillic" in page.missing
    assert "apt-get install tesseract-ocr-rus" in page.missing


def test_script_that_another_reader_reads_is_not_named_as_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader = TesseractReader("auto", read_elsewhere=frozenset({"Han"}))
    unread = [Word("ae", Box(0.1, 0.1, 0.4, 0.2), 0.2)]
    monkeypatch.setattr(TesseractReader, "_installed", frozenset({"eng", "osd"}))
    monkeypatch.setattr(TesseractReader, "_recognize", lambda *_, **__: unread)
    monkeypatch.setattr(TesseractReader, "_script", lambda *_, **__: ("Han", 0.0, True))
    assert reader.read_upright(lines_of("x"))[0].missing == ""
    assert pickle.loads(pickle.dumps(reader)).read_upright(lines_of("x"))[0].missing == ""
    assert "tesseract-ocr-chi-sim" in TesseractReader("auto").read_upright(lines_of("x"))[0].missing
