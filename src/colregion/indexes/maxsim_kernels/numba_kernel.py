"""MaxSim compiled by numba.

Vectors become float32 in blocks that stay in the first cache. A tile of two vectors by four tokens
keeps its eight sums in registers, each over the lanes of a vector register. Tiles of more sums,
tokens in the lanes, BLAS on blocks, and 16-bit integers for int8 are all slower in plain numba.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import extending
from numpy.typing import NDArray

from colregion.core.geometry import FloatArray, IntArray
from colregion.indexes.int4 import GAIN_STEP, HALF_STEP, MEAN_ROWS, MOST_CENTRES, TAIL, head_rows
from colregion.indexes.maxsim_kernels.threads import in_threads

_TILE_ROWS = 2
_TILE_TOKENS = 4
# Vectors per block, which fit in the first cache.
_BLOCK = 32
# Sums may be split over lanes and multiplications fused; infinities and NaN keep their meaning.
_FLOAT_RULES = {"contract", "nsz", "reassoc"}


def _compiled(function: Any) -> Any:
    """Compile on first use, which takes seconds; cached on disk if possible."""
    try:
        return numba.njit(nogil=True, cache=True, fastmath=_FLOAT_RULES)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written
        return numba.njit(nogil=True, fastmath=_FLOAT_RULES)(function)


def _widen(rows: Any, block: Any, centre: Any, gain: Any) -> None:
    """Write rows as float32 into the first rows of a block, for 4-bit ones also centres and gains.
    Compiled for each type of number."""
    raise NotImplementedError


@extending.overload(_widen, jit_options={"fastmath": _FLOAT_RULES})
def _widen_for(rows: Any, block: Any, centre: Any, gain: Any) -> Any:  # noqa: ARG001
    return {"int16": _widen_halves, "int8": _widen_bytes, "uint8": _widen_int4}[str(rows.dtype)]


def _widen_halves(rows: Any, block: Any, centre: Any, gain: Any) -> None:  # noqa: ARG001
    bits = block.view(np.int32)
    for row in range(len(rows)):
        for d in range(rows.shape[1]):  # as in `numpy_kernel._shift_halves`
            bits[row, d] = (np.int32(rows[row, d]) << 13) & np.int32(-0x70002000)
        for d in range(rows.shape[1]):
            block[row, d] *= np.float32(2.0**112)


def _widen_bytes(rows: Any, block: Any, centre: Any, gain: Any) -> None:  # noqa: ARG001
    for row in range(len(rows)):
        for d in range(rows.shape[1]):
            block[row, d] = np.float32(rows[row, d])


def _widen_int4(rows: Any, block: Any, centre: Any, gain: Any) -> None:
    half = rows.shape[1] - TAIL
    bits = block.view(np.int32)
    for row in range(len(rows)):
        centre[row] = rows[row, half]
        gain[row] = np.float32(1) + np.float32(np.int8(rows[row, half + 1])) * np.float32(GAIN_STEP)
        bits[row, 0] = np.int32(rows[row, half + 2]) << 16 | np.int32(rows[row, half + 3]) << 24
        step = block[row, 0]
        zero = np.float32(-HALF_STEP) * step
        for d in range(half):
            both = np.int32(rows[row, d])
            block[row, d] = np.float32(both & 15) * step + zero
            block[row, half + d] = np.float32(both >> 4) * step + zero


@_compiled
def _read_centres(rows: Any, block: Any, centre: Any, gain: Any, query: Any, to: Any) -> None:
    """Write the products of a page's centres with the query (T, D) into (K, T), for the rows of
    its head (K + 2, W); the rows of `to` after these are used too."""
    for start in range(0, len(rows), _BLOCK):
        n = min(_BLOCK, len(rows) - start)
        _widen(rows[start : start + n], block, centre, gain)
        for k in range(n):
            for t in range(len(query)):
                product = np.float32(0)
                for d in range(query.shape[1]):
                    product += block[k, d] * query[t, d]
                to[start + k, t] = product
    n_centres = len(rows) - MEAN_ROWS
    for k in range(n_centres):
        for t in range(len(query)):
            to[k, t] += to[n_centres, t] + to[n_centres + 1, t]


@_compiled
def _scan(rows: Any, first: Any, heads: Any, query: Any, best: Any) -> None:
    """Raise best (P, T) to the highest products of query (T, D) float32, T a multiple of four.

    Args:
        rows: (N, D) int8, int16 with the bits of halves, or (N, W) uint8 with 4-bit numbers.
        first, heads: (P,) as in `token_best`, and (P, 2): V, and the rows of the head for 4-bit
            numbers, else 0.
    """
    dim = query.shape[1]
    block = np.zeros((_BLOCK, dim + dim % 2), np.float32)
    centre, gain = np.zeros(_BLOCK, np.int64), np.zeros(_BLOCK, np.float32)
    by_centre = np.zeros((MOST_CENTRES + MEAN_ROWS, len(query)), np.float32)
    for page in range(len(first)):
        count, head = heads[page]
        if head:
            of_head = rows[first[page] - head : first[page]]
            _read_centres(of_head, block, centre, gain, query, by_centre)
        for start in range(0, count, _BLOCK):
            n = min(_BLOCK, count - start)
            at = first[page] + start
            _widen(rows[at : at + n], block, centre, gain)
            if n % 2:  # the last vector again, which changes no maximum
                block[n], centre[n], gain[n] = block[n - 1], centre[n - 1], gain[n - 1]
            for t in range(0, len(query), _TILE_TOKENS):
                q0, q1, q2, q3 = query[t], query[t + 1], query[t + 2], query[t + 3]
                best0, best1 = best[page, t], best[page, t + 1]
                best2, best3 = best[page, t + 2], best[page, t + 3]
                for row in range(0, n, _TILE_ROWS):
                    x, y = block[row], block[row + 1]
                    a, b = by_centre[centre[row], t : t + 4], by_centre[centre[row + 1], t : t + 4]
                    of_a, of_b = gain[row], gain[row + 1]
                    a0, a1, a2, a3 = a[0] * of_a, a[1] * of_a, a[2] * of_a, a[3] * of_a
                    b0, b1, b2, b3 = b[0] * of_b, b[1] * of_b, b[2] * of_b, b[3] * of_b
                    for d in range(dim):
                        a0 += x[d] * q0[d]
                        a1 += x[d] * q1[d]
                        a2 += x[d] * q2[d]
                        a3 += x[d] * q3[d]
                        b0 += y[d] * q0[d]
                        b1 += y[d] * q1[d]
                        b2 += y[d] * q2[d]
                        b3 += y[d] * q3[d]
                    best0 = max(max(best0, a0), b0)
                    best1 = max(max(best1, a1), b1)
                    best2 = max(max(best2, a2), b2)
                    best3 = max(max(best3, a3), b3)
                best[page, t] = best0
                best[page, t + 1] = best1
                best[page, t + 2] = best2
                best[page, t + 3] = best3


def token_best(
    rows: NDArray[np.generic], first: IntArray, counts: IntArray, tokens: FloatArray
) -> FloatArray:
    """As `maxsim_kernels.TokenBest`."""
    n_tokens, dim = tokens.shape
    if n_tokens == 0 or len(first) == 0:
        return np.zeros((len(first), n_tokens), dtype=np.float32)
    query = np.zeros((-(-n_tokens // _TILE_TOKENS) * _TILE_TOKENS, dim), dtype=np.float32)
    query[:n_tokens] = tokens
    best = np.full((len(first), len(query)), -np.inf, np.float32)
    mapped = rows.view(np.int16) if rows.dtype == np.float16 else rows
    starts, heads = first.astype(np.int64), np.zeros((len(first), 2), dtype=np.int64)
    heads[:, 0] = counts
    if rows.dtype == np.uint8:
        heads[:, 1] = head_rows(counts)

    def part(pages: range) -> None:
        chosen = slice(pages.start, pages.stop)
        _scan(mapped, starts[chosen], heads[chosen], query, best[chosen])

    in_threads(part, n=len(first), cost=int(counts.sum()) * tokens.size)
    return np.ascontiguousarray(best[:, :n_tokens])
