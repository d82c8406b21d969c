"""A hub id in a process that imported nothing but colregion, as a user's first line does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.torch

_OPEN = """
import colregion
try:
    colregion.Engine.open("library", encoder={spec!r})
except colregion.ColregionError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("vidore/colqwen2.5-v0.2", "BackendError vidore/colqwen2.5-v0.2 is not complete"),
        ("text:owner/name", "BackendError owner/name is not complete"),
        ("owner/na me", "InvalidInput"),
    ],
)
def test_hub_id_fails_with_our_error_offline(tmp_path: Path, spec: str, message: str) -> None:
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", _OPEN.format(spec=spec)],
        cwd=tmp_path,
        env=os.environ | offline,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(message)
