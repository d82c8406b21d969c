"""Vectors in 4 bits a number: what is left when the nearest of their page's centres is taken off.

Vectors are turned by a fixed rotation first, because some encoders' have a few large numbers among
zeros, which 16 levels do not fit. Those of a page lean one way, and those of neighbouring patches,
or of blank ones, are nearly alike. So a page has centres, and each vector has the number of its
centre and what is left, in 16 steps of its own size: d = gain x centre + step x numbers. The best
match of a turned query token q is the maximum over the vectors of
gain (q . centre) + step (q . numbers).

The rows of a page are a head and then its V vectors, all of W = ceil(D / 2) + 4 bytes: byte d has
number d in its lower half and number d + ceil(D / 2) in its upper half, n for n - 7.5; then the
centre; g, an int8 for a gain of 1 + g / 1024; and the upper half of the float32 step. The head has
a row for each of K centres, and two whose sum is the mean of the page's vectors, nearly. A centre
is the mean and its row's own step x numbers.

Gain and step are such that the product of a vector with itself is exact, as in RaBitQ (Gao and
Long, arXiv 2405.12497), and so is nearly all of that with a query token that it matches well.

Recall of the exact ten best is in `docs/sizes-and-costs.md`. The errors of the best 30 scores, in
mean distances of two neighbours among these: 0.08 on 220 of `benchmarks.coherent_pages` (int8 .03),
0.17 for all-MiniLM-L6-v2 (.05), 0.15 for `static_tokens` (.12), 0.20 for `visual_words` (.15), 0.22
for all cells of its model (.15) and 0.25 for a ColQwen2.5 with random weights (.14). With a centre
for 16 vectors, at most 64, and nine tenths of the bytes, they were 0.13, 0.22, 0.18, 0.27, 0.45 and
0.43; two books of centres in place of one are worse. A bit more for each number, for 90,600 bytes
instead of 74,120, came to the same as the centres for 81,328. Axes learned from the index's pages,
with 2 to 7 bits each, give the cells 0.27 instead of 0.37, but `visual_words` 1.6: few vectors have
large numbers there. A trellis code of 16 states would lessen the error by 13 %.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from colregion.core.geometry import FloatArray, IntArray
from colregion.indexes.coarse_vectors import k_means

HALF_STEP = 7.5
TAIL = 4  # bytes of a row after its numbers
MEAN_ROWS = 2
GAIN_STEP = 1 / 1024
VECTORS_PER_CENTRE = 6
MOST_CENTRES = 256  # which a byte numbers
# Steps to choose from, in root mean squares of a vector: .335 is best for normally distributed
# numbers.
_STEPS = (0.29, 0.335, 0.38)


class Tails(NamedTuple):
    """The last bytes of V rows: of each vector the centre, its gain, and the step."""

    centres: IntArray
    gains: FloatArray
    steps: FloatArray


def row_bytes(dim: int) -> int:
    """W for D numbers."""
    return (dim + 1) // 2 + TAIL


def centre_counts(n_vectors: Any) -> Any:
    """K of pages with V >= 1 vectors: one for 6 vectors, 1 to 256. For a number or an array."""
    return np.clip(n_vectors // VECTORS_PER_CENTRE, 1, MOST_CENTRES)


def head_rows(n_vectors: Any) -> Any:
    """Rows before the vectors of pages with V >= 1 vectors. For a number or an array."""
    return centre_counts(n_vectors) + MEAN_ROWS


def turn(vectors: FloatArray) -> FloatArray:
    """(N, D) page vectors or query tokens after the rotation, which keeps their products."""
    return np.asarray(vectors @ _rotation(vectors.shape[1]), dtype=np.float32)


def pack(vectors: FloatArray) -> NDArray[np.uint8]:
    """(K + 2 + V, W) rows of a page's (V, D), V >= 1. Only for finite numbers."""
    n_vectors, dim = vectors.shape
    turned = turn(vectors)
    mean = turned.mean(axis=0, keepdims=True)
    first = _rows_of_head(mean)
    second = _rows_of_head(mean - _numbers_times_steps(first, dim=dim))
    mean = _numbers_times_steps(first, dim=dim) + _numbers_times_steps(second, dim=dim)
    centres = k_means(turned, n=int(centre_counts(n_vectors)))
    head = np.concatenate([_rows_of_head(centres - mean), first, second])
    centres = read_centres(head, dim=dim)
    nearest = (turned @ centres.T - 0.5 * (centres * centres).sum(axis=1)).argmax(axis=1)
    levels = _levels(turned - centres[nearest])
    gains, steps = _fit(turned, centres[nearest], levels)
    return np.concatenate([head, _rows(levels, nearest, gains, steps)])


def unpack(rows: NDArray[Any], *, n_vectors: int, dim: int) -> FloatArray:
    """(V, D) float32 of the rows of one page."""
    first = len(rows) - n_vectors
    centres = read_centres(rows[:first], dim=dim)
    tails = read_tails(rows[first:])
    turned = _numbers_times_steps(rows[first:], dim=dim)
    turned += centres[tails.centres] * tails.gains[:, None]
    return np.asarray(turned @ _rotation(dim).T)


def read_centres(head: NDArray[Any], *, dim: int) -> FloatArray:
    """(K, D) float32 centres, turned, of the rows of a page's head."""
    numbers = _numbers_times_steps(head, dim=dim)
    centres, mean = numbers[:-MEAN_ROWS], numbers[-2] + numbers[-1]
    centres += mean
    return centres


