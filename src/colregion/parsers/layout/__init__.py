"""Layout analysis: words and page image to a region tree of areas, blocks and lines."""

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
from colregion.parsers import LAYOUT_MODES
from colregion.parsers.layout.areas import Area, find_areas, smallest_containers
from colregion.parsers.layout.cut_texts import join_cut_texts
from colregion.parsers.layout.drop_caps import join_drop_caps
from colregion.parsers.layout.figure_boxes import complete_figures
from colregion.parsers.layout.figure_parts import attach_parts
from colregion.parsers.layout.ink_coverage import painted_share
from colregion.parsers.layout.lines import find_lines
from colregion.parsers.layout.model import ModelBox, detect_boxes, model_fingerprint
from colregion.parsers.layout.page_frame import Frame
from colregion.parsers.layout.reading_order import reading_order
from colregion.parsers.layout.region_tree import build_tree
from colregion.parsers.layout.roles import attach_captions, name_roles
from colregion.parsers.layout.side_headings import attach_side_headings
from colregion.parsers.layout.word_boxes import trim_tall_boxes


class Layout:
    """Builds region trees. Thread-safe and deterministic. Raises InvalidInput for another mode.

    Args:
        mode: "model" detects figures, tables, titles and text areas with a layout model (the
            package rapid-layout, offline) and the rest from the words' boxes; "geometry" uses
            the words' boxes only; "auto" is "model" if rapid-layout is installed.
    """

    def __init__(self, mode: str = "auto") -> None:
        if mode not in LAYOUT_MODES:
            raise InvalidInput(f"mode must be one of {LAYOUT_MODES}, got {mode!r}")
        if mode == "auto":
            mode = "model" if find_spec("rapid_layout") else "geometry"
        self.mode = mode

    @cached_property
    def fingerprint(self) -> str:
        """The mode in use, with the model's version and settings. Raises MissingDependency."""
        return f"layout 7 {'geometry' if self.mode == 'geometry' else model_fingerprint()}"

    def build(self, page: Page, words: Sequence[Word]) -> ParsedPage:
        """Return the page with its words and regions in reading order.

        Every visible word is in exactly one line; invisible ones come last and are in no region.
        A page without words has the model's figures and tables, with text "", and in mode
        "geometry" no regions. Boxes of OCR words that reach into the next line are trimmed, and a
        large initial letter is joined to its word.
        Raises as `model.detect_boxes` in mode "model".
        """
        frame = Frame.along_lines(page, words)
        words = join_drop_caps(trim_tall_words(words, frame), frame)
        boxes = self._detect(page, words, frame) if self.mode == "model" else []
        return build_tree(page, words, find_page_areas(words, boxes, frame), frame)

    def _detect(self, page: Page, words: Sequence[Word], frame: Frame) -> list[ModelBox]:
        upright = Frame.of(page)  # as in the model's training
        image = upright.turn_image(page.image)
        words_xyxy = upright.square(boxes_to_array(word.box for word in words))
        words_xyxy[:, [0, 2]] /= upright.aspect
        boxes = [
            replace(item, painted=painted_share(image, item.box, words_xyxy))
            if item.kind == "figure"
            else item
            for item in detect_boxes(image)
        ]
        # On a scan, what is drawn may be text that was not recognized.
        if all(word.confidence is None for word in words):
            boxes = complete_figures(image, boxes, words_xyxy)
        return [
            replace(
                item,
                box=upright.squared(item.box)
                if frame == upright
                else frame.squared_from_page(upright.upright.box_on_page(item.box)),
            )
            for item in boxes
        ]


def trim_tall_words(words: Sequence[Word], frame: Frame) -> list[Word]:
    """Trim the boxes of words that reach into a neighbouring line."""
    squares = frame.square(boxes_to_array(word.box for word in words))
    trimmed = trim_tall_boxes([word.text for word in words], squares, [word.line for word in words])
    return [
        replace(word, box=frame.on_page(Box(*row.tolist()))) if changed else word
        for word, row, changed in zip(words, trimmed, (trimmed != squares).any(axis=1), strict=True)
    ]


def find_page_areas(
    words: Sequence[Word], model_boxes: Sequence[ModelBox], frame: Frame
) -> list[Area]:
    """The page's areas in reading order; model boxes are in square units."""
    visible = [i for i, word in enumerate(words) if word.visible]
    squares = frame.square(boxes_to_array(words[i].box for i in visible))
    owners = smallest_containers(
        [Box(*row) for row in squares.tolist()],
        [item.box for item in model_boxes],
    )
    blocks = [
        # Where no OCR tells columns, the model's boxes do.
        owner if words[i].block is None and owner >= 0 else words[i].block
        for i, owner in zip(visible, owners, strict=True)
    ]
    lines = find_lines([words[i].text for i in visible], squares, blocks=blocks)
    lines = [replace(line, words=tuple(visible[at] for at in line.words)) for line in lines]
    areas = join_cut_texts(find_areas(lines, model_boxes, page_area=frame.aspect))
    areas = name_roles(attach_captions(areas))
    areas = attach_parts(attach_side_headings(areas))
    heights = [line.height for line in lines]
    gutter = -0.5 * median(heights) if heights else 0.0
    first, last = ([area for area in areas if area.kind == kind] for kind in ("header", "footer"))
    middle = [area for area in areas if area.kind not in ("header", "footer")]
    return [
        group[at]
        for group in (first, middle, last)
        for at in reading_order([area.box for area in group], gutter=gutter)
    ]
