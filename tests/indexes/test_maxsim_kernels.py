"""Every MaxSim kernel against brute force, and the choice between kernels."""

from __future__ import annotations

import importlib.util
import shutil
import sysconfig
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from colregion.core.geometry import FloatArray
from colregion.errors import BackendError, InvalidInput
from colregion.indexes.maxsim_kernels import TokenBest, exact_up_to, load_kernel
from colregion.indexes.maxsim_kernels.numpy_kernel import float16_to_float32
from colregion.indexes.maxsim_kernels.threads import in_threads


@pytest.fixture(params=["numpy", "numba", pytest.param("torch", marks=pytest.mark.torch)])
def kernel(request: pytest.FixtureRequest) -> TokenBest:
    return load_kernel(request.param, numbers=1)


def brute_force(
    rows: NDArray[Any], first: NDArray[Any], counts: NDArray[Any], tokens: FloatArray
) -> FloatArray:
    pages = [rows[a : a + n].astype(np.float64) for a, n in zip(first, counts, strict=True)]
    return np.array([(tokens @ page.T).max(axis=1) for page in pages])


def test_kernel_returns_best_match_per_token_and_page(kernel: TokenBest) -> None:
    rows = np.array([[1, 0], [0, 2], [-1, -1], [3, -4]], dtype=np.float16)
    tokens = np.array([[1, 1], [-1, 0], [0.5, 0.25]], dtype=np.float32)
    # Pages of the rows 0-1, 2 and 2-3.
    best = kernel(rows, np.array([0, 2, 2]), np.array([2, 1, 2]), tokens)
    assert best.tolist() == [[2, 0, 0.5], [-2, 1, -0.75], [-1, 1, 0.5]]
    bytes_ = kernel(rows.astype(np.int8), np.array([0, 2, 2]), np.array([2, 1, 2]), tokens)
    np.testing.assert_allclose(bytes_, best, atol=1e-3)


def test_kernel_without_pages_or_tokens_returns_empty_arrays(kernel: TokenBest) -> None:
    rows = np.ones((4, 3), dtype=np.float16)
    none = np.empty(0, dtype=np.int64)
    assert kernel(rows, none, none, np.ones((2, 3), np.float32)).shape == (0, 2)
    one = kernel(rows, np.array([0]), np.array([4]), np.ones((0, 3), np.float32))
    assert one.shape == (1, 0)


@pytest.mark.parametrize("dtype", [np.float16, np.int8])
@pytest.mark.parametrize(
    ("dim", "tokens"), [(128, 20), (320, 33), (7, 1), (1, 24), (128, 25), (96, 3000)]
)
def test_kernel_agrees_with_brute_force_for_any_shape(
    kernel: TokenBest, dtype: type, dim: int, tokens: int
) -> None:
    rng = np.random.default_rng([dim, tokens])
    counts = np.array([1, 2, 3, 31, 33, 128, 129, 1025, 1024, 5])
    first = np.cumsum(counts) - counts
    rows: NDArray[Any] = (
        (rng.standard_normal((counts.sum(), dim)) * 30).clip(-127, 127).astype(dtype)
    )
    question = rng.standard_normal((tokens, dim)).astype(np.float32)
    expected = brute_force(rows, first, counts, question)
    got = kernel(rows, first, counts, question)
    np.testing.assert_allclose(got, expected, atol=2e-4 * np.abs(expected).max())


def test_kernel_handles_negative_matches_and_a_partial_last_block(kernel: TokenBest) -> None:
    rows = -np.ones((37, 8), dtype=np.float16)
    best = kernel(rows, np.array([0]), np.array([37]), np.ones((1, 8), np.float32))
    assert best.tolist() == [[-8]]


@pytest.mark.parametrize("dtype", [np.float16, np.int8])
@pytest.mark.parametrize("name", ["numpy", "numba"])
def test_equal_pages_get_bitwise_equal_matches(name: str, dtype: type) -> None:
    rng = np.random.default_rng(2)
    page: NDArray[Any] = (rng.standard_normal((300, 128)) * 20).astype(dtype)
    other: NDArray[Any] = (rng.standard_normal((77, 128)) * 20).astype(dtype)
    rows = np.concatenate([page, other, page, other[:5], page])
    first, counts = np.array([0, 377, 682]), np.array([300, 300, 300])
    tokens = rng.standard_normal((20, 128)).astype(np.float32)
    best = load_kernel(name, numbers=1)(rows, first, counts, tokens)
    assert (best == best[0]).all()


