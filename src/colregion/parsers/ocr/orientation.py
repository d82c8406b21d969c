"""Finding how a page's picture has to be turned for its text to stand upright."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colregion.core.documents import Page
from colregion.core.geometry import FloatArray, Upright
from colregion.core.regions import Word
from colregion.core.text import has_unspaced
from colregion.errors import InvalidBox

MOST_SKEW = 15.0
"""Degrees to either side that `skew` looks at."""

SIDE_PX = 1000  # the longer side of the picture looked at: a line of text is some 10 px high
_POINTS = 20_000
_FEW_POINTS = 100
_FEW_ROWS = 20  # that hold most points: two lines of text, ten rules
# How much sharper the lines must stand when turned than as they lie, and than in any direction
# further off. Of 160 forms, receipts, reports and slides turned by 3 and 6 degrees these find
# 156, and turn none of 80 that lie straight.
_SHARPER = 1.2
_SHARPER_THAN_FAR = 1.5
_FAR = 2.0
_LEAST_SKEW = 1.0  # below, recognisers and layout cope, and turning costs sharpness

_LEFT = 0.7  # share of the strokes
# How much more another recogniser has to read: letters that look alike in two scripts are read as
# well in the wrong one.
_MORE_LEGIBLE = 1.2
_SHAPED = 3  # characters from which on a word's shape tells how its line runs


Recogniser: TypeAlias = Callable[[Image.Image], Sequence[Word]]
"""Gives the words of a picture, boxes in fractions of it, each with its confidence."""


def _no_others(_image: Image.Image) -> Iterable[tuple[Recogniser, float]]:
    return ()


def read_upright(
    page: Page,
    image: Image.Image,
    recognise: Recogniser,
    *,
    doubtful: float,
    sure: float,
    others: Callable[[Image.Image], Iterable[tuple[Recogniser, float]]] = _no_others,
) -> tuple[Page, tuple[Word, ...]]:
    """The words of a page that may lie sideways, upside down or askew, boxes on the page as
    displayed, and the page with `upright` set to the turn that was found.

    The picture is turned by the skew of its lines and recognised. Where little is legible, it is
    also tried without that turn and upside down, and what is most legible counts. So a page that
    lies as it should costs one recognition. A page that has `upright` already is turned by that.

    Args:
        image: the page as displayed.
        recognise: reads level lines and such as run downwards.
        doubtful: mean confidence over characters below which the picture may be upside down.
        sure: confidence from which on a word counts as legible.
        others: given the picture when little was legible, other recognisers to try on it, as for
            another script, each with a turn of its own in degrees clockwise.
    """

    def read(degrees_clockwise: float, by: Recogniser = recognise) -> _Reading:
        words = by(turned(image, degrees_clockwise=degrees_clockwise))
        return _Reading(words, Upright(degrees_clockwise % 360.0, page.width, page.height))

    if page.upright is not None:
        return page, read(page.upright.degrees_clockwise).words_on_page()
    lean = skew(image)
    best = read(lean)
    if best.words and (best.confidence < doubtful or _leaves_most(image, lean, best.words)):
        for other, turn in others(turned(image, degrees_clockwise=lean)):
            reading = read(lean + turn, other)
            if reading.legible(sure=sure) > _MORE_LEGIBLE * best.legible(sure=sure):
                best = reading
            if best.confidence >= doubtful:
                break
    if best.confidence < doubtful and (best.words or lean):
        tries = [read(0.0)] if lean else []
        tries.append(read(lean + 180.0))
        best = max([best, *tries], key=lambda reading: reading.legible(sure=sure))
    # Lines that run downwards are read as they are, but the page lies on its side.
    degrees = (best.upright.degrees_clockwise - 90.0 * best.runs_downwards) % 360.0
    words = best.words_on_page()
    if degrees:
        page = replace(page, upright=Upright(degrees, page.width, page.height))
    return page, words


def _leaves_most(image: Image.Image, lean: float, words: Sequence[Word]) -> bool:
    """Whether most strokes of the picture stand beside what was read: text that a recogniser of
    another script does not see as such, or drawings."""
    straight = turned(image, degrees_clockwise=lean)
    return stroke_count(without(straight, words)) > _LEFT * stroke_count(straight)


def without(image: Image.Image, words: Sequence[Word]) -> Image.Image:
    """A picture in grey with its words painted over in the colour of its paper."""
    grey = image.convert("L")
    paper = int(np.median(np.asarray(grey.reduce(4))))
    for word in words:
        grey.paste(paper, word.box.to_pixels(width_px=grey.width, height_px=grey.height))
    return grey


@dataclass(frozen=True, slots=True)
class _Reading:
    """The words of a picture that was turned by `upright`, boxes in fractions of it."""

    words: Sequence[Word]
    upright: Upright

    @property
    def confidence(self) -> float:
        """Mean over characters, 0-1; 0 without words."""
        characters = sum(len(word.text) for word in self.words)
        return sum(len(w.text) * (w.confidence or 0) for w in self.words) / max(characters, 1)

    def legible(self, *, sure: float) -> int:
        """How many characters stand in words of at least this confidence."""
        return sum(len(word.text) for word in self.words if (word.confidence or 0) >= sure)

    @property
    def runs_downwards(self) -> bool:
        """Whether most of the text stands in words that are higher than wide, those of scripts
        left out that are written so."""
        width, height = self.upright.turned_size
        return (
            sum(
                len(w.text) if w.box.height * height > w.box.width * width else -len(w.text)
                for w in self.words
                if len(w.text) >= _SHAPED and not has_unspaced(w.text)
            )
            > 0
        )

    def words_on_page(self) -> tuple[Word, ...]:
        """The words, boxes on the page as displayed."""
        found = []
        for word in self.words:
            try:
                found.append(replace(word, box=self.upright.box_on_page(word.box)))
            except InvalidBox:  # read in a corner that the turn added
                continue
        return tuple(found)


def skew(image: Image.Image) -> float:
    """Degrees clockwise by which the lines of a picture have to be turned to lie straight.

    Between -`MOST_SKEW` and `MOST_SKEW`, to 0.1; 0.0 where they lie straight to within a degree
    or so, or where no direction stands out. Lines that run upwards count like level ones, so a
    page that lies sideways has the skew of the same page upright.

    The picture's dark points are projected along each direction; along the text's own, line and
    gap fall on different places, and the sum of squared steps of the projection is largest.
    """
    points = _dark_points(image)
    if len(points) < _FEW_POINTS:
        return 0.0
    coarse = np.arange(-MOST_SKEW, MOST_SKEW + 0.25, 0.5)
    sharpness = _sharpness(points, coarse)
    best = coarse[int(np.argmax(sharpness))]
    fine = np.arange(best - 0.5, best + 0.55, 0.1)
    fine_sharpness = _sharpness(points, fine)
    degrees, sharpest = fine[int(np.argmax(fine_sharpness))], fine_sharpness.max()
    straight = _sharpness(points, np.array([-0.2, 0.0, 0.2])).max()
    far = sharpness[np.abs(coarse - best) > _FAR].max()
    if (
        abs(degrees) < _LEAST_SKEW
        or sharpest < _SHARPER * straight
        or sharpest < _SHARPER_THAN_FAR * far
    ):
        return 0.0
    return round(float(degrees), 1)


def stroke_count(image: Image.Image) -> int:
    """How many points of strokes and outlines a picture has, at most some 1000 pixels high."""
    return len(_dark_points(image, thinned=False))


def has_lines(image: Image.Image) -> bool:
    """Whether a picture has lines of text that lie straight: its strokes fall on different rows
    than the gaps between them, which they do in no other direction, and on more rows than a frame
    or a rule."""
    points = _dark_points(image)
    if len(points) < _FEW_POINTS:
        return False
    rows = np.bincount(points[:, 1].astype(np.int64)).astype(np.float64)
    if rows.sum() ** 2 < _FEW_ROWS * (rows**2).sum():
        return False
    far = np.concatenate([np.arange(-MOST_SKEW, -_FAR), np.arange(_FAR, MOST_SKEW) + 1])
    straight = _sharpness(points, np.array([-0.5, 0.0, 0.5])).max()
    return bool(straight > _SHARPER_THAN_FAR * _sharpness(points, far).max())


def turned(image: Image.Image, *, degrees_clockwise: float) -> Image.Image:
    """The picture turned, its corners kept and the rest white; quarter turns move pixels only."""
    if degrees_clockwise % 360 == 0:
        return image
    return image.rotate(
        -degrees_clockwise, resample=Image.Resampling.BICUBIC, expand=True, fillcolor="white"
    )


def _dark_points(image: Image.Image, *, thinned: bool = True) -> FloatArray:
    """(N, 2) places (x, y) in pixels of dark points beside a light one: strokes and outlines,
    without the insides of photographs and fills, which have no direction."""
    grey = image.convert("L")
    grey.thumbnail((SIDE_PX, SIDE_PX), Image.Resampling.BOX)
    levels = np.asarray(grey, dtype=np.int16)
    dark = levels < levels.mean() - max(0.5 * levels.std(), 16)
    within = np.pad(dark, 1, constant_values=True)
    within = within[2:, 1:-1] & within[:-2, 1:-1] & within[1:-1, 2:] & within[1:-1, :-2]
    ys, xs = np.nonzero(dark & ~within)
    step = max(len(xs) // _POINTS, 1) if thinned else 1
    points: FloatArray = np.stack([xs, ys], axis=1)[::step].astype(np.float64)
    return points


def _sharpness(points: FloatArray, degrees: FloatArray) -> FloatArray:
    """(A,) of turns by each angle (A,), clockwise."""
    return np.array([_steps(points, np.radians(angle)) for angle in degrees])


def _steps(points: FloatArray, angle: float) -> float:
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = points.T
    return _squared_steps(y * cos + x * sin) + _squared_steps(x * cos - y * sin)


def _squared_steps(places: NDArray[np.floating]) -> float:
    profile = np.bincount((places - places.min()).astype(np.int64)).astype(np.float64)
    return float((np.diff(profile) ** 2).sum())
