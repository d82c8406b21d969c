"""MaxSim on an NVIDIA GPU in one pass over the vectors, by Triton, which comes with torch there.

One program per page and 32 query tokens reads the page's vectors once and keeps the maxima in
registers: similarities are never written. Pages of any lengths, anywhere in the matrix, take the
same launch.
"""

from __future__ import annotations

import functools
from typing import Any

import triton
import triton.language as tl

from colregion.indexes import int4

_TOKENS = tl.constexpr(32)
# Of a block of vectors.
_NUMBERS = tl.constexpr(1 << 13)
_CENTRES = tl.constexpr(int4.MOST_CENTRES)
_PER_CENTRE = tl.constexpr(int4.VECTORS_PER_CENTRE)
_MEAN_ROWS = tl.constexpr(int4.MEAN_ROWS)
_HALF_STEP, _GAIN_STEP = tl.constexpr(int4.HALF_STEP), tl.constexpr(int4.GAIN_STEP)
_TAIL = tl.constexpr(int4.TAIL)
# As `torch_kernel._SECOND_HALF`.
_SECOND_HALF = tl.constexpr(2.0**-11)


# Questions of 16 tokens, or of one, need no kernels of their own, which take a second to compile.
_compiled = functools.partial(triton.jit, do_not_specialize=["n_tokens"])


