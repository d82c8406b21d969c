"""Coarse vectors choose the candidates; the scores stay exact."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.coherent_pages import CoherentPage, CoherentPages
from benchmarks.local_index import fill
from colregion.core.filters import parse_filters
from colregion.indexes import maxsim_kernels
from colregion.indexes.coarse_vectors import COARSE_VECTORS, coarse_vectors
from colregion.indexes.local import scoring as local_scoring
from colregion.indexes.local.index import LocalIndex
from colregion.indexes.local.recall import measure_recall, plain_query
from colregion.testing import IndexContract

CONTRACT = IndexContract()
N = 40


@pytest.fixture(scope="module")
def sample() -> tuple[list[CoherentPage], CoherentPages]:
    made = CoherentPages()
    return list(made.pages(N)), made


@pytest.fixture
def index(tmp_path: Path, sample: tuple[list[CoherentPage], CoherentPages]) -> Iterator[LocalIndex]:
    with closing(LocalIndex(tmp_path / "index")) as index:
        fill(index, (page.vectors for page in sample[0]))
        yield index


# Coarse vectors


def test_short_pages_have_no_coarse_vectors() -> None:
    assert coarse_vectors(np.zeros((0, 7), np.float32)).shape == (0, 7)
    assert coarse_vectors(np.ones((4 * COARSE_VECTORS - 1, 7), np.float32)).shape == (0, 7)


def test_coarse_vectors_include_each_of_few_distinct_vectors() -> None:
    rng = np.random.default_rng(1)
    kinds = rng.standard_normal((40, 16)).astype(np.float32)
    page = np.repeat(kinds, 12, axis=0)
    coarse = coarse_vectors(page)
    assert coarse.shape == (COARSE_VECTORS, 16)
    apart = np.linalg.norm(coarse[None] - kinds[:, None], axis=2).min(axis=1)
    np.testing.assert_allclose(apart, 0, atol=1e-5)


def test_coarse_vectors_have_the_mean_norm_of_their_members() -> None:
    rng = np.random.default_rng(2)
    page = rng.standard_normal((512, 16)).astype(np.float32)
    page *= 3 / np.linalg.norm(page, axis=1, keepdims=True)
    np.testing.assert_allclose(np.linalg.norm(coarse_vectors(page), axis=1), 3, rtol=1e-5)


def test_coarse_vectors_of_zero_and_of_equal_vectors_are_finite() -> None:
    for page in (np.zeros((300, 5), np.float32), np.ones((300, 5), np.float32)):
        coarse = coarse_vectors(page)
        assert np.isfinite(coarse).all()
        np.testing.assert_allclose(coarse, page[:COARSE_VECTORS], atol=1e-6)


# Searching


def few_candidates(monkeypatch: pytest.MonkeyPatch, n: int) -> None:
    monkeypatch.setattr(local_scoring, "_FEWEST_CANDIDATES", n)
    monkeypatch.setattr(local_scoring, "_CANDIDATES_PER_PAGE", 0)


@pytest.mark.slow
def test_two_stages_return_most_of_the_exact_best_with_exact_scores(
    index: LocalIndex,
    sample: tuple[list[CoherentPage], CoherentPages],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few_candidates(monkeypatch, 20)
    hits = 0
    for page in sample[0][:5]:
        query = plain_query(sample[1].question(page))
        exact = index.scores().search(query, k=5, two_stages=False)
        staged = index.scores().search(query, k=5, two_stages=True)
        scores = {one.page_id: one.score for one in index.scores().search(query, k=N)}
        assert [one.score for one in staged] == [scores[one.page_id] for one in staged]
        hits += len({one.page_id for one in exact} & {one.page_id for one in staged})
    assert hits >= 20


@pytest.mark.slow
def test_filters_apply_before_candidates_are_chosen(
    index: LocalIndex,
    sample: tuple[list[CoherentPage], CoherentPages],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few_candidates(monkeypatch, 2)
    filters = parse_filters({"page_number": {"gte": 39}})
    query = plain_query(sample[0][0].vectors[:20])
    pages = index.scores().search(query, k=2, filters=filters, two_stages=True)
    assert sorted(one.page_id for one in pages) == ["bench#p39", "bench#p40"]


@pytest.mark.slow
def test_pages_without_coarse_vectors_are_always_candidates(
    index: LocalIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    few_candidates(monkeypatch, 1)
    words = CONTRACT.page("short", doc_id="short", grid=True)
    rows = np.full((1, 128), 0.01, np.float32)
    embedding = replace(words.embedding, vectors=rows)
    index.replace(CONTRACT.entry("short"), [replace(words, embedding=embedding)])
    pages = index.scores().search(plain_query(np.ones((1, 128), np.float32)), k=9, two_stages=True)
    assert len(pages) == 2
    assert "short#p1" in {one.page_id for one in pages}


@pytest.mark.slow
def test_small_indexes_are_searched_exactly_and_large_ones_in_two_stages(
    index: LocalIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = index.scores()
    assert not scores.takes_two_stages(k=3)
    assert measure_recall(scores, k=3) is None
    monkeypatch.setattr(maxsim_kernels, "_FAST_SCAN", 0)
    assert not scores.takes_two_stages(k=3)  # candidates are all pages there are
    few_candidates(monkeypatch, 8)
    assert scores.takes_two_stages(k=3)
    recall = measure_recall(scores, k=3, questions=10)
    assert recall is not None
    assert 0.8 <= recall <= 1
    assert recall == measure_recall(scores, k=3, questions=10)
