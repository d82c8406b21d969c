"""Detecting how a page image must be turned to make its text upright."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colregion.core.components import Runs
from colregion.core.documents import Page
from colregion.core.geometry import FloatArray, Upright
from colregion.core.regions import Word
from colregion.core.text import has_unspaced
from colregion.errors import InvalidBox

MAX_SKEW = 15.0
"""Degrees to either side in which `skew` searches."""

SIDE_PX = 1000  # longer side of the image analysed: a line of text is about 10 px high
_MAX_POINTS = 20_000
_MIN_POINTS = 100
_MIN_ROWS = 20  # that contain most points: two lines of text, ten rules
_RULE_PX = 40  # dark over this length is a rule or a fill; a line of text is about 10 px high
# How much sharper the lines must be after turning than before, and than in directions further
# away. Of 160 forms, receipts, reports and slides turned by 3 and 6 degrees these detect 156,
# and turn none of 80 straight ones.
_SHARPER = 1.2
_SHARPER_THAN_FAR = 1.5
_FAR = 2.0
_MIN_SKEW = 1.0  # degrees; OCR and layout tolerate less, and turning costs sharpness

_UNREAD_STROKES = 0.7  # share of the strokes
# How much more another recognizer must read: similar letters of two scripts are read as well in
# the wrong one.
_MORE_LEGIBLE = 1.2
_SHAPED = 3  # characters from which a word's shape shows the direction of its line


BoolArray: TypeAlias = NDArray[np.bool_]

Recognizer: TypeAlias = Callable[[Image.Image], Sequence[Word]]
"""Returns the words of an image, boxes in fractions of it, each with its confidence."""


def character_confidence(words: Sequence[Word]) -> float:
    """Mean confidence over the characters of the words, 0-1; 0 without words."""
    characters = sum(len(word.text) for word in words)
    return sum(len(word.text) * (word.confidence or 0.0) for word in words) / max(characters, 1)


def are_mostly_tall(words: Iterable[Word], *, aspect: float) -> bool:
    """Whether most characters are in words that are taller than wide, on a page of this aspect."""
    sizes = ((len(w.text), w.box.height > w.box.width * aspect) for w in words)
    return sum(size if is_tall else -size for size, is_tall in sizes) > 0


def recognize_upright(
    page: Page,
    image: Image.Image,
    recognize: Recognizer,
    *,
    min_confidence: float,
    legible_confidence: float,
    alternatives: Callable[[Image.Image], Iterable[tuple[Recognizer, float]]] | None = None,
) -> tuple[Page, tuple[Word, ...]]:
    """Recognize a page that may lie sideways, upside down or skewed.

    The image is deskewed and recognized. If little is legible, it is also tried without
    deskewing and upside down, and the most legible result counts. So an upright page costs one
    recognition. A page that already has `upright` is turned by that.

    Args:
        image: the page as displayed.
        recognize: reads horizontal lines and those that run downwards.
        min_confidence: mean over characters below which the image may be upside down.
        legible_confidence: of a word that counts as legible.
        alternatives: takes what of the image was not read, if little was legible or most strokes
            are outside the words, and returns other recognizers to try on the whole image, for
            another script for example, each with its own turn in degrees clockwise.
    """

    def read(degrees_clockwise: float, by: Recognizer = recognize) -> _Reading:
        words = by(turn_image(image, degrees_clockwise=degrees_clockwise))
        return _Reading(words, Upright(degrees_clockwise % 360.0, page.width, page.height))

    def legible(reading: _Reading) -> int:
        """Number of characters in legible words."""
        return sum(len(w.text) for w in reading.words if (w.confidence or 0) >= legible_confidence)

    if page.upright is not None:
        return page, read(page.upright.degrees_clockwise).words_on_page()
    deskew = skew(image)
    best = read(deskew)
    unread = turn_image(image, degrees_clockwise=deskew) if alternatives and best.words else None
    if unread and best.confidence >= min_confidence:
        # Words that were read say nothing about the script of the rest.
        rest = erase_words(unread, best.words)
        most = stroke_count(rest) > _UNREAD_STROKES * stroke_count(unread)
        unread = rest if most else None
    if alternatives and unread:
        for alternative, turn in alternatives(unread):
            reading = read(deskew + turn, alternative)
            if legible(reading) > _MORE_LEGIBLE * legible(best):
                best = reading
            if best.confidence >= min_confidence:
                break
    if best.confidence < min_confidence and (best.words or deskew):
        attempts = [read(0.0)] if deskew else []
        best = max([best, *attempts, read(deskew + 180.0)], key=legible)
    # Lines that run downwards are read as they are, but the page lies on its side.
    degrees = (best.upright.degrees_clockwise - 90.0 * best.runs_downwards) % 360.0
    words = best.words_on_page()
    if degrees:
        page = replace(page, upright=Upright(degrees, page.width, page.height))
    return page, words


def erase_words(image: Image.Image, words: Sequence[Word]) -> Image.Image:
    """A gray image with its words painted over in the color of the paper."""
    gray = image.convert("L")
    paper = int(np.median(np.asarray(gray.reduce(4))))
    for word in words:
        gray.paste(paper, word.box.to_pixels(width_px=gray.width, height_px=gray.height))
    return gray


@dataclass(frozen=True, slots=True)
class _Reading:
    """The words of an image that was turned by `upright`, boxes in fractions of it."""

    words: Sequence[Word]
    upright: Upright

    @property
    def confidence(self) -> float:
        return character_confidence(self.words)

    @property
    def runs_downwards(self) -> bool:
        """Whether most text is in words that are taller than wide, scripts written so aside."""
        width, height = self.upright.turned_size
        shaped = (w for w in self.words if len(w.text) >= _SHAPED and not has_unspaced(w.text))
        return are_mostly_tall(shaped, aspect=width / height)

    def words_on_page(self) -> tuple[Word, ...]:
        """The words, boxes on the page as displayed."""
        words = []
        for word in self.words:
            with suppress(InvalidBox):  # read in a corner that the turn added
                words.append(replace(word, box=self.upright.box_on_page(word.box)))
        return tuple(words)


def skew(image: Image.Image) -> float:
    """Degrees clockwise that make the lines of an image straight.

    Between -`MAX_SKEW` and `MAX_SKEW`, to 0.1; 0.0 if they are straight to about a degree or if
    no direction stands out. Vertical lines count like horizontal ones, so a page has the same
    skew sideways and upright.

    The dark points are projected along each direction. Along that of the text, lines and gaps
    fall on different places, and the sum of squared steps of the projection is largest.
    """
    points = _points(stroke_mask(image))
    if len(points) < _MIN_POINTS:
        return 0.0
    coarse = np.arange(-MAX_SKEW, MAX_SKEW + 0.25, 0.5)
    sharpness = _sharpness(points, coarse)
    best = coarse[int(np.argmax(sharpness))]
    fine = np.arange(best - 0.5, best + 0.55, 0.1)
    fine_sharpness = _sharpness(points, fine)
    degrees, sharpest = fine[int(np.argmax(fine_sharpness))], fine_sharpness.max()
    straight = _sharpness(points, np.array([-0.2, 0.0, 0.2])).max()
    far = sharpness[np.abs(coarse - best) > _FAR].max()
    is_sharper = sharpest >= _SHARPER * straight and sharpest >= _SHARPER_THAN_FAR * far
    return round(float(degrees), 1) if is_sharper and abs(degrees) >= _MIN_SKEW else 0.0


def stroke_count(image: Image.Image) -> int:
    """Number of points on strokes and outlines, at a size of at most 1000 pixels."""
    return int(stroke_mask(image).sum())


def has_lines(strokes: BoolArray) -> bool:
    """Whether strokes (`stroke_mask`) form straight lines of text: strokes and gaps alternate by
    row, more than in any other direction, and on more rows than for a frame or a rule."""
    points = _points(strokes)
    if len(points) < _MIN_POINTS:
        return False
    rows = strokes.sum(axis=1).astype(np.float64)
    if rows.sum() ** 2 < _MIN_ROWS * (rows**2).sum():
        return False
    far = np.concatenate([np.arange(-MAX_SKEW, -_FAR), np.arange(_FAR, MAX_SKEW) + 1])
    straight = _sharpness(points, np.array([-0.5, 0.0, 0.5])).max()
    return bool(straight > _SHARPER_THAN_FAR * _sharpness(points, far).max())


def are_lines_unread(page: Page, image: Image.Image, words: Sequence[Word]) -> bool:
    """Whether most strokes of a page's image form lines of text outside its words."""
    degrees = page.upright.degrees_clockwise if page.upright else 0.0
    rest = erase_words(image, words)
    outside = stroke_mask(turn_image(rest, degrees_clockwise=degrees), with_rules=False)
    return int(outside.sum()) > _UNREAD_STROKES * stroke_count(image) and has_lines(outside)


