"""The 4-bit form of vectors: its layout, what it loses, and every kernel on it."""

from __future__ import annotations

import numpy as np
import pytest

from colregion.indexes import int4
from colregion.indexes.maxsim_kernels import TokenBest, load_kernel


def test_page_of_1024_vectors_of_128_numbers_takes_78_kilobytes() -> None:
    # 64 centres of 128 bytes and their scale are 8,196 bytes, 121 rows.
    assert int4.row_bytes(128) == 64 + 4
    assert int4.head_rows(1024, dim=128) == 121
    assert (1024 + 121) * 68 == 77_860


@pytest.mark.parametrize(
    ("n_vectors", "n_centres"), [(1, 1), (31, 1), (32, 2), (1024, 64), (9000, 64)]
)
def test_page_has_a_centre_for_16_vectors(n_vectors: int, n_centres: int) -> None:
    assert int4.centre_counts(n_vectors) == n_centres


def test_single_vector_is_its_own_centre() -> None:
    vectors = np.array([[127, -127, 0, 64, 1]], dtype=np.float32)
    rows = int4.pack(vectors)
    assert rows.shape == (2 + 1, 7)  # 5 + 4 bytes of head in rows of ceil(5 / 2) + 4
    assert rows[0, :5].view(np.int8).tolist() == [127, -127, 0, 64, 1]
    np.testing.assert_allclose(int4.unpack(rows, n_vectors=1, dim=5), vectors, atol=1e-6)


def test_numbers_gain_and_step_are_those_that_lose_least() -> None:
    vectors = np.array([[100.0, 3], [100, -3], [100, 1], [100, -1]], dtype=np.float32)
    rows = int4.pack(vectors)
    # The centre is (100, 0), and the rests have a root mean square of 3 / sqrt(2) and 1 / sqrt(2):
    # 3 is 4.2 steps of .335 of that, in the middle of the fifth of them, and so is 1.
    assert rows[-4:, 0].tolist() == [8 | 12 << 4, 8 | 3 << 4] * 2
    # A step of 3 / 4.5 or 1 / 4.5 makes the second number right; the first is then .5 steps more
    # than the centre, which a gain of 1 - .5 step / 100 makes up for, rounded to 1 / 1024.
    steps = np.array([3, 3, 1, 1]) / 4.5
    gains = 1 + np.round(-0.5 * steps / 100 * 1024) / 1024
    expected = np.column_stack([100 * gains + 0.5 * steps, vectors[:, 1]])
    np.testing.assert_allclose(int4.unpack(rows, n_vectors=4, dim=2), expected, rtol=5e-3)


def test_zero_vectors_stay_zero() -> None:
    vectors = np.zeros((40, 6), np.float32)
    np.testing.assert_allclose(
        int4.unpack(int4.pack(vectors), n_vectors=40, dim=6), vectors, atol=1e-8
    )


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_error_is_a_tenth_of_what_the_centres_leave(scale: float) -> None:
    rng = np.random.default_rng(4)
    towards = rng.standard_normal((4, 128)) * 3
    vectors = towards[rng.integers(4, size=64)] + rng.standard_normal((64, 128))
    vectors = (vectors * scale).astype(np.float32)
    unpacked = int4.unpack(int4.pack(vectors), n_vectors=64, dim=128)
    lost = np.linalg.norm(unpacked - vectors, axis=1) / (scale * np.sqrt(128))
    assert 0.08 < lost.mean() < 0.12


@pytest.fixture(params=["numpy", "numba", pytest.param("torch", marks=pytest.mark.torch)])
def kernel(request: pytest.FixtureRequest) -> TokenBest:
    return load_kernel(request.param, numbers=1)


@pytest.fixture(params=[pytest.param(None, marks=pytest.mark.torch)])
def gpu_kernel() -> TokenBest:
    """What a GPU runs, there if there is one, else on the CPU."""
    import torch

    from colregion.indexes.maxsim_kernels.torch_kernel import best_in_halves

    device = "cuda" if torch.cuda.is_available() else "cpu"
    return lambda rows, first, counts, tokens: best_in_halves(
        torch, torch.from_numpy(rows).to(device), first, counts, tokens, device=device
    )


def check_against_unpacked(kernel: TokenBest, *, dim: int, tokens: int) -> None:
    rng = np.random.default_rng([dim, tokens])
    counts = np.array([1, 17, 33, 700, 1025, 2])
    pages = [rng.standard_normal((n, dim)).astype(np.float32) + 1 for n in counts]
    packed = [int4.pack(page) for page in pages]
    starts = np.cumsum([0, *(len(page) for page in packed[:-1])])
    first = starts + int4.head_rows(counts, dim=dim)
    question = rng.standard_normal((tokens, dim)).astype(np.float32)
    unpacked = [
        int4.unpack(page, n_vectors=n, dim=dim) for page, n in zip(packed, counts, strict=True)
    ]
    expected = np.array([(question @ page.T).max(axis=1) for page in unpacked])
    rows = np.concatenate(packed)
    for chosen in ([*range(6)], [4, 1, 1, 0]):
        best = kernel(rows, first[chosen], counts[chosen], question)
        np.testing.assert_allclose(best, expected[chosen], rtol=0, atol=1e-5 * dim)


@pytest.mark.parametrize(("dim", "tokens"), [(128, 20), (320, 5), (7, 1), (1, 24)])
def test_kernel_agrees_with_unpacked_vectors(kernel: TokenBest, dim: int, tokens: int) -> None:
    check_against_unpacked(kernel, dim=dim, tokens=tokens)


@pytest.mark.parametrize(("dim", "tokens"), [(128, 20), (7, 1)])
def test_gpu_kernel_agrees_with_unpacked_vectors(
    gpu_kernel: TokenBest, dim: int, tokens: int
) -> None:
    check_against_unpacked(gpu_kernel, dim=dim, tokens=tokens)


@pytest.mark.parametrize("name", ["numpy", "numba"])
def test_equal_4_bit_pages_get_bitwise_equal_matches(name: str) -> None:
    rng = np.random.default_rng(2)
    page = int4.pack(rng.standard_normal((300, 64)).astype(np.float32))
    other = int4.pack(rng.standard_normal((77, 64)).astype(np.float32))
    rows = np.concatenate([page, other, page, other[:5], page])
    head = int4.head_rows(300, dim=64)
    starts = np.array([0, len(page) + len(other), 2 * len(page) + len(other) + 5]) + head
    tokens = rng.standard_normal((20, 64)).astype(np.float32)
    best = load_kernel(name, numbers=1)(rows, starts, np.full(3, 300), tokens)
    assert (best == best[0]).all()
