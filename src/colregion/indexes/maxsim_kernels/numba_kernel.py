"""MaxSim compiled by numba.

Vectors become float32 in blocks that stay in the first cache. A tile of two vectors by four tokens
keeps its eight sums in registers, each over the lanes of a vector register. Tiles of more sums,
tokens in the lanes, BLAS on blocks, and 16-bit integers for int8 are all slower in plain numba.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from colregion.core.geometry import FloatArray, IntArray
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


@_compiled
def _scan(rows: Any, first: Any, counts: Any, query: Any, best: Any) -> None:
    """Raise best (P, T) to the highest products of query (T, D) float32, T a multiple of four.

    Args:
        rows: (N, D) int8, or int16 with the bits of halves.
    """
    dim = rows.shape[1]
    block = np.zeros((_BLOCK, dim), np.float32)
    floats, bits = block.reshape(-1), block.view(np.int32).reshape(-1)
    for page in range(len(first)):
        for start in range(0, counts[page], _BLOCK):
            n = min(_BLOCK, counts[page] - start)
            packed = rows[first[page] + start : first[page] + start + n].reshape(-1)
            if rows.itemsize == 2:
                for i in range(n * dim):  # as in `numpy_kernel._shift_halves`
                    bits[i] = (np.int32(packed[i]) << 13) & np.int32(-0x70002000)
                for i in range(n * dim):
                    floats[i] *= np.float32(2.0**112)
            else:
                for i in range(n * dim):
                    floats[i] = np.float32(packed[i])
            if n % 2:
                block[n] = block[n - 1]  # the last vector again, which changes no maximum
            for t in range(0, len(query), _TILE_TOKENS):
                q0, q1, q2, q3 = query[t], query[t + 1], query[t + 2], query[t + 3]
                best0, best1 = best[page, t], best[page, t + 1]
                best2, best3 = best[page, t + 2], best[page, t + 3]
                for row in range(0, n, _TILE_ROWS):
                    x, y = block[row], block[row + 1]
                    a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = np.float32(0)
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
    """As `maxsim_kernels.Kernel`."""
    n_tokens, dim = tokens.shape
    if n_tokens == 0 or len(first) == 0:
        return np.zeros((len(first), n_tokens), dtype=np.float32)
    query = np.zeros((-(-n_tokens // _TILE_TOKENS) * _TILE_TOKENS, dim), dtype=np.float32)
    query[:n_tokens] = tokens
    best = np.full((len(first), len(query)), -np.inf, np.float32)
    mapped = rows if rows.dtype == np.int8 else rows.view(np.int16)
    starts, sizes = first.astype(np.int64), counts.astype(np.int64)

    def part(pages: range) -> None:
        chosen = slice(pages.start, pages.stop)
        _scan(mapped, starts[chosen], sizes[chosen], query, best[chosen])

    in_threads(part, n=len(first), cost=int(counts.sum()) * tokens.size)
    return np.ascontiguousarray(best[:, :n_tokens])
