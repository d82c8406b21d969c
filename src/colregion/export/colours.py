"""Colours that say the same to every eye, and how a map's numbers become them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from colregion.core.geometry import FloatArray

RANK_COLOURS = ("#0b5fa5", "#a84300", "#00695c", "#8e2f6f", "#6b5200", "#454f8f")
"""One a rank, over again from the start after the last. The hues of Okabe and Ito, darkened until
white writing on them has a contrast of at least 4.5; the number on each box says it once more."""

# From light to dark in even steps of lightness, so that the order survives without hue.
_RAMP = np.array(
    [(255, 237, 160), (254, 190, 90), (245, 133, 62), (213, 66, 78), (140, 28, 110), (74, 13, 103)],
    dtype=np.float64,
)
_FULL_ALPHA = 0.62


@dataclass(frozen=True, slots=True, eq=False)
class Scaled:
    """A raster brought to 0..1.

    Args:
        values: (rows, cols), NaN where nothing looks.
        low, high: the similarities that became 0 and 1; both NaN for a map that is NaN all over.
    """

    values: FloatArray
    low: float
    high: float


def rank_colour(rank: int) -> str:
    """`#rrggbb` of a 1-based rank."""
    return RANK_COLOURS[(rank - 1) % len(RANK_COLOURS)]


def scale(raster: FloatArray) -> Scaled:
    """Bring a raster (rows, cols) of similarities to 0..1, each map on its own.

    0 is the map's median and all below it, 1 its maximum: late interaction gives most places
    about the same similarity, and that haze says nothing. Where more than half of the map lies
    at its maximum the minimum takes the median's place; a map of one value is 0 everywhere.
    """
    seen = raster[np.isfinite(raster)]
    if len(seen) == 0:
        return Scaled(np.full(raster.shape, np.nan), np.nan, np.nan)
    high = float(seen.max())
    low = float(np.median(seen))
    if low == high:
        low = float(seen.min())
    span = high - low
    values = np.clip((raster - low) / span, 0.0, 1.0) if span else raster * 0.0
    return Scaled(np.asarray(values), low, high)


def heat_rgba(values: FloatArray) -> NDArray[np.uint8]:
    """(rows, cols, 4) colours of values 0..1, clear at 0 and where they are NaN."""
    known = np.nan_to_num(values, nan=0.0)
    at = known * (len(_RAMP) - 1)
    stops = np.arange(len(_RAMP))
    channels = [np.interp(at, stops, _RAMP[:, channel]) for channel in range(3)]
    # The root lifts the middle of the scale, which would drown in the paper's white.
    alpha = 255 * _FULL_ALPHA * np.sqrt(known)
    return np.stack([*channels, alpha], axis=-1).round().astype(np.uint8)


def ramp_css() -> str:
    """The scale from low to high as a CSS gradient, on white."""
    values = np.linspace(0.0, 1.0, 13)
    rgba = heat_rgba(values[None, :])[0].astype(np.float64)
    alpha = rgba[:, 3:] / 255
    stops = (rgba[:, :3] * alpha + 255 * (1 - alpha)).round().astype(int)
    return f"linear-gradient(90deg,{','.join(f'rgb({r} {g} {b})' for r, g, b in stops)})"
