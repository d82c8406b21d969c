"""The README is short, and has the commands that others rely on."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_readme_has_at_most_150_lines() -> None:
    assert len(README.splitlines()) <= 150


def test_readme_has_one_command_for_the_demo_and_one_for_the_tests() -> None:
    assert README.count('pip install ".[ocr]" && colregion demo') == 1
    assert len(re.findall(r"^scripts/check$", README, re.MULTILINE)) == 1


def test_links_of_the_readme_lead_to_files() -> None:
    links = re.findall(r"\]\(([^):]+)\)", README)
    assert len(links) > 20
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("script", ["setup", "check", "check_oldest"])
def test_script_is_executable(script: str) -> None:
    assert os.access(ROOT / "scripts" / script, os.X_OK)
