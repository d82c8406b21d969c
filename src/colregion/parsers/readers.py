"""What reads a page's words, by name."""

from __future__ import annotations

from colregion.errors import InvalidInput
from colregion.parsers.ocr.fallback import SecondReading
from colregion.parsers.ocr.rapidocr import RapidOcrReader, rapidocr_installed
from colregion.parsers.ocr.tesseract import TesseractReader, tesseract_installed
from colregion.parsers.page_parser import AutoReader
from colregion.parsers.text_layer.quality import judge
from colregion.parsers.text_layer.reader import TextLayerReader
from colregion.parsers.words import WordReader

# What the models in RapidOCR's wheel were made for; they lose the accents of other languages.
_READ_BY_RAPIDOCR = {"auto", "eng", "chi_sim", "chi_tra", "jpn"}

READERS = ("auto", "text_layer", "tesseract", "rapidocr")


def load_reader(name: str = "auto", *, languages: str = "auto") -> WordReader:
    """The reader of a name of `READERS`; `languages` as for `colregion.parsers.load_parser`.

    Raises:
        InvalidInput: the name is not known, or `languages` is no list of codes.
    """
    if name not in READERS:
        raise InvalidInput(f"unknown reader {name!r}; known are {', '.join(READERS)}")
    if name == "text_layer":
        return TextLayerReader()
    if name == "tesseract":
        return TesseractReader(languages=languages)
    if name == "rapidocr":
        return RapidOcrReader()
    return AutoReader(TextLayerReader(), judge=judge, ocr=_installed_ocr(languages=languages))


def _installed_ocr(*, languages: str) -> WordReader | None:
    if not tesseract_installed():
        return RapidOcrReader() if rapidocr_installed() else None
    tesseract = TesseractReader(languages=languages)
    if rapidocr_installed() and set(languages.split("+")) <= _READ_BY_RAPIDOCR:
        return SecondReading(tesseract, RapidOcrReader())
    return tesseract
