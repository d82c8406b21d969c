"""The examples of citations and of MCP run as they stand in the repository, without network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pypdfium2 as pdfium
import pypdfium2.raw as raw
import pytest
from PIL import Image

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


def run(name: str, folder: Path) -> str:
    """What the example prints."""
    (folder / "sitecustomize.py").write_text(NO_NETWORK)
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), str(REPORT), QUESTION],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_citations_lead_to_boxes_and_to_a_highlighted_pdf(tmp_path: Path) -> None:
    printed = run("citations.py", tmp_path)
    assert f"[{REPORT.name.upper()} P.3 R1] is on page 3 at (0." in printed
    assert "p.9 r99) is invented: no r99 in the context" in printed
    document = pdfium.PdfDocument(tmp_path / "answer.pdf")
    assert [raw.FPDFPage_GetAnnotCount(document[i]) for i in range(len(document))][2] == 2
    document.close()


def test_mcp_client_prints_a_search_and_an_error_and_saves_an_image(tmp_path: Path) -> None:
    printed = run("mcp_client.py", tmp_path)
    assert "tools: search_regions, get_page, get_region_image, list_documents\n" in printed
    assert f"[{REPORT.name}#p3#" in printed
    assert "466" in printed
    assert "a mistake: no page 'page three' in the index" in printed
    with Image.open(tmp_path / "region.png") as image:
        assert image.width > 50
