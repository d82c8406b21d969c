"""The ingestion pipeline: which sources go in, and what the outcomes and the index say."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colregion import AddReport, Engine, InvalidInput, Progress
from colregion.core.documents import DocumentEntry
from colregion.core.embeddings import EmbeddedPage
from colregion.core.filters import parse_filters
from colregion.core.geometry import Box
from colregion.core.interfaces import IndexSetting
from colregion.indexes.local.index import LocalIndex
from colregion.indexes.memory import MemoryIndex
from colregion.testing import WordEncoder, make_parsed_page
from tests.ingestion.hostile_parsers import TroubledParser


def png(colour: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (6, 4), colour).save(file, "PNG")
    return file.getvalue()


def embedded_page(number: int, doc_id: str = "doc") -> EmbeddedPage:
    line = ("net sum", Box(0.1, 0.1, 0.6, 0.2))
    parsed = make_parsed_page([line], doc_id=doc_id, number=number)
    return EmbeddedPage(parsed, WordEncoder().encode_pages([parsed])[0])


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(MemoryIndex(), encoder=WordEncoder(), parser=TroubledParser()) as engine:
        yield engine


@pytest.mark.parametrize("collect", [list, tuple, iter], ids=["list", "tuple", "generator"])
def test_add_returns_a_report_for_any_iterable_of_sources(
    engine: Engine, collect: Callable[[Iterable[bytes]], Any]
) -> None:
    report = engine.add(collect([png("red"), png("blue")]), workers=0)
    assert isinstance(report, AddReport)
    assert [(o.status, o.pages, o.regions) for o in report.outcomes] == [("added", 1, 3)] * 2


def test_a_generator_of_paths_loses_none(engine: Engine, tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.png").write_bytes(png("red"))
    engine.add((path for path in sorted(tmp_path.glob("*.png"))), workers=0)
    assert [entry.id for entry in engine.documents()] == ["a.png", "b.png", "c.png"]


def test_paths_bytes_open_files_and_images_mix(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png("red"))
    with path.open("rb") as file:
        mixed: list[Any] = [
            path,
            png("blue"),
            io.BytesIO(png("green")),
            Image.new("L", (3, 4)),
            file,
        ]
        outcomes = engine.add(mixed, workers=0).outcomes
    assert [outcome.status for outcome in outcomes] == ["added"] * 4 + ["skipped"]
    assert (outcomes[-1].doc_id, outcomes[-1].reason) == ("a.png", "given twice")


def test_embedded_pages_from_a_generator_become_one_document(engine: Engine) -> None:
    pages: Any = (embedded_page(number) for number in (2, 5))
    (outcome,) = engine.add(pages).outcomes
    assert (outcome.doc_id, outcome.status, outcome.pages) == ("doc", "added", 2)
    (entry,) = engine.documents()
    assert (entry.parser, entry.source, entry.page_count) == ("", "doc", 2)


def test_embedded_pages_mixed_with_files_are_refused(engine: Engine) -> None:
    mixed: Any = [embedded_page(1), png("red")]
    with pytest.raises(InvalidInput, match="got EmbeddedPage"):
        engine.add(mixed)


def test_embedded_pages_of_another_id_fail(engine: Engine) -> None:
    (outcome,) = engine.add([embedded_page(1)], doc_id="other").outcomes
    assert (outcome.source, outcome.doc_id, outcome.status) == ("pages", "other", "failed")


def test_refused_arguments_leave_a_new_index_without_an_encoder(engine: Engine) -> None:
    with pytest.raises(InvalidInput, match=r"doc_id='x' names one document, but 2 were given"):
        engine.add([png("red"), png("blue")], doc_id="x")
    assert engine.index.get_setting(IndexSetting.ENCODER) is None
    engine.add([], workers=0)
    assert engine.index.get_setting(IndexSetting.ENCODER) == WordEncoder().fingerprint


def test_a_moved_file_of_the_same_content_keeps_its_id(engine: Engine, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").write_bytes(png("red"))
    first = engine.add(tmp_path / "one", workers=0).outcomes[0]
    second = engine.add(tmp_path / "two", workers=0).outcomes[0]
    assert (first.status, second.status) == ("added", "skipped")
    assert (second.doc_id, second.reason) == ("a.png", "unchanged")


def test_a_changed_file_is_replaced_however_its_path_is_spelled(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "d")
    monkeypatch.chdir(tmp_path)
    spellings: tuple[str | Path, ...] = (
        "d",
        tmp_path / "d",
        "./d/../d",
        "link",
        "d/*.png",
        "d/a.png",
    )
    for colour, spelling in enumerate(spellings):
        (tmp_path / "d" / "a.png").write_bytes(png(f"hsl({colour * 40}, 90%, 50%)"))
        (outcome,) = engine.add(spelling, workers=0).outcomes
        assert outcome.status == ("replaced" if colour else "added")
    assert [entry.id for entry in engine.documents()] == ["a.png"]


def test_one_relative_name_in_two_working_folders_is_two_documents(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for colour in ("red", "blue"):
        (tmp_path / colour).mkdir()
        (tmp_path / colour / "a.png").write_bytes(png(colour))
        monkeypatch.chdir(tmp_path / colour)
        assert engine.add("a.png", workers=0).outcomes[0].status == "added"
    assert len(engine.documents()) == 2


@pytest.mark.parametrize("kind", ["memory", "local"])
def test_another_process_that_takes_the_id_meanwhile_costs_no_document(
    kind: str, tmp_path: Path
) -> None:
    index = MemoryIndex() if kind == "memory" else LocalIndex(tmp_path / "index")
    for colour in ("red", "blue"):
        (tmp_path / colour).mkdir()
        (tmp_path / colour / "a.png").write_bytes(png(colour))
    with (
        Engine(index, encoder=WordEncoder(), parser=TroubledParser()) as first,
        Engine(index, encoder=WordEncoder(), parser=TroubledParser()) as second,
    ):

        def steal(_: Progress) -> None:
            """Between the choice of the first one's id and its storing."""
            second.add(tmp_path / "blue" / "a.png", workers=0)

        (outcome,) = first.add(tmp_path / "red" / "a.png", workers=0, on_progress=steal).outcomes
        assert outcome.status == "added"
        assert outcome.doc_id.startswith("a.png~")
        sources = {entry.id: entry.source for entry in first.documents()}
        assert sources == {
            "a.png": str(tmp_path / "blue" / "a.png"),
            outcome.doc_id: str(tmp_path / "red" / "a.png"),
        }
        (page,) = first.index.load([f"{outcome.doc_id}#p1"])
        red, _, blue = np.asarray(page.parsed.page.image).mean(axis=(0, 1))
        assert red > blue
        assert {region.page_id for region in page.parsed.regions} == {f"{outcome.doc_id}#p1"}


