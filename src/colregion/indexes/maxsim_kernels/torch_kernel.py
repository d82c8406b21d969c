"""MaxSim on torch, for a GPU, in whose memory the vectors are cached."""

from __future__ import annotations

import sys
import warnings
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colregion.core.geometry import FloatArray, IntArray
from colregion.errors import require

# Vectors per product: on a GPU the similarities to 20 tokens take 20 MB; on a CPU the vectors fit
# in its cache.
_VECTORS_AT_ONCE = {"cuda": 1 << 18, "cpu": 1 << 12}
# Share of the GPU's free memory up to which one file's vectors are cached there.
_CACHED_SHARE = 0.5

_cache: dict[int, Any] = {}  # id of the mapped matrix -> the same on the GPU


def has_gpu() -> bool:
    """Whether torch has been imported and has a GPU."""
    torch = sys.modules.get("torch")
    return torch is not None and bool(torch.cuda.is_available())


def token_best(
    rows: NDArray[np.generic], first: IntArray, counts: IntArray, tokens: FloatArray
) -> FloatArray:
    """As `maxsim_kernels.Kernel`."""
    if len(tokens) == 0:
        return np.zeros((len(first), 0), dtype=np.float32)
    torch = require("torch", extra="text")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    matrix = _on_device(torch, rows, device=device)
    query = torch.from_numpy(np.ascontiguousarray(tokens, dtype=np.float32)).to(device)
    best = np.empty((len(first), len(tokens)), dtype=np.float32)
    for pages, start, end in _runs(first, counts, most=_VECTORS_AT_ONCE[device]):
        # In float32: a product of float16 is not exact on every GPU.
        similarity = query @ matrix[start:end].to(device).float().T
        by_page = similarity.reshape(len(tokens), pages.stop - pages.start, -1).amax(dim=2)
        best[pages] = by_page.T.cpu().numpy()
    return best


def _on_device(torch: Any, rows: NDArray[np.generic], *, device: str) -> Any:
    """The matrix, cached on the GPU while the index has it mapped, if there is space."""
    if id(rows) in _cache:
        return _cache[id(rows)]
    with warnings.catch_warnings():
        # torch warns that the mapped array is read-only; nothing here writes to it.
        warnings.filterwarnings("ignore", "The given NumPy array is not writ", UserWarning)
        tensor = torch.from_numpy(rows)
    if device == "cuda" and rows.nbytes < _CACHED_SHARE * torch.cuda.mem_get_info()[0]:
        tensor = _cache[id(rows)] = tensor.to(device)
        weakref.finalize(rows, _cache.pop, id(rows), None)
    return tensor


def _runs(first: IntArray, counts: IntArray, *, most: int) -> Iterator[tuple[slice, int, int]]:
    """(pages, start, end) of runs of consecutive pages with equal V."""
    page = 0
    while page < len(first):
        last, size = page + 1, int(counts[page])
        while (
            last < len(first)
            and counts[last] == size
            and first[last] == first[last - 1] + size
            and (last + 1 - page) * size <= most
        ):
            last += 1
        yield slice(page, last), int(first[page]), int(first[last - 1]) + size
        page = last
