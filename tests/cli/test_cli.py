"""The command line: what it prints, its JSON, and its errors without a traceback."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from colregion import __version__
from colregion.cli import main
from colregion.cli.outcomes import unread_text
from colregion.demo import DOCUMENTS
from tests.documents.conftest import write_pdf
from tests.documents.test_pdf_notes import attached

(REPORT,) = DOCUMENTS.glob("*report*.pdf")
(SLIDE,) = DOCUMENTS.glob("*slide*.pdf")  # of one page
# Reads in this process: a worker takes longer to start than the report to read.
HERE = ("--parser", "text_layer+geometry", "--workers", 0)


def run(*arguments: object) -> int:
    """The exit status."""
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    code = stopped.value.code
    return code if isinstance(code, int) else 0


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "library"
    options = ("-m", "team=x", *HERE)
    assert run("add", REPORT, "--index", folder, *options) == 0
    return folder


def test_add_reports_added_documents_and_then_skips_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("add", SLIDE, "--index", tmp_path / "library", "--parser", "text_layer+geometry")
    assert run(*arguments) == 0
    assert "1 added" in capsys.readouterr().out
    assert run(*arguments, "--json") == 0
    (outcome,) = json.loads(capsys.readouterr().out)
    assert (outcome["status"], outcome["doc_id"]) == ("skipped", SLIDE.name)


def test_add_says_when_another_parser_reads_unchanged_files_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def added(parser: str, *options: str) -> str:
        arguments = ("add", SLIDE, "--index", tmp_path / "library", "--workers", 0)
        assert run(*arguments, "--parser", parser, *options) == 0
        return " ".join(capsys.readouterr().err.split())

    assert "read again" not in added("text_layer+geometry")
    assert "read again" not in added("text_layer+geometry", "--metadata", "team=x")
    message = added("auto+geometry", "--metadata", "team=x")
    assert "read again 1 unchanged file: before by text_layer-" in message
    assert "; now by auto-" in message


def test_add_reports_unreadable_files_and_adds_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "good.pdf").write_bytes(SLIDE.read_bytes())
    (tmp_path / "in" / "bad.pdf").write_bytes(b"%PDF-1.4 rubbish")
    (tmp_path / "in" / "notes.docx").write_bytes(b"PK\x03\x04")
    status = run(
        "add",
        tmp_path / "in",
        tmp_path / "missing",
        *("--index", tmp_path / "library", *HERE),
    )
    captured = capsys.readouterr()
    assert status == 1
    assert "1 added, 3 failed" in captured.out
    errors = captured.err.replace("\n", "")
    assert "bad.pdf" in errors
    assert "missing" in errors
    assert "save it again" in errors
    assert "Traceback" not in errors


def test_add_names_attached_files_that_it_does_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.pdf").write_bytes(attached(write_pdf, "bill.pdf"))
    assert run("add", tmp_path / "a.pdf", "--index", tmp_path / "library", *HERE) == 0
    printed = " ".join(capsys.readouterr().err.split())
    assert "a.pdf: attached files are not read (bill.pdf)" in printed


def test_add_writes_a_json_report_of_every_file(tmp_path: Path) -> None:
    (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.4 rubbish")
    file = tmp_path / "report.json"
    arguments = ("add", REPORT, tmp_path / "bad.pdf", "--index", tmp_path / "library")
    assert run(*arguments, "--parser", "text_layer+geometry", "--report", file) == 1
    report = json.loads(file.read_text())
    assert (report["stopped"], report["added"], report["failed"]) == (False, 1, 1)
    assert report["pages"] == report["outcomes"][0]["pages"] > 1
    assert report["workers"] >= 1
    assert [outcome["status"] for outcome in report["outcomes"]] == ["added", "failed"]
    assert "damaged" in report["outcomes"][1]["reason"]


def test_add_counts_ignored_files_and_skips_an_index_inside_the_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "good.pdf").write_bytes(SLIDE.read_bytes())
    for name in ("a.heic", "b.heic", "c.uzn"):
        (tmp_path / name).touch()
    arguments = ("add", tmp_path, "--index", tmp_path / "library", *HERE)
    for what in ("1 added, 3 ignored", "1 skipped, 3 ignored"):
        assert run(*arguments) == 0
        captured = capsys.readouterr()
        assert what in captured.out
        assert "unsupported types: 2 .heic, 1 .uzn" in " ".join(captured.err.split())


def test_limits_and_workers_can_be_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("add", REPORT, "--index", tmp_path / "library", "--parser", "text_layer+geometry")
    assert run(*arguments, "--max-pages", 1) == 1
    assert "more than 1 pages" in " ".join(capsys.readouterr().err.split())
    assert run(*arguments, "--max-pixels", 0) == 2
    assert "pixels must be above 0" in capsys.readouterr().err
    assert run(*arguments, "--workers", 0) == 0


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_an_interrupted_add_continues_when_run_again(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(30):
        (tmp_path / "in" / f"{number:02}.pdf").write_bytes(REPORT.read_bytes())
    file = tmp_path / "report.json"
    command = [sys.executable, "-m", "colregion", "add", str(tmp_path / "in")]
    command += ["--index", str(tmp_path / "library"), "--parser", "text_layer+geometry"]
    adding = subprocess.Popen([*command, "--report", str(file)], stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "library" / "images").is_dir():
        time.sleep(0.02)
    time.sleep(0.3)
    adding.send_signal(signal.SIGINT)
    _, errors = adding.communicate(timeout=120)
    assert (adding.returncode, "Traceback" in errors) == (130, False), errors
    assert "run the same command again" in errors
    report = json.loads(file.read_text())
    assert report["stopped"]
    done = {outcome["doc_id"] for outcome in report["outcomes"]}
    assert run(*command[3:], "--report", file) == 0
    report = json.loads(file.read_text())
    assert (report["stopped"], len(report["outcomes"])) == (False, 30)
    skipped = {o["doc_id"] for o in report["outcomes"] if o["status"] == "skipped"}
    assert done <= skipped


def test_search_prints_regions_or_json_or_a_report(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("search", "total revenue of the year", "--index", library, "-k", 2) == 0
    assert REPORT.name in capsys.readouterr().out
    file = tmp_path / "hits.json"
    page = tmp_path / "answer.html"
    arguments = ("search", "total revenue of the year", "--index", library)
    assert run(*arguments, "--output", file, "--html", page, "--filter", "metadata.team=x") == 0
    hits = json.loads(file.read_text())
    assert len(hits) == 5
    assert {"text", "score", "region_id", "x0", "page_number"} <= set(hits[0])
    assert page.read_text().startswith("<!DOCTYPE html>")
    marked = tmp_path / "marked.pdf"
    assert run(*arguments, "--pdf", marked) == 0
    assert b"/Highlight" in marked.read_bytes()
    capsys.readouterr()
    assert run(*arguments, "--filter", "metadata.team=y", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize("option", ["--html", "--pdf"])
def test_search_refuses_to_overwrite_an_indexed_document_before_searching(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "a.pdf"
    document.write_bytes(SLIDE.read_bytes())
    arguments = ("--index", tmp_path / "library")
    assert run("add", document, *arguments, *HERE) == 0
    # No hits: the refusal does not depend on what the search returns.
    assert run("search", "revenue", *arguments, "-f", "kind=patch", option, document) == 2
    assert "is an indexed document and would be overwritten" in capsys.readouterr().err
    assert document.read_bytes() == SLIDE.read_bytes()


def test_search_with_rerank_prints_hits_without_a_confidence(
    library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("search", "total revenue of the year", "--index", library, "-k", 1, "--json")
    assert run(*arguments, "--rerank", "static_tokens") == 0
    (hit,) = json.loads(capsys.readouterr().out)
    assert "confidence" not in hit
    assert "Revenue" in hit["text"]


def test_json_is_a_flag_that_takes_no_value(
    library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("search", "--json", "revenue", "--index", library) == 0
    assert json.loads(capsys.readouterr().out)
    assert run("search", "revenue", "--index", library, "--json", "-k", 2) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2


def test_add_with_json_before_a_path_leaves_the_file_alone(tmp_path: Path) -> None:
    paths = [tmp_path / "a.pdf", tmp_path / "b.pdf"]
    for path in paths:
        path.write_bytes(SLIDE.read_bytes())
    options = ("--index", tmp_path / "library", *HERE)
    assert run("add", "--json", *paths, *options) == 0
    assert all(path.read_bytes() == SLIDE.read_bytes() for path in paths)


@pytest.mark.parametrize("option", ["--output", "--report"])
def test_add_refuses_to_overwrite_a_document_before_reading_anything(
    tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "a.pdf"
    document.write_bytes(REPORT.read_bytes())
    assert run("add", REPORT, "--index", tmp_path / "library", option, document) == 2
    assert "was not written by this command" in " ".join(capsys.readouterr().err.split())
    assert document.read_bytes() == REPORT.read_bytes()
    assert not (tmp_path / "library").exists()


def test_output_overwrites_its_own_file_and_no_other_json(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "hits.json"
    for k in (2, 3):
        assert run("search", "revenue", "--index", library, "-k", k, "--output", file) == 0
    assert len(json.loads(file.read_text())) == 3
    other = tmp_path / "package.json"
    other.write_text('{"name": "mine"}')
    assert run("search", "revenue", "--index", library, "--output", other) == 2
    assert other.read_text() == '{"name": "mine"}'
    assert "contains other JSON" in " ".join(capsys.readouterr().err.split())


def test_page_filters_take_a_range(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("search", "revenue", "--index", library, "--json")
    assert run(*arguments, "--filter", "page_number=2-3") == 0
    hits = json.loads(capsys.readouterr().out)
    assert hits
    assert {hit["page_number"] for hit in hits} <= {2, 3}
    for pages, within in (("2-", {2, 3, 4, 5}), ("-3", {1, 2, 3}), ("4", {4})):
        assert run(*arguments, f"--filter=page_number={pages}") == 0
        assert {hit["page_number"] for hit in json.loads(capsys.readouterr().out)} <= within
    for pages in ("two", "-", "2-x"):
        assert run(*arguments, f"--filter=page_number={pages}") == 2
        assert "a page, or a range as 2-9" in " ".join(capsys.readouterr().err.split())


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"colregion {__version__}\n"


def test_completion_is_offered_for_the_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    printed = capsys.readouterr().out
    assert "--install-completion" in printed
    assert "--show-completion" in printed


def test_brief_search_prints_a_line_per_region(
    library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("search", "total revenue", "--index", library, "-k", 3, "--brief") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[-3:]] == [[str(n), REPORT.name] for n in (1, 2, 3)]


def test_list_info_and_remove(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "library"
    run("add", REPORT, "--index", folder, "--doc-id", "report", *HERE)
    capsys.readouterr()
    assert run("list", "--index", folder, "--json") == 0
    assert [entry["id"] for entry in json.loads(capsys.readouterr().out)] == ["report"]
    assert run("list", "--index", folder) == 0
    assert "report" in capsys.readouterr().out
    assert run("info", "--index", folder, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["documents"] == 1
    assert facts["pages"] > 1
    assert facts["bytes"] > 1000
    assert "static_tokens" in facts["encoder"]
    assert run("remove", "report", "--index", folder) == 0
    capsys.readouterr()
    assert run("remove", "report", "--index", folder) == 1
    assert "report" in capsys.readouterr().err


def test_min_confidence_leaves_out_unlikely_regions(
    library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("search", "total revenue of the year", "--index", library, "-k", 1)
    assert run(*arguments, "--min-confidence", 0.05) == 0
    assert "confidence" in capsys.readouterr().out
    assert run(*arguments, "--min-confidence", 1) == 0
    assert capsys.readouterr().out == "nothing found\n"
    assert run(*arguments, "--min-confidence", 2) == 2


def test_info_lists_damage_and_search_can_skip_damaged_pages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "library"
    options = (*HERE, "--precision", "int8", "--wait", "5")
    run("add", REPORT, "--index", folder, "--doc-id", "report", *options)
    capsys.readouterr()
    assert run("info", "--index", folder, "--verify") == 0
    assert capsys.readouterr().out == "sound\n"
    assert run("info", "--index", folder, "--recall", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["precision"], facts["search"], facts["recall"]) == ("int8", "exact", None)
    assert run("compact", "--index", folder) == 0
    assert "bytes before" in capsys.readouterr().out
    with closing(sqlite3.connect(folder / "index.sqlite")) as database:
        database.execute("UPDATE page_record SET words = x'00' WHERE page = 1")
        database.commit()
    assert run("info", "--index", folder, "--verify") == 1
    assert capsys.readouterr().out == "index.sqlite: report#p1: its record\n1 damaged\n"
    assert run("info", "--index", folder, "--verify", "--json") == 1
    (damage,) = json.loads(capsys.readouterr().out)
    assert (damage["doc_id"], damage["page_number"]) == ("report", 1)
    question = ("search", "revenue", "--index", folder, "--filter", "page_number=1-2", "--json")
    assert run(*question) == 1
    assert "--skip-damaged" in capsys.readouterr().err
    assert run(*question, "--skip-damaged") == 0
    assert {hit["page_number"] for hit in json.loads(capsys.readouterr().out)} == {2}


@pytest.mark.slow
def test_eval_of_an_archive_builds_its_index_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "report.pdf").write_bytes(REPORT.read_bytes())
    line = {
        "id": "a",
        "dataset": "reports",
        "doc_id": "report.pdf",
        "page": 0,
        "question": "What was the revenue?",
        "answers": [],
        "evidence_type": "text",
        "boxes": [[100, 100, 500, 200]],
        "width": 1000,
        "height": 1400,
    }
    (tmp_path / "questions.jsonl").write_text(json.dumps(line))
    arguments = ("eval", tmp_path / "questions.jsonl", "--archive", tmp_path / "archive")
    options = ("--index", tmp_path / "library", "--parser", "text_layer+geometry")
    assert run(*arguments, *options, "--method", "bm25_page", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    groups = ["reports", "reports, answerable", "reports, text"]
    assert list(result["rows"]["bm25_page"]) == groups
    assert result["pages"] > 1
    assert run("list", "--index", tmp_path / "library", "--json") == 0
    indexed = capsys.readouterr().out
    reranking = ("--method", "colregion", "--rerank", "static_tokens")
    assert run(*arguments, *options, *reranking) == 0
    assert "reports, text (n = 1)" in capsys.readouterr().out
    assert run("list", "--index", tmp_path / "library", "--json") == 0
    assert capsys.readouterr().out == indexed


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["search", "", "--index", "LIBRARY"], 2, "question is empty"),
        (["search", "x", "--index", "LIBRARY", "-k", "0"], 2, "k must"),
        (["search", "x", "--index", "LIBRARY", "--filter", "docid=x"], 2, "docid"),
        (["search", "x", "--index", "LIBRARY", "--filter", "docid"], 2, "KEY=VALUE"),
        (["search", "x", "--index", "LIBRARY", "--method", "paper"], 2, "--method"),
        (["search", "x", "--index", "LIBRARY", "--encoder", "magic"], 2, "magic"),
        (["search", "x", "--index", "LIBRARY", "--rerank", "magic"], 2, "magic"),
        (["search", "x", "--index", "LIBRARY", "--output", "/no/such/folder/x"], 2, "cannot write"),
        (["search", "x", "--index", "/no/such/index"], 2, "/no/such/index"),
        (["list", "--index", "/no/such/index"], 2, "/no/such/index"),
        (["add", "x.pdf", "--index", "/dev/null/library"], 1, "/dev/null"),
        (["eval", "/no/such/cases.jsonl"], 2, "cases.jsonl"),
        (["eval", "x", "--archive", "/no/such/folder"], 2, "/no/such/folder is not a folder"),
        (["eval", "x", "--index", "library"], 2, "name its folder with --archive"),
        (["eval", "x", "--corpus", "--archive", "."], 2, "--corpus or --archive, not both"),
        (["fly"], 2, "fly"),
    ],
)
def test_errors_are_one_line_with_an_exit_status(
    library: Path,
    arguments: list[str],
    status: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    actual = [str(library) if argument == "LIBRARY" else argument for argument in arguments]
    assert run(*actual) == status
    errors = capsys.readouterr().err
    assert said in " ".join(errors.split())
    assert "Traceback" not in errors


def test_file_names_cannot_inject_markup_or_terminal_escapes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = tmp_path / "[red]\x1b[31m.pdf"
    evil.write_bytes(b"%PDF-1.4 rubbish")
    assert run("add", evil, "--index", tmp_path / "library", *HERE) == 1
    errors = capsys.readouterr().err
    assert "\x1b[31m" not in errors
    assert "[red]" in errors


def test_reading_on_demand_without_an_encoder_for_images_is_refused_with_the_ways_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "library"
    assert run("add", SLIDE, "--index", folder, "--reading", "on_demand", *HERE[2:]) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert "encoder='visual_words'" in error
    assert "reading='now'" in error


def test_unread_pages_are_counted_in_words() -> None:
    assert [unread_text(0, pages=n) for n in (0, 1, 3)] == ["", "", ""]
    assert unread_text(1, pages=1) == ", unread"
    assert unread_text(1, pages=3) == ", 1 of them unread"
    assert unread_text(3, pages=3) == ", 3 of them unread"


@pytest.mark.slow
@pytest.mark.ocr
@pytest.mark.fonts
def test_a_scan_goes_in_unread_and_is_read_by_a_question_and_then_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = Image.new("RGB", (800, 400), "white")
    pen = ImageDraw.Draw(image)
    font = ImageFont.truetype("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", 24)
    pen.text((60, 40), "Delivery address: Harbour Street 7", fill="black", font=font)
    pen.text((60, 300), "Payment within fourteen days", fill="black", font=font)
    image.save(tmp_path / "scan.png")
    at = ("--index", tmp_path / "library")
    parser = ("--parser", "tesseract+geometry")
    adding = ("--encoder", "visual_words", "--reading", "on_demand", "--workers", 0)
    assert run("add", tmp_path / "scan.png", *at, *parser, *adding) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "(1 page into" in printed
    assert ", unread)" in printed
    assert run("search", "delivery address", *at, "-k", 1, "--reading-budget", 0) == 0
    assert "not read no time was given" in " ".join(capsys.readouterr().out.split())
    assert run("search", "delivery address", *at, "-k", 1, "--reading-budget", 30) == 0
    assert "Harbour Street 7" in " ".join(capsys.readouterr().out.split())
    assert run("read", *at, *parser) == 0
    assert "1 page read, 0 left" in capsys.readouterr().out
    assert run("search", "payment days", *at, "-k", 1, "--reading-budget", 0) == 0
    assert "fourteen" in " ".join(capsys.readouterr().out.split())
