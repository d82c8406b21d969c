"""Words by Tesseract, read from the page's picture."""

from __future__ import annotations

import os
import re
import shutil
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from PIL import Image

from colregion.core.documents import Page
from colregion.core.geometry import Box
from colregion.core.regions import Word
from colregion.errors import BackendError, InvalidBox, InvalidInput, MissingDependency, require
from colregion.parsers.ocr.cjk import join_unspaced
from colregion.parsers.ocr.languages import first_language_of, languages_of
from colregion.parsers.ocr.orientation import Recogniser, read_upright
from colregion.parsers.words import WordReader

DPI = 200
"""What PDF pages are drawn at, and what small pictures are enlarged to."""

# A picture does not say how large its paper was. Taken for an A4 sheet, forms scanned at 90 dpi
# come to their true resolution, and receipts to one at which their print is as large as a page's.
_SHEET_SQUARE_INCHES = 8.27 * 11.69
_MOST_ENLARGED = 2.0  # beyond, nothing is gained and time is lost
_MOST_DPI = 400  # larger pictures are reduced: they cost time and are read no better

_SEGMENTATION = 3  # automatic, without Tesseract's own detection of orientation, which is slow

# Mean confidence over characters. Measured on forms, receipts and reports: upright or lying on the
# right side 0.52-0.96, upside down or on the left side 0.16-0.34.
_DOUBTFUL = 0.55
_SURE = 0.6  # of one word

_LARGEST_WORD = 0.5  # share of the page: a picture taken for a word
_LARGEST_MARK = 0.01  # the same of a word without letter or digit: a rule or a stain

# Tesseract's own measure of a script: 26 to 44 on pages of Arabic, Hebrew and Devanagari, 0.4 to 2
# of East Asian scripts, but up to 1.7 for a script that a graph or a noisy form is falsely taken
# for. Trying a language costs time only; saying that one lacks has to be right.
_SURE_OF_SCRIPT = 2.0

AUTO = "auto"
_FIRST = "eng"  # what "auto" begins with
_LANGUAGE = re.compile(r"[A-Za-z][A-Za-z_]*(/[A-Za-z_]+)?")


def tesseract_installed() -> bool:
    """Whether both the program and the package that speaks with it are there."""
    return shutil.which("tesseract") is not None and find_spec("pytesseract") is not None


