"""Word readers by name, and the one that chooses between text layer and OCR for each page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from PIL import Image

from colregion.core.documents import Page
from colregion.core.geometry import Box, boxes_to_array, pairwise_overlap
from colregion.core.regions import Word
from colregion.core.text import fold, has_unspaced
from colregion.errors import InvalidInput, MissingDependency
from colregion.parsers import READERS
from colregion.parsers.ocr.languages import how_to_install, script_of
from colregion.parsers.ocr.orientation import character_confidence, erase_words
from colregion.parsers.ocr.rapidocr import (
    SCRIPTS,
    RapidOcrReader,
    rapidocr_installed,
    reads_script,
)
from colregion.parsers.ocr.tesseract import TesseractReader, is_coarse, tesseract_installed
from colregion.parsers.text_layer.quality import Assessment, assess_text_layer, is_broken
from colregion.parsers.text_layer.reader import TextLayerReader, use_invisible
from colregion.parsers.word_reader import WordReader

# An OCR word supplements the text layer from this confidence on, and if the text layer's words
# cover less than this share of its box.
_SUPPLEMENT_CONFIDENCE = 0.6
_SUPPLEMENT_OVERLAP = 0.3
_MUCH_TALLER = 3.0

# Share of an invisible layer's words, of three characters and more, that OCR must read too at
# their places for the others to be used where OCR is unsure.
_MIN_CONFIRMED = 0.5
_LONG = 3

# Tesseract's mean confidence over characters, from which its reading is not doubted: nine in ten
# of 135 rendered reports and slides (106 dpi and more as an A4 sheet) have it. Of coarse scans it
# is surer than it should be: of the answers on 60 forms at 90 dpi .79 are readable with the lower
# limit, .85 with the higher one as with RapidOCR for all; on finer pages that gains nothing.
_MIN_CONFIDENCE = 0.85
_MIN_CONFIDENCE_COARSE = 0.92

# What the models in RapidOCR's wheel are made for; they lose the accents of other languages.
_RAPIDOCR_LANGUAGES = {"auto", "eng", "chi_sim", "chi_tra", "jpn"}

WordsFrom: TypeAlias = str | WordReader | None
"""A name for `load_reader`, a reader, or None to read no words."""

_NEEDS_OCR = {
    "missing": "it needs OCR: it has no text of its own. Install OCR: ",
    "garbled": "it needs OCR: its text layer is garbled. Install OCR: ",
    "invisible": "it shows a scan; the invisible text under it is used. To read it, install OCR: ",
    "broken": "many words of its text layer lack letters. To read them, install OCR: ",
    "sparse": "it shows text that its text layer lacks. Install OCR: ",
    "partial": "it shows text that its text layer lacks. Install OCR: ",
}
_INSTALL_OCR = (
    'pip install "colregion[ocr]"  (RapidOCR), or apt-get install tesseract-ocr and '
    'pip install "colregion[tesseract]"  (Tesseract)'
)


class AutoReader(WordReader):
    """Uses the text layer where it is sound, OCR elsewhere.

    A page that shows more text than its text layer has gets both: the layer's words, and OCR
    words where it has none. Invisible characters, which other OCR software puts under a scan,
    are not trusted: their places are often wrong and their quality is unknown. They complete what
    OCR reads where it confirms half of them, and they are used, and marked as hidden, where OCR
    reads nothing or does not know their script. `Page.missing` says what is not read because an
    OCR engine or data for a script are not installed.

    Args:
        ocr: reads the other pages; None if no engine is installed.
        assess: says what the file's characters are good for, see `assess_text_layer`.
    """

    def __init__(
        self,
        text_layer: WordReader,
        *,
        ocr: WordReader | None,
        assess: Callable[[Page], Assessment] = assess_text_layer,
    ) -> None:
        self.text_layer = text_layer
        self.assess = assess
        self.ocr = ocr
        self.missing_ocr = "" if ocr else _NEEDS_OCR["missing"] + _INSTALL_OCR

    @property
    def fingerprint(self) -> str:
        ocr = self.ocr.fingerprint if self.ocr else "no OCR"
        return f"auto-4({self.text_layer.fingerprint}, {ocr})"

    def for_one_core(self) -> AutoReader:
        ocr = self.ocr and self.ocr.for_one_core()
        return AutoReader(self.text_layer.for_one_core(), ocr=ocr, assess=self.assess)

    def read_upright(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        assessment = self.assess(page)
        verdict = assessment.verdict
        laid, words = self.text_layer.read_upright(page)
        if verdict in ("missing", "garbled"):
            laid, words = page, ()
        if verdict in ("", "blank"):
            return laid, words
        if self.ocr is None:
            used = use_invisible(words) if verdict == "invisible" else words
            return replace(laid, missing=_NEEDS_OCR[verdict] + _INSTALL_OCR), used
        if verdict == "broken":
            words = tuple(word for word in words if not is_broken(word.text))
        visible = [word for word in words if word.visible]
        if assessment.unread:
            read = read_part(self.ocr, laid, assessment.unread)
            sure = [word for word in read if _is_sure(word)]
            return laid, (*words, *not_covered(sure, visible))
        recognized_page, recognized = self.ocr.read_upright(page)
        if verdict == "invisible":
            unread = recognized_page.missing or _unread_script(words, recognized)
            if unread or not recognized:
                missing = unread and f"{unread} (its invisible text is used)"
                return replace(laid, missing=missing), use_invisible(words)
            if confirmed_share(words, recognized) >= _MIN_CONFIRMED:
                return recognized_page, _completed(words, recognized)
        return recognized_page, (*words, *not_covered(recognized, visible))

    def read_layer(self, page: Page) -> tuple[Page, tuple[Word, ...], bool]:
        verdict = self.assess(page).verdict
        if verdict in ("missing", "garbled", "invisible"):
            return page, (), False
        laid, words = self.text_layer.read_upright(page)
        if verdict == "broken":
            words = tuple(word for word in words if not is_broken(word.text))
        return laid, words, verdict in ("", "blank")

    def read_ocr(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        if self.ocr is None:
            raise MissingDependency(self.missing_ocr)
        return self.ocr.read_upright(page)

    def read_cut(self, page: Page, *, is_coarse: bool) -> tuple[Page, tuple[Word, ...]]:
        if self.ocr is None:
            raise MissingDependency(self.missing_ocr)
        return self.ocr.read_cut(page, is_coarse=is_coarse)


def confirmed_share(words: Iterable[Word], recognized: Sequence[Word]) -> float:
    """The share of the words of three letters and digits or more that OCR read too at their
    places, 0-1; 0 without any. Of a script without spaces half of the characters count: OCR cuts
    it into other words."""
    long = [word for word in words if sum(map(str.isalnum, word.text)) >= _LONG]
    if not long or not recognized:
        return 0.0
    boxes, other_boxes = (boxes_to_array(w.box for w in group) for group in (long, recognized))
    others = [fold(word.text) for word in recognized]
    confirmed = 0
    for word, overlaps in zip(long, pairwise_overlap(boxes, other_boxes) > 0, strict=True):
        text, near = fold(word.text), [others[i] for i in np.flatnonzero(overlaps)]
        shared = set(text) & set("".join(near))
        confirmed += text in near or (has_unspaced(text) and 2 * len(shared) >= len(set(text)))
    return confirmed / len(long)


def _completed(words: Sequence[Word], recognized: Sequence[Word]) -> tuple[Word, ...]:
    """Words of OCR that are sure, a text layer's words where there are none, visible ones first,
    and what else OCR read."""
    used = [word for word in words if word.visible]
    sure = [word for word in recognized if _is_sure(word)]
    confirmed = [replace(word, visible=True) for word in words if not word.visible]
    unsure = [word for word in recognized if not _is_sure(word)]
    for group in (sure, confirmed, unsure):
        used += not_covered(group, used)
    return tuple(used)


def _is_sure(word: Word) -> bool:
    return (word.confidence or 0.0) >= _SUPPLEMENT_CONFIDENCE


def _unread_script(words: Iterable[Word], recognized: Iterable[Word]) -> str:
    """A sentence if most letters of the words are of a script in which OCR read less; else "".
    Latin is read first everywhere: where OCR saw another script, the words are wrong."""
    script = script_of(words)
    if script in ("", "Latin", script_of(recognized)):
        return ""
    return f"its {script} script was not read by OCR. {how_to_install(script)}"


def not_covered(words: Sequence[Word], by: Sequence[Word]) -> list[Word]:
    """The words of which less than three tenths lie in others' boxes. A much taller box, as of a
    slanted watermark, covers nothing."""
    boxes, covers = (boxes_to_array(word.box for word in group) for group in (words, by))
    overlaps = pairwise_overlap(boxes, covers)
    heights, cover_heights = boxes[:, 3] - boxes[:, 1], covers[:, 3] - covers[:, 1]
    overlaps[cover_heights > _MUCH_TALLER * heights[:, None]] = 0.0
    return [
        word
        for word, overlap in zip(words, overlaps.sum(axis=1), strict=True)
        if overlap < _SUPPLEMENT_OVERLAP * word.box.area
    ]


class FallbackReader(WordReader):
    """Reads a page with `first` and, below a confidence, also with `second`. The limit is higher
    for images of few pixels.

    The reading with more legible content counts, ties go to the first. `second`, RapidOCR, is
    not asked where `first` read a script that it does not know. A script that `first` lacks
    stays named. Words without a confidence count as not read.
    """

    def __init__(self, first: WordReader, second: WordReader) -> None:
        self.first = first
        self.second = second

    @property
    def fingerprint(self) -> str:
        return (
            f"{self.first.fingerprint}, below {_MIN_CONFIDENCE} "
            f"(coarse {_MIN_CONFIDENCE_COARSE}) also {self.second.fingerprint}"
        )

    def for_one_core(self) -> FallbackReader:
        return FallbackReader(self.first.for_one_core(), self.second.for_one_core())

    def read_upright(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        first = self.first.read_upright(page)
        if _is_sure_reading(first[1], is_coarse=is_coarse(page)) or not reads_script(first[1]):
            return first
        second = self.second.read_upright(page)
        if legible_content(second[1]) <= legible_content(first[1]):
            return first
        return replace(second[0], missing=first[0].missing or second[0].missing), second[1]

    def read_cut(self, page: Page, *, is_coarse: bool) -> tuple[Page, tuple[Word, ...]]:
        """As `read_upright`, but of a reading that is sure on the whole `second` reads the lines
        of which it is unsure: it takes several times as long for each line."""
        laid, words = self.first.read_upright(page)
        if not reads_script(words):
            return laid, words
        lines: dict[int | None, list[Word]] = {}
        for word in words:
            lines.setdefault(word.line, []).append(word)
        is_sure_on_the_whole = _is_sure_reading(words, is_coarse=is_coarse)
        is_sure = {
            n: is_sure_on_the_whole and _is_sure_reading(line, is_coarse=is_coarse)
            for n, line in lines.items()
        }
        if words and all(is_sure.values()):
            return laid, words
        sure = [word for word in words if is_sure[word.line]]
        unsure = [word for word in words if not is_sure[word.line]]

        def load_image(*, dpi: int | None = None) -> Image.Image:
            return erase_words(page.load_image(dpi=dpi), sure)

        again, seen = self.second.read_upright(replace(page, load_image=load_image))
        read = not_covered(seen, sure)  # what was painted over may show at its edges
        if legible_content(read) <= legible_content(unsure):
            return laid, words
        n = 1 + max((word.line for word in sure if word.line is not None), default=-1)
        read = [replace(word, line=n + (word.line or 0)) for word in read]
        return replace(laid, missing=laid.missing or again.missing), (*sure, *read)


def _is_sure_reading(words: Sequence[Word], *, is_coarse: bool) -> bool:
    """Whether Tesseract's reading, of a page of so many pixels, needs no second one."""
    least = _MIN_CONFIDENCE_COARSE if is_coarse else _MIN_CONFIDENCE
    return character_confidence(words) >= least


