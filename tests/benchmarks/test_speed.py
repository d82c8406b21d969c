"""The benchmarks compare like with like."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import machine, speed
from benchmarks.adapters import adapter_rows
from benchmarks.coherent_pages import SIDE, CoherentPages
from benchmarks.local_index import maxsim_rows, two_stage_row
from benchmarks.timing import timed
from colregion import Engine
from colregion.core.geometry import GridPlacement
from colregion.encoders import load_encoder
from colregion.indexes.memory import MemoryIndex
from colregion.indexes.quantization import PRECISIONS
from colregion.parsers import load_parser

pytestmark = pytest.mark.slow

KERNELS = ("numpy", "numba")


def test_timed_runs_both_sides_equally_often() -> None:
    runs: list[str] = []
    row = timed(
        "name",
        lambda: runs.append("ours"),
        lambda: runs.append("other"),
        per=2,
        against="nothing",
    )
    assert runs == ["ours", "other"] * (len(runs) // 2)
    assert set(row) == {"name", "ours", "other", "ratio", "unit", "against"}
    assert (row["name"], row["unit"], row["against"]) == ("name", "ms", "nothing")
    json.dumps(row)


def test_reference_loops_give_the_same_region_scores() -> None:
    rng = np.random.default_rng(3)
    side, boxes = 5, speed._random_boxes(rng, 20)
    sim = rng.random((4, side * side))
    grid = GridPlacement((np.arange(side * side).reshape(side, side),), n_vectors=side * side)
    ours = speed.region_maxsim(sim.T, grid.coverage(boxes), np.ones(4))
    assert speed._loop_over_patches(sim, boxes, side=side) == pytest.approx(ours)
    assert speed._loop_over_all_patches(sim, boxes, side=side) == pytest.approx(ours)


def test_maxsim_rows_cover_every_kernel_and_precision(tmp_path: Path) -> None:
    rows = list(maxsim_rows(tmp_path, pages=6, gflops=100.0))
    names = {row["name"] for row in rows}
    forms = {f"maxsim {form} {kernel}" for form in PRECISIONS for kernel in KERNELS}
    assert forms <= names
    for row in rows:
        assert row["ratio"] == pytest.approx(row["other"] / row["ours"], rel=0.01, abs=0.01)
    maxsim = next(row for row in rows if row["name"] == "maxsim int8 numba")
    operations = 2 * 20 * 128 * 1024 * 6
    assert maxsim["gflops"] == pytest.approx(operations / maxsim["ours"] / 1e6, rel=0.05)
    assert maxsim["share_of_matrix_peak"] == pytest.approx(maxsim["gflops"] / 100, abs=1e-3)
    json.dumps(rows)


def test_two_stage_row_reports_recall_against_exact_search(tmp_path: Path) -> None:
    row = two_stage_row(tmp_path / "two", pages=12)
    # With no more pages than candidates, two stages find what one finds.
    assert (row["recall"], row["by_itself"]) == (1.0, False)
    json.dumps(row)


def test_describe_machine_reports_versions_and_peaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_SIDE", 64)
    monkeypatch.setattr(machine, "_COPIED_BYTES", 1 << 16)
    said = machine.describe_machine()
    assert said["installed"]["numpy"] == np.__version__
    assert said["numpy_gflops"] > 0
    assert said["copy_gb_per_s"] > 0
    json.dumps(said)


def test_coherent_pages_are_reproducible_and_neighbours_are_similar() -> None:
    first, again = ([page.vectors for page in CoherentPages().pages(3)] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    vectors = first[0].reshape(SIDE, SIDE, 128)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=2), 1, atol=1e-5)
    neighbours = (vectors[:, 1:] * vectors[:, :-1]).sum(axis=2).mean()
    anywhere = (first[0] @ first[2].T).mean()
    assert neighbours > 0.7 > 0.6 > anywhere


def test_coherent_question_finds_its_document() -> None:
    made = CoherentPages(dim=96)
    pages = list(made.pages(60))
    answered = 0
    for page in pages[::6]:
        question = made.question(page)
        assert question.shape == (20, 96)
        scores = [(question @ one.vectors.T).max(axis=1).sum() for one in pages]
        answered += pages[int(np.argmax(scores))].document == page.document
    assert answered >= 8


def test_adapter_rows_cover_every_framework(tmp_path: Path) -> None:
    rows = list(adapter_rows(lambda engine: list(speed._word_pages(engine, 2)), folder=tmp_path))
    assert [row["name"] for row in rows] == [
        "langchain",
        "langchain-async",
        "langchain-async-waiting",
        "llama-index",
        "llama-index-async",
        "llama-index-async-waiting",
    ]


def test_word_pages_are_reproducible() -> None:
    engine = Engine(
        MemoryIndex(), encoder=load_encoder("static_tokens"), parser=load_parser("auto")
    )
    first, again = ([page.parsed.text for page in speed._word_pages(engine, 2)] for _ in range(2))
    assert first == again
    assert len(first[0].split()) == 500