class TesseractReader(WordReader):
    """Reads the page's picture with Tesseract, one process and one thread a page.

    A page that lies sideways, upside down or askew is found by what can be read of it: the
    picture is turned by the skew of its lines, and where little is legible then, it is also
    tried without that turn and upside down. Tesseract itself reads lines that run downwards. So
    a page that lies as it should costs one run. `Page.upright`, where set, is believed.

    Args:
        languages: Tesseract's codes joined by "+", such as "eng+deu". "auto" reads English; where
            little is legible then, it looks at the script and tries those languages of it that
            are installed. What it lacks for the script is said in `Page.missing`.

    Raises:
        InvalidInput: `languages` is no such list.
    """

    def __init__(self, languages: str = "eng") -> None:
        if not all(_LANGUAGE.fullmatch(code) for code in languages.split("+")):
            raise InvalidInput(
                f"languages must be Tesseract's codes joined by '+' (eng+deu), got {languages!r}"
            )
        self.languages = languages

    @property
    def fingerprint(self) -> str:
        """Raises MissingDependency when the program or the package is not installed."""
        return (
            f"tesseract-2 {self._program.get_tesseract_version(cached=True)} {self.languages} "
            f"psm {_SEGMENTATION} {DPI} dpi"
        )

    def read(self, page: Page) -> tuple[Word, ...]:
        return self.read_turned(page)[1]

    def read_turned(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        image = page.load_image(dpi=DPI)
        dpi = image.width / page.width * 72 if page.unit == "pt" else _sheet_dpi(image)
        if self.languages != AUTO:
            recognise = partial(self._recognise, dpi=dpi, languages=self.languages)
            return read_upright(page, image, recognise, doubtful=_DOUBTFUL, sure=_SURE)
        look = _ScriptLook(self, dpi=dpi)
        page, words = read_upright(
            page,
            image,
            partial(self._recognise, dpi=dpi, languages=_FIRST),
            doubtful=_DOUBTFUL,
            sure=_SURE,
            others=look.readers,
        )
        return (replace(page, missing=look.lacking) if look.lacking else page), words

    def __getstate__(self) -> dict[str, str]:
        return {"languages": self.languages}  # what is installed is found where it is unpickled

    @cached_property
    def _program(self) -> ModuleType:
        """pytesseract, once it is known that the program and the languages are installed."""
        package = require("pytesseract", extra="tesseract")
        # One thread a process is fastest when pages run side by side. The limit is given to
        # Tesseract's processes only: in this process's own environment it would hold for every
        # library that uses OpenMP, torch among them.
        package.pytesseract.environ = {**os.environ, "OMP_THREAD_LIMIT": "1"}
        try:
            package.get_tesseract_version()
            installed = package.get_languages()
        except package.TesseractNotFoundError as cause:
            raise _missing_program() from cause
        # Of several languages Tesseract leaves out what it lacks without failing.
        languages = _FIRST if self.languages == AUTO else self.languages
        for code in languages.split("+"):
            if set(code) <= {*string.ascii_lowercase, "_"} and code not in installed:
                raise _missing_language(code)
        return package

    @cached_property
    def _installed(self) -> frozenset[str]:
        return frozenset(self._program.get_languages())

    def _script(self, image: Image.Image, *, dpi: float) -> tuple[str, float, bool]:
        """The script that a picture is written in, the turn in degrees clockwise that makes it
        stand upright, and whether the script is sure; "" and 0 for too little text to tell."""
        program = self._program
        if "osd" not in self._installed:
            raise _missing_language("osd")
        image, dpi = at_readable_dpi(image.convert("L"), dpi=dpi)
        image.format = "PPM"
        try:
            found = program.image_to_osd(
                image, config=f"--dpi {round(dpi)}", output_type=program.Output.DICT
            )
        except program.TesseractError:  # how it says that there are too few characters
            return "", 0.0, False
        return found["script"], float(found["rotate"]), found["script_conf"] > _SURE_OF_SCRIPT

    def _recognise(self, image: Image.Image, *, dpi: float, languages: str) -> list[Word]:
        program = self._program
        image, dpi = at_readable_dpi(image.convert("L"), dpi=dpi)
        image.format = "PPM"  # handed over in a file; packing it as PNG would take longer
        try:
            table = program.image_to_data(
                image,
                lang=languages,
                config=f"--psm {_SEGMENTATION} --dpi {round(dpi)}",
                output_type=program.Output.DICT,
            )
        except program.TesseractNotFoundError as cause:
            raise _missing_program() from cause
        except program.TesseractError as cause:
            if "Failed loading language" in cause.message:
                raise _missing_language(languages) from cause
            raise BackendError(f"Tesseract failed on a page: {cause.message}") from cause
        words = words_of_table(table, width_px=image.width, height_px=image.height)
        return join_unspaced(words, aspect=image.width / image.height)


class _ScriptLook:
    """What to read a page with that is not legible as English."""

    def __init__(self, reader: TesseractReader, *, dpi: float) -> None:
        self._reader = reader
        self._dpi = dpi
        self.lacking = ""

    def readers(self, image: Image.Image) -> Iterator[tuple[Recogniser, float]]:
        """Recognisers for the script of the picture, each with the turn that it needs."""
        reader = self._reader
        script, degrees, is_sure = reader._script(image, dpi=self._dpi)
        found = languages_of(script, installed=reader._installed)
        for languages in found:
            yield partial(reader._recognise, dpi=self._dpi, languages=languages), degrees
        code = first_language_of(script)
        if code and is_sure and not found:
            self.lacking = (
                f"it looks like {script} script, which was not read. Install it: apt-get install "
                f"{_package(code)}"
            )


def _missing_program() -> MissingDependency:
    return MissingDependency(
        "the program tesseract was not found. Install it: apt-get install tesseract-ocr  "
        "(Debian and Ubuntu), brew install tesseract  (macOS)"
    )


def _missing_language(code: str) -> MissingDependency:
    return MissingDependency(
        f"Tesseract has no data for the language {code!r}. Install it: apt-get install "
        f"{_package(code)}"
    )


def _package(code: str) -> str:
    return f"tesseract-ocr-{code.replace('_', '-').replace('/', '-').lower()}"


def _sheet_dpi(image: Image.Image) -> float:
    """The resolution of a picture if it shows an A4 sheet's area."""
    return float((image.width * image.height / _SHEET_SQUARE_INCHES) ** 0.5)


def at_readable_dpi(image: Image.Image, *, dpi: float) -> tuple[Image.Image, float]:
    """The picture at a resolution that Tesseract reads well, and that resolution.

    The resolution is told to Tesseract: what it guesses without costs it whole blocks of text.
    """
    scale = min(max(DPI / dpi, 1.0), _MOST_ENLARGED)
    if dpi > _MOST_DPI:
        scale = _MOST_DPI / dpi
    if scale != 1.0:
        size = (max(round(image.width * scale), 1), max(round(image.height * scale), 1))
        image = image.resize(size, Image.Resampling.LANCZOS)
    return image, dpi * scale


def words_of_table(
    table: Mapping[str, Sequence[Any]], *, width_px: int, height_px: int
) -> list[Word]:
    """The words of Tesseract's table, boxes in fractions of the picture; lines and blocks are
    counted over the page. Its own rows for blocks and lines have a confidence below 0."""
    words = []
    lines: dict[tuple[int, int, int], int] = {}
    rows = zip(*(table.get(name, ()) for name in _COLUMNS), strict=True)
    for text, confidence, left, top, width, height, block, paragraph, line in rows:
        if confidence < 0 or not text.strip():
            continue
        corners = (left, top, left + width, top + height)
        try:
            box = Box.from_pixels(corners, width_px=width_px, height_px=height_px).clip()
        except InvalidBox:  # a stroke without width
            continue
        if box.area > (_LARGEST_WORD if any(map(str.isalnum, text)) else _LARGEST_MARK):
            continue
        words.append(
            Word(
                text.strip(),
                box,
                confidence=min(confidence / 100, 1.0),
                line=lines.setdefault((block, paragraph, line), len(lines)),
                block=block - 1,
            )
        )
    return words


_COLUMNS = (
    *("text", "conf", "left", "top", "width", "height"),
    *("block_num", "par_num", "line_num"),
)
