"""What finds each question token's best match on many pages at once: plain numpy, or faster.

Every kernel answers the same request: for each of P pages, whose vectors lie one after the other
in a mapped matrix, the highest dot product of each of T tokens, (P, T). Similarities are never
held for more than a page at a time. Equal pages get equal numbers, to the last bit.

Measured on two AVX2 cores, 1,024 x 128 a page, 20 tokens: without a GPU torch needs 0.8 (float16)
to 1.1 (int8) of numpy's time, so it earns its place on a GPU only; numba needs a third of it.
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
Kernel: TypeAlias = Callable[[NDArray[np.generic], IntArray, IntArray, FloatArray], FloatArray]
"""(rows (N, D) float16 or int8, first (P,), counts (P,) >= 1, tokens (T, D)) -> (P, T) float32."""

# Importing numba takes half a second, which pays from about this many numbers on.
_COMPILED_FROM = 1 << 27


def load_kernel(name: str, *, numbers: int) -> Kernel:
    """The kernel that `name` names.

    Args:
        name: "numpy"; "numba", which needs the extra `fast`; "torch", on a GPU where there is
            one; or "auto": torch where a program has loaded it and it has a GPU, else numba
            where it is installed and the index large enough, else numpy. The environment
            variable COLREGION_KERNEL says what "auto" is.
        numbers: how many numbers one scan reads.

    Raises:
        InvalidInput: another name.
        MissingDependency: the package is not installed.
    """
    if name == "auto":
        name = os.environ.get("COLREGION_KERNEL", "auto")
    if name == "auto":
        name = _fastest(numbers)
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


def _fastest(numbers: int) -> str:
    from colregion.indexes.maxsim_kernels import torch_kernel

    if torch_kernel.has_gpu():
        return "torch"
    if numbers >= _COMPILED_FROM and importlib.util.find_spec("numba") is not None:
        return "numba"
    return "numpy"
