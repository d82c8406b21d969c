"""The README's first steps do what they say."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from colregion.demo import DOCUMENTS

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_first_python_block_runs_as_it_stands(
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


def test_there_is_one_command_for_the_demo_and_one_for_the_tests() -> None:
    assert README.count('pip install ".[ocr]" && colregion demo') == 1
    (command,) = re.findall(r"^pip install .*scripts/check$", README, re.MULTILINE)
    assert (Path(__file__).parents[1] / "scripts" / "check").stat().st_mode & 0o111, command
