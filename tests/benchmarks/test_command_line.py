"""`python -m benchmarks`: the commands that run in seconds."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as command


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["benchmarks", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        command.main()
    return int(ended.value.code or 0)


def test_replay_prints_json_or_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {
        "sample_id": 1,
        "doc_name": "a",
        "gt_boxes_by_page": [[[200, 1000, 1200, 1500]]],
        "ranked_boxes": [[200, 1000, 1200, 1500]],
    }
    file = tmp_path / "model.jsonl"
    file.write_text(json.dumps(row))
    assert run(monkeypatch, "replay", file, "--boxes", 1, "--json") == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert rows["colregion"]["hit"]["0.7"] == 1.0
    assert run(monkeypatch, "replay", file) == 0
    assert "best_merged" in capsys.readouterr().out


def test_missing_replay_file_is_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "replay", tmp_path / "none.jsonl") == 2
    assert "cannot be read" in capsys.readouterr().err
