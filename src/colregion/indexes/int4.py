"""Vectors in 4 bits a number: what is left when the nearest of their page's centres is taken off.

The vectors of a page lean one way, and those of neighbouring patches, or of blank ones, are nearly
alike. So a page has centres, with 8 bits a number, and each vector has the number of its centre and
what is left, in 16 steps of its own size. The best match of a query token q is the maximum over the
vectors of q . centre + q . rest.

The rows of a page are its head and then its V vectors, all of W = ceil(D / 2) + 2 bytes:

- head: K centres of D int8, the float32 by which to multiply them, the float32 page step, zeros;
- a vector: byte d has number d in its lower half and number d + ceil(D / 2) in its upper half, and
  a number n stands for (n - 7.5) steps; then the centre; then a byte b for a step of 2^(-b / 8)
  page steps.

Without centres, or with the page's mean alone, the exact ten best of 600 coherent pages
(`benchmarks.coherent_pages`) were found to .985 and .981; a rotation changed nothing (.975).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from colregion.core.geometry import FloatArray
from colregion.indexes.coarse_vectors import COARSE_VECTORS, k_means
from colregion.indexes.quantization import quantize_int8

HALF_STEP = 7.5
_VECTORS_PER_CENTRE = 16
_TAIL = 2  # bytes of a row after its numbers: centre, step
_HEAD_STEPS = 8  # bytes of a head after its centres
# The best step for normally distributed numbers, in root mean squares of a vector.
_BEST_STEP = 0.335
STEPS: FloatArray = np.exp2(np.arange(256) / -8).astype(np.float32)
"""(256,) the steps in page steps, by the last byte of a row."""


def row_bytes(dim: int) -> int:
    """W for D numbers."""
    return (dim + 1) // 2 + _TAIL


def centre_counts(n_vectors: Any) -> Any:
    """K of pages with V >= 1 vectors: one for 16 vectors, 1 to 64. For a number or an array."""
    return np.clip(n_vectors // _VECTORS_PER_CENTRE, 1, COARSE_VECTORS)


def head_rows(n_vectors: Any, *, dim: int) -> Any:
    """Rows before the vectors of pages with V >= 1 vectors. For a number or an array."""
    return -(-(centre_counts(n_vectors) * dim + _HEAD_STEPS) // row_bytes(dim))


def pack(vectors: FloatArray) -> NDArray[np.uint8]:
    """(N, W) rows of a page's (V, D), V >= 1. Only for finite numbers."""
    n_vectors, dim = vectors.shape
    numbers, scale = quantize_int8(k_means(vectors, n=int(centre_counts(n_vectors))))
    centres = numbers * np.float32(scale)
    nearest = (vectors @ centres.T - 0.5 * (centres * centres).sum(axis=1)).argmax(axis=1)
    rest = vectors - centres[nearest]
    spread = np.sqrt((rest * rest).mean(axis=1))
    page_step = float(spread.max()) or 1.0
    codes, steps = _quantize(rest, spread, page_step=np.float32(page_step))
    head = np.zeros((int(head_rows(n_vectors, dim=dim)), row_bytes(dim)), dtype=np.uint8)
    content = head.reshape(-1)
    content[: numbers.size] = numbers.view(np.uint8).ravel()
    both = np.array([scale, page_step], dtype="<f4").view(np.uint8)
    content[numbers.size : numbers.size + _HEAD_STEPS] = both
    rows = np.column_stack([codes, nearest.astype(np.uint8), steps])
    return np.concatenate([head, rows])


def unpack(rows: NDArray[Any], *, n_vectors: int, dim: int) -> FloatArray:
    """(V, D) float32 of the rows of one page."""
    n_head = int(head_rows(n_vectors, dim=dim))
    centres, page_step = read_head(rows, first=n_head, n_vectors=n_vectors, dim=dim)
    vectors = np.empty((n_vectors, dim), dtype=np.float32)
    widen(rows[n_head:], out=vectors)
    vectors -= np.float32(HALF_STEP)
    vectors *= (STEPS[rows[n_head:, -1]] * page_step)[:, None]
    vectors += centres[rows[n_head:, -2]]
    return vectors


def read_head(
    rows: NDArray[Any], *, first: int, n_vectors: int, dim: int
) -> tuple[FloatArray, np.float32]:
    """(K, D) float32 centres and the page step of a page whose vectors begin at row `first`."""
    head = rows[first - int(head_rows(n_vectors, dim=dim)) : first].reshape(-1)
    n_numbers = int(centre_counts(n_vectors)) * dim
    scale, page_step = head[n_numbers : n_numbers + _HEAD_STEPS].view("<f4")
    return head[:n_numbers].view(np.int8).reshape(-1, dim) * scale, page_step


def widen(rows: NDArray[Any], *, out: FloatArray) -> None:
    """Write the numbers from 0 to 15 of vectors' rows into `out` (V, D)."""
    dim = out.shape[1]
    half = (dim + 1) // 2
    # Of whole rows: contiguous arrays take half the time.
    out[:, :half] = (rows & 15)[:, :half]
    out[:, half:] = (rows >> 4)[:, : dim - half]


def _quantize(
    rest: FloatArray, spread: FloatArray, *, page_step: np.float32
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """(V, ceil(D / 2)) numbers in pairs and (V,) steps: of three the one that loses least."""
    n_vectors, dim = rest.shape
    near = np.log2(np.maximum(spread / page_step, 1e-9) * np.float32(_BEST_STEP)) * -8
    least = np.full(n_vectors, np.inf, dtype=np.float32)
    steps, numbers = np.zeros(n_vectors, np.uint8), np.zeros(rest.shape, np.uint8)
    for offset in (-2, 0, 2):
        tried = np.clip(np.rint(near) + offset, 0, 255).astype(np.uint8)
        size = (STEPS[tried] * page_step)[:, None]
        scaled = rest / size
        rounded = np.clip(np.floor(scaled), -8, 7)
        lost = (((scaled - rounded - np.float32(0.5)) * size) ** 2).sum(axis=1)
        better = lost < least
        least[better], steps[better] = lost[better], tried[better]
        numbers[better] = rounded[better] + 8
    half = (dim + 1) // 2
    codes = numbers[:, :half].copy()
    codes[:, : dim - half] |= numbers[:, half:] << 4
    return codes, steps
