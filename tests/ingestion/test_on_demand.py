"""Documents that go in unread and are read when a question needs them, or by `Engine.read`."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from colregion.engine import Engine
from colregion.errors import BackendError, InvalidInput, NotIndexed
from colregion.indexes.local.index import LocalIndex
from colregion.indexes.memory import MemoryIndex
from colregion.ingestion.on_demand import OnDemandReader
from colregion.ingestion.pipeline import Progress
from colregion.parsers import load_parser
from colregion.parsers.layout import Layout
from colregion.parsers.page_parser import PageParser
from colregion.testing import WordEncoder
from tests.ingestion.color_words import (
    ColorReader,
    ProseReader,
    color_parser,
    draw_bars,
    fine_colors,
)

ROOT = Path(__file__).parents[2]
PAGES = {
    "a.png": ["red blue", "-", "-", "-", "green"],
    "b.png": ["green", "-", "red"],
    "c.png": ["blue - blue"],
}


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    folder.mkdir()
    for name, rows in PAGES.items():
        draw_bars(rows).save(folder / name)
    return folder


def open_engine(index: Any = None, reader: ColorReader | None = None, **options: Any) -> Engine:
    index = MemoryIndex() if index is None else index
    return Engine(index, encoder=fine_colors(), parser=color_parser(reader), **options)


def add_unread(engine: Engine, *sources: Any, **options: Any) -> Any:
    options = {"workers": 0, **options}
    return engine.add(list(sources), reading="on_demand", progress=False, **options)


def verify(folder: Path) -> list[Any]:
    with LocalIndex(folder) as index:
        return index.verify()


def words_of(engine: Engine, doc_id: str) -> list[str]:
    (page,) = engine.index.load(engine.index.page_ids(doc_id))
    return [word.text for word in page.parsed.words]


def test_scans_go_in_unread_and_reports_and_entries_say_so(scans: Path) -> None:
    engine = open_engine()
    report = add_unread(engine, scans)
    assert (report.pages, report.unread_pages, report.counts) == (3, 3, {"added": 3})
    assert [outcome.unread_pages for outcome in report.outcomes] == [1, 1, 1]
    assert [entry.unread_pages for entry in engine.documents()] == [1, 1, 1]
    assert words_of(engine, "a.png") == []


def test_a_question_reads_where_it_is_hot_and_nothing_else(scans: Path) -> None:
    engine = open_engine()
    add_unread(engine, scans / "a.png")
    (hit,) = engine.search("green", k=1)
    assert (hit.text, hit.unread, hit.region.ocr_confidence) == ("green", False, 0.75)
    assert words_of(engine, "a.png") == ["green"]
    assert engine.index.unread_pages() == {"a.png#p1": pytest.approx(2 / 3)}
    assert hit.quotes[0].text == "green"


def test_what_was_read_is_stored_and_not_read_again(scans: Path, tmp_path: Path) -> None:
    with open_engine(LocalIndex(tmp_path / "index")) as engine:
        add_unread(engine, scans)
        texts = [(hit.id, hit.text) for hit in engine.search("green", k=2)]
    (scans / "a.png").unlink()
    (scans / "b.png").unlink()
    with open_engine(LocalIndex(tmp_path / "index")) as engine:
        assert [(hit.id, hit.text) for hit in engine.search("green", k=2)] == texts
        assert [text for _, text in texts] == ["green", "green"]
        assert verify(tmp_path / "index") == []


def test_a_region_that_was_unread_is_found_by_its_id_with_its_text_later(scans: Path) -> None:
    engine = open_engine()
    add_unread(engine, scans / "b.png")
    (unread,) = engine.search("green", k=1, reading_budget_s=0)
    assert (unread.text, unread.unread) == ("", True)
    assert unread.crop().size[0] > 10
    engine.search("green", k=1)
    assert engine.region(unread.id).text == "green"


def test_a_context_names_what_it_left_unread_and_why(scans: Path) -> None:
    engine = open_engine(reading_budget_s=0)
    add_unread(engine, scans)
    context = engine.context("green")
    assert context.text == ""
    assert context.unread[0].doc_id in ("a.png", "b.png")
    assert context.reason == (
        "the regions that match have not been read: no time was given to read it "
        "(reading_budget_s is 0)"
    )
    engine.reading_budget_s = 5
    assert "green" in engine.context("green").text


def test_adding_again_skips_what_is_unread_and_reading_now_reads_it(scans: Path) -> None:
    engine = open_engine()
    add_unread(engine, scans / "a.png")
    assert add_unread(engine, scans / "a.png").counts == {"skipped": 1}
    report = engine.add(scans / "a.png", progress=False)
    assert (report.counts, report.unread_pages) == ({"replaced": 1}, 0)
    assert words_of(engine, "a.png") == ["red", "blue", "green"]
    assert add_unread(engine, scans / "a.png").counts == {"skipped": 1}
    assert engine.add(scans / "a.png", progress=False).counts == {"skipped": 1}


def test_an_encoder_that_sees_no_images_is_refused_with_the_two_ways_out(scans: Path) -> None:
    engine = Engine(MemoryIndex(), encoder=WordEncoder(), parser=color_parser())
    with pytest.raises(InvalidInput, match=r"encoder='visual_words'.*reading='now'"):
        add_unread(engine, scans)
    assert engine.documents() == []


def test_an_unknown_mode_and_a_parser_without_images_are_refused(scans: Path) -> None:
    engine = open_engine()
    with pytest.raises(InvalidInput, match=r"one of \('now', 'on_demand'\), got 'later'"):
        engine.add(scans, reading="later")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="reads images page by page"):
        add_unread(engine, scans, parser="text_layer")


def test_without_ocr_hits_stay_unread_and_say_what_to_install(
    scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("tesseract_installed", "rapidocr_installed"):
        monkeypatch.setattr(f"colregion.parsers.auto_reader.{name}", lambda: False)
    parser = load_parser("auto+geometry")
    engine = Engine(MemoryIndex(), encoder=fine_colors(), parser=parser)
    add_unread(engine, scans / "a.png")
    (hit,) = engine.search("green", k=1)
    assert (hit.text, hit.unread) == ("", True)
    assert 'pip install "colregion[ocr]"' in hit.unread_reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda path: path.unlink(), "is no file here"),
        (lambda path: draw_bars(["blue"]).save(path), "has changed since it was indexed"),
    ],
)
def test_a_source_that_is_gone_or_changed_is_not_read(
    scans: Path, change: Callable[[Path], None], reason: str
) -> None:
    engine = open_engine()
    add_unread(engine, scans / "a.png")
    change(scans / "a.png")
    (hit,) = engine.search("green", k=1)
    assert (hit.text, hit.unread) == ("", True)
    assert reason in hit.unread_reason
    report = engine.read()
    assert (report.pages, report.unread) == (0, 1)
    assert reason in report.problems["a.png#p1"]


def test_a_document_that_came_as_bytes_is_read_from_the_image_of_the_index() -> None:
    engine = open_engine()
    packed = BytesIO()
    draw_bars(["red", "-", "-", "green"]).save(packed, "PNG")
    add_unread(engine, packed.getvalue(), doc_id="bytes")
    assert engine.search("green", k=1)[0].text == "green"


def test_a_crash_of_the_reader_leaves_the_page_as_it_was(scans: Path, tmp_path: Path) -> None:
    trouble = tmp_path / "trouble"
    trouble.touch()
    reader = ColorReader(trouble="crash", trouble_while=trouble)
    engine = open_engine(LocalIndex(tmp_path / "index"), reader)
    add_unread(engine, scans / "a.png")
    before = engine.index.unread_pages()
    (hit,) = engine.search("green", k=1)
    assert (hit.text, hit.unread) == ("", True)
    assert "a library crashed (SIGSEGV)" in hit.unread_reason
    assert engine.index.unread_pages() == before
    trouble.unlink()
    assert engine.search("green", k=1)[0].text == "green"


@pytest.mark.slow
def test_an_area_without_end_is_given_up_and_not_tried_again(scans: Path, tmp_path: Path) -> None:
    trouble = tmp_path / "trouble"
    trouble.touch()
    reader = ColorReader(trouble="hang", trouble_while=trouble)
    engine = open_engine(LocalIndex(tmp_path / "index"), reader)
    add_unread(engine, scans / "a.png")
    (hit,) = engine.search("green", k=1, reading_budget_s=0.3)
    assert hit.unread_reason == "it was not read in 0.9 s"
    trouble.unlink()
    (hit,) = engine.search("green", k=1)
    assert "took too long before" in hit.unread_reason
    assert "red" in engine.search("red", k=1)[0].text  # other areas are not given up
    assert engine.read().pages == 1
    assert engine.search("green", k=1)[0].text == "green"
    draw_bars([*PAGES["a.png"], "-", "blue"]).save(scans / "a.png")
    add_unread(engine, scans / "a.png")
    assert engine.search("green", k=1)[0].text == "green"  # nor are those of other content


def test_what_had_to_wait_for_a_worker_is_not_given_up(scans: Path) -> None:
    engine = open_engine()
    add_unread(engine, scans / "a.png")
    (page,) = engine.index.load(["a.png#p1"])
    path = page.parsed.regions[page.parsed.unread_leaves[0]].path
    content = (scans / "a.png").read_bytes()
    (scans / "a.png").unlink()
    slots = engine.reader._slots
    while slots.acquire(blocking=False):
        pass
    release = threading.Timer(2.0, slots.release)
    release.start()
    reading = engine.reader.read("a.png#p1", [path], limit_s=1.5)
    assert (reading.page, "is no file here" in reading.problem) == (None, True)
    (scans / "a.png").write_bytes(content)
    assert engine.reader.read("a.png#p1", [path], limit_s=60).problem == ""


def test_words_count_at_once_while_another_writer_holds_the_index_and_are_stored_later(
    scans: Path, tmp_path: Path
) -> None:
    engine = open_engine(LocalIndex(tmp_path / "index"))
    add_unread(engine, scans / "a.png")
    other = LocalIndex(tmp_path / "index")
    with other._changing():
        assert engine.search("green", k=1)[0].text == "green"
        assert words_of(engine, "a.png") == []
    (scans / "a.png").unlink()  # it need not be read again
    assert engine.search("green", k=1)[0].text == "green"
    assert words_of(engine, "a.png") == ["green"]
    other.close()


def test_read_waits_for_another_writer(scans: Path, tmp_path: Path) -> None:
    engine, other = open_engine(LocalIndex(tmp_path / "index")), LocalIndex(tmp_path / "index")
    add_unread(engine, scans / "a.png")
    changing = other._changing()
    changing.__enter__()
    release = threading.Timer(1.0, changing.__exit__, (None, None, None))
    release.start()
    assert engine.read().pages == 1
    release.join()
    other.close()


def test_read_completes_the_pages_that_questions_lit_up_first(scans: Path) -> None:
    engine = open_engine()
    add_unread(engine, scans)
    engine.search("blue", k=1)  # the best page for blue
    hot = next(one for one, share in engine.index.unread_pages().items() if share < 1)
    steps: list[Progress] = []
    report = engine.read(on_progress=steps.append)
    assert (report.pages, report.unread, report.problems) == (3, 0, {})
    assert Path(steps[0].source).name == hot.removesuffix("#p1")
    assert [(step.files_done, step.files_total) for step in steps] == [(1, 3), (2, 3), (3, 3)]
    assert engine.index.unread_pages() == {}
    assert words_of(engine, "a.png") == ["red", "blue", "green"]
    assert engine.read().pages == 0


def test_read_joins_what_goes_on_over_the_end_of_a_page_as_reading_now_does(tmp_path: Path) -> None:
    pages = [draw_bars(["-", "red"]), draw_bars(["blue"])]
    pages[0].save(tmp_path / "two.tiff", save_all=True, append_images=pages[1:])
    parser = PageParser(ProseReader(), Layout("geometry"), workers=1)
    now, later = (Engine(MemoryIndex(), encoder=fine_colors(), parser=parser) for _ in range(2))
    now.add(tmp_path / "two.tiff", progress=False, workers=0)
    add_unread(later, tmp_path / "two.tiff")
    assert later.read().pages == 2
    regions = [
        [page.parsed.regions for page in one.index.load(["two.tiff#p1", "two.tiff#p2"])]
        for one in (now, later)
    ]
    assert regions[0] == regions[1]
    assert regions[1][0][0].text == "\n".join(chain(*ProseReader.lines))
    assert regions[1][1][0].continues


def test_read_of_one_document_leaves_the_others(scans: Path) -> None:
    engine = open_engine()
    add_unread(engine, scans)
    assert engine.read("b.png").pages == 1
    assert list(engine.index.unread_pages()) == ["a.png#p1", "c.png#p1"]
    with pytest.raises(NotIndexed, match="unknown"):
        engine.read("unknown")


def test_read_begins_no_page_after_its_budget(scans: Path) -> None:
    engine = open_engine()
    add_unread(engine, scans)
    report = engine.read(budget_s=0)
    assert (report.pages, report.unread) == (0, 3)


def test_an_interrupted_read_has_stored_what_it_read(scans: Path, tmp_path: Path) -> None:
    def interrupt(step: Progress) -> None:
        if step.files_done == 2:
            raise KeyboardInterrupt

    engine = open_engine(LocalIndex(tmp_path / "index"))
    add_unread(engine, scans)
    with pytest.raises(KeyboardInterrupt):
        engine.read(on_progress=interrupt)
    assert len(engine.index.unread_pages()) == 1
    assert engine.read().pages == 1


def test_a_copy_has_the_same_unread_pages_and_is_read_on_demand_too(
    scans: Path, tmp_path: Path
) -> None:
    engine = open_engine()
    add_unread(engine, scans)
    engine.search("green", k=1)
    engine.copy_to(tmp_path / "copy")
    with open_engine(LocalIndex(tmp_path / "copy")) as copy:
        assert copy.index.unread_pages() == engine.index.unread_pages()
        assert "red" in copy.search("red", k=1)[0].text


def test_two_readers_of_one_area_leave_one_result(scans: Path, tmp_path: Path) -> None:
    with open_engine(LocalIndex(tmp_path / "index")) as engine:
        add_unread(engine, scans / "a.png")
        (page,) = engine.index.load(["a.png#p1"])
    paths = [page.parsed.regions[leaf].path for leaf in page.parsed.leaves]
    barrier = threading.Barrier(2)

    def read(own: list[tuple[int, ...]]) -> None:
        with LocalIndex(tmp_path / "index") as index:
            reader = OnDemandReader(index, fine_colors(), color_parser())
            barrier.wait()
            for path in own:
                assert reader.read("a.png#p1", [path], limit_s=60).problem == ""

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(read, [paths, paths[::-1]]))
    with LocalIndex(tmp_path / "index") as index:
        (page,) = index.load(["a.png#p1"])
        # A commit that met the other's lock is stored with that reader's next area.
        texts = [page.parsed.regions[leaf].text for leaf in page.parsed.leaves]
        assert sorted(filter(None, texts)) == sorted(word.text for word in page.parsed.words)
        assert len(page.parsed.words) == len(set(page.parsed.words))
        assert index.verify() == []


def test_questions_are_answered_while_everything_is_read(scans: Path, tmp_path: Path) -> None:
    with open_engine(LocalIndex(tmp_path / "index")) as engine:
        add_unread(engine, scans)

        def ask(color: str) -> list[str]:
            return [hit.text for hit in engine.search(color, k=2) if not hit.unread]

        with ThreadPoolExecutor(9) as pool:
            reading = pool.submit(engine.read)
            answers = [pool.submit(ask, color) for color in ("red", "green", "blue", "red") * 2]
            for answer in answers:
                assert set(" ".join(answer.result()).split()) <= {"red", "green", "blue"}
            reading.result()
        engine.read()
        assert engine.index.unread_pages() == {}
        for name, rows in PAGES.items():
            expected = " ".join(rows).replace("-", "").split()
            assert sorted(words_of(engine, name)) == sorted(expected)
        assert verify(tmp_path / "index") == []


_READ = """
    import sys, time
    from pathlib import Path
    from colregion.engine import Engine
    from colregion.indexes.local.index import LocalIndex
    from tests.ingestion.color_words import color_parser, fine_colors

    def show(step):
        print(step.files_done, flush=True)
        time.sleep(0.05)

    with Engine(LocalIndex(sys.argv[1]), encoder=fine_colors(), parser=color_parser()) as engine:
        engine.read(on_progress=show)
