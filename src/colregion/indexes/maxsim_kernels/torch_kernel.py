"""MaxSim on torch: worth it on a GPU, where the vectors then stay."""

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

# Vectors compared at once: on a GPU their similarities to 20 tokens take 20 MB; on a processor
# they should stay in its cache as floats.
_VECTORS_AT_ONCE = {"cuda": 1 << 18, "cpu": 1 << 12}
# Share of the GPU's free memory that one file's vectors may take to stay there.
_SHARE_KEPT = 0.5

_kept: dict[int, Any] = {}  # id of the mapped matrix -> the same on the GPU


def has_gpu() -> bool:
    """Whether this program has loaded torch, and torch has a GPU."""
    torch = sys.modules.get("torch")
    return torch is not None and bool(torch.cuda.is_available())


def token_best(
    rows: NDArray[np.generic], first: IntArray, counts: IntArray, tokens: FloatArray
) -> FloatArray:
    """As `kernels.Kernel`."""
    if len(tokens) == 0:
        return np.zeros((len(first), 0), dtype=np.float32)
    torch = require("torch", extra="text")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    held = _on_device(torch, rows, device=device)
    query = torch.from_numpy(np.ascontiguousarray(tokens, dtype=np.float32)).to(device)
    best = np.empty((len(first), len(tokens)), dtype=np.float32)
    for pages, start, end in _runs(first, counts, most=_VECTORS_AT_ONCE[device]):
        # Float for both: a product of halves is not exact on every GPU.
        similarity = query @ held[start:end].to(device).float().T
        by_page = similarity.reshape(len(tokens), pages.stop - pages.start, -1).amax(dim=2)
        best[pages] = by_page.T.cpu().numpy()
    return best


def _on_device(torch: Any, rows: NDArray[np.generic], *, device: str) -> Any:
    """The matrix, on the GPU for as long as the index has it mapped if there is room for it."""
    if id(rows) in _kept:
        return _kept[id(rows)]
    with warnings.catch_warnings():
        # torch says that it could write to what is mapped to be read; nothing here does.
        warnings.filterwarnings("ignore", "The given NumPy array is not writ", UserWarning)
        tensor = torch.from_numpy(rows)
    if device == "cuda" and rows.nbytes < _SHARE_KEPT * torch.cuda.mem_get_info()[0]:
        tensor = _kept[id(rows)] = tensor.to(device)
        weakref.finalize(rows, _kept.pop, id(rows), None)
    return tensor


def _runs(first: IntArray, counts: IntArray, *, most: int) -> Iterator[tuple[slice, int, int]]:
    """(pages, start, end) of pages of equal V that lie one behind the other, in order."""
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
