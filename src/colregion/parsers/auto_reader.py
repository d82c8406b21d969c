"""Word readers by name, and the one that chooses between text layer and OCR for each page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from colregion.core.documents import Page
from colregion.core.geometry import boxes_to_array, pairwise_overlap
from colregion.core.regions import Word
from colregion.errors import InvalidInput, MissingDependency
from colregion.parsers.ocr.fallback import FallbackReader
from colregion.parsers.ocr.rapidocr import RapidOcrReader, rapidocr_installed
from colregion.parsers.ocr.tesseract import TesseractReader, tesseract_installed
from colregion.parsers.text_layer.quality import Soundness, assess_text_layer
from colregion.parsers.text_layer.reader import TextLayerReader
from colregion.parsers.word_reader import WordReader

READERS = ("auto", "text_layer", "tesseract", "rapidocr")

# An OCR word supplements the text layer from this confidence on, and if the text layer's words
# cover less than this share of its box.
_SUPPLEMENT_CONFIDENCE = 0.6
_SUPPLEMENT_OVERLAP = 0.3

# What the models in RapidOCR's wheel are made for; they lose the accents of other languages.
_RAPIDOCR_LANGUAGES = {"auto", "eng", "chi_sim", "chi_tra", "jpn"}

_INSTALL_OCR = (
    'pip install "colregion[ocr]"  (RapidOCR), or apt-get install tesseract-ocr and '
    'pip install "colregion[tesseract]"  (Tesseract)'
)


class AutoReader(WordReader):
    """Uses the text layer where it is sound, OCR elsewhere.

    A page that shows more text than its text layer has gets both: the layer's words, and OCR
    words where it has none. Invisible characters, which other OCR software puts under a scan,
    are not trusted: their places are often wrong and their quality is unknown.

    Args:
        text_layer: reads the file's own characters.
        assess: says whether they are sound.
        ocr: reads the other pages; None if no engine is installed, which is an error only when a
            page needs one.
    """

    def __init__(
        self,
        text_layer: WordReader,
        *,
        ocr: WordReader | None,
        assess: Callable[[Page], Soundness] = assess_text_layer,
    ) -> None:
        self.text_layer = text_layer
        self.assess = assess
        self.ocr = ocr

    @property
    def fingerprint(self) -> str:
        ocr = self.ocr.fingerprint if self.ocr else "no OCR"
        return f"auto-2({self.text_layer.fingerprint}, {ocr})"

    def read_upright(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        verdict = self.assess(page)
        if verdict.sound:
            page, words = self.text_layer.read_upright(page)
            return self._supplement(page, words) if verdict.reason == "partial" else (page, words)
        if self.ocr is None:
            raise MissingDependency(
                f"page {page.id} needs OCR (its text layer is {verdict.reason}), and no OCR "
                f"engine is installed. Install one: {_INSTALL_OCR}"
            )
        return self.ocr.read_upright(page)

    def _supplement(self, page: Page, words: tuple[Word, ...]) -> tuple[Page, tuple[Word, ...]]:
        """Add OCR words where the text layer has none."""
        if self.ocr is None:
            missing = f"it shows text that its text layer lacks. Install OCR: {_INSTALL_OCR}"
            return replace(page, missing=missing), words
        recognized = [
            word
            for word in self.ocr.read(page)
            if (word.confidence or 0.0) >= _SUPPLEMENT_CONFIDENCE
        ]
        overlaps = pairwise_overlap(
            boxes_to_array(word.box for word in recognized),
            boxes_to_array(word.box for word in words if word.visible),
        ).sum(axis=1)
        added = [
            word
            for word, overlap in zip(recognized, overlaps, strict=True)
            if overlap < _SUPPLEMENT_OVERLAP * word.box.area
        ]
        return page, (*words, *added)


def load_reader(name: str = "auto", *, languages: str = "auto") -> WordReader:
    """Return the reader of a name in `READERS`; `languages` as for `load_parser`.

    Raises:
        InvalidInput: an unknown name, or `languages` is not a list of codes.
    """
    if name not in READERS:
        raise InvalidInput(f"unknown reader {name!r}; known are {', '.join(READERS)}")
    if name == "text_layer":
        return TextLayerReader()
    if name == "tesseract":
        return TesseractReader(languages=languages)
    if name == "rapidocr":
        return RapidOcrReader()
    return AutoReader(TextLayerReader(), ocr=_installed_ocr(languages=languages))


def _installed_ocr(*, languages: str) -> WordReader | None:
    if not tesseract_installed():
        return RapidOcrReader() if rapidocr_installed() else None
    tesseract = TesseractReader(languages=languages)
    if rapidocr_installed() and set(languages.split("+")) <= _RAPIDOCR_LANGUAGES:
        return FallbackReader(tesseract, RapidOcrReader())
    return tesseract