def test_kernel_is_precise_for_extreme_queries_and_halves(kernel: TokenBest) -> None:
    rows = np.array([[2.0**-24], [65504.0]], dtype=np.float16)  # the smallest and largest there is
    tokens = np.array([[-3e9], [1e6], [1e-20]], dtype=np.float32)
    best = kernel(rows, np.array([0, 1]), np.array([1, 1]), tokens)
    expected = rows.astype(np.float64) @ tokens.T.astype(np.float64)
    np.testing.assert_allclose(best, expected, rtol=1e-6)


def test_float16_to_float32_converts_every_finite_number_exactly() -> None:
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = halves[np.isfinite(halves)]
    widened = float16_to_float32(finite)
    np.testing.assert_array_equal(widened, finite.astype(np.float32))
    np.testing.assert_array_equal(np.signbit(widened), np.signbit(finite))


@pytest.mark.parametrize(("n", "cost"), [(0, 1), (1, 1 << 40), (7, 1), (1000, 1 << 40)])
def test_in_threads_covers_every_page_once(n: int, cost: int) -> None:
    seen: list[int] = []
    in_threads(seen.extend, n=n, cost=cost)
    assert sorted(seen) == list(range(n))


def test_environment_variable_selects_the_auto_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLREGION_KERNEL", "numpy")
    assert load_kernel("auto", numbers=1 << 40) is load_kernel("numpy", numbers=1)
    monkeypatch.setenv("COLREGION_KERNEL", "cobol")
    with pytest.raises(InvalidInput, match="auto, numpy, numba or torch"):
        load_kernel("auto", numbers=1)


def test_auto_kernel_is_compiled_only_for_large_indexes() -> None:
    assert load_kernel("auto", numbers=1000) is load_kernel("numpy", numbers=1)
    assert load_kernel("auto", numbers=1 << 40) is load_kernel("numba", numbers=1)


def test_compilation_works_without_a_writable_cache() -> None:
    from colregion.indexes.maxsim_kernels import numba_kernel

    made: dict[str, Any] = {}
    exec("def twice(x):\n    return 2 * x\n", made)  # of no file, so there is no folder for it
    assert numba_kernel._compiled(made["twice"])(21) == 42


def test_pages_of_any_lengths_and_places_agree_with_brute_force(kernel: TokenBest) -> None:
    rng = np.random.default_rng(6)
    rows = rng.standard_normal((4000, 16)).astype(np.float16)
    # In order, scattered, overlapping and repeated.
    first = np.array([0, 700, 701, 1500, 900, 3999, 0, 1500])
    counts = np.array([700, 1, 65, 2500, 31, 1, 33, 2])
    tokens = rng.standard_normal((5, 16)).astype(np.float32)
    expected = brute_force(rows, first, counts, tokens)
    np.testing.assert_allclose(kernel(rows, first, counts, tokens), expected, atol=1e-5)


@pytest.fixture
def in_halves() -> TokenBest:
    """What a GPU runs, there if there is one, else on the CPU."""
    import torch

    from colregion.indexes.maxsim_kernels.torch_kernel import best_in_halves

    device = "cuda" if torch.cuda.is_available() else "cpu"
    return lambda rows, first, counts, tokens: best_in_halves(
        torch, torch.from_numpy(rows).to(device), first, counts, tokens, device=device
    )


