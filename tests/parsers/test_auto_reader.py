from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from PIL import Image

from colregion.core.documents import Page
from colregion.core.geometry import Box, Upright
from colregion.core.regions import Word
from colregion.errors import MissingDependency
from colregion.parsers.auto_reader import AutoReader
from colregion.parsers.word_reader import WordReader


def make_page(number: int) -> Page:
    return Page("doc", number, 30, 20, "px", lambda *, dpi=None: Image.new("RGB", (30, 20)))  # noqa: ARG005


def always(verdict: str) -> Callable[[Page], str]:
    """The same verdict for every page."""
    return lambda _: verdict


class WordColumn(WordReader):
    """Reads words one below the other."""

    def __init__(self, *texts: str, confidence: float | None = None) -> None:
        self.words = tuple(
            Word(text, Box(0.1, 0.1 + 0.2 * i, 0.4, 0.2 + 0.2 * i), confidence)
            for i, text in enumerate(texts)
        )

    @property
    def fingerprint(self) -> str:
        return f"column of {len(self.words)}"

    def read_upright(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        return page, self.words


class SidewaysColumn(WordColumn):
    def read_upright(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        return replace(page, upright=Upright(90.0, page.width, page.height)), self.words


@pytest.mark.parametrize(
    ("verdict", "text"), [("", "file"), ("blank", "file"), ("missing", "scan")]
)
def test_sound_text_layer_is_preferred_to_ocr(verdict: str, text: str) -> None:
    reader = AutoReader(WordColumn("file"), assess=always(verdict), ocr=WordColumn("scan"))

    assert [word.text for word in reader.read(make_page(7))] == [text]


def test_orientation_detected_by_ocr_is_kept() -> None:
    reader = AutoReader(WordColumn("file"), assess=always("missing"), ocr=SidewaysColumn("scan"))

    page, words = reader.read_upright(make_page(7))

    assert page.upright == Upright(90.0, 30, 20)
    assert words[0].text == "scan"


@pytest.mark.parametrize("reason", ["missing", "invisible", "garbled"])
def test_missing_ocr_engine_fails_only_on_pages_that_need_it(reason: str) -> None:
    reader = AutoReader(
        WordColumn("file"), assess=lambda page: "" if page.number == 1 else reason, ocr=None
    )

    assert reader.read(make_page(1))[0].text == "file"
    with pytest.raises(MissingDependency) as caught:
        reader.read(make_page(2))
    for part in ("doc#p2", reason, 'pip install "colregion[ocr]"', "apt-get install tesseract-ocr"):
        assert part in str(caught.value)


def test_fingerprint_names_the_ocr_engine() -> None:
    fingerprints = {
        AutoReader(WordColumn(), ocr=ocr).fingerprint
        for ocr in (None, WordColumn("a"), WordColumn("a", "b"))
    }

    assert fingerprints == {
        "auto-2(column of 0, no OCR)",
        "auto-2(column of 0, column of 1)",
        "auto-2(column of 0, column of 2)",
    }


def test_partial_text_layer_is_supplemented_by_ocr_words_outside_it() -> None:
    reader = AutoReader(
        WordColumn("file", "file"),
        assess=always("partial"),
        ocr=WordColumn("scan", "scan", "scan", confidence=0.9),
    )

    words = reader.read(make_page(1))

    assert [(word.text, word.box.y0) for word in words] == [
        ("file", 0.1),
        ("file", pytest.approx(0.3)),
        ("scan", pytest.approx(0.5)),
    ]


def test_partial_text_layer_is_not_supplemented_by_ocr_words_of_low_confidence() -> None:
    reader = AutoReader(
        WordColumn("file"),
        assess=always("partial"),
        ocr=WordColumn("scan", "sc@n", confidence=0.3),
    )

    assert [word.text for word in reader.read(make_page(1))] == ["file"]


def test_partial_text_layer_without_ocr_engine_says_what_is_missing() -> None:
    reader = AutoReader(WordColumn("file"), assess=always("partial"), ocr=None)

    page, words = reader.read_upright(make_page(1))

    assert [word.text for word in words] == ["file"]
    assert "shows text that its text layer lacks" in page.missing
    assert "apt-get install tesseract-ocr" in page.missing