def best_matches(torch: Any, matrix: Any, places: Any, halves: Any, *, n_centres: int) -> Any:
    """(P, T) float32 highest products of the pages' vectors with the two halves (2 T, D) of T
    tokens, without the tokens' scales.

    Args:
        matrix: rows of float16 or int8 (N, D), or of 4-bit pages (N, W), on the GPU.
        places: (2, P) int64 there, `first` and `counts` of `maxsim_kernels.TokenBest`.
        n_centres: of all 4-bit pages together; 0 for other pages.
    """
    n_pages, n_tokens, dim = places.shape[1], halves.shape[0] // 2, halves.shape[1]
    best = torch.empty((n_pages, n_tokens), dtype=torch.float32, device=matrix.device)
    grid = (n_pages, triton.cdiv(n_tokens, _TOKENS.value))
    places = places.contiguous()
    with torch.cuda.device(matrix.device):
        if matrix.dtype == torch.uint8:
            of_page = (places[1] // int4.VECTORS_PER_CENTRE).clamp(1, int4.MOST_CENTRES)
            places = torch.cat([places, (of_page.cumsum(0) - of_page)[None]])
            centres = torch.empty((n_centres, n_tokens), dtype=torch.float32, device=matrix.device)
            width = triton.next_power_of_2((dim + 1) // 2)
            _centre_products[grid](matrix, places, halves, centres, n_tokens, dim, width)
            _best_of_int4[grid](matrix, places, halves, centres, best, n_tokens, dim, width)
        else:
            width = triton.next_power_of_2(dim)
            _best_of_rows[grid](matrix, places, halves, best, n_tokens, dim, width)
    return best


@triton.jit
def _half_products(rows, first_half, second_half):  # type: ignore[no-untyped-def]
    return tl.dot(rows, first_half) + tl.dot(rows, second_half) * _SECOND_HALF


@_compiled
def _best_of_rows(  # type: ignore[no-untyped-def]
    rows, places, halves, best, n_tokens, dim: tl.constexpr, width: tl.constexpr
):
    page, n_pages = tl.program_id(0).to(tl.int64), tl.num_programs(0)
    token = tl.program_id(1) * _TOKENS + tl.arange(0, _TOKENS)[None, :]
    d = tl.arange(0, width)
    rows += tl.load(places + page) * dim
    n_vectors = tl.load(places + n_pages + page).to(tl.int32)
    used = (token < n_tokens) & (d[:, None] < dim)
    first_half = tl.load(halves + token * dim + d[:, None], mask=used, other=0.0)
    halves += n_tokens * dim
    second_half = tl.load(halves + token * dim + d[:, None], mask=used, other=0.0)
    top = tl.full((_TOKENS,), float("-inf"), tl.float32)
    block: tl.constexpr = _NUMBERS // width
    for start in range(0, n_vectors, block):
        row = start + tl.arange(0, block)[:, None]
        inside = (row < n_vectors) & (d[None, :] < dim)
        vectors = tl.load(rows + row * dim + d[None, :], mask=inside, other=0).to(tl.float16)
        similarity = _half_products(vectors, first_half, second_half)
        similarity = tl.where(row < n_vectors, similarity, float("-inf"))
        top = tl.maximum(top, tl.max(similarity, 0))
    tl.store(best + page * n_tokens + token, top[None, :], mask=token < n_tokens)


@triton.jit
def _halves_of_4_bits(  # type: ignore[no-untyped-def]
    halves, token, n_tokens, dim: tl.constexpr, width: tl.constexpr
):
    """Of 32 tokens, the numbers that meet the lower and the upper half of the bytes, twice."""
    half: tl.constexpr = (dim + 1) // 2
    d = tl.arange(0, width)
    low = (token < n_tokens) & (d[:, None] < half)
    high = (token < n_tokens) & (d[:, None] < dim - half)
    lower_first = tl.load(halves + token * dim + d[:, None], mask=low, other=0.0)
    upper_first = tl.load(halves + token * dim + half + d[:, None], mask=high, other=0.0)
    halves += n_tokens * dim
    lower_second = tl.load(halves + token * dim + d[:, None], mask=low, other=0.0)
    upper_second = tl.load(halves + token * dim + half + d[:, None], mask=high, other=0.0)
    return lower_first, lower_second, upper_first, upper_second


@triton.jit
def _products_of_4_bits(  # type: ignore[no-untyped-def]
    row, there, tokens, dim: tl.constexpr, width: tl.constexpr
):
    """Step x numbers of rows, at addresses (V, 1), with tokens of `_halves_of_4_bits`."""
    lower_first, lower_second, upper_first, upper_second = tokens
    half: tl.constexpr = (dim + 1) // 2
    d = tl.arange(0, width)[None, :]
    codes = tl.load(row + d, mask=there & (d < half), other=0)
    lower = (codes & 15).to(tl.float16) - _HALF_STEP
    upper = (codes >> 4).to(tl.float16) - _HALF_STEP
    products = _half_products(lower.to(tl.float16), lower_first, lower_second)
    products += _half_products(upper.to(tl.float16), upper_first, upper_second)
    bits = tl.load(row + half + 2, mask=there, other=0).to(tl.int32) << 16
    bits |= tl.load(row + half + 3, mask=there, other=0).to(tl.int32) << 24
    return products * bits.to(tl.float32, bitcast=True)


@_compiled
def _centre_products(  # type: ignore[no-untyped-def]
    rows, places, halves, centres, n_tokens, dim: tl.constexpr, width: tl.constexpr
):
    """Writes the products of each page's centres, which lie before its vectors; see `int4`."""
    page, n_pages = tl.program_id(0).to(tl.int64), tl.num_programs(0)
    token = tl.program_id(1) * _TOKENS + tl.arange(0, _TOKENS)[None, :]
    n_bytes = (dim + 1) // 2 + _TAIL
    n_vectors = tl.load(places + n_pages + page)
    n_centres = tl.minimum(tl.maximum(n_vectors // _PER_CENTRE, 1), _CENTRES).to(tl.int32)
    rows += (tl.load(places + page) - n_centres - _MEAN_ROWS) * n_bytes
    centres += tl.load(places + 2 * n_pages + page) * n_tokens
    tokens = _halves_of_4_bits(halves, token, n_tokens, dim, width)
    block: tl.constexpr = _NUMBERS // (2 * width)
    row = n_centres + tl.arange(0, block)[:, None]
    of_mean = _products_of_4_bits(
        rows + row * n_bytes, row < n_centres + _MEAN_ROWS, tokens, dim, width
    )
    by_mean = tl.sum(of_mean, 0)[None, :]
    for start in range(0, n_centres, block):
        row = start + tl.arange(0, block)[:, None]
        there = row < n_centres
        products = _products_of_4_bits(rows + row * n_bytes, there, tokens, dim, width)
        products += by_mean
        tl.store(centres + row * n_tokens + token, products, mask=there & (token < n_tokens))


@_compiled
def _best_of_int4(  # type: ignore[no-untyped-def]
    rows, places, halves, centres, best, n_tokens, dim: tl.constexpr, width: tl.constexpr
):
    page, n_pages = tl.program_id(0).to(tl.int64), tl.num_programs(0)
    token = tl.program_id(1) * _TOKENS + tl.arange(0, _TOKENS)[None, :]
    half: tl.constexpr = (dim + 1) // 2
    n_bytes = half + _TAIL
    rows += tl.load(places + page) * n_bytes
    n_vectors = tl.load(places + n_pages + page).to(tl.int32)
    centres += tl.load(places + 2 * n_pages + page) * n_tokens
    top = tl.full((_TOKENS,), float("-inf"), tl.float32)
    tokens = _halves_of_4_bits(halves, token, n_tokens, dim, width)
    block: tl.constexpr = _NUMBERS // (2 * width)
    for start in range(0, n_vectors, block):
        row = start + tl.arange(0, block)[:, None]
        vector = rows + row * n_bytes
        there = row < n_vectors
        similarity = _products_of_4_bits(vector, there, tokens, dim, width)
        centre = tl.load(vector + half, mask=there, other=0).to(tl.int32)
        gain = tl.load(vector + half + 1, mask=there, other=0).to(tl.int8, bitcast=True)
        product = tl.load(
            centres + centre * n_tokens + token, mask=there & (token < n_tokens), other=0.0
        )
        similarity += product * (1 + gain.to(tl.float32) * _GAIN_STEP)
        similarity = tl.where(there, similarity, float("-inf"))
        top = tl.maximum(top, tl.max(similarity, 0))
    tl.store(best + page * n_tokens + token, top[None, :], mask=token < n_tokens)
