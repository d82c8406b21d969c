"""Tesseract's library in this process: its program takes longer to start than to read a line."""

from __future__ import annotations

import atexit
import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import POINTER, c_char_p, c_int, c_void_p
from ctypes.util import find_library
from functools import cache
from typing import Any

from PIL import Image

from colregion.errors import BackendError

_FUNCTIONS = {
    "TessVersion": ([], c_char_p),
    "TessBaseAPICreate": ([], c_void_p),
    "TessBaseAPIInit3": ([c_void_p, c_char_p, c_char_p], c_int),
    "TessBaseAPISetPageSegMode": ([c_void_p, c_int], None),
    "TessBaseAPISetImage": ([c_void_p, c_char_p, c_int, c_int, c_int, c_int], None),
    "TessBaseAPISetSourceResolution": ([c_void_p, c_int], None),
    "TessBaseAPIRecognize": ([c_void_p, c_void_p], c_int),
    "TessBaseAPIGetTsvText": ([c_void_p, c_int], POINTER(ctypes.c_char)),
    "TessDeleteText": ([POINTER(ctypes.c_char)], None),
    "TessBaseAPIClear": ([c_void_p], None),
    "TessBaseAPIDelete": ([c_void_p], None),
}
_COLUMNS = "level page_num block_num par_num line_num word_num left top width height conf".split()

_LIMIT = "OMP_THREAD_LIMIT"  # Tesseract heeds nothing else

_lock = threading.Lock()


@cache
def load_library(version: str) -> ctypes.CDLL | None:
    """The library of this version of the program; None where it is not installed."""
    name = find_library("tesseract")
    if name is None:
        return None
    try:
        with _one_thread():
            library = ctypes.CDLL(name)
        for function, (arguments, result) in _FUNCTIONS.items():
            getattr(library, function).argtypes = arguments
            getattr(library, function).restype = result
    except (OSError, AttributeError):  # of another architecture, or without the C interface
        return None
    return library if library.TessVersion().decode() == version else None


@contextmanager
def _one_thread() -> Iterator[None]:
    """Limit an OpenMP that is loaded meanwhile, which reads the limit then, and not that of other
    libraries: with it torch's bfloat16 products are wrong on some processors."""
    before = os.environ.get(_LIMIT)
    os.environ[_LIMIT] = "1"
    try:
        yield
    finally:
        del os.environ[_LIMIT]
        if before is not None:
            os.environ[_LIMIT] = before


def word_table(
    library: ctypes.CDLL, image: Image.Image, *, languages: str, segmentation: int, dpi: float
) -> dict[str, list[Any]]:
    """What the program says of a gray image, as columns. Raises BackendError where it fails."""
    with _lock:  # of all threads, as they share the loaded data
        api = _loaded(library, languages)
        library.TessBaseAPISetPageSegMode(api, segmentation)
        width, height = image.size
        library.TessBaseAPISetImage(api, image.tobytes(), width, height, 1, width)
        library.TessBaseAPISetSourceResolution(api, round(dpi))
        try:
            if library.TessBaseAPIRecognize(api, None):
                raise BackendError("Tesseract failed on a page")
            text = library.TessBaseAPIGetTsvText(api, 0)
            rows = ctypes.string_at(text).decode("utf-8", "replace").splitlines()
            library.TessDeleteText(text)
        finally:
            library.TessBaseAPIClear(api)
    cells = [row.split("\t", len(_COLUMNS)) for row in rows]
    # The program's table has whole confidences, rounded down.
    numbers = zip(*([int(float(one)) for one in row[:-1]] for row in cells), strict=True)
    columns = dict(zip(_COLUMNS, map(list, numbers), strict=False))
    return {**columns, "text": [row[-1] for row in cells]}


@cache
def _loaded(library: ctypes.CDLL, languages: str) -> int:
    """The library with the data of languages."""
    api: int = library.TessBaseAPICreate()
    if library.TessBaseAPIInit3(api, None, languages.encode()):
        raise BackendError(f"Tesseract cannot load the data for {languages!r}")
    atexit.register(library.TessBaseAPIDelete, api)
    return api
