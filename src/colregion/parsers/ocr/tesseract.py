"""OCR by Tesseract."""

from __future__ import annotations

import math
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
from colregion.parsers.ocr.languages import LANGUAGES_OF_SCRIPT, how_to_install, package_of
from colregion.parsers.ocr.orientation import Recognizer, recognize_upright
from colregion.parsers.ocr.tesseract_library import load_library, word_table
from colregion.parsers.word_reader import WordReader

DPI = 200
"""Resolution at which PDF pages are rendered and to which small images are enlarged."""

# An image does not say how large its paper was. Taken as an A4 sheet, forms scanned at 90 dpi get
# their true resolution, and receipts one at which their print is as large as a page's.
_SHEET_SQUARE_INCHES = 8.27 * 11.69
_MAX_ENLARGEMENT = 2.0  # more gains nothing and costs time
_MAX_DPI = 400  # larger images are reduced: they cost time and are read no better

_COARSE_DPI = 100

_SEGMENTATION = 3  # automatic, without Tesseract's own, slow detection of orientation

# Mean confidence over characters. Measured on forms, receipts and reports: 0.52-0.96 upright or
# lying on the right side, 0.16-0.34 upside down or on the left side.
_MIN_CONFIDENCE = 0.55
_LEGIBLE_CONFIDENCE = 0.6  # of one word

_MAX_WORD_AREA = 0.5  # share of the page; larger is a figure
_MAX_MARK_AREA = 0.01  # the same for a word without letters and digits; larger is a rule or a stain

# Tesseract's script confidence: 26 to 44 on pages of Arabic, Hebrew and Devanagari, 0.4 to 2 for
# East Asian scripts, but up to 1.7 for a wrong script on graphs and noisy forms. Trying a language
# only costs time; a message that one is missing must be right.
_MIN_SCRIPT_CONFIDENCE = 2.0

AUTO = "auto"
_DEFAULT_LANGUAGE = "eng"  # tried first by "auto"
_COLUMNS = "text conf left top width height block_num par_num line_num".split()
_LANGUAGE = re.compile(r"[A-Za-z][A-Za-z_]*(/[A-Za-z_]+)?")


def tesseract_installed() -> bool:
    """Whether the program and its Python package are installed."""
    return shutil.which("tesseract") is not None and find_spec("pytesseract") is not None


