"""A visual model through the command line, the frameworks' adapters, the report and the bench."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.visual import visual_row
from colregion.cli import main
from colregion.demo import DOCUMENTS
from colregion.engine import Engine
from colregion.errors import InvalidInput
from colregion.export.html import Section, html_report
from tests.encoders.tiny_colvision import ModelShelf

pytestmark = pytest.mark.torch

(REPORT,) = DOCUMENTS.glob("*report*.pdf")
QUESTION = "How many passengers travelled in 2024?"


def run(*arguments: object) -> int:
    """The exit status."""
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    code = stopped.value.code
    return code if isinstance(code, int) else 0


@pytest.fixture(scope="module")
def library(models: ModelShelf, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("visual") / "library"
    spec = f"{models.folder('colqwen2_5')}?max_num_visual_tokens=64"
    geometry = ("--parser", "text_layer+geometry")
    assert run("add", REPORT, "--index", folder, "--encoder", spec, *geometry) == 0
    return folder


def test_info_shows_the_visual_model_and_its_settings(
    library: Path, models: ModelShelf, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("info", "--index", library, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["encoder"].startswith("ColQwen2_5@")
    assert facts["model"] == f"{models.folder('colqwen2_5')}?max_num_visual_tokens=64"


def test_search_uses_the_indexs_model_and_refuses_another(
    library: Path, models: ModelShelf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    html = tmp_path / "answer.html"
    assert run("search", QUESTION, "--index", library, "-k", 2, "--html", html) == 0
    assert REPORT.name in capsys.readouterr().out
    assert "Relevance map: passengers 1/10" in html.read_text()
    assert run("search", QUESTION, "--index", library, "--encoder", "static_tokens") == 1
    assert "ColQwen2_5@" in capsys.readouterr().err
    other = models.folder("colqwen2_5")
    assert run("search", QUESTION, "--index", library, "--encoder", other) == 1


def test_adapters_return_the_engines_hits_with_a_visual_model(library: Path) -> None:
    with Engine.open(library) as engine:
        expected = [hit.id for hit in engine.search(QUESTION, k=3)]
    from colregion.langchain import RegionRetriever as LangChainRetriever
    from colregion.llama_index import RegionRetriever as LlamaIndexRetriever

    documents = LangChainRetriever(index=str(library), k=3).invoke(QUESTION)
    assert [document.id for document in documents] == expected
    nodes = LlamaIndexRetriever(index=str(library), k=3).retrieve(QUESTION)
    assert [node.node_id for node in nodes] == expected
    Engine.shared(str(library)).close()


def test_report_has_a_map_for_the_question_and_each_content_token(library: Path) -> None:
    with Engine.open(library) as engine:
        hits = engine.search(QUESTION, k=1)
        relevance = engine.explain(QUESTION, hits[0].page_id)
    report = html_report([Section(QUESTION, hits, {hits[0].page_id: relevance})])
    assert report.count('class="heat"') == 1 + relevance.query.content.sum()
    assert "Relevance map: 2024 4/4" in report


def test_eval_runs_with_a_visual_model(
    models: ModelShelf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image_file = tmp_path / "page.png"
    with Engine.open(tmp_path / "unused") as engine:
        page = next(iter(engine.rank("passengers", [REPORT], k=1))).parsed.page
    page.image.resize((400, 566)).save(image_file)
    case = {
        "id": "a",
        "dataset": "d",
        "doc_id": "doc",
        "page": 1,
        "image": image_file.name,
        "question": QUESTION,
        "answers": ["466"],
        "boxes": [[10, 10, 200, 60]],
    }
    cases = tmp_path / "cases.jsonl"
    cases.write_text(json.dumps(case) + "\n")
    spec = models.folder("colqwen2_5")
    arguments = ("--encoder", spec, "--parser", "auto+geometry", "--output", tmp_path / "out.json")
    assert run("eval", cases, *arguments) == 0, capsys.readouterr().err
    rows = json.loads((tmp_path / "out.json").read_text())["rows"]
    assert {"colregion", "paper"} <= set(rows)


def test_bench_compares_a_visual_model_with_and_without_colregion(models: ModelShelf) -> None:
    row = visual_row(f"{models.folder('colqwen2_5')}?max_num_visual_tokens=36")
    assert row["name"] == "visual"
    assert row["ratio"] > 0
    assert "ColQwen2_5@" in row["against"]
    with pytest.raises(InvalidInput, match="no visual encoder"):
        visual_row("static_tokens")