def test_a_document_overwritten_by_another_process_is_stored_again(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").write_bytes(png("red"))
    replace_document = MemoryIndex.replace

    def overwrite_first(index: MemoryIndex, entry: DocumentEntry, pages: Any) -> DocumentEntry:
        stored = replace_document(index, entry, pages)
        if entry.id == "a.png":
            other = replace(entry, source="/elsewhere/a.png", content_hash="other")
            replace_document(index, other, [])
        return stored

    monkeypatch.setattr(MemoryIndex, "replace", overwrite_first)
    (outcome,) = engine.add(tmp_path / "a.png", workers=0).outcomes
    assert outcome.pages == 1
    assert [entry.id for entry in engine.documents()] == ["a.png", outcome.doc_id]


def test_ids_are_in_form_nfc_and_filters_take_either_form(engine: Engine, tmp_path: Path) -> None:
    name = unicodedata.normalize("NFD", "Gebühr.png")
    (tmp_path / name).write_bytes(png("red"))
    engine.add(tmp_path, workers=0)
    assert [entry.id for entry in engine.documents()] == ["Gebühr.png"]
    for form in ("NFC", "NFD"):
        filters = parse_filters({"doc_id": [unicodedata.normalize(form, name)]})
        assert filters.document_ids == {"Gebühr.png"}
    engine.remove("Gebühr.png")


def test_a_document_that_the_index_refuses_fails_and_the_next_is_added(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = MemoryIndex.replace

    def replace_all_but_a(index: MemoryIndex, entry: Any, pages: Any) -> Any:
        if entry.id == "a.png":
            raise InvalidInput("no room for a.png")
        return replace(index, entry, pages)

    monkeypatch.setattr(MemoryIndex, "replace", replace_all_but_a)
    report = engine.add([png("red")], doc_id="a.png", workers=0)
    assert [(o.status, o.reason, o.pages) for o in report.outcomes] == [
        ("failed", "no room for a.png", 0)
    ]
    assert engine.add([png("red")], doc_id="b.png", workers=0).pages == 1
