"""MaxSim on torch, for a GPU, in whose memory the vectors are cached.

On a GPU the vectors stay half-precision and products are summed in float32. A query is the sum of
two halves, 22 bits together, so that its rounding shows no more than that of a float32 product.
Vectors in the GPU's memory are read once, by `triton_kernel`. Without Triton, and for vectors that
stay in the host's memory, pages of any lengths take one product and two segment maxima per block.
Nothing waits for the GPU until all blocks are queued.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import sys
import sysconfig
import warnings
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colregion.core.geometry import FloatArray, IntArray
from colregion.errors import BackendError, require
from colregion.indexes import int4
from colregion.indexes.maxsim_kernels import numpy_kernel

# Similarities per block of a GPU, at most 0.25 GB, and at most this many vectors.
_SIMILARITIES_AT_ONCE, _VECTORS_AT_ONCE = 1 << 26, 1 << 20
# Vectors per block of a CPU, which fit in its cache.
_VECTORS_IN_CACHE = 1 << 12
# Share of the GPU's free memory up to which one file's vectors are cached there.
_CACHED_SHARE = 0.5
# Of `triton_kernel`: a matrix unit takes 16 and more, and more do not fit a program's memory.
_FEWEST_DIMENSIONS, _MOST_DIMENSIONS = 32, 512
# A page's maximum is that of pieces of this many vectors, because one thread walks a segment.
_PIECE = 32
# The second half of a query counts 2^-11, which keeps it a normal number.
_SECOND_HALF = 2.0**11
_MEMORY_MESSAGES = ("out of memory", "cublas_status_alloc_failed", "not enough memory")

_cache: dict[int, Any] = {}  # id of the mapped matrix -> the same on the GPU


def has_gpu() -> bool:
    """Whether torch has been imported and has a GPU that this process can use; a process that was
    forked from one that used the GPU cannot."""
    torch = sys.modules.get("torch")
    if torch is None or torch.cuda._is_in_bad_fork():
        return False
    return bool(torch.cuda.is_available())


def encoders_gpu(torch: Any) -> str:
    """The GPU on which this process has most in memory: that of its encoder, else the first."""
    allocated = [torch.cuda.memory_allocated(gpu) for gpu in range(torch.cuda.device_count())]
    return f"cuda:{allocated.index(max(allocated))}"


def token_best(
    rows: NDArray[np.generic], first: IntArray, counts: IntArray, tokens: FloatArray
) -> FloatArray:
    """As `maxsim_kernels.TokenBest`. Raises BackendError if the GPU has no memory for one page."""
    if len(tokens) == 0 or len(first) == 0:
        return np.zeros((len(first), len(tokens)), dtype=np.float32)
    torch = require("torch", extra="text")
    if has_gpu():
        device = encoders_gpu(torch)
        matrix = _on_gpu(torch, rows, device)
        return best_in_halves(torch, matrix, first, counts, tokens, device=device)
    if rows.dtype == np.uint8:  # whose numbers torch has no fast way to widen on a CPU
        return numpy_kernel.token_best(rows, first, counts, tokens)
    return _best_in_floats(torch, _as_tensor(torch, rows), first, counts, tokens)


def _best_in_floats(
    torch: Any, matrix: Any, first: IntArray, counts: IntArray, tokens: FloatArray
) -> FloatArray:
    """As `token_best`, on the CPU."""
    query = torch.from_numpy(np.ascontiguousarray(tokens, dtype=np.float32))
    best = np.empty((len(first), len(tokens)), dtype=np.float32)
    ends = first + counts
    page = 0
    while page < len(first):
        pages = _next_pages(counts, page, most=_VECTORS_IN_CACHE)
        gaps = np.flatnonzero(first[pages][1:] != ends[pages][:-1])
        pages = slice(page, page + int(gaps[0]) + 1 if len(gaps) else pages.stop)
        start = int(first[page])
        rows = matrix[start : int(ends[pages][-1])]
        similarity = query @ rows.float().T
        np.maximum.reduceat(similarity.numpy(), first[pages] - start, axis=1, out=best[pages].T)
        page = pages.stop
    return best


def best_in_halves(
    torch: Any, matrix: Any, first: IntArray, counts: IntArray, tokens: FloatArray, *, device: str
) -> FloatArray:
    """As `token_best`, for a matrix in the memory of the GPU, or of the host if it has no space.
    Where memory runs out, a block is halved."""
    halves, exponents = _as_halves(tokens)
    query = torch.from_numpy(halves).to(device)
    one_pass = _has_triton(torch, matrix, dim=tokens.shape[1])
    matches = _in_one_pass if one_pass else _in_steps
    places = torch.from_numpy(np.stack([first, counts]).astype(np.int64)).to(device)
    best = torch.empty((len(first), len(tokens)), dtype=torch.float32, device=device)
    most = min(_SIMILARITIES_AT_ONCE // len(halves), _VECTORS_AT_ONCE)
    if one_pass:  # which has similarities of centres only in memory
        most = _SIMILARITIES_AT_ONCE // len(tokens) * int4.VECTORS_PER_CENTRE
    page = 0
    while page < len(first):
        pages = _next_pages(counts, page, most=most)
        n_vectors = int(counts[pages].sum())
        try:
            best[pages] = matches(
                torch, matrix, first[pages], counts[pages], query, places[:, pages]
            )
            page = pages.stop
            continue
        except RuntimeError as cause:
            if not _is_out_of_memory(cause):
                raise
            if pages.stop - page == 1:
                raise BackendError(
                    f"the GPU has no memory for the {n_vectors} vectors of one page. End what else "
                    f"uses it, or score on the CPU with COLREGION_KERNEL=numba"
                ) from cause
        # Outside the handler: the error refers to frames whose tensors have to be freed first.
        torch.cuda.empty_cache()
        most = n_vectors // 2
    return np.asarray(np.ldexp(best.cpu().numpy(), exponents))


def _has_triton(torch: Any, matrix: Any, *, dim: int) -> bool:
    """Whether `triton_kernel` can run: from the NVIDIA GPUs of 2020 on."""
    if not matrix.is_cuda or torch.version.cuda is None:
        return False
    if not _FEWEST_DIMENSIONS <= dim <= _MOST_DIMENSIONS:
        return False
    return torch.cuda.get_device_capability(matrix.device) >= (8, 0) and _can_compile()


@functools.cache
def _can_compile() -> bool:
    """Whether Triton is installed, and what it compiles its launchers with: a C compiler and
    Python's headers, which slim systems lack."""
    if importlib.util.find_spec("triton") is None:
        return False
    scheme = sysconfig.get_default_scheme().replace("posix_local", "posix_prefix")  # as Triton does
    has_headers = Path(sysconfig.get_paths(scheme)["include"], "Python.h").is_file()
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
    return has_headers and compiler is not None


