from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image, ImageChops

from colregion.core.documents import Document, Page
from colregion.core.geometry import Box, Upright
from colregion.core.regions import ParsedPage, Word
from colregion.errors import InvalidInput, MissingDependency
from colregion.parsers import load_parser
from colregion.parsers.auto_reader import AutoReader
from colregion.parsers.layout import Layout
from colregion.parsers.on_demand import OnDemandParser, PartToRead
from colregion.parsers.page_parser import PageParser
from colregion.parsers.text_layer.quality import Assessment
from colregion.parsers.word_reader import WordReader
from colregion.testing import LineParser
from tests.ingestion.color_words import bar_box, color_parser, draw_bars

BARS = draw_bars(["red blue", "green"])


def document(*pages: Page) -> Document:
    return Document("doc", "doc.png", "h", lambda: iter(pages), len(pages))


def page_of(image: Image.Image = BARS, **options: Any) -> Page:
    return Page("doc", 1, *image.size, "px", lambda *, dpi=None: image, **options)  # noqa: ARG005


def part_of(*areas: Box, image: Image.Image = BARS, **options: Any) -> PartToRead:
    load_image: Any = lambda *, dpi=None: image  # noqa: E731, ARG005
    return PartToRead("doc", 1, *image.size, "px", load_image, areas=areas, **options)


def parse(page: Page, parser: OnDemandParser | None = None) -> ParsedPage:
    (parsed,) = (parser or OnDemandParser(color_parser())).parse(document(page))
    return parsed


