"""The ingestion pipeline: which sources go in, and what the outcomes and the index say."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from colregion import AddReport, Engine, InvalidInput
from colregion.core.embeddings import EmbeddedPage
from colregion.core.geometry import Box
from colregion.core.interfaces import IndexSetting
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
