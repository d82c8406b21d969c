"""The 4-bit form of vectors: its layout, what it loses, and every kernel on it."""

from __future__ import annotations

import numpy as np
import pytest

from colregion.indexes import int4
from colregion.indexes.maxsim_kernels import TokenBest, load_kernel


def test_page_of_1024_vectors_of_128_numbers_takes_81_kilobytes() -> None:
    assert int4.row_bytes(128) == 64 + 4
    page = int4.pack(np.ones((1024, 128), dtype=np.float32))
    assert page.nbytes == (170 + 2 + 1024) * 68 == 81_328


@pytest.mark.parametrize(
    ("n_vectors", "n_centres"), [(1, 1), (11, 1), (12, 2), (1024, 170), (9000, 256)]
)
def test_page_has_a_centre_for_6_vectors(n_vectors: int, n_centres: int) -> None:
    assert int4.centre_counts(n_vectors) == n_centres


@pytest.mark.parametrize("dim", [1, 2, 7, 128])
def test_rotation_keeps_products(dim: int) -> None:
    turned = int4.turn(np.eye(dim, dtype=np.float32))
    np.testing.assert_allclose(turned @ turned.T, np.eye(dim), rtol=0, atol=1e-6)


def test_rotation_makes_a_wave_of_a_single_number() -> None:
    (turned,) = np.abs(int4.turn(np.eye(4, dtype=np.float32)[:1]))
    # sqrt(1 / 4), and sqrt(2 / 4) times the cosines of 22.5, 45 and 67.5 degrees.
    np.testing.assert_allclose(turned, [0.5, 0.653281, 0.5, 0.270598], atol=1e-6)


def test_rows_are_read_as_their_layout_says() -> None:
    centre = [7 | 7 << 4, 7, 0, 0, 0x80, 0x3F]  # -.5, -.5, -.5; the upper half of 1.0
    mean = [10 | 7 << 4, 12, 0, 0, 0x80, 0x3F]  # 2.5, 4.5, -.5
    more = [8 | 8 << 4, 8, 0, 0, 0x80, 0x3E]  # .25 times .5, .5, .5
    vector = [8 | 15 << 4, 0, 0, 64, 0x80, 0x3E]  # gain 1 + 64 / 1024; .25 times .5, -7.5, 7.5
    rows = np.array([centre, mean, more, vector], dtype=np.uint8)
    turned = int4.turn(int4.unpack(rows, n_vectors=1, dim=3))
    centre_and_mean = np.array([-0.5 + 2.5 + 0.125, -0.5 + 4.5 + 0.125, -0.5 - 0.5 + 0.125])
    expected = (1 + 64 / 1024) * centre_and_mean + [0.125, -1.875, 1.875]
    np.testing.assert_allclose(turned, [expected], atol=1e-6)


def test_vectors_that_differ_little_lose_little_of_the_difference() -> None:
    rng = np.random.default_rng(7)
    apart = rng.standard_normal((400, 64))
    vectors = (100 * rng.standard_normal(64) + apart).astype(np.float32)
    lost = int4.unpack(int4.pack(vectors), n_vectors=400, dim=64) - vectors
    assert np.linalg.norm(lost, axis=1).mean() < 0.12 * np.linalg.norm(apart, axis=1).mean()


def test_gain_and_step_make_vectors_of_two_numbers_exact() -> None:
    vectors = np.array([[100.0, 3], [100, -3], [100, 1], [100, -1]], dtype=np.float32)
    unpacked = int4.unpack(int4.pack(vectors), n_vectors=4, dim=2)
    # But for their rounding: the gain's to 1 / 1024 of a centre of length 100, and the step's, by
    # up to 1 / 512 of the four to fourteen that are left.
    np.testing.assert_allclose(unpacked, vectors, rtol=0, atol=100 / 2048 + 14 / 512)


def test_product_of_a_vector_with_itself_is_exact() -> None:
    rng = np.random.default_rng(5)
    vectors = (rng.standard_normal((200, 96)) + 0.5).astype(np.float32)
    unpacked = int4.unpack(int4.pack(vectors), n_vectors=200, dim=96)
    products = (vectors * unpacked).sum(axis=1) / (vectors * vectors).sum(axis=1)
    np.testing.assert_allclose(products, 1, rtol=0, atol=1 / 1024)


def test_few_large_numbers_among_zeros_lose_as_little_as_many_equal_ones() -> None:
    rng = np.random.default_rng(6)
    few = np.zeros((200, 128), dtype=np.float32)
    for row in few:
        row[rng.choice(128, size=3, replace=False)] = rng.choice([-1, 1], size=3)
    many = rng.standard_normal((200, 128)).astype(np.float32)
    lost = [
        np.linalg.norm(int4.unpack(int4.pack(one), n_vectors=200, dim=128) - one)
        / np.linalg.norm(one)
        for one in (few, many)
    ]
    assert lost[0] < 1.05 * lost[1] < 0.12


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
    counts = np.array([1, 17, 33, 700, 1601, 2])
    pages = [rng.standard_normal((n, dim)).astype(np.float32) + 1 for n in counts]
    packed = [int4.pack(page) for page in pages]
    starts = np.cumsum([0, *(len(page) for page in packed[:-1])])
    first = starts + int4.head_rows(counts)
    question = rng.standard_normal((tokens, dim)).astype(np.float32)
    unpacked = [
        int4.unpack(page, n_vectors=n, dim=dim) for page, n in zip(packed, counts, strict=True)
    ]
    expected = np.array([(question @ page.T).max(axis=1) for page in unpacked])
    rows = np.concatenate(packed)
    for chosen in ([*range(6)], [4, 1, 1, 0]):
        best = kernel(rows, first[chosen], counts[chosen], int4.turn(question))
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
    starts = np.array([0, len(page) + len(other), 2 * len(page) + len(other) + 5])
    starts += int4.head_rows(300)
    tokens = rng.standard_normal((20, 64)).astype(np.float32)
    best = load_kernel(name, numbers=1)(rows, starts, np.full(3, 300), tokens)
    assert (best == best[0]).all()