class Lines(WordReader):
    """Reads the same words on every image, and remembers what it was shown."""

    def __init__(self, *words: Word) -> None:
        self.words = words
        self.pages: list[Page] = []

    @property
    def fingerprint(self) -> str:
        return "lines"

    def read_upright(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        self.pages.append(page)
        return page, self.words


def with_layer(verdict: str, *layer: Word, ocr: WordReader | None) -> OnDemandParser:
    reader = AutoReader(Lines(*layer), ocr=ocr, assess=lambda _: Assessment(verdict))
    return OnDemandParser(PageParser(reader, Layout("geometry"), workers=1))


def test_an_image_goes_in_unread_with_the_regions_of_its_ink() -> None:
    parsed = parse(page_of())
    assert parsed.words == ()
    assert len(parsed.leaves) == 3
    assert parsed.is_unread.all()
    assert parsed.unread_share == 1.0


def test_a_sound_text_layer_is_read_as_ever_without_recognition() -> None:
    ocr, word = Lines(), Word("layer", bar_box(0, 0))
    parsed = parse(page_of(), with_layer("", word, ocr=ocr))
    assert [one.text for one in parsed.words] == ["layer"]
    assert not parsed.is_unread.any()
    assert ocr.pages == []


@pytest.mark.parametrize("verdict", ["partial", "sparse", "broken"])
def test_of_a_page_with_half_a_text_layer_the_other_half_is_unread(verdict: str) -> None:
    word = Word("layer", bar_box(0, 0))
    parsed = parse(page_of(), with_layer(verdict, word, ocr=Lines()))
    leaves = [parsed.regions[leaf] for leaf in parsed.leaves]
    assert [(leaf.text, leaf.unread) for leaf in leaves] == [
        ("layer", False),
        ("", True),
        ("", True),
    ]
    assert [one.text for one in parsed.words] == ["layer"]


@pytest.mark.parametrize("verdict", ["missing", "garbled", "invisible"])
def test_a_useless_text_layer_is_not_used(verdict: str) -> None:
    parsed = parse(page_of(), with_layer(verdict, Word("junk", bar_box(0, 0)), ocr=Lines()))
    assert parsed.words == ()
    assert len(parsed.leaves) == 3


def test_words_of_an_area_come_back_at_their_places_on_the_page() -> None:
    read = parse(part_of(bar_box(0, 1)))
    (word,) = read.words
    assert (word.text, word.confidence) == ("blue", 0.75)
    assert word.box.xyxy == pytest.approx(bar_box(0, 1).xyxy, abs=2 / 800)
    assert read.regions == ()
    assert read.page.image.size == (1, 1)  # what was read needs no image on its way back


def test_what_lies_above_and_below_the_areas_of_a_page_is_not_shown() -> None:
    read = parse(part_of(bar_box(0, 0), bar_box(1, 0)))
    assert [word.text for word in read.words] == ["red", "green"]
    assert read.words[1].box.xyxy == pytest.approx(bar_box(1, 0).xyxy, abs=2 / 800)


def test_between_areas_beside_each_other_the_page_is_shown() -> None:
    """A mark that the ink did not show is part of its line."""
    image = draw_bars(["red blue green"])
    read = parse(part_of(bar_box(0, 0), bar_box(0, 2), image=image))
    assert [word.text for word in read.words] == ["red", "blue", "green"]


@pytest.mark.parametrize(("unit", "size"), [("px", (600, 800)), ("pt", (300, 400))])
def test_a_cut_has_the_resolution_of_its_page(unit: str, size: tuple[int, int]) -> None:
    ocr = Lines()
    parser = OnDemandParser(PageParser(ocr, Layout("geometry"), workers=1))
    parse(replace(part_of(bar_box(0, 0)), unit=unit, width=size[0], height=size[1]), parser)
    (cut,) = ocr.pages
    # Filled up with paper, right and below, to what RapidOCR does not enlarge.
    image = cut.load_image(dpi=200)
    assert image.size == (736, 736)
    # 36 x 16 px, and 0.008 of the width, 4.8 px, to each side, outward to whole pixels.
    assert ImageChops.invert(image).getbbox() == (5, 5, 41, 22)
    # The page as an A4 sheet has 70.46 dpi; in points it has 144.
    dpi = (600 * 800 / (8.27 * 11.69)) ** 0.5 if unit == "px" else 144
    assert (cut.width, cut.height) == pytest.approx((736 * 72 / dpi, 736 * 72 / dpi))
    assert cut.unit == "pt"


def test_a_whole_page_has_its_own_size_and_a_cut_says_whether_its_page_is_coarse() -> None:
    class Cuts(Lines):
        def read_cut(self, page: Page, *, is_coarse: bool) -> tuple[Page, tuple[Word, ...]]:
            coarse.append(is_coarse)
            return self.read_upright(page)

    coarse: list[bool] = []
    ocr = Cuts()
    parser = OnDemandParser(PageParser(ocr, Layout("geometry"), workers=1))
    parse(part_of(), parser)
    assert (ocr.pages[0].unit, ocr.pages[0].width, ocr.pages[0].height) == ("px", 600, 800)
    assert coarse == []
    parse(part_of(bar_box(0, 0)), parser)
    parse(replace(part_of(bar_box(0, 0)), unit="pt", width=300, height=400), parser)
    assert coarse == [True, False]


def test_a_cut_of_a_page_askew_is_turned_as_the_page() -> None:
    ocr = Lines()
    parser = OnDemandParser(PageParser(ocr, Layout("geometry"), workers=1))
    parse(part_of(bar_box(0, 0), upright=Upright(3.0, 600, 800)), parser)
    (cut,) = ocr.pages
    assert cut.upright == Upright(3.0, cut.width, cut.height)


def test_a_sure_reading_tells_which_side_is_up_and_an_unsure_one_does_not() -> None:
    for confidence, expected in ((0.6, Upright(0.0, 600, 800)), (0.5, None)):
        ocr = Lines(Word("twenty-one characters", Box(0, 0, 1, 1), confidence))
        parser = OnDemandParser(PageParser(ocr, Layout("geometry"), workers=1))
        assert parse(part_of(bar_box(0, 0)), parser).page.upright == expected


def test_a_whole_page_comes_back_with_its_layout_and_the_words_that_were_known() -> None:
    known = Word("known", bar_box(0, 0))
    read = parse(part_of(known_words=(known,)))
    assert [word.text for word in read.words] == ["known", "blue", "green"]
    assert read.text.split() == ["known", "blue", "green"]
    assert not read.is_unread.any()


def test_without_ocr_an_area_is_not_read_and_the_error_says_what_to_install() -> None:
    with pytest.raises(MissingDependency, match=r"pip install"):
        parse(part_of(bar_box(0, 0)), with_layer("missing", ocr=None))


@pytest.mark.parametrize(
    "make", [lambda: load_parser("text_layer+geometry"), lambda: LineParser([])]
)
def test_parsers_that_read_no_images_page_by_page_are_refused(make: Callable[[], Any]) -> None:
    with pytest.raises(InvalidInput, match="needs a parser that reads images page by page"):
        OnDemandParser(make())


def test_the_parser_is_that_of_reading_now_to_an_index() -> None:
    parser = OnDemandParser(color_parser())
    assert parser.fingerprint == color_parser().fingerprint
    assert parser.leaves_unread
    assert not color_parser().leaves_unread
