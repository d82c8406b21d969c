"""Which pages' own characters are believed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
from PIL import Image, ImageDraw

from colregion.core.documents import Page, TextLayer
from colregion.parsers.text_layer.quality import assess_text_layer, is_broken, unread_part

ENGLISH = (
    "The committee met on Tuesday to discuss the budget for the coming year and agreed that the "
    "repairs of the northern bridge should be finished before the winter. Costs rose by 12.5 % to "
    "1,204,000 euros, mainly because of steel prices."
)
GERMAN = (
    "Der Ausschuss beriet am Dienstag über den Haushalt des kommenden Jahres und beschloss, die "
    "Brücke im Norden noch vor dem Winter auszubessern. Die Kosten stiegen auf 1.204.000 Euro."
)
POLISH = (
    "Komisja spotkała się we wtorek, aby omówić budżet na przyszły rok, i uzgodniła, że naprawa "
    "mostu północnego powinna zakończyć się przed zimą. Koszty wzrosły do 1 204 000 złotych."
)
RUSSIAN = (
    "Комиссия собралась во вторник, чтобы обсудить бюджет на следующий год, и решила, что ремонт "
    "северного моста должен быть завершён до зимы. Расходы выросли до 1 204 000 рублей."
)
JAPANESE = (
    "委員会は火曜日に来年度の予算を審議し、北橋の修理を冬までに終えることで合意した。"
    "費用は1,204,000円に増えた。PDFとCSVで公開。"
)
ARABIC = (
    "اجتمعت اللجنة يوم الثلاثاء لمناقشة ميزانية العام المقبل واتفقت على الانتهاء من إصلاح الجسر."
)
NUMBERS = " ".join(f"{i * 7919 % 100000:,}.{i % 100:02d}" for i in range(80))
CODES = " ".join(f"KX-{i:04d}/{'BRT'[i % 3]}" for i in range(60))
CONTENTS = " ".join(f"Chapter {i} {'.' * 60} {i * 7}" for i in range(12))
FORMULAS = ENGLISH + " \ufffd x + \ufffd y = \ufffd z"
BULLETS = " ".join(f"\uf0b7 item {i}" for i in range(20))

SHIFTED = "".join(chr(ord(c) - 29) if c.isalpha() else c for c in ENGLISH)
SWAPPED = "".join(chr(ord(c) << 8) if c != " " else c for c in ENGLISH)
CID = " ".join(f"(cid:{i % 90})(cid:{i % 70})" for i in range(60))
UNMAPPED = "".join(c if c in " .,%0123456789" else "\ufffd" for c in ENGLISH)
PRIVATE = "".join(c if c == " " else chr(0xE000 + ord(c)) for c in ENGLISH)
CONTROL = "".join(c if c == " " else chr(1 + ord(c) % 8) for c in ENGLISH)
SYMBOLS = " ".join("!#\"%$&'*+,-/<=>?@"[i % 12 : i % 12 + 5] for i in range(40))
MIXED = " ".join(a + b for a, b in zip(ENGLISH.split(), RUSSIAN.split(), strict=False))


@dataclass(frozen=True)
class Drawing:
    """A white page of 300 x 400 pixels with black rectangles."""

    rectangles: tuple[tuple[int, int, int, int], ...] = ()

    def __call__(self, *, dpi: int | None = None) -> Image.Image:  # noqa: ARG002
        image = Image.new("RGB", (300, 400), "white")
        for rectangle in self.rectangles:
            ImageDraw.Draw(image).rectangle(rectangle, fill="black")
        return image


def layer(text: str, *, top: float = 0.2, visible: bool = True, times: int = 1) -> TextLayer:
    """The text in rows of 60 characters, each a sixtieth of the page wide."""
    characters = list(text * times)
    place = np.arange(len(text) * times) % len(text)
    x, y = place % 60 / 60, top + place // 60 * 0.02
    boxes = np.stack([x, y, x + 1 / 60, y + 0.015], axis=1)
    boxes[:, 0] += np.arange(len(place)) // len(text) * 0.001
    return TextLayer(tuple(characters), boxes, np.full(len(place), visible))


def page(text: TextLayer | None, drawing: Drawing | None = None) -> Page:
    return Page(
        doc_id="d",
        number=1,
        width=300,
        height=400,
        unit="pt",
        load_image=drawing or Drawing(),
        load_text=None if text is None else partial(lambda layer: layer, text),
    )


def verdict(text: TextLayer | None, drawing: Drawing | None = None) -> str:
    return assess_text_layer(page(text, drawing)).verdict


SCAN = Drawing(((20, 60, 280, 340),))


def test_text_layer_of_an_empty_page_is_sound() -> None:
    assert verdict(layer("")) == "blank"
    assert verdict(layer(" \n ")) == "blank"


def test_page_that_shows_something_without_characters_is_missing_its_text_layer() -> None:
    assert verdict(layer(""), SCAN) == "missing"
    thin_writing = Drawing(tuple((40 + 5 * i, 50, 41 + 5 * i, 59) for i in range(20)))
    assert verdict(layer(""), thin_writing) == "missing"


def test_image_is_missing_its_text_layer() -> None:
    assert verdict(None) == "missing"


@pytest.mark.parametrize(
    "text",
    [
        ENGLISH,
        GERMAN,
        POLISH,
        RUSSIAN,
        JAPANESE,
        ARABIC,
        NUMBERS,
        CODES,
        CONTENTS,
        FORMULAS,
        BULLETS,
    ],
)
def test_text_of_any_language_and_tables_are_sound(text: str) -> None:
    assert verdict(layer(text)) == ""


@pytest.mark.parametrize(
    "text",
    [SHIFTED, SWAPPED, CID, UNMAPPED, PRIVATE, CONTROL, SYMBOLS, MIXED, "\ufffd", "\x01\x02"],
)
def test_text_of_no_language_is_garbled(text: str) -> None:
    assert verdict(layer(text), SCAN) == "garbled"


def test_text_layer_without_ink_is_invisible() -> None:
    assert verdict(layer(ENGLISH, visible=False), SCAN) == "invisible"


def test_text_drawn_twice_at_an_offset_is_sound() -> None:
    assert verdict(layer(ENGLISH, times=2)) == ""


def test_watermark_whose_box_covers_all_words_is_sound() -> None:
    text = layer(ENGLISH)
    across = np.concatenate([text.boxes_xyxy, [[0, 0.1, 1, 0.9]]])
    watermarked = TextLayer((*text.characters, "X"), across, np.append(text.visible, True))
    assert verdict(watermarked) == ""


def test_text_layer_of_which_a_third_lacks_letters_is_broken() -> None:
    words = ENGLISH.split()
    text = " ".join(w[0] + "\ufffd" + w[2:] if i % 3 == 0 else w for i, w in enumerate(words))
    assert verdict(layer(text)) == "broken"
    assert [is_broken(word) for word in ("c\ufffdt", "cat", "\uf0b7", "\ufffd")] == [
        True,
        False,
        False,
        False,
    ]


def test_formulas_in_letters_of_their_own_alphabet_are_sound() -> None:
    assert verdict(layer(" ".join("k\U0001d434 f\U0001d465 x" for _ in range(20)))) == ""


@pytest.mark.parametrize(
    ("text", "top"),
    [("Downloaded from the library", 0.4), ("page 3", 0.96), (ENGLISH, 0.005)],
    ids=["stamp", "page number", "text in the margin"],
)
def test_few_words_beside_more_ink_are_a_sparse_text_layer(text: str, top: float) -> None:
    assert verdict(layer(text, top=top), Drawing(LINES)) == "sparse"


def test_short_text_with_little_ink_outside_it_is_sound() -> None:
    title = Drawing(((0, 80, 134, 86), (20, 300, 60, 302)))
    assert verdict(layer("The report of the committee", top=0.2), title) == ""


def test_page_number_between_the_rules_of_an_empty_page_is_sound() -> None:
    rules = Drawing(((20, 30, 280, 32), (20, 370, 280, 372)))
    assert verdict(layer("page 3", top=0.95), rules) == ""


def test_long_text_beside_a_large_image_is_sound() -> None:
    assert verdict(layer(ENGLISH), SCAN) == ""


LINES = tuple((20 + 14 * i, y, 28 + 14 * i, y + 6) for y in range(140, 380, 12) for i in range(18))
"""From (20, 140) to (267, 375)."""
NO_BOXES = np.empty((0, 4))


def test_text_layer_with_more_lines_outside_it_than_in_it_is_partial() -> None:
    assert verdict(layer(ENGLISH), Drawing(LINES)) == "partial"


def test_unread_part_surrounds_the_lines_outside_the_words_with_a_hundredth_of_the_page() -> None:
    part = unread_part(page(None, Drawing(LINES)), NO_BOXES)
    assert part is not None
    expected = (20 / 300 - 0.01, 140 / 400 - 0.01, 267 / 300 + 0.01, 375 / 400 + 0.01)
    assert part.xyxy == pytest.approx(expected)


def test_page_without_strokes_has_no_unread_part() -> None:
    assert unread_part(page(None), NO_BOXES) is None


RULES = tuple((20, y, 280, y + 1) for y in range(140, 380, 12))
COLUMNS = tuple((x, 140, x + 1, 368) for x in range(20, 290, 52))
SHADED = tuple((20, y, 280, y + 9) for y in range(140, 380, 24))


@pytest.mark.parametrize("rectangles", [RULES, RULES + COLUMNS, SHADED, SHADED + COLUMNS])
def test_rules_and_shaded_rows_of_a_table_are_no_lines_outside_the_text_layer(
    rectangles: tuple[tuple[int, int, int, int], ...],
) -> None:
    assert verdict(layer(ENGLISH), Drawing(rectangles)) == ""


def test_lines_between_the_rules_of_a_table_are_outside_the_text_layer() -> None:
    assert verdict(layer(ENGLISH), Drawing(LINES + COLUMNS)) == "partial"


def test_drawing_outside_the_text_layer_is_no_missing_text() -> None:
    rng = np.random.default_rng(3)
    dots = tuple(
        (int(x), int(y), int(x) + 3, int(y) + 3) for x, y in rng.integers(140, 290, (300, 2))
    )
    assert verdict(layer(ENGLISH), Drawing(dots)) == ""
