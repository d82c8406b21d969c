from __future__ import annotations

from pathlib import Path

from benchmarks.readout import FOLDS, SHIPPED, summary
from colregion.core.geometry import Box
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
