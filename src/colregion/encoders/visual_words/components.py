"""The letters of an image: connected components of its ink with the shape of letters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from colregion.core.components import component_boxes
from colregion.core.geometry import FloatArray


@dataclass(frozen=True, slots=True)
class Letters:
    """Components of ink with the shape of letters: centers (N, 2), widths and heights (N,) in
    pixels."""

    centers_xy: FloatArray
    widths: FloatArray
    heights: FloatArray

    def __len__(self) -> int:
        return len(self.heights)

    @property
    def usual_height(self) -> float:
        """Median of the heights, weighted by width. Needs a letter."""
        order = np.argsort(self.heights, kind="stable")
        total = np.cumsum(self.widths[order])
        return float(self.heights[order][np.searchsorted(total, total[-1] / 2)])

    def enlarged(self, factor: float) -> Letters:
        """The same in an image that is larger by a factor."""
        return Letters(self.centers_xy * factor, self.widths * factor, self.heights * factor)

    def moved(self, x: float, y: float) -> Letters:
        """The same, moved by pixels."""
        return Letters(self.centers_xy + [x, y], self.widths, self.heights)

    def where(self, keep: NDArray[np.bool_]) -> Letters:
        """Only those for which `keep` (N,) is true."""
        return Letters(self.centers_xy[keep], self.widths[keep], self.heights[keep])


# Of gray levels, from the paper. Less than the first is texture of the paper; ink as faint as half
# of the strongest counts, and all beyond the last.
_FAINTEST = 16
_INK = 60

_BLANK_MARGIN_PX = 8  # that stays around what is marked

_MIN_HEIGHT_PX = 4
_WIDEST = 6.0  # width over height: letters of a line that touch
_NARROWEST = 0.2


def ink_mask(gray: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(H, W) true where an image differs from its paper, which is its median: darker points on
    light paper, lighter ones on dark."""
    paper = int(np.median(gray))
    contrast = paper - gray.astype(np.int16)
    if paper <= 127:
        contrast = -contrast
    strongest = int(contrast.max())
    if strongest < _FAINTEST:
        return np.zeros(gray.shape, dtype=bool)
    mask: NDArray[np.bool_] = contrast > min(_INK, strongest / 2)
    return mask


def is_marked(gray: NDArray[np.uint8], *, paper: int) -> NDArray[np.bool_]:
    """(H, W) where a gray image shows something other than paper of this level."""
    return np.asarray(np.abs(gray.astype(np.int16) - paper) >= _FAINTEST)


def marked_area(gray: NDArray[np.uint8]) -> tuple[int, int, int, int] | None:
    """(left, top, right, bottom) in pixels of the part that is not paper, with a little around it;
    None for a blank image."""
    height, width = gray.shape
    marked = is_marked(gray, paper=int(np.median(gray)))
    rows, cols = np.flatnonzero(marked.any(axis=1)), np.flatnonzero(marked.any(axis=0))
    if len(rows) == 0:
        return None
    return (
        max(int(cols[0]) - _BLANK_MARGIN_PX, 0),
        max(int(rows[0]) - _BLANK_MARGIN_PX, 0),
        min(int(cols[-1]) + 1 + _BLANK_MARGIN_PX, width),
        min(int(rows[-1]) + 1 + _BLANK_MARGIN_PX, height),
    )


def find_letters(ink: NDArray[np.bool_]) -> Letters:
    """The letters of an ink mask (H, W); none for a blank one."""
    boxes = component_boxes(ink)
    low, high = boxes[:, :2], boxes[:, 2:]
    widths, heights = (high - low).astype(np.float64).T
    fits = (heights >= _MIN_HEIGHT_PX) & (widths < _WIDEST * heights)
    fits &= widths > _NARROWEST * heights
    return Letters((low + high) / 2, widths, heights).where(fits)
