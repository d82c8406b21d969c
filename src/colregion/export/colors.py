"""Colors of ranks and of relevance maps, legible with any color vision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from colregion.core.geometry import FloatArray

RANK_COLORS = ("#0b5fa5", "#a84300", "#00695c", "#8e2f6f", "#6b5200", "#454f8f")
"""One color per rank, repeating: the hues of Okabe and Ito, dark enough for white text (4.5:1)."""

# From light to dark in even steps of lightness, so that the order survives without hue.
_RAMP = np.array(
    [(255, 237, 160), (254, 190, 90), (245, 133, 62), (213, 66, 78), (140, 28, 110), (74, 13, 103)],
    dtype=np.float64,
)
_MAX_ALPHA = 0.62


@dataclass(frozen=True, slots=True, eq=False)
class ScaledMap:
    """A relevance map (rows, cols) scaled to 0..1, NaN where no vector looks; `low` and `high` are
    the similarities that became 0 and 1, NaN for a map that is NaN everywhere."""

    values: FloatArray
    low: float
    high: float


def rank_color(rank: int) -> str:
    """Color of a 1-based rank as `#rrggbb`."""
    return RANK_COLORS[(rank - 1) % len(RANK_COLORS)]


def scale_map(raster: FloatArray) -> ScaledMap:
    """Scale a raster (rows, cols) of similarities to 0..1, each map by its own range.

    0 is the map's median and everything below it, 1 its maximum: late interaction gives most
    places about the same similarity, and that haze carries no information. Where more than half
    of the map is at its maximum, the minimum replaces the median; a constant map is 0 everywhere.
    """
    finite = raster[np.isfinite(raster)]
    if len(finite) == 0:
        return ScaledMap(np.full(raster.shape, np.nan), np.nan, np.nan)
    low, high = float(np.median(finite)), float(finite.max())
    if low == high:
        low = float(finite.min())
    span = high - low
    values = np.clip((raster - low) / span, 0.0, 1.0) if span else raster * 0.0
    return ScaledMap(np.asarray(values), low, high)


def heat_rgba(values: FloatArray) -> NDArray[np.uint8]:
    """(rows, cols, 4) RGBA of values 0..1, transparent where they are 0 or NaN."""
    known = np.nan_to_num(values, nan=0.0)
    position = known * (len(_RAMP) - 1)
    stops = np.arange(len(_RAMP))
    channels = [np.interp(position, stops, _RAMP[:, channel]) for channel in range(3)]
    # The square root lifts the middle of the scale, which would be lost on white paper.
    alpha = 255 * _MAX_ALPHA * np.sqrt(known)
    return np.stack([*channels, alpha], axis=-1).round().astype(np.uint8)


def ramp_css() -> str:
    """The color scale from low to high as a CSS gradient, on white."""
    rgba = heat_rgba(np.linspace(0.0, 1.0, 13)[None, :])[0].astype(np.float64)
    alpha = rgba[:, 3:] / 255
    stops = (rgba[:, :3] * alpha + 255 * (1 - alpha)).round().astype(int)
    return f"linear-gradient(90deg,{','.join(f'rgb({r} {g} {b})' for r, g, b in stops)})"
