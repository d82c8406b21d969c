"""The search benchmark runs both sides in processes of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

import colregion
from benchmarks import search
from colregion.core.documents import Page
from colregion.core.geometry import Box
from colregion.core.regions import ParsedPage, Region, Word
from colregion.evaluation.cases import Case, read_cases


class Blank:
    def __call__(self, *, dpi: int | None = None) -> Image.Image:  # noqa: ARG002
        return Image.new("RGB", (60, 80), "white")


def parsed_page(text: str) -> ParsedPage:
    page = Page("doc", 1, 60, 80, "px", Blank())
    line = Box(0.1, 0.1, 0.9, 0.2)
    words = [
        Word(word, Box(0.1 + 0.2 * i, 0.1, 0.25 + 0.2 * i, 0.2))
        for i, word in enumerate(text.split())
    ]
    return ParsedPage(page, tuple(words), (Region(page.id, (1,), line, text),))


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    Image.new("RGB", (60, 80), "white").save(tmp_path / "page.png")
    row = {
        "id": "1",
        "dataset": "d",
        "doc_id": "doc",
        "page": 0,
        "image": "page.png",
        "question": "total revenue",
        "answers": [],
        "boxes": [[6, 8, 54, 16]],
    }
    path = tmp_path / "cases.jsonl"
    path.write_text(json.dumps(row))
    return path


def test_search_rows_compare_two_checkouts(cases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(_cases: list[Case]) -> list[ParsedPage]:
        return [parsed_page("total revenue rose"), parsed_page("other words")]

    monkeypatch.setattr(search, "_parse", parse)
    source = Path(colregion.__file__).parents[1]
    cpu, threads = search.search_rows(cases, pages=[11], busy=[0], against=source, rounds=1)
    assert (cpu["name"], threads["name"]) == ("search-cpu", "search-threads")
    assert cpu["ratio"] == pytest.approx(cpu["other"] / cpu["ours"], rel=0.02)
    assert threads["questions_per_s"] > 0
    json.dumps([cpu, threads])


def test_probe_pages_hold_plain_words_and_regions(cases: Path, tmp_path: Path) -> None:
    page = parsed_page("total revenue")
    search.write_pages(tmp_path / "pages.json", [page], read_cases(cases), pages=3)
    content = json.loads((tmp_path / "pages.json").read_text())
    assert (content["pages"], content["questions"]) == (3, ["total revenue"])
    (row,) = content["rows"]
    assert row["words"][0] == ["total", [0.1, 0.1, 0.25, 0.2]]
    assert row["regions"] == [[[1], [0.1, 0.1, 0.9, 0.2], "total revenue", "text"]]
