"""The LlamaIndex examples run as they stand in the repository, without network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from colregion.demo import DOCUMENTS

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"
(REPORT,) = DOCUMENTS.glob("*report*.pdf")
QUESTION = "How many passengers travelled between Fennick and Gull Point in 2024?"
PAGE = f"{REPORT.name}#p3"

# Python imports a module of this name before anything else.
NO_NETWORK = """
import pytest_socket
pytest_socket.disable_socket(allow_unix_socket=True)
"""


@pytest.mark.parametrize(
    ("name", "prints"),
    [
        ("llama_index_query_engine.py", ["466", f"from: {REPORT.name} page 3 at (0."]),
        ("llama_index_citations.py", ["466", f"[1] is {PAGE}#", "page 3 at (0."]),
        ("llama_index_bring_your_own_pages.py", ["page 3, ", "466"]),
        ("llama_index_fusion.py", [f"{PAGE}#5: ", "466"]),
        ("multimodal_answer.py", [f"[{PAGE}#", "466", f"{REPORT.name}-p3-"]),
    ],
)
def test_an_example_answers(name: str, prints: list[str], tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(NO_NETWORK)
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), str(REPORT), QUESTION],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for part in prints:
        assert part in done.stdout