"""


@pytest.mark.slow
def test_a_process_killed_while_it_reads_leaves_whole_pages(scans: Path, tmp_path: Path) -> None:
    for n in range(6):
        draw_bars(["red", "-", "green"]).save(scans / f"x{n}.png")
    folder = tmp_path / "index"
    with open_engine(LocalIndex(folder)) as engine:
        add_unread(engine, scans)
    command = [sys.executable, "-c", textwrap.dedent(_READ), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        process.kill()
    with open_engine(LocalIndex(folder)) as engine:
        assert verify(tmp_path / "index") == []
        left = engine.index.unread_pages()
        assert 0 < len(left) < 9
        assert set(left.values()) == {1.0}
        assert engine.read().pages == len(left)
        assert words_of(engine, "x3.png") == ["red", "green"]


def test_a_read_only_index_answers_and_stores_nothing(scans: Path, tmp_path: Path) -> None:
    with open_engine(LocalIndex(tmp_path / "index")) as engine:
        add_unread(engine, scans / "a.png")
    with open_engine(LocalIndex(tmp_path / "index", read_only=True)) as engine:
        assert engine.search("green", k=1)[0].text == "green"
        assert words_of(engine, "a.png") == []
        with pytest.raises(BackendError, match="read-only"):
            engine.remove("a.png")
        started = time.monotonic()
        assert "read-only" in engine.read().problems["a.png#p1"]
        assert time.monotonic() - started < 20  # not waited for


@pytest.mark.qdrant
def test_an_index_on_qdrant_is_read_on_demand_too(scans: Path) -> None:
    from colregion.indexes.qdrant import QdrantIndex

    with open_engine(QdrantIndex(":memory:", "pages")) as engine:
        add_unread(engine, scans)
        assert engine.search("green", k=1, reading_budget_s=0)[0].text == ""
        assert [hit.text for hit in engine.search("green", k=2)] == ["green", "green"]
        assert {entry.id: entry.unread_pages for entry in engine.documents()} == {
            "a.png": 1,
            "b.png": 1,
            "c.png": 1,
        }
        assert engine.index.unread_pages()["c.png#p1"] == 1.0
        assert engine.index.document_frequency(["green"]) == [2]
        assert engine.read().pages == 3
        assert engine.documents()[0].unread_pages == 0
        assert sorted(words_of(engine, "a.png")) == ["blue", "green", "red"]
