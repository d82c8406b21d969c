"""A run of the demo: its answers, output and report."""

from __future__ import annotations

import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from colregion.demo import DOCUMENTS, QUESTIONS, Question, run_demo
from colregion.demo.questions import SCANNED
from colregion.demo.seen import ask_scans
from colregion.engine import Engine
from colregion.errors import BackendError


@pytest.fixture(scope="module")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Folder of one run and its output."""
    folder = tmp_path_factory.mktemp("demo")
    printed = StringIO()
    run_demo(folder, console=Console(file=printed, width=100))
    return folder, printed.getvalue()


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.document)
@pytest.mark.slow
def test_answer_of_every_question_is_among_the_first_three_hits(
    demo_run: tuple[Path, str], question: Question
) -> None:
    with Engine.open(demo_run[0] / "index") as engine:
        hits = engine.search(question.text, k=3)
    on_page = [
        hit
        for hit in hits
        if (Path(hit.source).name, hit.page_number) == (question.document, question.page)
    ]
    assert any(question.pattern.search(hit.text) for hit in on_page)


@pytest.mark.slow
def test_output_has_questions_answers_and_the_report_path(demo_run: tuple[Path, str]) -> None:
    folder, printed = demo_run
    for question in QUESTIONS:
        assert question.text in printed
        assert question.answer in printed
    assert "not read" not in printed
    assert str(folder / "report.html") in printed.replace("\n", "")


@pytest.mark.slow
def test_report_has_every_question_and_relevance_maps(demo_run: tuple[Path, str]) -> None:
    report = (demo_run[0] / "report.html").read_text(encoding="utf-8")
    n_scanned = sum(question.document == SCANNED for question in QUESTIONS)
    assert report.count('<section class="question"') == len(QUESTIONS) + n_scanned
    assert report.count('class="on-map"') >= len(QUESTIONS)
    assert len(report) < 8_000_000


@pytest.mark.slow
def test_questions_find_their_page_by_its_image_alone(demo_run: tuple[Path, str]) -> None:
    folder, printed = demo_run
    lines = printed.partition("By the image alone")[2].splitlines()
    asked = [question for question in QUESTIONS if question.document == SCANNED]
    assert len(asked) == 3
    for question in asked:
        first = lines[lines.index(question.text) + 1]
        assert first.startswith(f"1  scan-{question.page}.png, ")
    assert sorted(path.name for path in (folder / "scans").iterdir())[0] == "scan-1.png"


def test_without_the_runtime_the_demo_says_what_shows_scans(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    printed = StringIO()
    console = Console(file=printed, width=200)
    scans = tmp_path / "scans"
    assert ask_scans(DOCUMENTS / SCANNED, scans, console=console, questions=QUESTIONS) == []
    assert 'pip install "colregion[visual-words]"' in printed.getvalue()
    assert not scans.exists()


def test_folder_that_cannot_be_created_is_a_backend_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BackendError, match="the demo cannot write to"):
        run_demo(tmp_path / "file" / "demo", console=Console(file=StringIO()))
