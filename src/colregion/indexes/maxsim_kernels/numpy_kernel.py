"""MaxSim on plain numpy."""

from __future__ import annotations

import threading
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from colregion.core.geometry import FloatArray, IntArray
from colregion.indexes.int4 import HALF_STEP, head_rows, read_centres, read_tails, widen
from colregion.indexes.maxsim_kernels.threads import in_threads

# OpenBLAS runs a product of up to this many multiplications in the calling thread. Its own threads
# are slower with so few tokens.
_PRODUCT = 1 << 18
# Vectors per block, which with their products fit in the second cache.
_VECTORS_AT_ONCE = 1024
# Of a 4-bit page: (T, K) products of the query with its centres, and (T, 1) with the middle of the
# numbers from 0 to 15.
_Head: TypeAlias = tuple[FloatArray, FloatArray]
# The difference of the exponent biases of float32 and float16.
_HALF_SHIFT = 112


class _Buffer(threading.local):
    block: FloatArray = np.empty(0, dtype=np.float32)


_buffer = _Buffer()


def token_best(
    rows: NDArray[np.generic], first: IntArray, counts: IntArray, tokens: FloatArray
) -> FloatArray:
    """As `maxsim_kernels.TokenBest`."""
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

    middle = np.float32(HALF_STEP) * query.sum(axis=1, keepdims=True)
    heads = head_rows(counts)

    def scan(pages: range) -> None:
        for i in pages:
            start, n = int(first[i]), int(counts[i])
            head = None
            if rows.dtype == np.uint8:
                centres = read_centres(rows[start - heads[i] : start], dim=query.shape[1])
                head = query @ centres.T, middle
            best[i] = _page_best(rows[start : start + n], query, step=step, head=head)

    if len(query):
        in_threads(scan, n=len(first), cost=int(counts.sum()) * query.size)
    return np.asarray(np.ldexp(best, excess)) if excess else best


def _page_best(
    vectors: NDArray[np.generic], query: FloatArray, *, step: int, head: _Head | None
) -> FloatArray:
    """(T,) the best match of each token in the rows of V vectors, V >= 1."""
    parts = []
    # Few calls of numpy, each on much data: threads wait for each other at every call.
    for start in range(0, len(vectors), _VECTORS_AT_ONCE):
        rows = vectors[start : start + _VECTORS_AT_ONCE]
        block = _as_float(rows, dim=query.shape[1])
        even = len(block) // step * step
        if even:
            # A loop of products inside numpy, without the GIL.
            similarity = query @ block[:even].reshape(-1, step, block.shape[1]).transpose(0, 2, 1)
            if head is not None:
                _complete(similarity, rows[:even], head)
            parts.append(similarity.max(axis=0).max(axis=1))
        if even < len(block):
            similarity = query @ block[even:].T
            if head is not None:
                _complete(similarity, rows[even:], head)
            parts.append(similarity.max(axis=1))
    return parts[0] if len(parts) == 1 else np.asarray(np.maximum.reduce(parts))


def _complete(sim: FloatArray, rows: NDArray[Any], head: _Head) -> None:
    """Turn products with 4-bit numbers, (T, V) or (V / n, T, n), into similarities to the vectors
    of rows (V, W)."""
    by_centre, middle = head
    tails = read_tails(rows)
    sim -= middle
    sim *= tails.steps.reshape(-1, 1, sim.shape[-1]) if sim.ndim == 3 else tails.steps
    centre = by_centre.take(tails.centres, axis=1, mode="clip")
    centre *= tails.gains
    sim += np.moveaxis(centre.reshape(len(centre), *sim.shape[:-2], -1), 0, -2)


def _as_float(rows: NDArray[np.generic], *, dim: int) -> FloatArray:
    """(V, D) float32 of int8, of 4-bit numbers from 0 to 15, or of float16 times 2^-112, in a
    buffer that the thread reuses."""
    size = len(rows) * dim
    if _buffer.block.size < size:
        _buffer.block = np.empty(size, dtype=np.float32)
    block = np.asarray(_buffer.block[:size].reshape(len(rows), dim))
    if rows.dtype == np.float16:
        _shift_halves(rows, out=block)
    elif rows.dtype == np.uint8:
        widen(rows, out=block)
    else:
        np.copyto(block, rows)
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
