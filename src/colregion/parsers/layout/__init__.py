"""Words and picture of a page to its region tree: areas, blocks, lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from importlib.util import find_spec
from statistics import median

from colregion.core.documents import Page
from colregion.core.geometry import Box, boxes_to_array
from colregion.core.regions import ParsedPage, Word
from colregion.errors import InvalidInput
from colregion.parsers.layout.areas import Area, find_areas
from colregion.parsers.layout.ink_coverage import painted_share
from colregion.parsers.layout.lines import find_lines
from colregion.parsers.layout.model import LayoutModel, ModelBox
from colregion.parsers.layout.page_frame import Frame
from colregion.parsers.layout.reading_order import reading_order
from colregion.parsers.layout.region_tree import build_tree
from colregion.parsers.layout.roles import attach_captions, name_roles
from colregion.parsers.layout.word_boxes import trim_tall_boxes

MODES = ("auto", "model", "geometry")


class Layout:
    """Builds region trees. Safe to use from threads; equal input gives an equal tree.

    Args:
        mode: "model" takes figures, tables, titles and text areas from a layout model (the
            package rapid-layout, offline) and the rest from the words' places; "geometry" takes
            everything from the words' places; "auto" is "model" where rapid-layout is installed.

    Raises:
        InvalidInput: the mode is none of these.
    """

    def __init__(self, mode: str = "auto") -> None:
        if mode not in MODES:
            raise InvalidInput(f"mode must be one of {MODES}, got {mode!r}")
        if mode == "auto":
            mode = "model" if find_spec("rapid_layout") else "geometry"
        self.mode = mode
        self._model = LayoutModel()

    @cached_property
    def fingerprint(self) -> str:
        """The mode in use, with the model's version and settings.

        Raises:
            MissingDependency: the mode is "model" and rapid-layout is not installed.
        """
        own = "layout 2"
        return f"{own} geometry" if self.mode == "geometry" else f"{own} {self._model.fingerprint}"

    def build(self, page: Page, words: Sequence[Word]) -> ParsedPage:
        """The page with its words and regions in reading order.

        Every visible word stands in exactly one line. Words drawn without ink that nothing
        confirms stand last and in no region. A page without words has the figures and tables
        that the model sees, text "", and in mode "geometry" no regions.

        Boxes of words that reach into the next line, as Tesseract gives some, are cut to their
        own where the word says which line it is of.

        Raises:
            MissingDependency: the mode is "model" and rapid-layout is not installed.
            BackendError: the layout model failed.
        """
        frame = Frame.along_lines(page, words)
        words = trim_tall_words(words, frame)
        found = self._find(page, words, frame) if self.mode == "model" else []
        return build_tree(page, words, find_page_areas(words, found, frame), frame)

    def _find(self, page: Page, words: Sequence[Word], frame: Frame) -> list[ModelBox]:
        upright = Frame.of(page)  # as the model has learnt to see pages
        image = upright.turned(page.image)
        words_xyxy = upright.square(boxes_to_array(word.box for word in words))
        words_xyxy[:, [0, 2]] /= upright.aspect
        return [
            replace(
                item,
                box=upright.squared(item.box)
                if frame == upright
                else frame.squared_from_page(upright.upright.box_on_page(item.box)),
                painted=painted_share(image, item.box, words_xyxy)
                if item.kind == "figure"
                else 0.0,
            )
            for item in self._model.find(image)
        ]


def trim_tall_words(words: Sequence[Word], frame: Frame) -> list[Word]:
    """The words, with boxes that reach into a neighbouring line cut to their own."""
    given = frame.square(boxes_to_array(word.box for word in words))
    steady = trim_tall_boxes([word.text for word in words], given, [word.line for word in words])
    return [
        replace(word, box=frame.on_page(Box(*row.tolist()))) if cut else word
        for word, row, cut in zip(words, steady, (steady != given).any(axis=1), strict=True)
    ]


def find_page_areas(words: Sequence[Word], found: Sequence[ModelBox], frame: Frame) -> list[Area]:
    """Areas of a page in reading order, from its words (fractions of the page as displayed) and
    the model's boxes (square units)."""
    shown = [i for i, word in enumerate(words) if word.visible]
    lines = find_lines(
        [words[i].text for i in shown],
        frame.square(boxes_to_array(words[i].box for i in shown)),
        blocks=[words[i].block for i in shown],
    )
    lines = [replace(line, words=tuple(shown[at] for at in line.words)) for line in lines]
    areas = name_roles(attach_captions(find_areas(lines, found, page_area=frame.aspect)))
    heights = [line.height for line in lines]
    gutter = -0.5 * median(heights) if heights else 0.0
    first, last = ([area for area in areas if area.kind == kind] for kind in ("header", "footer"))
    middle = [area for area in areas if area.kind not in ("header", "footer")]
    return [
        group[at]
        for group in (first, middle, last)
        for at in reading_order([area.box for area in group], gutter=gutter)
    ]
