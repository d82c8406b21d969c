"""The LangChain examples run as they stand in the repository, without network."""

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

# Python imports a module of this name before anything else.
NO_NETWORK = """
import pytest_socket
pytest_socket.disable_socket(allow_unix_socket=True)
"""


@pytest.mark.parametrize(
    ("name", "prints"),
    [
        ("langchain_rag.py", ["466", "cited: tarrow-annual-report-2024.pdf page 3 at (0."]),
        (
            "langchain_agent.py",
            ["tools: search_regions", "tool: [tarrow-annual-report-2024.pdf#p3", "466", "page 3, "],
        ),
        ("langchain_bring_your_own_pages.py", ["page 3, ", "466"]),
        ("langchain_hybrid.py", ["tarrow-annual-report-2024.pdf#p3#"]),
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
