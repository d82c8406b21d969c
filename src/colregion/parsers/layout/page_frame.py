"""Between a page as displayed and the same page standing upright, in square units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from colregion.core.documents import Page
from colregion.core.geometry import Box, FloatArray, Upright, boxes_to_array
from colregion.core.regions import Word
from colregion.core.text import has_unspaced


@dataclass(frozen=True, slots=True)
class Frame:
    """The upright page: y is a fraction of its height and x the same length, 0 to `aspect`."""

    upright: Upright

    @classmethod
    def of(cls, page: Page) -> Frame:
        """The frame in which the page's text stands upright."""
        return cls(page.upright or Upright(0.0, page.width, page.height))

    @classmethod
    def along_lines(cls, page: Page, words: Sequence[Word]) -> Frame:
        """The frame in which the page's lines are level and follow each other downwards: that in
        which its text stands upright, unless the text is Chinese or Japanese that is set in
        columns. Those, turned a quarter to the left, are lines from the top down."""
        if page.upright is not None or not _in_columns(words, aspect=page.width / page.height):
            return cls.of(page)
        return cls(Upright(270.0, page.width, page.height))

    @property
    def aspect(self) -> float:
        """Width over height of the upright page."""
        width, height = self.upright.turned_size
        return width / height

    def square(self, boxes_xyxy: FloatArray) -> FloatArray:
        """(N, 4) boxes on the page as displayed (fractions) to the upright page (square units).

        A box around a word that lies askew is larger than the word; the word's own width and
        height are recovered from it.
        """
        page = np.array([self.upright.width, self.upright.height])
        turned = np.array(self.upright.turned_size)
        center = ((boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2 - 0.5) * page
        size = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]) * page
        angle = math.radians(self.upright.degrees_clockwise)
        cos, sin = math.cos(angle), math.sin(angle)
        center = center @ np.array([[cos, sin], [-sin, cos]]) + turned / 2
        quarters = round(self.upright.degrees_clockwise / 90)
        if quarters % 2:
            size = size[:, ::-1]
        askew = angle - quarters * math.pi / 2
        cos, sin, both = math.cos(askew), abs(math.sin(askew)), math.cos(2 * askew)
        straight = np.stack(
            [size[:, 0] * cos - size[:, 1] * sin, size[:, 1] * cos - size[:, 0] * sin], axis=1
        )
        if sin:
            # Near 45 degrees nothing can be recovered; never shrink to nothing.
            size = np.clip(straight / max(both, 0.1), 0.2 * size, size)
        square: FloatArray = np.hstack([center - size / 2, center + size / 2]) / turned[1]
        return square

    def squared(self, box: Box) -> Box:
        """A box in fractions of the upright page, in square units."""
        return Box(box.x0 * self.aspect, box.y0, box.x1 * self.aspect, box.y1)

    def squared_from_page(self, box: Box) -> Box:
        """A box on the page as displayed, in square units."""
        return Box(*self.square(boxes_to_array([box]))[0].tolist())

    def on_page(self, box: Box) -> Box:
        """A box in square units, around it on the page as displayed, clipped to it."""
        return self.upright.box_on_page(
            Box(box.x0 / self.aspect, box.y0, box.x1 / self.aspect, box.y1)
        )

    def turned(self, image: Image.Image) -> Image.Image:
        """The page's picture standing upright, white where it has no page."""
        if self.upright.degrees_clockwise == 0:
            return image
        return image.rotate(
            -self.upright.degrees_clockwise,
            resample=Image.Resampling.BILINEAR,
            expand=True,
            fillcolor="white",
        )


def _in_columns(words: Sequence[Word], *, aspect: float) -> bool:
    """Whether most text of scripts without spaces stands in words that are higher than wide."""
    return (
        sum(
            len(word.text) if word.box.height > word.box.width * aspect else -len(word.text)
            for word in words
            if len(word.text) > 1 and has_unspaced(word.text)
        )
        > 0
    )