class TesseractReader(WordReader):
    """Reads the page image with Tesseract, in one process with one thread per page; in a worker
    process, which it may crash, with the library, whose data are then loaded once.

    Detects pages that lie sideways, upside down or skewed, see `recognize_upright`;
    `Page.upright`, where set, is used instead.

    Args:
        languages: Tesseract's codes joined by "+", such as "eng+deu" (else InvalidInput). "auto"
            reads English and, where little is legible, tries the installed languages of the
            detected script; `Page.missing` names the package if there is none.
        read_elsewhere: scripts, in Tesseract's names, that another reader reads, so that no
            package is missing for them.
    """

    def __init__(
        self, languages: str = "eng", *, read_elsewhere: frozenset[str] = frozenset()
    ) -> None:
        if not all(_LANGUAGE.fullmatch(code) for code in languages.split("+")):
            raise InvalidInput(
                f"languages must be Tesseract's codes joined by '+' (eng+deu), got {languages!r}"
            )
        self.languages = languages
        self.read_elsewhere = read_elsewhere
        self._is_alone = False

    def for_one_core(self) -> TesseractReader:
        reader = TesseractReader(self.languages, read_elsewhere=self.read_elsewhere)
        reader._is_alone = True
        return reader

    @property
    def fingerprint(self) -> str:
        """Raises MissingDependency when the program or the package is not installed."""
        return (
            f"tesseract-3 {self._program.get_tesseract_version(cached=True)} {self.languages} "
            f"psm {_SEGMENTATION} {DPI} dpi"
        )

    def read_upright(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        image = page.load_image(dpi=DPI)
        is_pt = page.unit == "pt"
        dpi = image.width / page.width * 72 if is_pt else sheet_dpi(image.width, image.height)
        missing: list[str] = []

        def of_script(image: Image.Image) -> Iterator[tuple[Recognizer, float]]:
            """Recognizers for the image's script, each with the turn that it needs."""
            script, degrees, is_certain = self._script(image, dpi=dpi)
            known = LANGUAGES_OF_SCRIPT.get(script, ())
            installed = [codes for codes in known if set(codes.split("+")) <= self._installed]
            for languages in installed:
                yield partial(self._recognize, dpi=dpi, languages=languages), degrees
            is_read = bool(installed) or script in self.read_elsewhere
            if known and is_certain and not is_read:
                missing.append(
                    f"it looks like {script} script, which was not read. {how_to_install(script)}"
                )

        page, words = recognize_upright(
            page,
            image,
            partial(self._recognize, dpi=dpi, languages=self._first_languages),
            min_confidence=_MIN_CONFIDENCE,
            legible_confidence=_LEGIBLE_CONFIDENCE,
            alternatives=of_script if self.languages == AUTO else None,
        )
        return (replace(page, missing=missing[0]) if missing else page), words

    @property
    def _first_languages(self) -> str:
        return _DEFAULT_LANGUAGE if self.languages == AUTO else self.languages

    def __getstate__(self) -> dict[str, Any]:
        # The unpickling process checks what is installed.
        names = "languages", "read_elsewhere", "_is_alone"
        return {name: getattr(self, name) for name in names}

    @cached_property
    def _program(self) -> ModuleType:
        """pytesseract, after checking that the program and the languages are installed."""
        package = require("pytesseract", extra="tesseract")
        # One thread per process is fastest when pages run in parallel. This environment is passed
        # to Tesseract's processes only; in this process's own, the limit would also apply to
        # torch and every other library that uses OpenMP.
        package.pytesseract.environ = {**os.environ, "OMP_THREAD_LIMIT": "1"}
        try:
            package.get_tesseract_version()
            installed = package.get_languages()
        except package.TesseractNotFoundError as cause:
            raise _missing_program() from cause
        # Tesseract silently ignores missing ones of several languages.
        for code in self._first_languages.split("+"):
            if set(code) <= {*string.ascii_lowercase, "_"} and code not in installed:
                raise _missing_language(code)
        return package

    @cached_property
    def _installed(self) -> frozenset[str]:
        return frozenset(self._program.get_languages())

    def _script(self, image: Image.Image, *, dpi: float) -> tuple[str, float, bool]:
        """The script of an image, the turn in degrees clockwise that makes it upright, and
        whether the script is certain; "" and 0 for too little text."""
        program = self._program
        if "osd" not in self._installed:
            raise _missing_language("osd")
        image, dpi = at_readable_dpi(image.convert("L"), dpi=dpi)
        as_dict = program.Output.DICT
        try:
            detected = program.image_to_osd(image, config=f"--dpi {dpi:.0f}", output_type=as_dict)
        except program.TesseractError:  # too few characters
            return "", 0.0, False
        is_certain = detected["script_conf"] > _MIN_SCRIPT_CONFIDENCE
        return detected["script"], float(detected["rotate"]), is_certain

    def _recognize(self, image: Image.Image, *, dpi: float, languages: str) -> list[Word]:
        program = self._program
        image, dpi = at_readable_dpi(image.convert("L"), dpi=dpi)
        config, as_dict = f"--psm {_SEGMENTATION} --dpi {dpi:.0f}", program.Output.DICT
        library = None
        if self._is_alone:  # the version is asked for once, not by a program run for each image
            library = load_library(str(program.get_tesseract_version(cached=True)))
        table: Mapping[str, Sequence[Any]]
        try:
            if library is not None:
                table = word_table(
                    library, image, languages=languages, segmentation=_SEGMENTATION, dpi=dpi
                )
            else:
                table = program.image_to_data(image, languages, config, output_type=as_dict)
        except program.TesseractNotFoundError as cause:
            raise _missing_program() from cause
        except program.TesseractError as cause:
            if "Failed loading language" in cause.message:
                raise _missing_language(languages) from cause
            raise BackendError(f"Tesseract failed on a page: {cause.message}") from cause
        words = parse_word_table(table, width_px=image.width, height_px=image.height)
        return join_unspaced(words, aspect=image.width / image.height)


def sheet_dpi(width_px: float, height_px: float) -> float:
    """Resolution of an image that shows an A4 sheet."""
    return math.sqrt(width_px * height_px / _SHEET_SQUARE_INCHES)


def is_coarse(page: Page) -> bool:
    """Whether a page is an image of so few pixels that Tesseract is surer of it than it should
    be."""
    return page.unit == "px" and sheet_dpi(page.width, page.height) < _COARSE_DPI


def _missing_program() -> MissingDependency:
    return MissingDependency(
        "the program tesseract was not found. Install it: apt-get install tesseract-ocr  "
        "(Debian and Ubuntu), brew install tesseract  (macOS)"
    )


def _missing_language(code: str) -> MissingDependency:
    return MissingDependency(
        f"Tesseract has no data for the language {code!r}. Install it: apt-get install "
        f"{package_of(code)}"
    )


def at_readable_dpi(image: Image.Image, *, dpi: float) -> tuple[Image.Image, float]:
    """Resample a gray image to a resolution that Tesseract reads well; returns both.

    Tesseract must be told the resolution: with its own guess it misses whole blocks of text.
    """
    scale = min(max(DPI / dpi, 1.0), _MAX_ENLARGEMENT)
    if dpi > _MAX_DPI:
        scale = _MAX_DPI / dpi
    if scale != 1.0:
        size = (max(round(image.width * scale), 1), max(round(image.height * scale), 1))
        image = image.resize(size, Image.Resampling.LANCZOS)
    image.format = "PPM"  # passed in a file; PNG compression would take longer
    return image, dpi * scale


def parse_word_table(
    table: Mapping[str, Sequence[Any]], *, width_px: int, height_px: int
) -> list[Word]:
    """The words of Tesseract's table, boxes in fractions of the image, lines and blocks numbered
    over the page. The table's rows for blocks and lines have a confidence below 0."""
    words = []
    lines: dict[tuple[int, int, int], int] = {}
    rows = zip(*(table.get(name, ()) for name in _COLUMNS), strict=True)
    for text, confidence, left, top, width, height, block, paragraph, line in rows:
        if confidence < 0 or not text.strip():
            continue
        corners = (left, top, left + width, top + height)
        try:
            box = Box.from_pixels(corners, width_px=width_px, height_px=height_px).clip()
        except InvalidBox:  # no width
            continue
        if box.area > (_MAX_WORD_AREA if any(map(str.isalnum, text)) else _MAX_MARK_AREA):
            continue
        number = lines.setdefault((block, paragraph, line), len(lines))
        words.append(Word(text.strip(), box, min(confidence / 100, 1.0), number, block - 1))
    return words
