"""Conversion between the page as displayed and the upright page in square units."""

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
from colregion.parsers.ocr.orientation import are_mostly_tall, turn_image


@dataclass(frozen=True, slots=True)
class Frame:
    """The upright page in fractions of its height: y from 0 to 1, x from 0 to `aspect`."""

    upright: Upright

    @classmethod
    def of(cls, page: Page) -> Frame:
        """The frame in which the page's text is upright."""
        return cls(page.upright or Upright(0.0, page.width, page.height))

    @classmethod
    def along_lines(cls, page: Page, words: Sequence[Word]) -> Frame:
        """The frame in which the page's lines are horizontal, from the top down: the upright one,
        unless the text is Chinese or Japanese in vertical lines, which a quarter turn to the
        left makes horizontal."""
        if page.upright is not None or not _in_columns(words, aspect=page.width / page.height):
            return cls.of(page)
        return cls(Upright(270.0, page.width, page.height))

    @property
    def aspect(self) -> float:
        """Width over height of the upright page."""
        width, height = self.upright.turned_size
        return width / height

    def square(self, boxes_xyxy: FloatArray) -> FloatArray:
        """Convert (N, 4) boxes on the page as displayed (fractions) to square units.

        The box around a skewed word is larger than the word, whose own size is recovered.
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
        skew = angle - quarters * math.pi / 2
        cos, sin, both = math.cos(skew), abs(math.sin(skew)), math.cos(2 * skew)
        straight = np.stack(
            [size[:, 0] * cos - size[:, 1] * sin, size[:, 1] * cos - size[:, 0] * sin], axis=1
        )
        if sin:
            # Near 45 degrees nothing can be recovered; never shrink too far.
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

    def turn_image(self, image: Image.Image) -> Image.Image:
        """The page image upright, white outside the page."""
        degrees = self.upright.degrees_clockwise
        return turn_image(image, degrees_clockwise=degrees, resample=Image.Resampling.BILINEAR)


def _in_columns(words: Sequence[Word], *, aspect: float) -> bool:
    """Whether most text of scripts without spaces is in words that are taller than wide."""
    return are_mostly_tall(
        (word for word in words if len(word.text) > 1 and has_unspaced(word.text)), aspect=aspect
    )