def _long_runs(dark: BoolArray) -> BoolArray:
    """(H, W) true in runs of `_RULE_PX` points and more along a row."""
    runs = Runs.of(dark)
    is_long = runs.stop - runs.start >= _RULE_PX
    changes = np.zeros((dark.shape[0], dark.shape[1] + 1), dtype=np.int8)
    changes[runs.row[is_long], runs.start[is_long]] = 1
    changes[runs.row[is_long], runs.stop[is_long]] = -1
    long: BoolArray = np.cumsum(changes, axis=1, dtype=np.int8)[:, :-1] > 0
    return long


def turn_image(
    image: Image.Image,
    *,
    degrees_clockwise: float,
    resample: Image.Resampling = Image.Resampling.BICUBIC,
) -> Image.Image:
    """Turn an image, white where there was none; quarter turns are lossless."""
    if degrees_clockwise % 360 == 0:
        return image
    return image.rotate(-degrees_clockwise, resample=resample, expand=True, fillcolor="white")


def reduced(image: Image.Image) -> Image.Image:
    """A gray image at a size of at most 1000 pixels."""
    gray = image.convert("L")
    gray.thumbnail((SIDE_PX, SIDE_PX), Image.Resampling.BOX)
    return gray


def stroke_mask(image: Image.Image, *, with_rules: bool = True) -> BoolArray:
    """(H, W) dark points next to a light one, of the image at a size of at most 1000 pixels:
    strokes and outlines, without the inside of photographs and fills, which have no direction.

    Args:
        with_rules: false leaves out what is dark over a long way along a row or a column: the
            rules of tables and the edges of shaded rows and bars.
    """
    gray = reduced(image)
    counts, levels = np.array(gray.histogram()), np.arange(256)
    mean = np.average(levels, weights=counts)
    deviation = np.sqrt(np.average((levels - mean) ** 2, weights=counts))
    # An integer from 0 up, because comparing bytes is quickest.
    limit = max(math.ceil(mean - max(0.5 * deviation, 16)), 0)
    dark = np.asarray(gray) < limit
    within = np.pad(dark, 1, constant_values=True)
    within = within[2:, 1:-1] & within[:-2, 1:-1] & within[1:-1, 2:] & within[1:-1, :-2]
    strokes: BoolArray = dark & ~within
    return strokes if with_rules else strokes & ~_long_runs(dark) & ~_long_runs(dark.T).T


def _points(strokes: BoolArray) -> FloatArray:
    """(N, 2) positions (x, y) in pixels, thinned to a number that is quick to project."""
    ys, xs = np.nonzero(strokes)
    points: FloatArray = np.stack([xs, ys], axis=1).astype(np.float64)
    return points[:: max(len(xs) // _MAX_POINTS, 1)]


def _sharpness(points: FloatArray, degrees: FloatArray) -> FloatArray:
    """(A,) sharpness of the lines after turning by each angle (A,), clockwise."""
    x, y = points.T
    turns = [(np.cos(angle), np.sin(angle)) for angle in np.radians(degrees)]
    return np.array([_steps(y * c + x * s) + _steps(x * c - y * s) for c, s in turns])


def _steps(positions: FloatArray) -> float:
    """Sum of the squared steps of the projection."""
    profile = np.bincount((positions - positions.min()).astype(np.int64)).astype(np.float64)
    return float((np.diff(profile) ** 2).sum())
