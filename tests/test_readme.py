"""The README's first steps do what they say."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from colregion.demo import DOCUMENTS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_first_python_block_of_readme_runs_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(DOCUMENTS, tmp_path / "reports", ignore=shutil.ignore_patterns("*.jpg"))
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(blocks[0], "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert printed.startswith("8 []")
    assert " p." in printed
    assert (tmp_path / "evidence.png").stat().st_size > 500


def test_readme_has_one_command_for_the_demo_and_one_for_the_tests() -> None:
    assert README.count('pip install ".[ocr]" && colregion demo') == 1
    assert len(re.findall(r"^scripts/check$", README, re.MULTILINE)) == 1


@pytest.mark.parametrize("script", ["setup", "check", "check_oldest"])
def test_script_is_executable(script: str) -> None:
    assert os.access(ROOT / "scripts" / script, os.X_OK)
