"""Vectors in 4 bits a number: what is left when the nearest of their page's centres is taken off.

The vectors of a page lean one way, and those of neighbouring patches, or of blank ones, are nearly
alike. So a page has centres, with 8 bits a number, and each vector has the number of its centre and
what is left, in 16 steps of its own size: d = gain x centre + step x numbers. The best match of a
query token q is the maximum over the vectors of gain (q . centre) + step (q . numbers).

The rows of a page are its head and then its V vectors, all of W = ceil(D / 2) + 4 bytes:

- head: K centres of D int8, the float32 by which to multiply them, zeros;
- a vector: byte d has number d in its lower half and number d + ceil(D / 2) in its upper half, n
  for n - 7.5; then the centre; g, an int8 for a gain of 1 + g / 1024; and the upper half of the
  float32 step.

Recall of the exact ten best, with int8 beside it: 0.98 to 0.99 (.998) for patches of 250 to 400
pages of `benchmarks.coherent_pages`, .98 (.996) for token vectors of all-MiniLM-L6-v2 on 159 pages
of reports, whose ten best differ by little; they were all among the best 15. It is .91 (.990) for
`visual_words` on 100 pages, whose vectors have no neighbours like them. Rotations, the page's mean
in place of centres, and rounding with feedback by the page's second moments gained nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from colregion.core.geometry import FloatArray, IntArray
from colregion.indexes.coarse_vectors import COARSE_VECTORS, k_means
from colregion.indexes.quantization import quantize_int8

HALF_STEP = 7.5
TAIL = 4  # bytes of a row after its numbers
GAIN_STEP = 1 / 1024
VECTORS_PER_CENTRE = 16
HEAD_TAIL = 4  # bytes of a head after its centres
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
    """K of pages with V >= 1 vectors: one for 16 vectors, 1 to 64. For a number or an array."""
    return np.clip(n_vectors // VECTORS_PER_CENTRE, 1, COARSE_VECTORS)


def head_rows(n_vectors: Any, *, dim: int) -> Any:
    """Rows before the vectors of pages with V >= 1 vectors. For a number or an array."""
    return -(-(centre_counts(n_vectors) * dim + HEAD_TAIL) // row_bytes(dim))


def pack(vectors: FloatArray) -> NDArray[np.uint8]:
    """(N, W) rows of a page's (V, D), V >= 1. Only for finite numbers."""
    n_vectors, dim = vectors.shape
    numbers, scale = quantize_int8(k_means(vectors, n=int(centre_counts(n_vectors))))
    centres = numbers * np.float32(scale)
    nearest = (vectors @ centres.T - 0.5 * (centres * centres).sum(axis=1)).argmax(axis=1)
    centre = centres[nearest]
    levels = _levels(vectors - centre)
    gains, steps = _fit(vectors, centre, levels)
    head = np.zeros((int(head_rows(n_vectors, dim=dim)), row_bytes(dim)), dtype=np.uint8)
    content = head.reshape(-1)
    content[: numbers.size] = numbers.view(np.uint8).ravel()
    content[numbers.size : numbers.size + 4] = np.array([scale], dtype="<f4").view(np.uint8)
    half = (dim + 1) // 2
    unsigned = (levels + np.float32(HALF_STEP)).astype(np.uint8)
    rows = np.empty((n_vectors, row_bytes(dim)), dtype=np.uint8)
    rows[:, :half] = unsigned[:, :half]
    rows[:, : dim - half] |= unsigned[:, half:] << 4
    rows[:, half], rows[:, half + 1] = nearest, gains.view(np.uint8)
    rows[:, half + 2 :] = (steps.view(np.uint32) >> 16).astype("<u2")[:, None].view(np.uint8)
    return np.concatenate([head, rows])


def unpack(rows: NDArray[Any], *, n_vectors: int, dim: int) -> FloatArray:
    """(V, D) float32 of the rows of one page."""
    n_head = int(head_rows(n_vectors, dim=dim))
    centres = read_centres(rows, first=n_head, n_vectors=n_vectors, dim=dim)
    tails = read_tails(rows[n_head:])
    vectors = np.empty((n_vectors, dim), dtype=np.float32)
    widen(rows[n_head:], out=vectors)
    vectors -= np.float32(HALF_STEP)
    vectors *= tails.steps[:, None]
    vectors += centres[tails.centres] * tails.gains[:, None]
    return vectors


def read_centres(rows: NDArray[Any], *, first: int, n_vectors: int, dim: int) -> FloatArray:
    """(K, D) float32 centres of a page whose vectors begin at row `first`."""
    head = rows[first - int(head_rows(n_vectors, dim=dim)) : first].reshape(-1)
    n_numbers = int(centre_counts(n_vectors)) * dim
    scale = head[n_numbers : n_numbers + 4].view("<f4")
    return np.asarray(head[:n_numbers].view(np.int8).reshape(-1, dim) * scale)


def read_tails(rows: NDArray[Any]) -> Tails:
    """What the rows of vectors have beside their numbers."""
    tails = np.ascontiguousarray(rows[:, -TAIL:])
    gains = 1 + tails.view(np.int8)[:, 1] * np.float32(GAIN_STEP)
    upper = tails.view("<u2")[:, 1].astype(np.uint32)
    return Tails(tails[:, 0].astype(np.intp), gains, (upper << 16).view(np.float32))


def widen(rows: NDArray[Any], *, out: FloatArray) -> None:
    """Write the numbers from 0 to 15 of vectors' rows into `out` (V, D)."""
    dim = out.shape[1]
    half = (dim + 1) // 2
    # Of whole rows: contiguous arrays take half the time.
    out[:, :half] = (rows & 15)[:, :half]
    out[:, half:] = (rows >> 4)[:, : dim - half]


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
    """(V,) int8 gains and float32 steps by least squares.

    What is lost is then at a right angle to the vector, nearly, and so to the part of a question
    token by which it matches; that lessens the noise of scores by a fifth.
    """

    def dot(a: FloatArray, b: FloatArray) -> FloatArray:
        return np.asarray(np.einsum("vd,vd->v", a, b))

    of_centre, of_levels, both = dot(centre, centre), dot(levels, levels), dot(centre, levels)
    area = of_centre * of_levels - both * both
    solved = dot(centre, vectors) * of_levels - dot(levels, vectors) * both
    gain = np.divide(solved, area, out=np.ones(len(area), np.float32), where=area > 0)
    steps_from_one = np.clip(np.rint((gain - 1) / GAIN_STEP), -127, 127)
    used = 1 + steps_from_one * np.float32(GAIN_STEP)
    step = dot(vectors - used[:, None] * centre, levels) / of_levels
    bits = step.astype(np.float32).view(np.uint32) + np.uint32(0x8000)
    return steps_from_one.astype(np.int8), (bits & np.uint32(0xFFFF0000)).view(np.float32)