def read_tails(rows: NDArray[Any]) -> Tails:
    """What the rows of vectors have beside their numbers."""
    tails = np.ascontiguousarray(rows[:, -TAIL:])
    gains = 1 + tails.view(np.int8)[:, 1] * np.float32(GAIN_STEP)
    return Tails(tails[:, 0].astype(np.intp), gains, _steps(tails))


def widen(rows: NDArray[Any], *, out: FloatArray) -> None:
    """Write the numbers from 0 to 15 of vectors' rows into `out` (V, D)."""
    dim = out.shape[1]
    half = (dim + 1) // 2
    # Of whole rows: contiguous arrays take half the time.
    out[:, :half] = (rows & 15)[:, :half]
    out[:, half:] = (rows >> 4)[:, : dim - half]


@lru_cache(maxsize=8)
def _rotation(dim: int) -> FloatArray:
    """(D, D) orthogonal: random signs, then the discrete cosine transform, which turns a single
    number into a wave. The same on every machine, but for rounding."""
    signs = np.frombuffer(hashlib.shake_128(b"colregion").digest(dim), np.uint8) % 2 * 2.0 - 1
    places = np.arange(dim)
    waves = np.cos(np.pi / dim * np.outer(places + 0.5, places)) * np.sqrt(2 / dim)
    waves[:, 0] /= np.sqrt(2)
    return np.asarray(signs[:, None] * waves, dtype=np.float32)


def _numbers_times_steps(rows: NDArray[Any], *, dim: int) -> FloatArray:
    numbers = np.empty((len(rows), dim), dtype=np.float32)
    widen(rows, out=numbers)
    numbers -= np.float32(HALF_STEP)
    numbers *= _steps(rows)[:, None]
    return numbers


def _steps(rows: NDArray[Any]) -> FloatArray:
    upper = np.ascontiguousarray(rows[:, -2:]).view("<u2")[:, 0].astype(np.uint32)
    return (upper << 16).view(np.float32)


def _rows_of_head(vectors: FloatArray) -> NDArray[np.uint8]:
    levels = _levels(vectors)
    steps = _quotient(_dot(vectors, vectors), _dot(vectors, levels), instead=0)
    unused = np.zeros(len(vectors), dtype=np.uint8)
    return _rows(levels, unused, unused, steps)


def _rows(
    levels: FloatArray, centres: NDArray[Any], gains: NDArray[Any], steps: FloatArray
) -> NDArray[np.uint8]:
    """(V, W) rows of levels (V, D), numbers of centres, int8 gains, and steps of `_short`."""
    n_vectors, dim = levels.shape
    half = (dim + 1) // 2
    numbers = (levels + np.float32(HALF_STEP)).astype(np.uint8)
    rows = np.empty((n_vectors, row_bytes(dim)), dtype=np.uint8)
    rows[:, :half] = numbers[:, :half]
    rows[:, : dim - half] |= numbers[:, half:] << 4
    rows[:, half], rows[:, half + 1] = centres, gains.view(np.uint8)
    rows[:, half + 2 :] = (
        (_short(steps).view(np.uint32) >> 16).astype("<u2")[:, None].view(np.uint8)
    )
    return rows


def _short(steps: FloatArray) -> FloatArray:
    """Rounded to the upper half of float32."""
    bits = steps.astype(np.float32).view(np.uint32) + np.uint32(0x8000)
    return (bits & np.uint32(0xFFFF0000)).view(np.float32)


def _levels(rest: FloatArray) -> FloatArray:
    """(V, D) numbers from -7.5 to 7.5, in steps of one, for what is left of vectors."""
    spread = np.sqrt((rest * rest).mean(axis=1, keepdims=True))
    best = least = np.empty(0)
    for share in _STEPS:
        step = np.where(spread > 0, spread * np.float32(share), 1)
        rounded = _round(rest / step)
        lost = ((rest - rounded * step) ** 2).sum(axis=1, keepdims=True)
        best = step if best.size == 0 else np.where(lost < least, step, best)
        least = lost if least.size == 0 else np.minimum(lost, least)
    return _round(rest / best)


def _round(scaled: FloatArray) -> FloatArray:
    return np.asarray(np.clip(np.floor(scaled), -8, 7) + np.float32(0.5))


def _fit(
    vectors: FloatArray, centre: FloatArray, levels: FloatArray
) -> tuple[NDArray[np.int8], FloatArray]:
    """(V,) int8 gains and steps: least squares, stretched to the product of a vector with itself.

    The gain makes up for the rounding of the step, less where the centre is nearly at a right angle
    to the vector.
    """
    of_centre, of_levels, both = _dot(centre, centre), _dot(levels, levels), _dot(centre, levels)
    to_centre, to_levels = _dot(centre, vectors), _dot(levels, vectors)
    area = of_centre * of_levels - both * both
    gain = _quotient(to_centre * of_levels - to_levels * both, area, instead=1)
    step = (to_levels - gain * both) / of_levels
    stretch = _quotient(_dot(vectors, vectors), gain * to_centre + step * to_levels, instead=1)
    gain, step = gain * stretch, step * stretch
    lost = (step - _short(step)) * to_levels
    gain += _quotient(lost, np.maximum(to_centre, 0.25 * of_centre), instead=0)
    return np.clip(np.rint((gain - 1) / GAIN_STEP), -127, 127).astype(np.int8), step


def _dot(a: FloatArray, b: FloatArray) -> FloatArray:
    """(V,) products of the rows of two (V, D)."""
    return np.asarray(np.einsum("vd,vd->v", a, b))


def _quotient(a: FloatArray, b: FloatArray, *, instead: float) -> FloatArray:
    """a / b, and another number where b is not positive."""
    return np.divide(a, b, out=np.full(len(b), instead, dtype=np.float32), where=b > 0)
