"""The published protocol on two pages that can be worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.replay import RULES, read_replays, replay_file
from colregion.errors import InvalidInput

# Pixels of 2550 x 3300. The second box is the evidence to the pixel; the third lies right below.
ROW: dict[str, Any] = {
    "sample_id": 1,
    "question": "?",
    "doc_name": "a",
    "gt_boxes_by_page": [[[200, 1000, 1200, 1500]]],
    "ranked_boxes": [
        [200, 100, 1200, 200],
        [200, 1000, 1200, 1500],
        [200, 1500, 1200, 1700],
        [1300, 100, 2500, 3200],
    ],
    "failed": False,
}
# Two evidence boxes on two pages: half of the first is met, nothing of the second.
HALF = ROW | {
    "sample_id": 2,
    "doc_name": "b",
    "gt_boxes_by_page": [[[200, 1000, 1200, 1500]], [[1300, 2000, 1400, 2100]]],
    "ranked_boxes": [[200, 1000, 1200, 1250]],
}
FAILED = ROW | {"sample_id": 3, "failed": True}


def written(folder: Path, *rows: Any) -> Path:
    path = folder / "model-1b.jsonl"
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


def test_replay_figures_follow_the_protocol(tmp_path: Path) -> None:
    result = replay_file(written(tmp_path, ROW, HALF, FAILED), boxes=2)
    rows = result["rows"]

    assert (result["model"], result["questions"], tuple(rows)) == ("model-1b", 2, tuple(RULES))
    published = rows["published"]
    assert published["boxes"] == 2.5
    assert published["miou"] == 0.625  # 1 and the mean of .5 and 0
    assert published["hit"] == {"0.25": 1.0, "0.5": 0.5, "0.7": 0.5}
    assert published["any_hit_at_1"]["0.5"] == 0.5  # the second page's first box has .5
    assert published["area_precision_at_1"] == 0.5
    assert rows["first"]["boxes"] == 1.5
    assert rows["first"]["miou"] == 0.625
    assert rows["largest"]["miou"] == 0.625  # the column, then the evidence
    assert rows["best"]["miou"] == 0.625
    assert rows["best"]["hit"]["0.5"] == 0.5
    assert rows["colregion"]["boxes"] <= 2
    assert rows["best_merged"]["miou"] >= rows["best"]["miou"]
    assert published["ci95"]["miou"] == [0.25, 1.0]


def test_random_rule_is_reproducible(tmp_path: Path) -> None:
    path = written(tmp_path, ROW)
    assert replay_file(path, boxes=1) == replay_file(path, boxes=1)


@pytest.mark.parametrize(
    "bad",
    [
        "{",
        "[]",
        {"ranked_boxes": []},
        ROW | {"ranked_boxes": [[1, 2, 3]]},
        ROW | {"ranked_boxes": [[5, 5, 5, 9]]},
        ROW | {"gt_boxes_by_page": [[]]},
        ROW | {"gt_boxes_by_page": []},
    ],
)
def test_malformed_replay_is_reported_with_its_line(tmp_path: Path, bad: Any) -> None:
    with pytest.raises(InvalidInput, match="line 2"):
        read_replays(written(tmp_path, ROW, bad))


def test_file_without_replays_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no replay"):
        read_replays(written(tmp_path, FAILED))
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_replays(tmp_path / "none.jsonl")
    with pytest.raises(InvalidInput, match="1 or more"):
        replay_file(written(tmp_path, ROW), boxes=0)


def test_page_without_ranked_boxes_scores_zero(tmp_path: Path) -> None:
    rows = replay_file(written(tmp_path, ROW | {"ranked_boxes": []}))["rows"]
    assert {row["miou"] for row in rows.values()} == {0.0}