@pytest.mark.torch
@pytest.mark.parametrize("dtype", [np.float16, np.int8])
def test_gpu_kernel_agrees_with_brute_force_for_pages_of_any_lengths(
    in_halves: TokenBest, dtype: type
) -> None:
    rng = np.random.default_rng(7)
    counts = np.array([1, 31, 32, 33, 64, 700, 1025, 2])
    first = np.cumsum(counts) - counts
    rows: NDArray[Any] = (rng.standard_normal((counts.sum(), 128)) * 30).clip(-127, 127)
    rows = rows.astype(dtype)
    tokens = rng.standard_normal((20, 128)).astype(np.float32)
    for chosen in ([*range(8)], [7, 2, 5, 5]):
        expected = brute_force(rows, first[chosen], counts[chosen], tokens)
        best = in_halves(rows, first[chosen], counts[chosen], tokens)
        np.testing.assert_allclose(best, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


@pytest.mark.torch
def test_triton_runs_on_nvidia_gpus_of_2020_and_later(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from colregion.indexes.maxsim_kernels import torch_kernel

    matrix = SimpleNamespace(is_cuda=True, device="cuda:0")
    monkeypatch.setattr(torch_kernel, "_can_compile", lambda: True)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    for capability, dim, runs in (((8, 0), 128, True), ((7, 5), 128, False), ((9, 0), 24, False)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _, c=capability: c)
        assert torch_kernel._has_triton(torch, matrix, dim=dim) is runs
    matrix.is_cuda = False
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    assert not torch_kernel._has_triton(torch, matrix, dim=128)


def test_triton_needs_a_c_compiler_and_pythons_headers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from colregion.indexes.maxsim_kernels.torch_kernel import _can_compile

    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    monkeypatch.setattr(sysconfig, "get_paths", lambda _: {"include": str(tmp_path)})
    monkeypatch.setenv("CC", "cc")
    assert not _can_compile.__wrapped__()
    (tmp_path / "Python.h").touch()
    assert _can_compile.__wrapped__()
    monkeypatch.delenv("CC")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert not _can_compile.__wrapped__()


@pytest.mark.torch
def test_gpu_kernel_is_precise_for_queries_beyond_the_range_of_halves(in_halves: TokenBest) -> None:
    rows = np.array([[2.0**-24, 1], [65504.0, -1]], dtype=np.float16)
    tokens = np.array([[-3e9, 1], [1e6, 3], [1e-20, 0], [0, 0], [1 / 3, 0.1]], dtype=np.float32)
    best = in_halves(rows, np.array([0, 1]), np.array([1, 1]), tokens)
    expected = rows.astype(np.float64) @ tokens.T.astype(np.float64)
    np.testing.assert_allclose(best, expected, rtol=1e-6)


@pytest.mark.torch
@pytest.mark.parametrize("message", ["CUDA out of memory.", "CUBLAS_STATUS_ALLOC_FAILED when"])
def test_gpu_kernel_halves_its_blocks_where_memory_runs_out(
    in_halves: TokenBest, monkeypatch: pytest.MonkeyPatch, message: str
) -> None:
    from colregion.indexes.maxsim_kernels import torch_kernel

    sizes: list[int] = []
    product = torch_kernel._half_product

    def small_gpu(torch: Any, block: Any, query: Any) -> Any:
        sizes.append(len(block))
        if len(block) > most:
            raise RuntimeError(message)
        return product(torch, block, query)

    monkeypatch.setattr(torch_kernel, "_half_product", small_gpu)
    rows = np.arange(40, dtype=np.float16).reshape(40, 1)
    counts = np.array([8, 4, 4, 8, 16])
    first = np.cumsum(counts) - counts
    most = 16
    best = in_halves(rows, first, counts, np.ones((1, 1), np.float32))
    assert best.ravel().tolist() == [7, 11, 15, 23, 39]
    assert sizes == [40, 16, 8, 16]
    most = 15
    with pytest.raises(BackendError, match="16 vectors of one page"):
        in_halves(rows, first, counts, np.ones((1, 1), np.float32))


@pytest.mark.torch
@pytest.mark.parametrize("message", ["CUDA out of memory.", "CUDA error: device-side assert"])
def test_vectors_stay_in_host_memory_if_the_gpu_has_no_room(
    monkeypatch: pytest.MonkeyPatch, message: str
) -> None:
    import torch

    from colregion.indexes.maxsim_kernels import torch_kernel

    def fail(*_: object) -> None:
        raise RuntimeError(message)

    rows = np.ones((4, 2), np.float16)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (1 << 30, 1 << 30))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 0)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 0)
    monkeypatch.setattr(torch.Tensor, "to", fail)
    if "memory" in message:
        assert torch_kernel._on_gpu(torch, rows, "cuda:0").device.type == "cpu"
    else:
        with pytest.raises(RuntimeError, match="assert"):
            torch_kernel._on_gpu(torch, rows, "cuda:0")
    assert id(rows) not in torch_kernel._cache


@pytest.mark.torch
def test_pages_are_scored_on_the_gpu_that_has_the_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from colregion.indexes.maxsim_kernels import torch_kernel

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(torch.cuda, "memory_allocated", [0, 5, 2].__getitem__)
    assert torch_kernel.encoders_gpu(torch) == "cuda:1"
    monkeypatch.setattr(torch.cuda, "memory_allocated", [0, 0, 0].__getitem__)
    assert torch_kernel.encoders_gpu(torch) == "cuda:0"


def test_exact_scan_is_worth_more_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    from colregion.indexes.maxsim_kernels import torch_kernel

    assert exact_up_to("auto", numbers=1 << 40) == exact_up_to("torch", numbers=1) == 1 << 29
    monkeypatch.setattr(torch_kernel, "has_gpu", lambda: True)
    assert exact_up_to("auto", numbers=1) == 1 << 33
    assert exact_up_to("numba", numbers=1) == 1 << 29
