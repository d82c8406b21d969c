"""OCR by RapidOCR, with the models in its wheel."""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from PIL import Image

from colregion.core.cpu import thread_count
from colregion.core.documents import Page
from colregion.core.geometry import Box, FloatArray
from colregion.core.regions import Word
from colregion.errors import BackendError, InvalidBox, require
from colregion.parsers.ocr.orientation import are_lines_unread, recognize_upright
from colregion.parsers.word_reader import WordReader

DPI = 200
"""Resolution at which PDF pages are rendered; RapidOCR reduces images to 2000 pixels a side."""

# Mean confidence over characters: 0.9 and more upright, 0.55-0.75 upside down.
_MIN_CONFIDENCE = 0.82
_LEGIBLE_CONFIDENCE = 0.9  # of one word

SCRIPTS = frozenset({"Han", "Hiragana", "Katakana", "Japanese"})
"""What the models in the wheel read beside Latin, in Tesseract's names."""
_LETTERS = ("LATIN", "CJK", "HIRAGANA", "KATAKANA", "FULLWIDTH", "HALFWIDTH KATAKANA")

_UNREAD = (
    "most of its text was not read. RapidOCR's models know Latin, Chinese and Japanese; for other "
    "scripts install Tesseract with their data: apt-get install tesseract-ocr, and for example "
    "tesseract-ocr-rus for Russian"
)

# Pages queue for the one engine; more threads gain little on one page.
_MAX_THREADS = 4
_lock = threading.Lock()


def rapidocr_installed() -> bool:
    """Whether the package and the runtime of its models are installed."""
    return find_spec("rapidocr") is not None and find_spec("onnxruntime") is not None


def reads_script(words: Iterable[Word]) -> bool:
    """Whether at least half of the letters are of scripts that the models in the wheel read; true
    without letters."""
    letters = [character for word in words for character in word.text if character.isalpha()]
    known = sum(unicodedata.name(letter, "").startswith(_LETTERS) for letter in letters)
    return 2 * known >= len(letters)


class RapidOcrReader(WordReader):
    """Reads the page image with RapidOCR, one page at a time; nothing is downloaded.

    All readers share one engine, whose models take about 100 MB. Detects pages that lie sideways,
    upside down or skewed, see `recognize_upright`. Words have line numbers but no blocks.
    `Page.missing` says so where most lines are of a script that the models do not know.
    """

    @property
    def fingerprint(self) -> str:
        """Raises MissingDependency when the package is not installed."""
        require("rapidocr", extra="ocr")
        from importlib.metadata import version  # slow to import and seldom needed

        return f"rapidocr-3 {version('rapidocr')} {DPI} dpi"

    def read_upright(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        image = page.load_image(dpi=DPI)
        page, words = recognize_upright(
            page,
            image,
            _recognize,
            min_confidence=_MIN_CONFIDENCE,
            legible_confidence=_LEGIBLE_CONFIDENCE,
        )
        if are_lines_unread(page, image, words):
            page = replace(page, missing=_UNREAD)
        return page, words


def _recognize(image: Image.Image) -> list[Word]:
    bgr = np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])
    failure = require("rapidocr.inference_engine.onnxruntime", extra="ocr").ONNXRuntimeError
    try:
        with _lock:  # the engine is not documented as thread-safe
            result = _engine()(bgr)
    except failure as cause:
        raise BackendError(f"RapidOCR failed on a page: {cause}") from cause
    if not result.txts:
        return []
    size = np.array([image.width, image.height], dtype=np.float64)
    lines = zip(result.txts, result.scores, result.boxes, strict=True)
    words = []
    for number, (line, score, corners) in enumerate(lines):
        pieces = [(text, at / size) for text, at in _pieces(result.word_results, number)]
        for text, corners_xy in split_line(line, np.asarray(corners) / size, pieces):
            try:
                x0, y0 = corners_xy.min(axis=0).tolist()
                x1, y1 = corners_xy.max(axis=0).tolist()
                box = Box(x0, y0, x1, y1).clip()
            except InvalidBox:  # without area, or off the image
                continue
            words.append(Word(text, box, confidence=min(float(score), 1.0), line=number))
    return words


def split_line(
    line: str, corners_xy: FloatArray, pieces: Sequence[tuple[str, FloatArray]]
) -> Iterator[tuple[str, FloatArray]]:
    """Split a line at white space; yields each word with points (N, 2) around it.

    Args:
        corners_xy: (4, 2) of the line, clockwise from where its text starts.
        pieces: parts of the line in order, each with its corners. If they do not spell the line
            (of mixed scripts the engine omits some), words are placed by their characters' share
            of it, which is half as exact.
    """
    is_complete = "".join("".join(text.split()) for text, _ in pieces) == "".join(line.split())
    ends = np.cumsum([len("".join(text.split())) for text, _ in pieces])
    start = 0
    for match in re.finditer(r"\S+", line):
        word, end = match.group(), start + len(match.group())
        if is_complete:
            first = int(np.searchsorted(ends, start, side="right"))
            last = int(np.searchsorted(ends, end, side="left"))
            yield word, np.concatenate([corners for _, corners in pieces[first : last + 1]])
        else:
            share = np.array([[match.start()], [match.end()]]) / len(line)
            upper = corners_xy[0] + share * (corners_xy[1] - corners_xy[0])
            lower = corners_xy[3] + share * (corners_xy[2] - corners_xy[3])
            yield word, np.concatenate([upper, lower])
        start = end


def _pieces(word_results: Sequence[Any], number: int) -> list[tuple[str, FloatArray]]:
    """The engine's words of a line with their corners (4, 2) in pixels; [] if it could not place
    them: the results are then of another type or fewer than the lines."""
    if number >= len(word_results) or not isinstance(word_results[number], list | tuple):
        return []
    return [(text, np.asarray(corners, float)) for text, _, corners in word_results[number]]


@cache
def _engine() -> Any:
    return require("rapidocr", extra="ocr").RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.return_word_box": True,
            # Upside-down lines stay so and are read as nonsense, which reveals the page's turn;
            # the engine would turn them but leave their words' boxes mirrored.
            "Global.use_cls": False,
            # Lines of a batch are padded to the longest one, and without the arena memory is
            # requested anew for every layer: together they double the CPU time of a page.
            "Rec.rec_batch_num": 1,
            "EngineConfig.onnxruntime.enable_cpu_mem_arena": True,
            "EngineConfig.onnxruntime.intra_op_num_threads": thread_count(_MAX_THREADS),
        }
    )