def _in_one_pass(
    torch: Any,
    matrix: Any,
    first: IntArray,  # noqa: ARG001
    counts: IntArray,
    query: Any,
    places: Any,
) -> Any:
    """(P, T) products, without the tokens' scales, on the GPU that has the matrix."""
    from colregion.indexes.maxsim_kernels import triton_kernel

    n_centres = int(int4.centre_counts(counts).sum()) if matrix.dtype == torch.uint8 else 0
    return triton_kernel.best_matches(torch, matrix, places, query, n_centres=n_centres)


def _in_steps(
    torch: Any, matrix: Any, first: IntArray, counts: IntArray, query: Any, places: Any
) -> Any:
    """As `_in_one_pass`, with torch's own functions, wherever the matrix is."""
    block = _block(torch, matrix, first, counts, places)
    pieces = int((-(-counts // _PIECE)).sum())
    block = block.to(query.device, non_blocking=True)
    if matrix.dtype == torch.uint8:
        similarity = _similarity_of_4_bits(torch, matrix, block, first, counts, query.T)
    else:
        similarity = _half_product(torch, block.half(), query.T)
    return _segment_max(torch, similarity, places[1], pieces=pieces)


def _as_halves(tokens: FloatArray) -> tuple[NDArray[np.float16], IntArray]:
    """(2 T, D) halves: each token scaled by a power of two to below 1, then what its rounding lost,
    times 2^11; and (T,) the exponents of the scales."""
    query = np.asarray(tokens, dtype=np.float32)
    exponents = np.frexp(np.abs(query).max(axis=1, initial=0.0))[1]
    scaled = np.ldexp(query, -exponents[:, None])
    rounded = scaled.astype(np.float16)
    lost = (scaled - rounded) * np.float32(_SECOND_HALF)
    return np.concatenate([rounded, lost.astype(np.float16)]), exponents


def _block(torch: Any, matrix: Any, first: IntArray, counts: IntArray, places: Any) -> Any:
    """The rows of some pages, one page after the other; a view if they lie so. `places` has `first`
    and `counts` on the GPU."""
    start, n_rows = int(first[0]), int(counts.sum())
    if (first[1:] == first[:-1] + counts[:-1]).all():
        return matrix[start : start + n_rows]
    first_row, n_of_page = places.to(matrix.device)
    shift = first_row - (n_of_page.cumsum(0) - n_of_page)
    rows = torch.repeat_interleave(shift, n_of_page, output_size=n_rows)
    return matrix[rows + torch.arange(n_rows, device=matrix.device)]


def _similarity_of_4_bits(
    torch: Any, matrix: Any, rows: Any, first: IntArray, counts: IntArray, query: Any
) -> Any:
    """(V, T) similarities of the pages' rows (V, W) to the two halves (D, 2 T) of a query, with the
    heads that are before the pages' rows in the matrix."""
    n_rows = int4.head_rows(counts)
    before = np.cumsum(n_rows) - n_rows
    places = np.repeat(first - n_rows - before, n_rows) + np.arange(n_rows.sum())
    heads = matrix[_indices(torch, places, matrix)].to(rows.device)
    by_centre = _product_with_4_bits(torch, heads, query)
    means = _indices(torch, before + n_rows - 1, rows)
    by_mean = by_centre[means] + by_centre[means - 1]
    by_centre += by_mean.repeat_interleave(_indices(torch, n_rows, rows), 0, output_size=len(heads))
    first_centre = _indices(torch, before, rows).repeat_interleave(
        _indices(torch, counts, rows), output_size=len(rows)
    )
    similarity = _product_with_4_bits(torch, rows, query)
    tails = rows[:, -int4.TAIL :].contiguous()
    gains = 1 + tails.view(torch.int8)[:, 1:2].float() * int4.GAIN_STEP
    similarity += by_centre[first_centre + tails[:, 0]] * gains
    return similarity


def _product_with_4_bits(torch: Any, rows: Any, query: Any) -> Any:
    """(V, T) products of the rows' (V, W) steps x numbers with the two halves of a query."""
    codes, tails = rows[:, : -int4.TAIL], rows[:, -int4.TAIL :].contiguous()
    numbers = torch.cat([codes & 15, codes >> 4], dim=1)[:, : len(query)]
    product = _half_product(torch, numbers.half() - int4.HALF_STEP, query)
    product *= tails.view(torch.bfloat16)[:, 1:].float()
    return product


def _indices(torch: Any, numbers: IntArray, beside: Any) -> Any:
    return torch.from_numpy(numbers.astype(np.int64)).to(beside.device, non_blocking=True)


def _half_product(torch: Any, block: Any, query: Any) -> Any:
    """(V, T) float32 products of (V, D) with the two halves (D, 2 T) of a query."""
    if block.is_cuda and "dtype" in torch.ops.aten.mm.overloads():
        both = torch.mm(block, query, out_dtype=torch.float32)
    else:  # a CPU, or torch before 2.8
        both = block.float() @ query.float()
    n_tokens = query.shape[1] // 2
    return both[:, :n_tokens].add(both[:, n_tokens:], alpha=1 / _SECOND_HALF)


def _segment_max(torch: Any, similarity: Any, counts: Any, *, pieces: int) -> Any:
    """(P, T) maxima of consecutive groups of `counts` (P,) rows of (V, T), by way of `pieces`, the
    number of groups of at most `_PIECE` rows."""
    of_page = (counts + _PIECE - 1) // _PIECE
    lengths = torch.full((pieces,), _PIECE, dtype=counts.dtype, device=counts.device)
    lengths[of_page.cumsum(0) - 1] = counts - (of_page - 1) * _PIECE
    # Validation of the lengths would wait for the GPU.
    of_piece = torch.segment_reduce(similarity, "max", lengths=lengths, unsafe=True)
    return torch.segment_reduce(of_piece, "max", lengths=of_page, unsafe=True)


def _next_pages(counts: IntArray, page: int, *, most: int) -> slice:
    """The pages from `page` on with at most `most` vectors together, at least one page."""
    window = counts[page : page + most]
    return slice(page, page + max(int(np.searchsorted(np.cumsum(window), most, side="right")), 1))


def _on_gpu(torch: Any, rows: NDArray[np.generic], device: str) -> Any:
    """The matrix, cached on a GPU while the index has it mapped, if there is space."""
    if id(rows) in _cache:
        return _cache[id(rows)]
    tensor = _as_tensor(torch, rows)
    # What torch has reserved and does not use counts as free.
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if rows.nbytes >= _CACHED_SHARE * (torch.cuda.mem_get_info(device)[0] + unused):
        return tensor
    try:
        moved = tensor.to(device)
    except RuntimeError as cause:  # another process was faster, or the space is in pieces
        if not _is_out_of_memory(cause):
            raise
        return tensor
    weakref.finalize(rows, _cache.pop, id(rows), None)
    return _cache.setdefault(id(rows), moved)


def _is_out_of_memory(error: RuntimeError) -> bool:
    # cuBLAS raises a plain RuntimeError, without a class of its own.
    return any(words in str(error).lower() for words in _MEMORY_MESSAGES)


def _as_tensor(torch: Any, rows: NDArray[np.generic]) -> Any:
    with warnings.catch_warnings():
        # torch warns that the mapped array is read-only; nothing here writes to it.
        warnings.filterwarnings("ignore", "The given NumPy array is not writ", UserWarning)
        return torch.from_numpy(rows)
