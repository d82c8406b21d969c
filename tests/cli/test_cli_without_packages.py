"""Commands whose packages are not installed say which to install."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("command", "package", "extra"), [("serve", "fastapi", "serve"), ("mcp", "mcp", "mcp")]
)
def test_a_command_without_its_packages_says_what_to_install(
    command: str, package: str, extra: str
) -> None:
    program = (
        f"import sys; sys.modules[{package!r}] = None\n"
        f"from colregion.cli import main; main([{command!r}, '--index', 'x'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f'pip install "colregion[{extra}]"' in " ".join(done.stderr.split())
