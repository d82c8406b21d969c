"""How to look at a page image: which way up, and at which scales."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from PIL import Image

from colregion.core.geometry import FloatArray
from colregion.encoders.visual_words.components import (
    Letters,
    find_letters,
    ink_mask,
    marked_area,
)

LETTER_PX = 11.0
"""Height of letters that the model reads best."""

Certainty = Callable[[Sequence[Image.Image]], float]
"""How sure the model is of the words of some images, 0-1."""

_ANALYSED_PIXELS = 2_000_000
_LARGEST_LETTER = 1 / 8  # of the image's height, of text; if all are larger, it is a headline
_DEFAULT_LETTER_PX = 12.0

_LARGEST_SCALE = 2.5
_CUTOUTS = 4
_CUTOUT_PX = (216, 96)  # width and height, where letters have `LETTER_PX`
_SMALLER_SCALE, _LARGER_SCALE = 0.7, 1.45
_WORTH_ITS_TIME = 1.05  # times as certain; the larger scale takes twice the time
# Times as certain: where the smaller scale is only a little surer, it sees fewer words.
_CLEARLY_SURER = 1.15
# Certainties. Below the first the model sees no words; below the second another direction may be
# right, if it has at least the third and so many times that of the page as it is. Of 21 reports,
# forms and receipts this turns none that stands upright, and 52 of the 63 turned copies back.
_UNSEEN = 0.18
_DOUBT = 0.36
_LEAST = 0.24
_MORE_CERTAIN = 1.3
_SPECKS = 0.045  # below, no other scale makes words of them
# Of the certainty of the page as it is, below which a direction is not tried at other scales: that
# would have to double it.
_HOPELESS = _MORE_CERTAIN / 2
_BROKEN = 0.4  # of the scale that the letters suggest, for letters that fall into dots
_TURNS = {
    1: Image.Transpose.ROTATE_270,  # clockwise; Pillow counts the other way round
    2: Image.Transpose.ROTATE_180,
    3: Image.Transpose.ROTATE_90,
}

_LARGER = 2.0  # than the text: letters that need a look of their own
_MIN_LARGER = 3
_SMALL_SHARE = 0.1  # of the width of all letters, from which small ones may be print
_MAX_LOOKS = 4


@dataclass(frozen=True, slots=True)
class Look:
    """One pass of the model over the image.

    Args:
        scale: of the image.
        letters: those that this pass is for.
        others: those that another pass is for.
    """

    scale: float
    letters: Letters
    others: Letters


@dataclass(frozen=True, slots=True)
class PageView:
    """The part of a gray page image that is not blank.

    Args:
        page_image: the whole page.
        corners: (left, top, right, bottom) of the part, in pixels.
        paper: the gray level of most of the page.
        letters: in pixels of the part.
        quarter_turns: clockwise, by which the page was turned.
    """

    page_image: Image.Image
    corners: tuple[int, int, int, int]
    paper: int
    letters: Letters
    quarter_turns: int = 0

    @classmethod
    def of(cls, image: Image.Image) -> PageView | None:
        """The view of a gray image as it is; None for a blank one."""
        factor = math.ceil(math.sqrt(image.width * image.height / _ANALYSED_PIXELS))
        gray = np.asarray(image.reduce(factor) if factor > 1 else image)
        if (inner := marked_area(gray)) is None:
            return None
        left, top, right, bottom = (side * factor for side in inner)
        corners = left, top, min(right, image.width), min(bottom, image.height)
        letters = find_letters(ink_mask(gray)).enlarged(factor).moved(-left, -top)
        return cls(image, corners, int(np.median(gray)), letters)

    @property
    def image(self) -> Image.Image:
        """The part."""
        return self.page_image.crop(self.corners)

    @property
    def letter_px(self) -> float:
        """The usual height of the text's letters."""
        text = self.letters.where(self.letters.heights < _LARGEST_LETTER * self.page_image.height)
        letters = text if len(text) else self.letters
        return letters.usual_height if len(letters) else _DEFAULT_LETTER_PX

    def turned(self, quarter_turns: int) -> PageView:
        """The view turned clockwise."""
        view = PageView.of(self.page_image.transpose(_TURNS[quarter_turns]))
        assert view is not None  # it was not blank before
        return replace(view, quarter_turns=quarter_turns)


