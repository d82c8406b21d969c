"""Regions of a page whose words are not read, by its ink alone.

Connected strokes that lie as close together in a row as the letters of a word are taken for a word,
and the layout of those boxes is that of any page: areas, blocks, lines, in reading order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colregion.core.components import Runs
from colregion.core.documents import Page
from colregion.core.geometry import Box, FloatArray, IntArray, Upright
from colregion.core.regions import ParsedPage, Region, Word
from colregion.errors import InvalidBox
from colregion.parsers.layout import Layout
from colregion.parsers.ocr.orientation import reduced, skew, stroke_mask, turn_image

# In usual heights of a letter: letters of a word are closer, and what is lower is dirt or a rule.
_LETTER_GAP = 0.7
_LOWEST = 0.5
_LOWEST_LETTER_PX = 4  # of an image of at most 1000 px per side; the specks of a copy are lower

# A page of small print has up to a thousand; more would take the layout minutes.
_MOST_WORDS = 2000

_LETTER_WIDTH = 0.65  # of its height, for the length of a word
_FAINTEST = 32  # of gray levels, between ink and paper
_SIDEWAYS = 1.5  # times fewer words by closing gaps down the page than across it


def ink_regions(page: Page, layout: Layout, *, without: Sequence[Box] = ()) -> ParsedPage:
    """The page divided by its ink: unread regions without text; none for a page without ink.

    A page askew gets its `upright`. One on its side is divided as such, but which side is up only
    reading can tell.

    Args:
        layout: of what the ink shows as words; its model tells figures, tables, lists and titles.
        without: boxes on the page whose ink does not count, as its words are known.
    """
    image = page.image.convert("L")
    for box in without:
        image.paste(255, box.to_pixels(width_px=image.width, height_px=image.height))
    upright, quarter = page.upright, 0.0
    small = reduced(image)
    strokes = _Strokes.of(small)
    if upright is None:
        quarter = 90.0 * strokes.run_down()
        if not quarter and (degrees := skew(small)):
            upright = Upright(degrees % 360.0, page.width, page.height)
    turn = upright or Upright(quarter, page.width, page.height)
    if turn.degrees_clockwise:
        small = reduced(turn_image(image, degrees_clockwise=turn.degrees_clockwise))
        strokes = _Strokes.of(small)
    words = []
    for x0, y0, x1, y1 in strokes.word_boxes().tolist():
        try:
            box = turn.box_on_page(Box(x0, y0, x1, y1))
        except InvalidBox:  # in a corner that the turn added
            continue
        words.append(Word(_stand_in(x1 - x0, y1 - y0, turn), box))
    if upright is not page.upright:  # else the image that is loaded stays
        page = replace(page, upright=upright)
    if not words:
        return ParsedPage(page, (), _blob(page, small, turn))
    laid = layout.build(replace(page, upright=turn), words)
    regions = tuple(
        replace(
            region,
            text="",
            cell=None,
            continues=False,
            unread=True,
        )
        for region in laid.regions
    )
    return ParsedPage(page, (), regions)


def _blob(page: Page, image: Image.Image, turn: Upright) -> tuple[Region, ...]:
    """One region around what is drawn where nothing looks like words, as in a photo of a sign; none
    for a blank page. The image is turned upright."""
    levels = np.asarray(image)
    if int(levels.max()) - int(levels.min()) <= _FAINTEST:
        return ()
    box = Box(0.0, 0.0, 1.0, 1.0)
    rows, columns = np.nonzero(strokes := stroke_mask(image))
    if len(rows):
        corners = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        height, width = strokes.shape
        box = Box.from_pixels(corners, width_px=width, height_px=height)
    return (Region(page.id, (1,), turn.box_on_page(box), "", unread=True),)


def _stand_in(width: float, height: float, turn: Upright) -> str:
    """A text of about the length of the word in a box of the upright page."""
    turned_width, turned_height = turn.turned_size
    letters = width * turned_width / (height * turned_height * _LETTER_WIDTH)
    return "x" * max(math.ceil(letters), 1)


@dataclass(frozen=True, slots=True)
class _Strokes:
    """The strokes of an upright page.

    Args:
        mask: (H, W).
        runs: along its rows.
        usual_height: of its letters, in points.
    """

    mask: NDArray[np.bool_]
    runs: Runs
    usual_height: float

    @classmethod
    def of(cls, image: Image.Image) -> _Strokes:
        mask = stroke_mask(image, with_rules=False)
        runs = Runs.of(mask)
        return cls(mask, runs, _usual_height(runs.component_boxes()))

    def word_boxes(self) -> FloatArray:
        """(N, 4) boxes around words, in fractions of the image; none of noise."""
        gap = max(round(_LETTER_GAP * self.usual_height), 1)
        size = np.array([self.mask.shape[1], self.mask.shape[0]] * 2)
        while gap < self.mask.shape[1]:
            words = self.runs.closed(gap=gap).component_boxes()
            words = words[words[:, 3] - words[:, 1] >= _LOWEST * self.usual_height]
            if len(words) <= _MOST_WORDS:
                return np.asarray(words / size)
            gap *= 2  # whole lines, then
        return np.zeros((0, 4))

    def run_down(self) -> bool:
        """Whether lines of text run down the page: gaps are smaller down it than across it."""
        gap = round(_LETTER_GAP * self.usual_height)
        across, down = (
            len(runs.closed(gap=gap).component_boxes())
            for runs in (self.runs, Runs.of(self.mask.T))
        )
        return across > _SIDEWAYS * down


def _usual_height(boxes: IntArray) -> float:
    """The median height of components (N, 4) that are as high as letters, weighted by width; 1
    without any."""
    boxes = boxes[boxes[:, 3] - boxes[:, 1] >= _LOWEST_LETTER_PX]
    if len(boxes) == 0:
        return 1.0
    heights = boxes[:, 3] - boxes[:, 1]
    order = np.argsort(heights, kind="stable")
    total = np.cumsum((boxes[:, 2] - boxes[:, 0])[order])
    return float(heights[order][np.searchsorted(total, total[-1] / 2)])
