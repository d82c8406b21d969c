"""The benchmarks page and the README's table are what the script writes from recorded results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripts import write_benchmarks_page as script
from scripts.write_benchmarks_page import Column


def test_page_and_readme_are_what_the_script_writes() -> None:
    assert script.PAGE.read_text(encoding="utf-8") == script.page()
    readme = script.README.read_text(encoding="utf-8")
    assert readme == script.readme(readme)
    assert "| **colregion** | ." in readme


def test_a_cell_has_the_figure_at_its_budget_and_the_interval() -> None:
    figures = {"hit_at_1": {"0.5": 0.484}, "ci95": {"hit_at_1": {"0.5": [0.4, 1.0]}}}
    column = Column("hit@1", "forms", "hit_at_1", "0.5")
    assert column.cell({"forms": figures}, interval=True) == ".48 [.40,&nbsp;1.00]"
    assert column.cell({"forms": figures}, interval=False) == ".48"


def test_recording_keeps_what_the_tables_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = (Column("MRR", "forms", "mrr"), Column("hit@1", "forms", "hit_at_1", "0.5"))
    monkeypatch.setattr(script, "RESULTS", tmp_path)
    monkeypatch.setitem(script.TABLES, "page", columns)
    forms: dict[str, Any] = {"n": 2, "mrr": 0.5, "hit_at_1": {"0.5": 1, "0.7": 0}, "other": 1}
    forms["ci95"] = {"mrr": [0, 1], "hit_at_1": {"0.5": [1, 1], "0.7": [0, 0]}, "other": []}
    result = {"searched": "page", "rows": {"bm25": {"forms": forms, "x": {}}, "unknown": {}}}
    (tmp_path / "result.json").write_text(json.dumps(result))
    script.record(tmp_path / "result.json", commit="abc")
    recorded = json.loads((tmp_path / "page.json").read_text())
    assert recorded["measured"]["commit"] == "abc"
    shown: dict[str, Any] = {"mrr": 0.5, "hit_at_1": {"0.5": 1}}
    shown["ci95"] = {"mrr": [0, 1], "hit_at_1": {"0.5": [1, 1]}}
    assert recorded["result"] == {"searched": "page", "rows": {"bm25": {"forms": shown}}}
