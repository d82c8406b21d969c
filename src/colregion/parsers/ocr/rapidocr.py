"""Words by RapidOCR, read from the page's picture by models inside its wheel."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from PIL import Image

from colregion.core.documents import Page
from colregion.core.geometry import Box, FloatArray
from colregion.core.regions import Word
from colregion.errors import BackendError, InvalidBox, require
from colregion.parsers.ocr.orientation import read_upright
from colregion.parsers.words import WordReader

DPI = 200
"""What PDF pages are drawn at. RapidOCR itself reduces pictures to 2000 pixels a side."""

# Mean confidence over characters: 0.9 and more on what lies upright, 0.55-0.75 upside down.
_DOUBTFUL = 0.82
_SURE = 0.9  # of one word

# Pages queue for the one engine; more threads than this gain little on one page.
_MOST_THREADS = 4
_lock = threading.Lock()


def rapidocr_installed() -> bool:
    """Whether the package and the runtime of its models are there."""
    return find_spec("rapidocr") is not None and find_spec("onnxruntime") is not None


class RapidOcrReader(WordReader):
    """Reads the page's picture with RapidOCR, one page at a time; nothing is downloaded.

    All readers share one engine, whose models take some 100 MB. A page that lies sideways,
    upside down or askew is turned, see `turning.read_upright`. Blocks are not named; each line
    that was detected counts as one.
    """

    @property
    def fingerprint(self) -> str:
        """Raises MissingDependency when the package is not installed."""
        require("rapidocr", extra="ocr")
        from importlib.metadata import version  # slow to import, and seldom needed

        return f"rapidocr-1 {version('rapidocr')} {DPI} dpi"

    def read(self, page: Page) -> tuple[Word, ...]:
        return self.read_turned(page)[1]

    def read_turned(self, page: Page) -> tuple[Page, tuple[Word, ...]]:
        image = page.load_image(dpi=DPI)
        return read_upright(page, image, _recognise, doubtful=_DOUBTFUL, sure=_SURE)


def _recognise(image: Image.Image) -> list[Word]:
    bgr = np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])
    failure = require("rapidocr.inference_engine.onnxruntime", extra="ocr").ONNXRuntimeError
    try:
        with _lock:  # the engine does not say that calls may overlap
            found = _engine()(bgr)
    except failure as cause:
        raise BackendError(f"RapidOCR failed on a page: {cause}") from cause
    if not found.txts:
        return []
    size = np.array([image.width, image.height], dtype=np.float64)
    lines = zip(found.txts, found.scores, found.boxes, strict=True)
    words = []
    for number, (line, score, corners) in enumerate(lines):
        pieces = [(text, at / size) for text, at in _pieces(found.word_results, number)]
        for text, corners_xy in words_of_line(line, np.asarray(corners) / size, pieces):
            try:
                x0, y0 = corners_xy.min(axis=0).tolist()
                x1, y1 = corners_xy.max(axis=0).tolist()
                box = Box(x0, y0, x1, y1).clip()
            except InvalidBox:  # squeezed to nothing, or beside the picture
                continue
            words.append(Word(text, box, confidence=min(float(score), 1.0), line=number))
    return words


def words_of_line(
    line: str, corners_xy: FloatArray, pieces: Sequence[tuple[str, FloatArray]]
) -> Iterator[tuple[str, FloatArray]]:
    """The words of a line, parted at white space, each with points (N, 2) around it.

    Args:
        corners_xy: (4, 2) of the line, clockwise from where its text begins.
        pieces: parts of the line in order with the corners of each; used where together they
            give the line. Of lines that mix scripts the engine leaves some out. Words are then
            placed by their characters' share of the line, which is half as exact.
    """
    spelled = "".join("".join(text.split()) for text, _ in pieces) == "".join(line.split())
    ends = np.cumsum([len("".join(text.split())) for text, _ in pieces])
    begun = 0
    for match in re.finditer(r"\S+", line):
        word, ended = match.group(), begun + len(match.group())
        if spelled:
            first = int(np.searchsorted(ends, begun, side="right"))
            last = int(np.searchsorted(ends, ended, side="left"))
            yield word, np.concatenate([corners for _, corners in pieces[first : last + 1]])
        else:
            share = np.array([[match.start()], [match.end()]]) / len(line)
            upper = corners_xy[0] + share * (corners_xy[1] - corners_xy[0])
            lower = corners_xy[3] + share * (corners_xy[2] - corners_xy[3])
            yield word, np.concatenate([upper, lower])
        begun = ended


def _pieces(word_results: Sequence[Any], number: int) -> list[tuple[str, FloatArray]]:
    """The engine's words of a line with their corners (4, 2) in pixels; none where it could not
    place them, which shows in results of another type or in fewer of them than lines."""
    if number >= len(word_results) or not isinstance(word_results[number], list | tuple):
        return []
    return [(text, np.asarray(corners, float)) for text, _, corners in word_results[number]]


@cache
def _engine() -> Any:
    # One of several processes that read is told so by the variable that OpenMP goes by.
    allowed = os.environ.get("OMP_THREAD_LIMIT", "")
    threads = min(os.cpu_count() or 1, _MOST_THREADS)
    if allowed.isdigit():
        threads = max(min(threads, int(allowed)), 1)
    return require("rapidocr", extra="ocr").RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.return_word_box": True,
            # Lines that stand upside down stay so and are read as nonsense, by which the page's
            # turn is found; the engine would turn them but leave their words' boxes mirrored.
            "Global.use_cls": False,
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
        }
    )
