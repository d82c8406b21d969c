"""The examples run as they stand in the repository, on the documents of the demo."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from colregion.demo import DOCUMENTS

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"
(REPORT,) = DOCUMENTS.glob("*report*.pdf")
(RECEIPT,) = DOCUMENTS.glob("*receipt*")
QUESTION = "How many passengers travelled between Fennick and Gull Point in 2024?"


def run(name: str, *arguments: object, folder: Path) -> str:
    """What the example prints."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_ask_a_folder_prints_the_answer_and_saves_its_crop(tmp_path: Path) -> None:
    printed = run("ask_a_folder.py", REPORT, QUESTION, folder=tmp_path)
    assert "1. tarrow-annual-report-2024.pdf page 3" in printed
    assert "466" in printed
    assert (tmp_path / "answer-1.png").stat().st_size > 1000


def test_prompt_with_citations_points_to_pages(tmp_path: Path) -> None:
    printed = run("prompt_with_citations.py", REPORT, QUESTION, folder=tmp_path)
    assert "[tarrow-annual-report-2024.pdf p.3 r1]" in printed
    assert "466" in printed


def test_regions_of_a_page_reads_the_receipt_and_draws_a_heat_map(tmp_path: Path) -> None:
    printed = run("regions_of_a_page.py", RECEIPT, "What is the total?", folder=tmp_path)
    assert "total" in printed.lower()
    assert (tmp_path / f"{RECEIPT.stem}-why.png").stat().st_size > 1000


def test_an_own_encoder_answers(tmp_path: Path) -> None:
    printed = run("own_encoder.py", REPORT, QUESTION, folder=tmp_path)
    assert "tarrow-annual-report-2024.pdf page" in printed
