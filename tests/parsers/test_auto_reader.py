from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from PIL import Image

from colregion.core.documents import Page
from colregion.core.geometry import Box, Upright
from colregion.core.regions import Word
from colregion.parsers.auto_reader import AutoReader, confirmed_share, not_covered
from colregion.parsers.text_layer.quality import Assessment
from colregion.parsers.word_reader import WordReader


def make_page(number: int) -> Page:
    return Page("doc", number, 30, 20, "px", lambda *, dpi=None: Image.new("RGB", (30, 20)))  # noqa: ARG005


LOWER = Box(0.05, 0.35, 0.9, 0.95)


def always(verdict: str, unread: Box | None = None) -> Callable[[Page], Assessment]:
    """The same assessment of every page."""
    return lambda _: Assessment(verdict, unread)


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


class HiddenColumn(WordColumn):
    """Words drawn without ink."""

    def __init__(self, *texts: str) -> None:
        super().__init__(*texts)
        self.words = tuple(replace(word, visible=False) for word in self.words)


def test_invisible_layer_gives_way_to_ocr_that_reads_the_pages_script() -> None:
    reader = AutoReader(HiddenColumn("file"), assess=always("invisible"), ocr=WordColumn("scan"))

    words = reader.read(make_page(7))

    assert [(word.text, word.visible) for word in words] == [("file", False), ("scan", True)]


def at(text: str, x: float, confidence: float | None = None, *, visible: bool = True) -> Word:
    return Word(text, Box(x, 0.1, x + 0.15, 0.2), confidence, visible=visible)


def test_invisible_layer_that_ocr_confirms_completes_it_where_it_is_unsure() -> None:
    texts = ("Siege", "of", "Vicksburg", "1863")
    layer, ocr = WordColumn(), WordColumn()
    layer.words = tuple(at(text, 0.2 * i, visible=False) for i, text in enumerate(texts))
    ocr.words = (at("siege", 0.0, 0.9), at("o1", 0.2, 0.4), at("Vicksburg", 0.4, 0.9))
    ocr.words += (at("§", 0.81, 0.3),)
    reader = AutoReader(layer, assess=always("invisible"), ocr=ocr)

    words = reader.read(make_page(7))

    assert confirmed_share(layer.words, ocr.words) == 2 / 3
    assert [w.text for w in words] == ["siege", "Vicksburg", "of", "1863", "§"]
    assert all(w.visible and not w.hidden_text for w in words)


def test_words_are_confirmed_only_by_the_same_text_at_their_place() -> None:
    ocr = [at("Total", 0.0), at("due", 0.2)]
    assert confirmed_share([at("Total", 0.1), at("Due", 0.2), at("to", 0.5)], ocr) == 1.0
    assert confirmed_share([at("Total", 0.5), at("dues", 0.2)], ocr) == 0.0
    assert confirmed_share([at("to", 0.5)], ocr) == 0.0
    assert confirmed_share([at("Total", 0.5)], []) == 0.0


def test_words_without_spaces_are_confirmed_by_half_of_their_characters() -> None:
    ocr = [at("上海", 0.0), at("证券", 0.1), at("公司", 0.5)]
    assert confirmed_share([at("上海证券交易所", 0.05)], ocr) == 1.0
    assert confirmed_share([at("上海证券交易所的", 0.2)], ocr) == 0.0


def test_visible_stamp_on_a_scan_with_an_invisible_layer_is_kept() -> None:
    layer = WordColumn("Received", "file")
    layer.words = (layer.words[0], replace(layer.words[1], visible=False))
    ocr = WordColumn("Rece1ved", "scan")
    reader = AutoReader(layer, assess=always("invisible"), ocr=ocr)

    assert [w.text for w in reader.read(make_page(7)) if w.visible] == ["Received", "scan"]


@pytest.mark.parametrize(
    ("layer", "ocr", "missing"),
    [
        pytest.param(
            "Έκθεση",
            "EkOeon",
            "its Greek script was not read by OCR. Install it: apt-get install tesseract-ocr-ell "
            "(its invisible text is used)",
            id="Greek read as Latin",
        ),
        pytest.param(
            "보고서",
            "",
            "its Hangul script was not read by OCR. Install it: apt-get install tesseract-ocr-kor "
            "(its invisible text is used)",
            id="Korean not read",
        ),
        pytest.param("report", "", "", id="nothing read"),
    ],
)
def test_invisible_layer_is_used_and_marked_where_ocr_reads_nothing_or_another_script(
    layer: str, ocr: str, missing: str
) -> None:
    reader = AutoReader(
        HiddenColumn(layer), assess=always("invisible"), ocr=WordColumn(*filter(None, [ocr]))
    )

    page, (word,) = reader.read_upright(make_page(7))

    assert (word.text, word.visible, word.hidden_text) == (layer, True, "invisible")
    assert page.missing == missing


