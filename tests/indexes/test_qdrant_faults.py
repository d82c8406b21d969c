"""Servers that are down, late or strange, and writers that die: our error, nothing lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qdrant_client import models

from colregion.core.documents import DocumentEntry
from colregion.core.embeddings import EmbeddedPage, PageEmbedding, QueryEmbedding
from colregion.core.filters import parse_filters
from colregion.core.geometry import Box, GridPlacement
from colregion.errors import BackendError, IndexCorrupt, InvalidInput, NotIndexed
from colregion.indexes.qdrant import QdrantIndex, QdrantOptions, connection, generations, schema
from colregion.testing import make_parsed_page

pytestmark = pytest.mark.qdrant


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_WAITS_S", (0.0, 0.0))


def pages(version: str, *, n: int) -> list[EmbeddedPage]:
    """n pages of the one word `version`."""
    return [
        EmbeddedPage(
            make_parsed_page([(version, Box(0.25, 0.125, 0.75, 0.25))], doc_id="doc", number=i + 1),
            PageEmbedding(np.eye(2, 4, dtype=np.float32), one_row(2)),
        )
        for i in range(n)
    ]


def one_row(v: int) -> GridPlacement:
    return GridPlacement((np.arange(v).reshape(1, -1),), n_vectors=v)


def entry(version: str) -> DocumentEntry:
    return DocumentEntry("doc", "doc.pdf", version, "s")


QUERY = QueryEmbedding(np.eye(1, 4, dtype=np.float32), ("a",), np.array([True]), np.ones(1))


def seen(index: QdrantIndex) -> tuple[str, ...]:
    """What a reader makes of each way to ask; each way has to give one whole state."""
    found = len(index.search(QUERY, k=9))
    old, new = index.document_frequency(["old", "new"])
    held = {"old": 2, "new": 3}
    assert found in held.values()
    assert (old, new) in {(2, 0), (0, 3)}
    assert index.page_count in held.values()
    version = index.entry("doc").content_hash
    loaded = index.load(["doc#p1", "doc#p2"])
    words = {page.parsed.words[0].text for page in loaded}
    assert len(words) == 1
    return version, *words


def down_after(n: int) -> Callable[[str, str], None]:
    """A server that answers n requests and then no more."""
    left = n

    def fault(_method: str, _path: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise ConnectionError

    return fault


def healthy(_method: str, _path: str) -> None:
    return


def test_a_server_that_is_down_is_named() -> None:
    with pytest.raises(BackendError, match=r"http://127.0.0.1:9 cannot be reached"):
        QdrantIndex("http://127.0.0.1:9", "pages")


def test_a_late_server_is_an_error_that_names_the_option(small_qdrant: Any) -> None:
    with QdrantIndex(small_qdrant.url, "pages", QdrantOptions(timeout_s=1.0)) as index:
        small_qdrant.fault = lambda *_: time.sleep(2.0)
        with pytest.raises(BackendError, match=r"within 1 s.*timeout_s"):
            index.search(QUERY, k=1)
        small_qdrant.fault = healthy
    assert QdrantIndex(small_qdrant.url, "pages").search(QUERY, k=1) == []


def test_a_server_that_stumbles_is_asked_again(small_qdrant: Any) -> None:
    index = QdrantIndex(small_qdrant.url, "pages")
    count = 0

    def stumble(_method: str, _path: str) -> None:
        nonlocal count
        count += 1
        if count % 3 == 1:
            raise small_qdrant.refused(503, "starting")
        if count % 3 == 2:
            raise ConnectionError

    small_qdrant.fault = stumble
    index.replace(entry("old"), pages("old", n=2))
    assert [page.page_id for page in index.search(QUERY, k=9)] == ["doc#p1", "doc#p2"]


def test_a_key_that_is_refused_is_said_to_be(small_qdrant: Any) -> None:
    def refuse(_method: str, _path: str) -> None:
        raise small_qdrant.refused(401, "Must provide an API key")

    small_qdrant.fault = refuse
    with pytest.raises(BackendError, match="QDRANT_API_KEY"):
        QdrantIndex(small_qdrant.url, "pages")


def test_a_collection_of_somebody_else_is_left_alone(small_qdrant: Any) -> None:
    small_qdrant.client.create_collection("theirs", vectors_config={})
    point = models.PointStruct(id=1, vector={}, payload={"text": "mine"})
    small_qdrant.client.upsert("theirs", [point])
    with pytest.raises(IndexCorrupt, match="no index of colregion"):
        QdrantIndex(small_qdrant.url, "theirs")
    assert small_qdrant.client.count("theirs").count == 1


def test_an_index_of_another_format_is_refused(
    small_qdrant: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    QdrantIndex(small_qdrant.url, "pages")
    monkeypatch.setattr(schema, "FORMAT", 2)
    with pytest.raises(IndexCorrupt, match=r"format 1.*format 2"):
        QdrantIndex(small_qdrant.url, "pages")


def test_a_collection_whose_maker_died_before_its_first_point_is_taken_over(
    small_qdrant: Any,
) -> None:
    small_qdrant.client.create_collection("pages", vectors_config={})
    with QdrantIndex(small_qdrant.url, "pages") as index:
        index.replace(entry("old"), pages("old", n=2))
    assert QdrantIndex(small_qdrant.url, "pages", create=False).page_count == 2


def test_a_page_larger_than_servers_take_names_the_options_that_make_it_smaller() -> None:
    index = QdrantIndex(":memory:", "pages")
    v = 1_048_576 // 128
    too_large = EmbeddedPage(
        pages("old", n=1)[0].parsed, PageEmbedding(np.zeros((v, 128), np.float32), one_row(v))
    )
    with pytest.raises(InvalidInput, match=r"8192 vectors of D = 128.*pool_factor"):
        index.replace(entry("old"), [too_large])
    assert index.documents() == []


def test_a_vector_beyond_16_bit_floats_is_refused() -> None:
    index = QdrantIndex(":memory:", "pages")
    large = PageEmbedding(np.full((1, 4), 70000.0, np.float32), one_row(1))
    with pytest.raises(InvalidInput, match=r"70000.*16-bit"):
        index.replace(entry("old"), [EmbeddedPage(pages("old", n=1)[0].parsed, large)])


def test_wherever_a_writer_dies_the_next_reader_sees_one_whole_state(
    small_qdrant: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generations, "GRACE_S", -1.0)
    reader = QdrantIndex(small_qdrant.url, "pages")
    reader.replace(entry("old"), pages("old", n=2))
    outcomes = []
    for n in range(100):
        writer = QdrantIndex(small_qdrant.url, "pages")
        small_qdrant.fault = down_after(n)
        try:
            writer.replace(entry("new"), pages("new", n=3))
            acknowledged = True
        except BackendError:
            acknowledged = False
        small_qdrant.fault = healthy
        outcomes.append((acknowledged, seen(reader)))
        if acknowledged:
            break
        reader.replace(entry("old"), pages("old", n=2))
        assert seen(reader) == ("old", "old")
    assert outcomes[0] == (False, ("old", "old"))
    assert outcomes[-1] == (True, ("new", "new"))
    assert len(outcomes) > 8


def test_what_a_dead_writer_left_is_swept_after_a_long_silence(
    small_qdrant: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generations, "GRACE_S", -1.0)
    index = QdrantIndex(small_qdrant.url, "pages")
    index.replace(entry("old"), pages("old", n=2))
    small_qdrant.fault = down_after(9)  # while the pages go up
    with pytest.raises(BackendError):
        QdrantIndex(small_qdrant.url, "pages").replace(entry("new"), pages("new", n=3))
    small_qdrant.fault = healthy
    held = small_qdrant.client.count("pages-d4").count
    assert held == 5
    monkeypatch.setattr(generations, "SILENCE_S", -1.0)
    index.set_setting("any", "change")
    index.replace(entry("old"), pages("old", n=2))
    index.close()
    assert small_qdrant.client.count("pages-d4").count == 2
    assert QdrantIndex(small_qdrant.url, "pages").page_count == 2


@pytest.mark.parametrize("grace_s", [10.0, -1.0])
def test_a_reader_between_any_two_requests_of_a_writer_sees_one_whole_state(
    small_qdrant: Any, monkeypatch: pytest.MonkeyPatch, grace_s: float
) -> None:
    monkeypatch.setattr(generations, "GRACE_S", grace_s)
    writer = QdrantIndex(small_qdrant.url, "pages")
    writer.replace(entry("old"), pages("old", n=2))
    reader = QdrantIndex(small_qdrant.url, "pages")
    states: list[tuple[str, ...]] = []
    looking = False

    def look(_method: str, _path: str) -> None:
        nonlocal looking
        if not looking:
            looking = True
            states.append(seen(reader))
            looking = False

    small_qdrant.fault = look
    writer.replace(entry("new"), pages("new", n=3))
    small_qdrant.fault = healthy
    assert states[0] == ("old", "old")
    assert seen(reader) == ("new", "new")
    changes = [a != b for a, b in pairwise(states)]
    assert sum(changes) == 1  # it became valid once, and for all questions


@pytest.mark.parametrize("grace_s", [10.0, -1.0])
@pytest.mark.parametrize("question", ["search", "frequency", "load", "count"])
def test_a_writer_between_any_two_requests_of_a_reader_leaves_it_one_whole_state(
    small_qdrant: Any, monkeypatch: pytest.MonkeyPatch, question: str, grace_s: float
) -> None:
    monkeypatch.setattr(generations, "GRACE_S", grace_s)
    writer = QdrantIndex(small_qdrant.url, "pages")
    reader = QdrantIndex(small_qdrant.url, "pages")

    def ask() -> object:
        if question == "search":
            return len(reader.search(QUERY, k=9))
        if question == "frequency":
            return tuple(reader.document_frequency(["old", "new"]))
        if question == "load":
            loaded = reader.load(["doc#p1", "doc#p2"])
            return tuple(page.parsed.words[0].text for page in loaded)
        return reader.page_count

    states: dict[str, set[object]] = {
        "search": {2, 3},
        "frequency": {(2, 0), (0, 3)},
        "load": {("old", "old"), ("new", "new")},
        "count": {2, 3},
    }
    whole = states[question]
    for n in range(8):
        writer.replace(entry("old"), pages("old", n=2))
        left, writing = n, False

        def write(_method: str, _path: str) -> None:
            nonlocal left, writing
            if writing:
                return
            left -= 1
            if left < 0:
                writing = True
                writer.replace(entry("new"), pages("new", n=3))

        small_qdrant.fault = write
        answer = ask()
        small_qdrant.fault = healthy
        assert answer in whole


def test_closing_leaves_nothing_of_what_was_replaced_or_removed(
    small_qdrant: Any, tmp_path: Path
) -> None:
    options = QdrantOptions(images=tmp_path / "images")
    with QdrantIndex(small_qdrant.url, "pages", options) as index:
        index.replace(entry("old"), pages("old", n=2))
        index.replace(entry("new"), pages("new", n=3))
        assert small_qdrant.client.count("pages-d4").count == 5
    assert small_qdrant.client.count("pages-d4").count == 3
    assert len(list((tmp_path / "images").iterdir())) == 1
    with QdrantIndex(small_qdrant.url, "pages", options) as index:
        index.remove("doc")
        with pytest.raises(NotIndexed):
            index.load(["doc#p1"])
    assert small_qdrant.client.count("pages-d4").count == 0
    assert list((tmp_path / "images").iterdir()) == []


def test_a_damaged_page_is_named_as_such(small_qdrant: Any) -> None:
    index = QdrantIndex(small_qdrant.url, "pages")
    index.replace(entry("old"), pages("old", n=1))
    everything = models.Filter(must_not=[])
    small_qdrant.client.set_payload("pages", {"record": "bm9uc2Vuc2U="}, points=everything)
    with pytest.raises(IndexCorrupt, match="damaged"):
        index.load(["doc#p1"])


def test_a_page_that_has_vanished_from_the_server_is_said_to_be_lost(small_qdrant: Any) -> None:
    index = QdrantIndex(small_qdrant.url, "pages")
    index.replace(entry("old"), pages("old", n=1))
    small_qdrant.client.delete("pages-d4", models.FilterSelector(filter=models.Filter()))
    assert index.search(QUERY, k=1, filters=parse_filters(None)) == []
    with pytest.raises(IndexCorrupt, match="lost pages"):
        index.load(["doc#p1"])
