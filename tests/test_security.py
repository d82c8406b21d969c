"""Hostile input through the whole stack: names, ids, texts and filters can carry anything."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from colregion import Engine
from colregion.cli import main
from colregion.core.documents import Page
from colregion.core.geometry import Box
from colregion.documents import open_document
from colregion.errors import ColregionError
from colregion.export.pdf_highlights import annotate_pdf
from colregion.mcp.tools import EngineTools
from colregion.parsers import ExternalRegion, FunctionRegions

ESCAPES = "\x1b[31mred\x1b]0;title\x07\x9b2J"
BIDI = "abc\u202eexe.fdp\u2066\u2069\u200f"
HOSTILE = [
    "'; DROP TABLE documents; --",
    '" OR 1=1 --',
    "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'>",
    "</title></style><svg onload='window.pwned = 1'>",
    ESCAPES,
    BIDI,
    "null\0byte",
    "../../../../tmp/colregion-escaped",
    "/etc/passwd",
    "..\\..\\windows",
    "C:\\windows\\system32",
    "%2e%2e%2f",
    "http://127.0.0.1:9/beacon.png",
    "file:///etc/passwd",
    "[bold red]markup[/] [link=http://127.0.0.1:9]x[/link]",
    "{{ 7 * 7 }} ${7 * 7} %s %n",
    "a\nb\r\nc\td",
    "\ud800 half a pair",
    "😀" * 40,
    "x" * 3000,
    "#p1#2.4.1+3",
    ".",
    "..",
    "con",
]


def files_below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if "library" not in path.parts}


def quay_image(path: Path) -> Path:
    image = Image.new("RGB", (200, 100), "white")
    ImageDraw.Draw(image).text((10, 40), "harbour", fill="black")
    image.save(path)
    return path


def regions(text: str) -> FunctionRegions:
    def find(page: Page) -> list[ExternalRegion]:
        return [ExternalRegion(Box(0.1, 0.1 * page.number, 0.9, 0.5), f"harbour {text}")]

    return FunctionRegions(find, name="hostile", words=None)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return tmp_path / "library"


@pytest.fixture
def quay(tmp_path: Path) -> Path:
    return quay_image(tmp_path / "quay.png")


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_ids_texts_and_metadata_can_carry_anything_and_come_back(
    hostile: str, library: Path, quay: Path
) -> None:
    before = files_below(library.parent)
    metadata = {"note": hostile}
    with Engine.open(library, parser=regions(hostile)) as engine:
        assert engine.add(quay, doc_id=hostile, metadata=metadata, workers=0).pages == 1
        assert engine.add(quay, doc_id="innocent", workers=0).pages == 1
    with Engine.open(library, parser=regions(hostile)) as engine:
        assert sorted(entry.id for entry in engine.documents()) == sorted([hostile, "innocent"])
        (hit, *_) = engine.search("harbour", filters={"doc_id": hostile, "metadata.note": hostile})
        assert (hit.doc_id, hit.entry.metadata) == (hostile, metadata)
        assert hit.text == f"harbour {hostile}".encode("utf-8", "replace").decode().strip()
        assert hit.crop().size == (160, 40)
        assert json.loads(json.dumps(hit.to_metadata()))["doc_id"] == hostile
        engine.context("harbour")
        engine.remove(hostile)
        assert [entry.id for entry in engine.documents()] == ["innocent"]
        assert engine.search("harbour")[0].doc_id == "innocent"
    assert files_below(library.parent) == before


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_questions_and_filters_can_carry_anything(hostile: str, library: Path, quay: Path) -> None:
    with Engine.open(library, parser=regions("x")) as engine:
        engine.add(quay, doc_id="innocent", workers=0)
        for ask in (
            lambda: engine.search(hostile),
            lambda: engine.search("harbour", filters={f"metadata.{hostile}": hostile}),
            lambda: engine.search("harbour", filters={"source": hostile}),
            lambda: engine.search("harbour", filters={hostile: hostile}),
            lambda: engine.index.load([hostile]),
            lambda: engine.remove(hostile),
        ):
            try:
                results = ask()
            except ColregionError:
                continue
            assert not results or all(getattr(hit, "doc_id", "") == "innocent" for hit in results)
        assert [entry.id for entry in engine.documents()] == ["innocent"]


@pytest.mark.skipif(os.name != "posix", reason="other systems allow fewer names")
def test_file_names_can_be_anything_that_the_system_allows(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    names = [f"{name[:60].replace('/', '_')}.png" for name in HOSTILE]
    allowed = [
        name
        for name in dict.fromkeys(names)
        if "\0" not in name and not name.startswith(".") and "\ud800" not in name
    ]
    for name in allowed:
        quay_image(folder / name)
    with pytest.raises(SystemExit) as done:
        main(["add", str(folder), "--index", str(library), "--parser", "text_layer+geometry"])
    assert done.value.code == 0
    for command in (["list"], ["search", "harbour"], ["info"]):
        with pytest.raises(SystemExit):
            main([*command, "--index", str(library)])
    shown = capsys.readouterr()
    for stream in (shown.out, shown.err):
        assert not set(stream) & set("\x1b\x07\x9b\u202e\u2066\u2069\u200f")
    with Engine.open(library) as engine:
        assert len(engine.documents()) == len(allowed)


def test_links_are_read_as_files_not_followed_as_folders_and_not_stored(
    library: Path, quay: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "quay.png").symlink_to(quay)
    with Engine.open(library, parser=regions("x")) as engine:
        assert [o.doc_id for o in engine.add(folder).outcomes] == ["quay.png"]
    assert not [path for path in library.rglob("*") if path.is_symlink()]


def test_urls_and_archives_are_refused_as_sources(library: Path, tmp_path: Path) -> None:
    archive = tmp_path / "in.zip"
    archive.write_bytes(b"PK\x03\x04rest")
    with Engine.open(library, parser=regions("x")) as engine:
        report = engine.add(
            [
                "http://127.0.0.1:9/a.pdf",
                "https://localhost/a.pdf",
                "file:///etc/passwd",
                str(archive),
            ]
        )
    assert [outcome.status for outcome in report.outcomes] == ["failed"] * 4
    assert all("no file or folder" in outcome.reason for outcome in report.outcomes[:3])


def pdf_that_says(text: str, path: Path) -> Path:
    pdfmetrics.registerFont(TTFont("Sans", "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"))
    canvas = Canvas(str(path), pagesize=(600, 200))
    canvas.setFont("Sans", 12)
    canvas.drawString(20, 100, text)
    canvas.save()
    return path


@pytest.mark.fonts
@pytest.mark.parametrize("hostile", [HOSTILE[0], HOSTILE[2], "harbour \u202ecod.exe", ESCAPES])
def test_page_text_has_no_effect_in_terminal_html_and_pdf(
    hostile: str, library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = pdf_that_says(f"harbour {hostile}", tmp_path / "a.pdf")
    with Engine.open(library, parser="text_layer+geometry") as engine:
        assert engine.add(path).pages == 1
        hits = engine.search("harbour")
        marked = open_document(annotate_pdf(hits, question=hostile))
        assert marked.page_count == 1
    html = tmp_path / "answer.html"
    with pytest.raises(SystemExit):
        main(["search", "harbour", "--index", str(library), "--html", str(html)])
    assert not set(capsys.readouterr().out) & set("\x1b\x07\x9b\u202e")
    written = html.read_text()
    assert written.count("<script") == 1  # the one that copies citations
    assert "<img src=x" not in written


def test_ids_and_metadata_reach_sqlite_as_parameters(library: Path, quay: Path) -> None:
    with Engine.open(library, parser=regions("x")) as engine:
        engine.add(quay, doc_id="a'; DELETE FROM documents; --", metadata={"k'": "v'"}, workers=0)
    (database,) = [p for p in library.rglob("*") if p.is_file() and _is_sqlite(p)]
    with sqlite3.connect(database) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_agent_tools_return_hostile_text_as_data(hostile: str, library: Path, quay: Path) -> None:
    def record(result: Any) -> dict[str, Any]:
        return dict(json.loads(json.dumps(result.model_dump(by_alias=True)["structuredContent"])))

    with Engine.open(library, parser=regions(hostile)) as engine:
        engine.add(quay, doc_id=hostile, workers=0)
        tools = EngineTools(engine)
        (region,) = record(tools.search_regions("harbour"))["regions"]
        # JSON over the protocol is UTF-8: half a surrogate pair is replaced, so such an id
        # cannot be asked for.
        assert region["doc_id"] == hostile.encode("utf-8", "replace").decode()
        if region["doc_id"] == hostile:
            assert record(tools.get_page(region["page_id"]))["doc_id"] == hostile
            with_margin = record(tools.get_region_image(region["region_id"], margin=0.02))
            assert with_margin["width_px"] == 168
        with pytest.raises(ColregionError):
            tools.get_page(f"../{hostile}#p9")


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(15) == b"SQLite format 3"
