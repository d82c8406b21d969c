from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from PIL import Image, ImageDraw

from colregion.core.documents import Page
from colregion.core.geometry import Box, Upright
from colregion.core.regions import Word
from colregion.errors import MissingDependency
from colregion.parsers.auto_reader import AutoReader, not_covered
from colregion.parsers.word_reader import WordReader


def make_page(number: int) -> Page:
    return Page("doc", number, 30, 20, "px", lambda *, dpi=None: Image.new("RGB", (30, 20)))  # noqa: ARG005


LINES = [(20 + 14 * i, y, 28 + 14 * i, y + 6) for y in range(140, 380, 12) for i in range(18)]


def page_of_lines() -> Page:
    """300 x 400 points, with lines of text from (20, 140) to (267, 375)."""
    image = Image.new("RGB", (300, 400), "white")
    for rectangle in LINES:
        ImageDraw.Draw(image).rectangle(rectangle, fill="black")
    return Page("doc", 1, 300, 400, "pt", lambda *, dpi=None: image)  # noqa: ARG005


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


class MissingScript(WordColumn):
    def read_upright(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        return replace(page, missing="install tesseract-ocr-rus"), self.words


def test_invisible_layer_is_used_where_ocr_lacks_the_pages_script() -> None:
    reader = AutoReader(
        WordColumn("Отчёт"), assess=always("invisible"), ocr=MissingScript("OTuet", confidence=0.4)
    )

    page, words = reader.read_upright(make_page(7))

    assert [word.text for word in words] == ["Отчёт"]
    assert page.missing == "install tesseract-ocr-rus (its invisible text is used)"


def test_invisible_layer_gives_way_to_ocr_that_reads_the_pages_script() -> None:
    reader = AutoReader(WordColumn("file"), assess=always("invisible"), ocr=WordColumn("scan"))

    assert [word.text for word in reader.read(make_page(7))] == ["scan"]


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
        "auto-3(column of 0, no OCR)",
        "auto-3(column of 0, column of 1)",
        "auto-3(column of 0, column of 2)",
    }


def test_few_words_beside_a_drawing_are_kept_and_completed_by_ocr_of_the_whole_page() -> None:
    reader = AutoReader(
        WordColumn("QX-17O0l"),
        assess=always("sparse"),
        ocr=SidewaysColumn("QX-1700I", "unsure", confidence=0.2),
    )

    page, words = reader.read_upright(make_page(7))

    assert [word.text for word in words] == ["QX-17O0l", "unsure"]
    assert page.upright == Upright(90.0, 30, 20)


def test_watermark_across_a_scan_covers_no_ocr_words() -> None:
    hull = Word("DRAFT", Box(0.1, 0.2, 0.9, 0.8))
    lines = [Word("scan", Box(0.2, y, 0.4, y + 0.15), 0.9) for y in (0.25, 0.5)]
    tall = Word("Title", Box(0.2, 0.3, 0.6, 0.6), 0.9)  # half the hull's height

    assert not_covered(lines, [hull]) == lines
    assert not_covered([tall], [hull]) == []
    assert not_covered([], [hull]) == []
    assert not_covered(lines, []) == lines


def partial_reader(*words: Word) -> AutoReader:
    """A text layer of one word at the top of the page, and OCR that reads the given words."""
    ocr = WordColumn()
    ocr.words = words
    return AutoReader(WordColumn("file"), assess=always("partial"), ocr=ocr)


def test_partial_text_layer_is_supplemented_by_ocr_words_outside_it() -> None:
    # The lines and 0.01 of the page around them: x from 0.05667 to 0.9, y from 0.34 to 0.9475.
    reader = partial_reader(Word("scan", Box(0, 0.2, 0.5, 0.4), 0.9))

    words = reader.read(page_of_lines())

    assert [word.text for word in words] == ["file", "scan"]
    expected = (0.05667, 0.34 + 0.2 * 0.6075, 0.05667 + 0.5 * 0.84333, 0.34 + 0.4 * 0.6075)
    assert words[1].box.xyxy == pytest.approx(expected, abs=1e-4)


def test_ocr_words_on_the_text_layers_own_are_not_added() -> None:
    reader = partial_reader(
        Word("scan", Box(0, 0, 1, 0.2), 0.9), Word("new", Box(0, 0.4, 1, 1), 0.9)
    )
    reader.text_layer = WordColumn("file", "file")  # the second from 0.3 to 0.5 of the page

    assert [word.text for word in reader.read(page_of_lines())] == ["file", "file", "scan", "new"]

    narrow = partial_reader(Word("scan", Box(0.1, 0, 0.3, 0.2), 0.9))
    narrow.text_layer = WordColumn("file", "file")
    assert [word.text for word in narrow.read(page_of_lines())] == ["file", "file"]


def test_partial_text_layer_is_not_supplemented_by_ocr_words_of_low_confidence() -> None:
    reader = partial_reader(Word("sc@n", Box(0, 0.2, 0.5, 0.4), 0.3))

    assert [word.text for word in reader.read(page_of_lines())] == ["file"]


def test_ocr_sees_only_the_part_of_a_page_that_the_text_layer_lacks() -> None:
    seen: list[Page] = []

    class Recorder(WordColumn):
        def read_upright(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
            seen.append(page)
            return page, ()

    sideways = replace(page_of_lines(), upright=Upright(90.0, 300, 400))
    AutoReader(WordColumn("file"), assess=always("partial"), ocr=Recorder()).read(sideways)

    (part,) = seen
    assert (part.width, part.height) == pytest.approx((253, 243))
    assert part.image.size == (253, 243)
    assert part.upright == Upright(90.0, part.width, part.height)


def test_page_without_lines_outside_its_text_layer_is_not_read_by_ocr() -> None:
    reader = partial_reader(Word("scan", Box(0, 0.2, 0.5, 0.4), 0.9))

    assert [word.text for word in reader.read(make_page(1))] == ["file"]


@pytest.mark.parametrize("verdict", ["partial", "sparse"])
def test_incomplete_text_layer_without_ocr_engine_says_what_is_missing(verdict: str) -> None:
    reader = AutoReader(WordColumn("file"), assess=always(verdict), ocr=None)

    page, words = reader.read_upright(make_page(1))

    assert [word.text for word in words] == ["file"]
    assert "shows text that its text layer lacks" in page.missing
    assert "apt-get install tesseract-ocr" in page.missing
