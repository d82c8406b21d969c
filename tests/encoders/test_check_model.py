"""The proofs on a loaded model, the drawn pages, and `colregion check-model`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from colregion.cli import main
from colregion.core.embeddings import PageEmbedding, QueryEmbedding
from colregion.core.geometry import GridPlacement
from colregion.core.interfaces import Encoder
from colregion.core.regions import ParsedPage
from colregion.encoders.colvision import ColVisionEncoder, drawn_pages, placement, proof
from colregion.encoders.colvision.drawn_pages import Answer
from colregion.errors import BackendError, InvalidInput
from tests.encoders.tiny_colvision import FAMILIES, QWEN, TILED, ModelShelf

TOTAL, RAIN = "What is the total amount due?", "How much rain fell in July?"


class Reader(Encoder):
    """Sees one thing on each page, in one of 22 rows of 50 px, and its name in a question."""

    weighs_terms = False
    fingerprint = "reader"

    def __init__(self, *seen: tuple[str, int]) -> None:
        self.seen = seen

    def encode_pages(self, pages: Sequence[ParsedPage]) -> list[PageEmbedding]:
        embeddings = []
        for (name, row), _ in zip(self.seen, pages, strict=True):
            vectors = np.zeros((22, 2), np.float32)
            vectors[row] = self._vector(name)
            layer = np.arange(22).reshape(22, 1)
            embeddings.append(PageEmbedding(vectors, GridPlacement((layer,), n_vectors=22)))
        return embeddings

    def encode_query(self, text: str) -> QueryEmbedding:
        vectors = self._vector("rain" if "rain" in text else "total")[None]
        return QueryEmbedding(vectors, (text,), np.ones(1, bool), np.ones(1))

    def _vector(self, name: str) -> Any:
        return np.array([name == "total", name == "rain"], np.float32)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        # 400 px is on the invoice's third line, 250 px on the report's second.
        ([("total", 8), ("rain", 5)], [(True, True), (True, True)]),
        ([("total", 2), ("rain", 5)], [(True, False), (True, True)]),
        ([("rain", 8), ("total", 5)], [(False, False), (False, False)]),
    ],
)
def test_answers_to_the_drawn_pages_are_judged_by_page_and_line(
    seen: list[tuple[str, int]], expected: list[tuple[bool, bool]]
) -> None:
    reader = Reader(*seen)
    answers = drawn_pages.ask(reader, reader.encode_pages(drawn_pages.drawn_pages()))
    assert [answer.question for answer in answers] == [TOTAL, RAIN]
    assert [(answer.right_page, answer.right_line) for answer in answers] == expected


def test_drawn_pages_have_text_on_their_lines_only() -> None:
    for page in drawn_pages.drawn_pages():
        dark = (np.asarray(page.page.image.convert("L")) < 128).any(axis=1)
        bands = np.flatnonzero(np.diff(dark.astype(int), prepend=0) == 1)
        assert sorted({int(y - 75) // 150 for y in bands}) == [0, 1, 2, 3]


@pytest.mark.torch
# One of each kind of grid; `test_colvision_mapping` has every family.
@pytest.mark.parametrize("family", ["colpali", "colqwen2_5", "colqwen2-native", "colmodernvbert"])
def test_places_of_every_kind_of_grid_are_proven_and_the_model_is_left_as_it_was(
    models: ModelShelf, family: str
) -> None:
    encoder = models.encoder(family)
    before = encoder.encode_query("total").vectors
    result = proof.prove_places(encoder)
    assert result.wrong == ()
    assert result.n_checked == 2 * 6 * (2 if family in TILED else 1)
    np.testing.assert_array_equal(encoder.encode_query("total").vectors, before)


@pytest.mark.torch
def test_wrong_places_are_listed(models: ModelShelf, monkeypatch: pytest.MonkeyPatch) -> None:
    layers_of = placement.layers_of

    def mirrored(*arguments: Any, **options: Any) -> Any:
        return tuple(layer[:, ::-1] for layer in layers_of(*arguments, **options))

    monkeypatch.setattr(placement, "layers_of", mirrored)
    result = proof.prove_places(models.encoder("colpali"))
    assert not result.holds
    assert result.wrong[0] == (
        "850 x 1100 px, layer 0: pixels in cell (0, 0) move the vector of (0, 31)"
    )


@pytest.mark.torch
@pytest.mark.parametrize("family", FAMILIES)
def test_positions_of_patches_are_proven_where_they_have_rows_and_columns(
    models: ModelShelf, family: str
) -> None:
    result = proof.prove_positions(models.encoder(family))
    assert result == (proof.Proof(31 * 24, ()) if family in QWEN else None)


@pytest.mark.torch
def test_positions_along_one_line_are_not_proven(
    models: ModelShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ColVisionEncoder, "_with_positions", lambda _, batch: dict(batch))
    result = proof.prove_positions(models.encoder("colqwen2-native"))
    assert result is not None
    assert not result.holds
    assert "positions without rows and columns" in result.wrong[0]


@pytest.mark.torch
def test_places_of_pooled_vectors_and_unknown_models_are_not_proven(models: ModelShelf) -> None:
    import torch

    with pytest.raises(InvalidInput, match="without pool_factor"):
        proof.prove_places(models.encoder("colpali", pool_factor=2))
    with (
        pytest.raises(BackendError, match="attention layers of Linear have unknown names"),
        proof._without_attention(torch.nn.Linear(2, 2)),
    ):
        pass


def run(*arguments: object) -> int:
    """The exit status."""
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    code = stopped.value.code
    return code if isinstance(code, int) else 0


@pytest.mark.torch
@pytest.mark.parametrize(("right", "status"), [(True, 0), (False, 1)])
def test_check_model_prints_a_report_and_fails_with_a_proof(
    models: ModelShelf,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    right: bool,
    status: int,
) -> None:
    """The answers of a model with random weights are random: others stand in for them."""
    monkeypatch.setattr(drawn_pages, "ask", lambda *_: [Answer(RAIN, right, "a line", False)])
    model = models.folder("colqwen2-native")
    assert run("check-model", f"{model}?workers=1", "--device", "cpu") == status
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["model"] == str(model)
    assert lines["fingerprint"].startswith("ColQwen2ForRetrieval-2@")
    assert lines["device"].startswith("cpu (")
    assert lines["device"].endswith(", float32")
    assert lines["vectors"].endswith("of 128 dimensions for a page of 850 x 1100 px")
    assert lines["grid"] == "31 x 24 (rows x columns)"
    assert lines["prompt"] == repr("Query: QUESTION" + "<|endoftext|>" * 10)
    assert lines["speed"].endswith(" pages per second, in batches of 1")
    assert re.fullmatch(
        r"[\d.]+ ms a page on the cpu; in 1 process: no CUDA device, but cpu", lines["preparing"]
    )
    assert lines["places"] == "right for 12 of 12 cells checked"
    assert lines["positions"] == "right for 744 of 744 cells checked"
    page = "right page" if right else "WRONG page"
    assert lines["answers"] == f"{RAIN} {page}, another line (a line)"
    assert lines["result"] == ("every proof holds" if right else "A PROOF FAILED")


@pytest.mark.torch
def test_check_model_writes_json(
    models: ModelShelf, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(drawn_pages, "ask", lambda *_: [Answer(RAIN, True, "a line", True)])
    file = tmp_path / "report.json"
    assert run("check-model", models.folder("colpali"), "--output", file) == 0
    report = json.loads(file.read_text())
    assert report["grid"] == "32 x 32 (rows x columns)"
    assert report["positions"].startswith("not of this family")
    assert "preparing" not in report  # no processes beside a CPU


def test_check_model_refuses_what_reads_no_images(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check-model", "static_tokens") == 2
    assert "check-model is for visual models" in capsys.readouterr().err
