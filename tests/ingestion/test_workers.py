"""Documents read in worker processes, through the engine, with parsers that misbehave."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from colregion import BackendError, Engine, InvalidInput, Limits, Outcome, Progress
from colregion.core.interfaces import Parser
from colregion.ingestion.workers import worker as worker_module
from colregion.ingestion.workers.worker import Replies, WorkerProcess, stop_idle_workers
from tests.ingestion.hostile_parsers import TroubledParser, UnpicklableParser

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")


def tiff(pages: int, *, grey: int = 255) -> bytes:
    """A document of small pages."""
    frames = [Image.new("L", (30, 40), grey) for _ in range(pages)]
    file = io.BytesIO()
    frames[0].save(file, "TIFF", save_all=True, append_images=frames[1:])
    return file.getvalue()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[WorkerProcess]:
    """The worker processes started by the test, which finds none left idle."""
    stop_idle_workers()
    workers: list[WorkerProcess] = []

    class RecordedWorker(WorkerProcess):
        def __init__(self, parser: bytes, replies: Replies) -> None:
            super().__init__(parser, replies)
            workers.append(self)

    monkeypatch.setattr(worker_module, "WorkerProcess", RecordedWorker)
    return workers


def texts(engine: Engine, doc_id: str) -> list[str]:
    return [page.parsed.text for page in engine.index.load(engine.index.page_ids(doc_id))]


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_pages_are_in_order_for_any_number_of_workers(
    engine_of: Callable[[Parser], Engine], workers: int
) -> None:
    engine = engine_of(TroubledParser())
    report = engine.add(tiff(11), doc_id="d", workers=workers)
    assert report.workers == workers
    assert (report.pages, report.incomplete) == (11, ())
    assert texts(engine, "d") == [f"page {n}" for n in range(1, 12)]
    (page,) = engine.index.load(["d#p7"])
    assert page.parsed.page.image.size == (30, 40)


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ("crash", "a library crashed (SIGSEGV)"),
        pytest.param("bug", "TypeError: no such thing", marks=pytest.mark.slow),
        ("damaged", "its stream ends early"),
    ],
)
def test_a_page_that_fails_costs_only_itself_and_is_reported(
    engine_of: Callable[[Parser], Engine], trouble: str, reason: str
) -> None:
    engine = engine_of(TroubledParser({3: trouble}))
    (outcome,) = engine.add(tiff(6), doc_id="d").outcomes
    assert (outcome.status, outcome.pages, outcome.missing_pages) == ("added", 6, (3,))
    assert outcome.reason.startswith("page 3: ")
    assert reason in outcome.reason
    assert texts(engine, "d") == ["page 1", "page 2", "", "page 4", "page 5", "page 6"]
    (blank,) = engine.index.load(["d#p3"])
    assert reason in blank.parsed.page.missing
    assert all(hit.page_number != 3 for hit in engine.search("page", k=50))


def test_an_incomplete_document_is_read_again_and_a_complete_one_is_skipped(
    engine_of: Callable[[Parser], Engine],
) -> None:
    engine = engine_of(TroubledParser({2: "damaged"}))
    statuses = [engine.add(tiff(3), doc_id="d").outcomes[0].status for _ in range(2)]
    (entry,) = engine.documents()
    assert (entry.page_count, entry.missing_pages) == (3, (2,))
    engine.parser = TroubledParser()
    statuses += [engine.add(tiff(3), doc_id="d").outcomes[0].status for _ in range(2)]
    assert statuses == ["added", "replaced", "replaced", "skipped"]
    assert engine.index.entry("d").missing_pages == ()


def test_the_reason_of_an_incomplete_document_names_each_missing_page(
    engine_of: Callable[[Parser], Engine],
) -> None:
    engine = engine_of(TroubledParser({1: "damaged", 3: "damaged"}))
    (outcome,) = engine.add(tiff(3), doc_id="d", workers=0).outcomes
    assert outcome.missing_pages == (1, 3)
    assert outcome.reason == "page 1: its stream ends early; page 3: its stream ends early"


def test_a_page_beyond_the_time_limit_is_given_up(engine_of: Callable[[Parser], Engine]) -> None:
    engine = engine_of(TroubledParser({1: "hang"}))
    (outcome,) = engine.add(tiff(2), doc_id="d", limits=Limits(seconds_per_page=1.0)).outcomes
    assert outcome.missing_pages == (1,)
    assert "more than 1 s per page; raise the limit `seconds_per_page`" in outcome.reason
    assert texts(engine, "d") == ["", "page 2"]


@on_linux
def test_a_page_beyond_the_memory_limit_is_given_up(
    engine_of: Callable[[Parser], Engine],
) -> None:
    engine = engine_of(TroubledParser({1: "hoard"}))
    report = engine.add([tiff(1), tiff(1, grey=9)], limits=Limits(memory_mb=512))
    assert [o.status for o in report.outcomes] == ["failed", "failed"]
    assert "more than 512 MiB; raise the limit `memory_mb`" in report.outcomes[0].reason


def test_a_document_that_is_parsed_as_a_whole_fails_as_a_whole(
    engine_of: Callable[[Parser], Engine],
) -> None:
    engine = engine_of(TroubledParser({2: "crash"}, by_page=False))
    report = engine.add([tiff(3), tiff(1)])
    assert [(o.status, o.pages) for o in report.outcomes] == [("failed", 0), ("added", 1)]
    assert report.outcomes[0].reason == "a library crashed (SIGSEGV)"


@pytest.mark.slow
def test_a_document_is_given_up_after_four_crashes(
    engine_of: Callable[[Parser], Engine],
) -> None:
    engine = engine_of(TroubledParser(dict.fromkeys(range(2, 20), "crash")))
    (outcome,) = engine.add(tiff(20), doc_id="d").outcomes
    assert outcome.status == "failed"
    assert outcome.reason.startswith("given up after 4 such pages")


def test_output_that_a_library_prints_does_not_disturb_the_replies(
    engine_of: Callable[[Parser], Engine],
) -> None:
    engine = engine_of(TroubledParser({1: "chatter"}))
    assert engine.add(tiff(2), doc_id="d").pages == 2


@pytest.mark.parametrize("workers", [0, None])
def test_limits_on_files_pages_and_pixels_are_enforced(
    engine_of: Callable[[Parser], Engine], tmp_path: Path, workers: int | None
) -> None:
    engine = engine_of(TroubledParser())
    long, wide, large = tmp_path / "a.tif", tmp_path / "b.png", tmp_path / "c.bmp"
    long.write_bytes(tiff(4))
    Image.new("L", (300, 200)).save(wide)
    large.write_bytes(b"BM" + bytes(2 << 20))
    limits = Limits(pages=3, pixels=50_000, file_mb=1)
    report = engine.add(tmp_path, limits=limits, workers=workers)
    reasons = [outcome.reason for outcome in report.outcomes]
    assert "more than 3 pages" in reasons[0]
    assert "300 x 200 pixels; images of up to 50,000 are read" in reasons[1]
    assert "2.0 MiB; files of up to 1 are read" in reasons[2]
    assert engine.documents() == []


def test_a_limit_of_zero_is_refused() -> None:
    with pytest.raises(InvalidInput, match="limit pages must be above 0, got 0"):
        Limits(pages=0)


def test_an_unpicklable_parser_reads_in_this_process_and_the_report_says_so(
    engine_of: Callable[[Parser], Engine],
) -> None:
    engine = engine_of(UnpicklableParser())
    report = engine.add(tiff(2))
    assert (report.workers, report.pages) == (0, 2)
    with pytest.raises(InvalidInput, match="UnpicklableParser cannot be sent"):
        engine.add(tiff(2), workers=1)
    with pytest.raises(InvalidInput, match="0 or more"):
        engine.add(tiff(2), workers=-1)


def test_a_parser_that_workers_cannot_import_is_an_error(
    engine_of: Callable[[Parser], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_idle_workers()  # an idle worker has imported it already
    here = str(Path(__file__).parents[2])
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != here])
    with pytest.raises(BackendError, match=r"No module named 'tests'.*workers=0"):
        engine_of(TroubledParser()).add(tiff(1))


def test_a_document_that_two_sources_lead_to_is_read_once(
    engine_of: Callable[[Parser], Engine], tmp_path: Path
) -> None:
    file = tmp_path / "a.tif"
    file.write_bytes(tiff(1))
    report = engine_of(TroubledParser()).add([file, tmp_path])
    assert [(o.status, o.reason) for o in report.outcomes] == [
        ("added", ""),
        ("skipped", "given twice"),
    ]


def test_ids_do_not_depend_on_which_document_is_read_first(
    engine_of: Callable[[Parser], Engine], tmp_path: Path
) -> None:
    for name, pages in (("one", 9), ("two", 1), ("three", 2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.tif").write_bytes(tiff(pages))
    engine = engine_of(TroubledParser())
    engine.add([tmp_path / "one", tmp_path / "two", tmp_path / "three"], workers=2)
    counts = {entry.id: entry.page_count for entry in engine.documents()}
    assert counts.pop("a.tif") == 9
    assert sorted(counts.values()) == [1, 2]


def test_on_outcome_gets_the_outcomes_that_the_report_has_in_order(
    engine_of: Callable[[Parser], Engine], tmp_path: Path
) -> None:
    outcomes: list[Outcome] = []
    sources: list[Path | bytes] = [tmp_path / "missing", tiff(1), b"rubbish", tiff(2)]
    engine = engine_of(TroubledParser())
    report = engine.add(sources, on_outcome=outcomes.append)
    assert [o.status for o in report.outcomes] == ["failed", "added", "failed", "added"]
    assert {id(outcome) for outcome in outcomes} == {id(outcome) for outcome in report.outcomes}


def test_progress_estimates_the_time_left(
    engine_of: Callable[[Parser], Engine],
) -> None:
    steps: list[Progress] = []
    engine_of(TroubledParser()).add([tiff(2), tiff(2, grey=9)], on_progress=steps.append)
    assert [(s.pages_done, s.pages_total) for s in steps] == [(1, 2), (2, 2), (1, 2), (2, 2)]
    # The first file is stored while the second is read.
    assert {s.files_done for s in steps[:2]} == {0}
    assert {s.files_done for s in steps[2:]} <= {0, 1}
    # After one page of four 3 are left, then 2, then 1.
    pages_left = [step.seconds_left * step.pages_per_second for step in steps]
    assert pages_left == pytest.approx([3, 2, 1, 0])


@pytest.fixture
def interruptible() -> Iterator[None]:
    """As in a terminal, also where the tests run in the background, which ignores Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_stops_at_once_and_keeps_finished_documents(
    engine_of: Callable[[Parser], Engine], tmp_path: Path
) -> None:
    engine = engine_of(TroubledParser({2: "hang"}))
    (tmp_path / "a.tif").write_bytes(tiff(1))
    (tmp_path / "b.tif").write_bytes(tiff(2))

    def interrupt(_outcome: Outcome) -> None:
        # From a thread, as from a terminal: whatever the engine is doing then.
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        engine.add(tmp_path, on_outcome=interrupt)
    assert time.monotonic() - started < 60  # not the ten minutes of the page that hangs
    assert [entry.id for entry in engine.documents()] == ["a.tif"]
    engine.parser = TroubledParser()
    assert [o.status for o in engine.add(tmp_path).outcomes] == ["skipped", "added"]


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_a_worker_that_died_while_idle_is_replaced(
    engine_of: Callable[[Parser], Engine], started: list[WorkerProcess]
) -> None:
    outcomes: list[Outcome] = []

    def kill_the_worker(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if len(outcomes) == 1:
            waiting = -1
            while waiting != (waiting := started[0].replies.qsize()):  # it works on
                time.sleep(1)
            os.kill(started[0]._process.pid, signal.SIGKILL)

    sources = [tiff(1, grey=grey) for grey in range(4)]
    engine_of(TroubledParser()).add(sources, workers=1, on_outcome=kill_the_worker)
    assert [(o.status, o.missing_pages) for o in outcomes] == [("added", ())] * 4
    assert len(started) == 2


def test_next_call_with_the_same_parser_uses_the_idle_worker(
    engine_of: Callable[[Parser], Engine], started: list[WorkerProcess]
) -> None:
    for grey in (10, 20):
        assert engine_of(TroubledParser()).add(tiff(1, grey=grey), workers=1).pages == 1
    assert len(started) == 1
    engine_of(TroubledParser({9: "fail"})).add(tiff(1), workers=1)
    assert len(started) == 2  # another parser
    stop_idle_workers()
    assert not any(worker.is_alive for worker in started)


def test_forked_process_does_not_use_idle_workers_of_its_parent(
    engine_of: Callable[[Parser], Engine],
    started: list[WorkerProcess],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine_of(TroubledParser()).add(tiff(1), workers=1)
    with monkeypatch.context() as forked:
        forked.setattr(os, "getpid", lambda: -1)
        engine_of(TroubledParser()).add(tiff(1), workers=1)
        assert len(started) == 2
        stop_idle_workers()
    assert [worker.is_alive for worker in started] == [True, False]


def test_a_worker_process_imports_no_engine_encoder_or_index() -> None:
    code = "import sys, colregion.ingestion.workers.worker; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = {".".join(name.split(".")[:2]) for name in run.stdout.split()}
    assert "colregion.ingestion" in names
    others = {"engine", "encoders", "indexes", "retrieval", "parsers"}
    assert names.isdisjoint(f"colregion.{name}" for name in others)
    assert names.isdisjoint({"torch", "pypdfium2"})


def test_a_worker_imports_nothing_from_the_working_folder(
    engine_of: Callable[[Parser], Engine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_idle_workers()
    (tmp_path / "json.py").write_text("raise SystemExit('a document folder is no library')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    assert engine_of(TroubledParser()).add(tiff(1), doc_id="d").pages == 1
