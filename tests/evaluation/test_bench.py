"""The benchmark compares like with like; how fast either is, no test says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from colregion import Engine, scoring
from colregion.encoders import load_encoder
from colregion.evaluation import bench
from colregion.evaluation.bench_adapters import adapter_rows
from colregion.evaluation.timing import timed
from colregion.geometry import GridPlacement
from colregion.indexes.memory import MemoryIndex
from colregion.parsers import load_parser


def test_both_are_run_equally_often_and_the_ratio_is_of_the_two() -> None:
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


def test_the_loops_over_patches_give_the_same_scores() -> None:
    rng = np.random.default_rng(3)
    side, boxes = 5, bench._random_boxes(rng, 20)
    sim = rng.random((4, side * side))
    grid = GridPlacement((np.arange(side * side).reshape(side, side),), n_vectors=side * side)
    ours = scoring.region_maxsim(sim, grid.coverage(boxes), np.ones(4))
    assert bench._loop_over_patches(sim, boxes, side=side) == pytest.approx(ours)


def test_the_adapters_are_measured_beside_the_engine(tmp_path: Path) -> None:
    rows = list(adapter_rows(lambda engine: list(bench._word_pages(engine, 2)), folder=tmp_path))
    assert [row["name"] for row in rows] == [
        "langchain",
        "langchain-async",
        "langchain-async-waiting",
        "llama-index",
        "llama-index-async",
        "llama-index-async-waiting",
    ]


def test_pages_of_made_up_words_are_the_same_every_time() -> None:
    engine = Engine(
        MemoryIndex(), encoder=load_encoder("static_tokens"), parser=load_parser("auto")
    )
    first, again = ([page.parsed.text for page in bench._word_pages(engine, 2)] for _ in range(2))
    assert first == again
    assert len(first[0].split()) == 500
