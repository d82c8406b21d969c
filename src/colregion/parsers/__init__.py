"""What reads documents: words from the file or by OCR, regions from their layout."""

from __future__ import annotations

from colregion.errors import InvalidInput
from colregion.parsers.by_page import PageParser
from colregion.parsers.layout import MODES, Layout
from colregion.parsers.readers import READERS, load_reader
from colregion.ports import Parser

__all__ = ["load_parser"]


def load_parser(spec: str = "auto", *, languages: str = "eng") -> Parser:
    """The parser that a spec names: what reads the words, then "+" and the layout's mode.

    Args:
        spec: "text_layer" reads the file's own characters only, "tesseract" and "rapidocr" the
            page's picture only, "auto" the file's characters where they are sound and else the
            picture, by Tesseract where installed, else by RapidOCR. The layout's mode, as in
            "auto+geometry", is "auto", "model" or "geometry"; "auto" where none is given.
        languages: what Tesseract is to read, its codes joined by "+", such as "eng+deu".
            RapidOCR's model reads Latin and East Asian scripts at once and takes no heed.

    Raises:
        InvalidInput: the spec is not known. What is not installed is an error only when a page
            needs it.
    """
    name, _, mode = spec.partition("+")
    if name not in READERS or (mode or "auto") not in MODES or spec.endswith("+"):
        raise InvalidInput(
            f"unknown parser {spec!r}; known are {', '.join(READERS)}, each also with a layout "
            f"mode: {', '.join(f'{READERS[0]}+{known}' for known in MODES)}"
        )
    return PageParser(load_reader(name, languages=languages), Layout(mode or "auto"))
