"""MaxSim kernels: the best match of each query token on many pages, in numpy, numba or torch.

Every kernel computes, for each of P pages whose vectors are consecutive rows of a mapped matrix,
the highest dot product with each of T tokens, (P, T), without storing all similarities. Equal pages
get equal numbers, to the last bit.

On two AVX2 cores, with 1,024 x 128 per page and 20 tokens, numba takes a third of numpy's time, and
torch without a GPU 0.8 (float16) to 1.1 (int8) of it. Pages of different lengths take at most an
eighth longer than as many vectors in equal pages.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from colregion.core.geometry import FloatArray, IntArray
from colregion.errors import InvalidInput, require
from colregion.indexes.maxsim_kernels import numpy_kernel

KernelName: TypeAlias = Literal["auto", "numpy", "numba", "torch"]
TokenBest: TypeAlias = Callable[[NDArray[np.generic], IntArray, IntArray, FloatArray], FloatArray]
"""(rows, first (P,), counts (P,) >= 1, tokens (T, D)) -> (P, T) float32, for rows (N, D) of float16
or int8, or (N, W) of uint8 with 4-bit numbers and tokens after `int4.turn`."""

# Importing numba takes half a second, which pays off from about this many numbers.
_COMPILED_FROM = 1 << 27
# A scan of this many numbers, 4,000 pages of 1,024 x 128 on a CPU and 65,000 on a GPU, is so fast
# that two stages are not worth what they miss.
_FAST_SCAN, _FAST_SCAN_ON_GPU = 1 << 29, 1 << 33


def load_kernel(name: str, *, numbers: int) -> TokenBest:
    """Load a kernel by name.

    Args:
        name: "numpy"; "numba", which needs the extra `fast`; "torch", on a GPU if available; or
            "auto": torch if already imported and with a GPU, else numba if installed and the index
            is large enough, else numpy. The environment variable COLREGION_KERNEL replaces "auto".
        numbers: how many numbers one scan reads.

    Raises:
        InvalidInput: another name.
        MissingDependency: the package is not installed.
    """
    name = _resolve(name, numbers=numbers)
    if name == "numpy":
        return numpy_kernel.token_best
    if name == "numba":
        require("numba", extra="fast")
        from colregion.indexes.maxsim_kernels import numba_kernel

        return numba_kernel.token_best
    if name == "torch":
        require("torch", extra="text")
        from colregion.indexes.maxsim_kernels import torch_kernel

        return torch_kernel.token_best
    raise InvalidInput(f"a kernel is auto, numpy, numba or torch, got {name!r}")


def exact_up_to(name: str, *, numbers: int) -> int:
    """How many numbers a kernel of `load_kernel` scans so fast that two stages do not pay off."""
    from colregion.indexes.maxsim_kernels import torch_kernel

    on_gpu = _resolve(name, numbers=numbers) == "torch" and torch_kernel.has_gpu()
    return _FAST_SCAN_ON_GPU if on_gpu else _FAST_SCAN


def _resolve(name: str, *, numbers: int) -> str:
    """The name of a kernel in place of "auto"."""
    from colregion.indexes.maxsim_kernels import torch_kernel

    if name == "auto":
        name = os.environ.get("COLREGION_KERNEL", "auto")
    if name != "auto":
        return name
    if torch_kernel.has_gpu():
        return "torch"
    if numbers >= _COMPILED_FROM and importlib.util.find_spec("numba") is not None:
        return "numba"
    return "numpy"
