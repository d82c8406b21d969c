"""A missing component skips its tests on a developer's machine and fails them in CI."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
INSTALL = "soffice is not installed: apt-get install libreoffice-writer-nogui"


def run_office_tests_without_programs(*, ci: str) -> subprocess.CompletedProcess[str]:
    options = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-m",
        "office",
        str(TESTS / "documents" / "test_office.py"),
    ]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        env={**os.environ, "PATH": "/no-programs-here", "CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_missing_component_skips_with_its_package_as_the_reason() -> None:
    result = run_office_tests_without_programs(ci="")
    assert result.returncode == 0, result.stdout
    assert INSTALL in result.stdout
    assert " skipped" in result.stdout


@pytest.mark.slow
def test_missing_component_fails_in_ci() -> None:
    result = run_office_tests_without_programs(ci="true")
    assert result.returncode == 1, result.stdout
    assert INSTALL in result.stdout
    assert " skipped" not in result.stdout
