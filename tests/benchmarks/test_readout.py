from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.readout import FOLDS, SHIPPED, compare_readouts, summary
from colregion.core.geometry import Box
from colregion.errors import InvalidInput
from colregion.evaluation.cases import Case


def case(number: int, dataset: str) -> Case:
    box = Box(0, 0, 1, 1)
    return Case(str(number), dataset, f"d{number}", 0, Path("a.png"), "q?", ("a",), (box,))


def test_means_are_over_data_sets_and_the_choice_is_made_without_its_own_fold() -> None:
    """Ten documents in five folds. "better" gains 0.2 everywhere, "lucky" 1 on one document."""
    cases = [case(n, "forms" if n < 4 else "receipts") for n in range(10)]
    recalls = {
        SHIPPED: [0.0] * 4 + [0.5] * 6,
        "better": [0.2] * 4 + [0.7] * 6,
        "lucky": [1.0] + [0.0] * 3 + [0.5] * 6,
    }
    result = summary(cases, recalls)
    rows = result["readouts"]
    assert (rows[SHIPPED]["forms"], rows[SHIPPED]["receipts"], rows[SHIPPED]["mean"]) == (
        0.0,
        0.5,
        0.25,
    )
    assert rows[SHIPPED]["folds"] == [0.0] * FOLDS
    assert rows["better"]["folds"] == [0.2] * FOLDS
    # Its mean over forms is the highest, 0.25 where the lucky document counts, and 0 without it.
    assert rows["lucky"]["forms"] == 0.25
    (own,) = [k for k, gain in enumerate(rows["lucky"]["folds"]) if gain]
    assert result["chosen"][own] == {"readout": "better", "gain": 0.2}


def test_cases_of_too_few_documents_are_refused(tmp_path: Path) -> None:
    Image.new("RGB", (20, 10)).save(tmp_path / "a.png")
    row = {"id": "1", "dataset": "funsd", "doc_id": "d", "page": 0, "image": "a.png"}
    row |= {"question": "q?", "answers": [], "boxes": [[0, 0, 5, 5]]}
    (tmp_path / "cases.jsonl").write_text(json.dumps(row), encoding="utf-8")
    with pytest.raises(InvalidInput, match="5 documents or more"):
        compare_readouts(tmp_path / "cases.jsonl", tmp_path / "seen")
