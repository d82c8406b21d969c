"""What a benchmark ran on: what is installed, and what the machine can do at most."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from colregion.core.cpu import thread_count
from colregion.errors import require

_PACKAGES = (
    "colregion numpy numba torch colpali-engine qdrant-edge-py qdrant-client pillow pypdfium2 "
    "langchain-core llama-index-core"
).split()
_SIDE = 1536
_COPIED_BYTES = 1 << 28
_TRIES = 7


def describe_machine() -> dict[str, Any]:
    """Names and peaks; "gflops" are 10^9 multiplications and additions a second of square fp32
    matrices, "copy_gb_per_s" 10^9 bytes read and written a second, best of several tries."""
    return {
        "processor": platform.processor() or platform.machine(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "threads": thread_count(),
        "installed": {name: _version(name) for name in _PACKAGES},
        "numpy_gflops": round(_numpy_gflops(), 1),
        "torch_gflops": round(_torch_gflops(), 1) if has("torch") else None,
        "copy_gb_per_s": round(_copy_gb_per_s(), 1),
    }


def has(module: str) -> bool:
    """Whether a module is installed."""
    return importlib.util.find_spec(module) is not None


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _numpy_gflops() -> float:
    matrix = np.random.default_rng(0).random((_SIDE, _SIDE), dtype=np.float32)
    return 2 * _SIDE**3 / _best_s(lambda: matrix @ matrix) / 1e9


def _torch_gflops() -> float:
    torch = require("torch", extra="text")
    matrix = torch.rand(_SIDE, _SIDE)
    return 2 * _SIDE**3 / _best_s(lambda: matrix @ matrix) / 1e9


def _copy_gb_per_s() -> float:
    source, target = (np.ones(_COPIED_BYTES // 4, dtype=np.float32) for _ in range(2))
    return 2 * _COPIED_BYTES / _best_s(lambda: np.copyto(target, source)) / 1e9


def _best_s(run: Callable[[], object]) -> float:
    times = []
    for _ in range(_TRIES):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)