def read_part(reader: WordReader, page: Page, part: Box) -> list[Word]:
    """The words of a part of the page, boxes on the page; the reader sees nothing else of it."""

    def load_image(*, dpi: int | None = None) -> Image.Image:
        image = page.load_image(dpi=dpi)
        return image.crop(part.to_pixels(width_px=image.width, height_px=image.height))

    width, height = part.width * page.width, part.height * page.height
    upright = page.upright and replace(page.upright, width=width, height=height)
    cut = replace(page, width=width, height=height, load_image=load_image, upright=upright)
    return [
        replace(
            word,
            box=Box(
                part.x0 + word.box.x0 * part.width,
                part.y0 + word.box.y0 * part.height,
                part.x0 + word.box.x1 * part.width,
                part.y0 + word.box.y1 * part.height,
            ).clip(),
        )
        for word in reader.read(cut)
    ]


def legible_content(words: Iterable[Word]) -> float:
    """Expected number of letters and digits that were read right: each counts its confidence."""
    return sum((word.confidence or 0.0) * sum(map(str.isalnum, word.text)) for word in words)


def load_reader(name: str = "auto", *, languages: str = "auto") -> WordReader:
    """Return the reader of a name in `READERS`; arguments and errors as for `load_parser`."""
    if name not in READERS:
        raise InvalidInput(f"unknown reader {name!r}; known are {', '.join(READERS)}")
    if name == "text_layer":
        return TextLayerReader(invisible=True)
    if name == "tesseract":
        return TesseractReader(languages=languages)
    if name == "rapidocr":
        return RapidOcrReader()
    return AutoReader(TextLayerReader(), ocr=_installed_ocr(languages=languages))


def _installed_ocr(*, languages: str) -> WordReader | None:
    if not tesseract_installed():
        return RapidOcrReader() if rapidocr_installed() else None
    if rapidocr_installed() and set(languages.split("+")) <= _RAPIDOCR_LANGUAGES:
        return FallbackReader(TesseractReader(languages, read_elsewhere=SCRIPTS), RapidOcrReader())
    return TesseractReader(languages)
