"""MaxSim on plain numpy."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from colregion.core.geometry import FloatArray, IntArray
from colregion.indexes.maxsim_kernels.threads import in_threads

# OpenBLAS runs a product of up to this many multiplications in the calling thread. Its own threads
# are slower with so few tokens.
_PRODUCT = 1 << 18
# Vectors per block, which with their products fit in the second cache.
_VECTORS_AT_ONCE = 1024
# The difference of the exponent biases of float32 and float16.
_HALF_SHIFT = 112


class _Buffer(threading.local):
    block: FloatArray = np.empty(0, dtype=np.float32)


_buffer = _Buffer()


def token_best(
    rows: NDArray[np.generic], first: IntArray, counts: IntArray, tokens: FloatArray
) -> FloatArray:
    """As `maxsim_kernels.Kernel`."""
    best = np.empty((len(first), len(tokens)), dtype=np.float32)
    query = np.ascontiguousarray(tokens, dtype=np.float32)
    # A power of two, so that pages usually divide into equal parts.
    step = 1 << (max(_PRODUCT // max(query.size, 1), 1).bit_length() - 1)
    excess = 0
    if rows.dtype == np.float16:
        # The vectors are read as floats too small by 2^-112. The query is scaled up to compensate,
        # less by a power of two if it has large numbers.
        excess = max(int(np.frexp(np.abs(query).max(initial=0.0))[1]), 0)
        query = np.ldexp(query, _HALF_SHIFT - excess)

    def scan(pages: range) -> None:
        for i in pages:
            start = int(first[i])
            best[i] = _page_best(rows[start : start + int(counts[i])], query, step=step)

    if len(query):
        in_threads(scan, n=len(first), cost=int(counts.sum()) * query.size)
    return np.asarray(np.ldexp(best, excess)) if excess else best


def _page_best(vectors: NDArray[np.generic], query: FloatArray, *, step: int) -> FloatArray:
    """(T,) the best match of each token in (V, D), V >= 1."""
    parts = []
    # Few calls of numpy, each on much data: threads wait for each other at every call.
    for start in range(0, len(vectors), _VECTORS_AT_ONCE):
        block = _as_float(vectors[start : start + _VECTORS_AT_ONCE])
        even = len(block) // step * step
        if even:
            # A loop of products inside numpy, without the GIL.
            cut = block[:even].reshape(-1, step, block.shape[1])
            parts.append((query @ cut.transpose(0, 2, 1)).max(axis=0).max(axis=1))
        if even < len(block):
            parts.append((query @ block[even:].T).max(axis=1))
    return parts[0] if len(parts) == 1 else np.asarray(np.maximum.reduce(parts))


def _as_float(vectors: NDArray[np.generic]) -> FloatArray:
    """(V, D) float32 of int8, or of float16 times 2^-112, in a buffer that the thread reuses."""
    if _buffer.block.size < vectors.size:
        _buffer.block = np.empty(vectors.size, dtype=np.float32)
    block = np.asarray(_buffer.block[: vectors.size].reshape(vectors.shape))
    if vectors.dtype == np.int8:
        np.copyto(block, vectors)
    else:
        _shift_halves(vectors, out=block)
    return block


def float16_to_float32(halves: NDArray[np.generic]) -> FloatArray:
    """Exact conversion of finite numbers, about five times as fast as `astype`."""
    floats = np.empty(halves.shape, dtype=np.float32)
    _shift_halves(halves, out=floats)
    floats *= np.float32(2.0**_HALF_SHIFT)
    return floats


def _shift_halves(halves: NDArray[np.generic], *, out: FloatArray) -> None:
    """Shift the bits of float16 to their places in float32, which gives the numbers times 2^-112,
    subnormal ones too."""
    bits = out.view(np.int32)
    np.copyto(bits, halves.view(np.int16))
    bits <<= 13
    bits &= np.int32(-0x70002000)  # sign, and the 15 bits of exponent and mantissa