def choose_looks(view: PageView, certainty: Certainty) -> tuple[PageView, list[Look]]:
    """The upright view, and the passes over it: one at the scale of its text, and one for each
    size of letters that are much larger.

    A few cut-outs with most letters decide: they are read at two or three scales. Where that leaves
    doubt, larger letters are tried, because the dots of a printer are no letters, then the other
    three directions.
    """
    base = min(LETTER_PX / view.letter_px, _LARGEST_SCALE)
    best = _best_trial(view, certainty, base=base)
    if best.certainty < _UNSEEN:
        best = max(best, _best_trial(view, certainty, base=_BROKEN * base))
    if best.certainty < _DOUBT:
        least = _HOPELESS * best.certainty
        other = max(
            _best_trial(view, certainty, base=best.base, turns=turns, least=least)
            for turns in _TURNS
        )
        if other.certainty > max(_LEAST, _MORE_CERTAIN * best.certainty):
            best = other
    if best.quarter_turns:
        view = view.turned(best.quarter_turns)
    return view, _looks(view, best.scale, certainty)


class _Trial(NamedTuple):
    """How certain the words are at a scale, which is near `base`, and in a direction."""

    certainty: float
    scale: float
    base: float
    quarter_turns: int


def _best_trial(
    view: PageView,
    certainty: Certainty,
    *,
    base: float,
    turns: int = 0,
    least: float = 0.0,
) -> _Trial:
    """The best of three scales: letters of the usual size, larger ones if they are worth their
    time, smaller ones in doubt, if they are clearly surer. Only the first where its certainty is
    below `least`, or of specks."""
    sides = np.array(_CUTOUT_PX if turns % 2 == 0 else _CUTOUT_PX[::-1]) / base
    cutouts = _cutouts(view, sides=sides)
    if turns:
        cutouts = [cutout.transpose(_TURNS[turns]) for cutout in cutouts]

    def trial(factor: float) -> _Trial:
        scale = base * factor
        return _Trial(certainty([resize(one, scale) for one in cutouts]), scale, base, turns)

    usual = trial(1.0)
    if usual.certainty < max(least, _SPECKS):
        return usual
    larger = trial(_LARGER_SCALE)
    if larger.certainty > _WORTH_ITS_TIME * usual.certainty:
        return larger
    if usual.certainty >= _DOUBT:
        return usual
    smaller = trial(_SMALLER_SCALE)
    return smaller if smaller.certainty > _CLEARLY_SURER * usual.certainty else usual


def resize(image: Image.Image, scale: float) -> Image.Image:
    """The image at a scale, at least 1 x 1."""
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC)


def _looks(view: PageView, scale: float, certainty: Certainty) -> list[Look]:
    sizes, scales = [max(view.letter_px, LETTER_PX / scale)], [scale]
    small = view.letters.where(view.letters.heights < sizes[0] / _LARGER)
    if small.widths.sum() > _SMALL_SHARE * view.letters.widths.sum():
        size = small.usual_height
        base = min(LETTER_PX / size, _LARGEST_SCALE)
        trial = _best_trial(replace(view, letters=small), certainty, base=base)
        if trial.certainty > _UNSEEN:  # else dots and specks
            sizes.append(size)
            scales.append(trial.scale)
    rest = view.letters.where(view.letters.heights > _LARGER * sizes[0])
    while len(rest) >= _MIN_LARGER and len(sizes) < _MAX_LOOKS:
        sizes.append(rest.usual_height)
        scales.append(LETTER_PX / sizes[-1])
        rest = rest.where(rest.heights > _LARGER * sizes[-1])
    away = np.abs(np.log(view.letters.heights[:, None] / np.array(sizes)))
    nearest = away.argmin(axis=1)
    return [
        Look(scale, view.letters.where(nearest == i), view.letters.where(nearest != i))
        for i, scale in enumerate(scales)
    ]


def _cutouts(view: PageView, *, sides: FloatArray) -> list[Image.Image]:
    """The rectangles of these sides (width, height) that contain most text, fewer where there is
    none."""
    image, letters, usual = view.image, view.letters, view.letter_px
    of_text = letters.where((letters.heights > usual / 2) & (letters.heights < usual * 2))
    half = sides / 2
    size = np.array(image.size)
    sums = np.zeros((size / half).astype(np.int64) + 2)
    np.add.at(sums, tuple((of_text.centers_xy / half).astype(np.int64).T), of_text.widths)
    sums = sums[:-1, :-1] + sums[1:, :-1] + sums[:-1, 1:] + sums[1:, 1:]
    cutouts = []
    for _ in range(_CUTOUTS):
        x, y = (int(i) for i in np.unravel_index(sums.argmax(), sums.shape))
        if sums[x, y] == 0:
            break
        sums[max(x - 1, 0) : x + 2, max(y - 1, 0) : y + 2] = 0
        start = np.maximum(np.minimum(half * (x, y), size - sides), 0)
        left, top = np.floor(start).astype(int).tolist()
        right, bottom = np.ceil(np.minimum(start + sides, size)).astype(int).tolist()
        cutouts.append(image.crop((left, top, right, bottom)))
    return cutouts