def test_latin_layer_under_a_page_that_ocr_reads_in_another_script_is_not_used() -> None:
    reader = AutoReader(HiddenColumn("Otuet"), assess=always("invisible"), ocr=WordColumn("Отчёт"))

    page, words = reader.read_upright(make_page(7))

    assert [word.text for word in words if word.visible] == ["Отчёт"]
    assert page.missing == ""


def test_broken_layer_keeps_its_whole_words_and_gets_the_others_from_ocr() -> None:
    reader = AutoReader(
        WordColumn("density", "\ufffdopula"),
        assess=always("broken"),
        ocr=WordColumn("dens1ty", "copula"),
    )

    assert [word.text for word in reader.read(make_page(7))] == ["density", "copula"]


@pytest.mark.parametrize("verdict", ["missing", "garbled"])
def test_page_that_needs_ocr_is_blank_with_the_reason_where_no_engine_is_installed(
    verdict: str,
) -> None:
    reader = AutoReader(WordColumn("file"), assess=always(verdict), ocr=None)

    page, words = reader.read_upright(make_page(2))

    assert words == ()
    for part in ("it needs OCR", 'pip install "colregion[ocr]"', "apt-get install tesseract-ocr"):
        assert part in page.missing


def test_invisible_layer_is_used_and_marked_where_no_ocr_engine_is_installed() -> None:
    reader = AutoReader(HiddenColumn("file"), assess=always("invisible"), ocr=None)

    page, (word,) = reader.read_upright(make_page(2))

    assert (word.text, word.visible, word.hidden_text) == ("file", True, "invisible")
    assert "the invisible text under it is used" in page.missing


def test_fingerprint_names_the_ocr_engine() -> None:
    fingerprints = {
        AutoReader(WordColumn(), ocr=ocr).fingerprint
        for ocr in (None, WordColumn("a"), WordColumn("a", "b"))
    }

    assert fingerprints == {
        "auto-4(column of 0, no OCR)",
        "auto-4(column of 0, column of 1)",
        "auto-4(column of 0, column of 2)",
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
    return AutoReader(WordColumn("file"), assess=always("partial", LOWER), ocr=ocr)


def test_partial_text_layer_is_supplemented_by_ocr_words_outside_it() -> None:
    reader = partial_reader(Word("scan", Box(0, 0.2, 0.5, 0.4), 0.9))

    words = reader.read(make_page(1))

    assert [word.text for word in words] == ["file", "scan"]
    assert words[1].box.xyxy == pytest.approx((0.05, 0.35 + 0.2 * 0.6, 0.475, 0.35 + 0.4 * 0.6))


def test_ocr_words_on_the_text_layers_own_are_not_added() -> None:
    reader = partial_reader(
        Word("scan", Box(0, 0, 1, 0.2), 0.9), Word("new", Box(0, 0.4, 1, 1), 0.9)
    )
    reader.text_layer = WordColumn("file", "file")  # the second from 0.3 to 0.5 of the page

    assert [word.text for word in reader.read(make_page(1))] == ["file", "file", "scan", "new"]

    narrow = partial_reader(Word("scan", Box(0.1, 0, 0.3, 0.2), 0.9))
    narrow.text_layer = WordColumn("file", "file")
    assert [word.text for word in narrow.read(make_page(1))] == ["file", "file"]


def test_partial_text_layer_is_not_supplemented_by_ocr_words_of_low_confidence() -> None:
    reader = partial_reader(Word("sc@n", Box(0, 0.2, 0.5, 0.4), 0.3))

    assert [word.text for word in reader.read(make_page(1))] == ["file"]


def test_ocr_sees_only_the_part_of_a_page_that_the_text_layer_lacks() -> None:
    seen: list[Page] = []

    class Recorder(WordColumn):
        def read_upright(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
            seen.append(page)
            return page, ()

    sideways = replace(make_page(1), upright=Upright(90.0, 30, 20))
    assess = always("partial", Box(0.1, 0.25, 0.9, 0.75))
    AutoReader(WordColumn("file"), assess=assess, ocr=Recorder()).read(sideways)

    (part,) = seen
    assert (part.width, part.height) == pytest.approx((24, 10))
    assert part.image.size == (24, 10)
    assert part.upright == Upright(90.0, part.width, part.height)


@pytest.mark.parametrize("verdict", ["partial", "sparse", "broken"])
def test_incomplete_text_layer_without_ocr_engine_says_what_is_missing(verdict: str) -> None:
    reader = AutoReader(WordColumn("file"), assess=always(verdict), ocr=None)

    page, words = reader.read_upright(make_page(1))

    assert [word.text for word in words] == ["file"]
    assert "text layer lack" in page.missing
    assert "apt-get install tesseract-ocr" in page.missing
