"""Servers that are down, late or strange, and interrupted writers: our error, nothing lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
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
from colregion.indexes.qdrant import QdrantIndex, QdrantOptions, connection, schema
from colregion.indexes.qdrant import index as index_module
from colregion.indexes.qdrant import pages as pages_module
from colregion.testing import make_parsed_page


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_WAITS_S", (0.0, 0.0))
    monkeypatch.setattr(index_module, "_FRESH_S", -1.0)
    monkeypatch.setattr(pages_module, "_PAGES_PER_REQUEST", 1)  # uploads of several requests


def pages(version: str, *, n: int) -> list[EmbeddedPage]:
    """n pages of the one word `version`."""
    return [
        EmbeddedPage(
            make_parsed_page([(version, Box(0.25, 0.125, 0.75, 0.25))], doc_id="doc", number=i + 1),
            PageEmbedding(np.eye(2, 4, dtype=np.float32), one_row(2)),
        )
        for i in range(n)
    ]


def other_page() -> EmbeddedPage:
    """A page of another document, which matches QUERY less."""
    line = ("other", Box(0.25, 0.125, 0.75, 0.25))
    rows = np.eye(2, 4, dtype=np.float32) / 2
    parsed = make_parsed_page([line], doc_id="other", number=1)
    return EmbeddedPage(parsed, PageEmbedding(rows, one_row(2)))


def one_row(v: int) -> GridPlacement:
    return GridPlacement((np.arange(v).reshape(1, -1),), n_vectors=v)


def entry(version: str) -> DocumentEntry:
    return DocumentEntry("doc", "doc.pdf", version, "s")


QUERY = QueryEmbedding(np.eye(1, 4, dtype=np.float32), ("a",), np.array([True]), np.ones(1))


def seen(index: QdrantIndex) -> tuple[str, ...]:
    """What each way to read returns; each has to be of one whole version of the document."""
    page_counts = {"old": 2, "new": 3}
    assert len(index.search(QUERY, k=9)) in page_counts.values()
    assert index.page_count in page_counts.values()
    version = index.entry("doc").content_hash
    (word,) = {page.parsed.words[0].text for page in index.load(["doc#p1", "doc#p2"])}
    return version, word


def count_vectors(server: Any) -> int:
    return int(server.client.count("pages-d4").count)


def down_after(n: int) -> Callable[[str, str], None]:
    """A server that answers n requests and then no more."""
    remaining = n

    def fault(_method: str, _path: str) -> None:
        nonlocal remaining
        remaining -= 1
        if remaining < 0:
            raise ConnectionError

    return fault


def healthy(_method: str, _path: str) -> None:
    return


def test_unreachable_server_is_named_in_the_error() -> None:
    with pytest.raises(BackendError, match=r"http://127.0.0.1:9 failed.*is the server running"):
        QdrantIndex("http://127.0.0.1:9", "pages")


def test_timeout_error_names_the_option_timeout_s(small_qdrant: Any) -> None:
    with QdrantIndex(small_qdrant.url, "pages", QdrantOptions(timeout_s=1.0)) as index:
        small_qdrant.fault = lambda *_: time.sleep(2.0)
        with pytest.raises(BackendError, match=r"timed out.*timeout_s"):
            index.search(QUERY, k=1)
        small_qdrant.fault = healthy
    assert QdrantIndex(small_qdrant.url, "pages").search(QUERY, k=1) == []


def test_requests_are_retried_after_transient_failures(small_qdrant: Any) -> None:
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


def test_refused_access_names_the_variable_of_the_api_key(small_qdrant: Any) -> None:
    def refuse(_method: str, _path: str) -> None:
        raise small_qdrant.refused(401, "Must provide an API key")

    small_qdrant.fault = refuse
    with pytest.raises(BackendError, match="QDRANT_API_KEY"):
        QdrantIndex(small_qdrant.url, "pages")


def test_collection_of_another_application_is_refused_and_unchanged(small_qdrant: Any) -> None:
    small_qdrant.client.create_collection("theirs", vectors_config={})
    point = models.PointStruct(id=1, vector={}, payload={"text": "mine"})
    small_qdrant.client.upsert("theirs", [point])
    with pytest.raises(IndexCorrupt, match="no index of colregion"):
        QdrantIndex(small_qdrant.url, "theirs")
    assert small_qdrant.client.count("theirs").count == 1


def test_index_of_another_format_is_refused_with_the_cure(
    small_qdrant: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    QdrantIndex(small_qdrant.url, "pages")
    monkeypatch.setattr(schema, "FORMAT", 6)
    with pytest.raises(IndexCorrupt, match=r"format 5.*format 6.*another collection"):
        QdrantIndex(small_qdrant.url, "pages")


def test_empty_collection_without_format_is_taken_over(
    small_qdrant: Any,
) -> None:
    small_qdrant.client.create_collection("pages", vectors_config={})
    with QdrantIndex(small_qdrant.url, "pages") as index:
        index.replace(entry("old"), pages("old", n=2))
    assert QdrantIndex(small_qdrant.url, "pages", create=False).page_count == 2


def test_page_too_large_for_a_server_names_options_that_make_it_smaller() -> None:
    index = QdrantIndex(":memory:", "pages")
    v = 1_048_576 // 128
    too_large = EmbeddedPage(
        pages("old", n=1)[0].parsed, PageEmbedding(np.zeros((v, 128), np.float32), one_row(v))
    )
    with pytest.raises(InvalidInput, match=r"\(8192, 128\).*pool_factor"):
        index.replace(entry("old"), [too_large])
    assert index.documents() == []


def test_vector_beyond_16_bit_floats_is_refused() -> None:
    index = QdrantIndex(":memory:", "pages")
    large = PageEmbedding(np.full((1, 4), 70000.0, np.float32), one_row(1))
    with pytest.raises(InvalidInput, match=r"70000.*16-bit floats"):
        index.replace(entry("old"), [EmbeddedPage(pages("old", n=1)[0].parsed, large)])


@pytest.mark.slow
def test_readers_see_one_version_wherever_a_writer_is_interrupted(small_qdrant: Any) -> None:
    reader = QdrantIndex(small_qdrant.url, "pages")
    reader.replace(entry("old"), pages("old", n=2))
    outcomes = []
    for n in range(18):  # a replacement takes 14 requests
        writer = QdrantIndex(small_qdrant.url, "pages")
        small_qdrant.fault = down_after(n)
        try:
            writer.replace(entry("new"), pages("new", n=3))
            acknowledged = True
        except BackendError:
            acknowledged = False
        small_qdrant.fault = healthy
        outcomes.append((acknowledged, seen(reader)))
        reader.replace(entry("old"), pages("old", n=2))
        assert seen(reader) == ("old", "old")
    assert outcomes[0] == (False, ("old", "old"))
    assert outcomes[-1] == (True, ("new", "new"))
    assert all(version == ("new", "new") for acknowledged, version in outcomes if acknowledged)
    assert len(outcomes) > 8


@pytest.fixture
def interrupted(small_qdrant: Any) -> QdrantIndex:
    """An index with the old version, and 2 of 3 pages of an interrupted upload of the new one."""
    index = QdrantIndex(small_qdrant.url, "pages")
    index.replace(entry("old"), pages("old", n=2))
    small_qdrant.fault = down_after(6)
    with pytest.raises(BackendError):
        QdrantIndex(small_qdrant.url, "pages").replace(entry("new"), pages("new", n=3))
    small_qdrant.fault = healthy
    assert count_vectors(small_qdrant) == 4
    return index


def test_pages_of_an_interrupted_upload_are_not_returned(
    interrupted: QdrantIndex, small_qdrant: Any
) -> None:
    assert seen(interrupted) == ("old", "old")
    assert interrupted.document_frequency(["old", "new"]) == [2, 2]  # as documented
    interrupted.search(QUERY, k=9)
    small_qdrant.bodies.clear()
    assert len(interrupted.search(QUERY, k=2)) == 2
    assert len(small_qdrant.bodies) == 4  # two, and again without the stale generation


def test_replace_deletes_abandoned_pages_of_the_document_but_no_recent_upload(
    interrupted: QdrantIndex, small_qdrant: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted.replace(entry("old"), pages("old", n=2))
    assert count_vectors(small_qdrant) == 4
    monkeypatch.setattr(index_module, "ABANDONED_S", -1.0)
    interrupted.replace(entry("old"), pages("old", n=2))
    assert count_vectors(small_qdrant) == 2
    assert seen(interrupted) == ("old", "old")
    assert interrupted.document_frequency(["old", "new"]) == [2, 0]


def test_compact_deletes_interrupted_uploads_older_than_the_age(
    interrupted: QdrantIndex, small_qdrant: Any
) -> None:
    assert interrupted.compact() == 0
    assert count_vectors(small_qdrant) == 4
    assert interrupted.compact(min_age_s=-1.0) == 2
    assert count_vectors(small_qdrant) == 2
    assert interrupted.compact(min_age_s=-1.0) == 0
    assert seen(interrupted) == ("old", "old")


def test_an_upload_whose_pages_were_deleted_as_abandoned_is_not_committed(
    small_qdrant: Any,
) -> None:
    index = QdrantIndex(small_qdrant.url, "pages")
    index.replace(entry("old"), pages("old", n=2))

    def slow() -> Iterator[EmbeddedPage]:
        yield from pages("new", n=3)
        QdrantIndex(small_qdrant.url, "pages").compact(min_age_s=-1.0)

    with pytest.raises(BackendError, match=r"'doc'.*add the document again"):
        index.replace(entry("new"), slow())
    assert seen(index) == ("old", "old")


def test_the_last_commit_wins_between_two_writers_of_a_document(small_qdrant: Any) -> None:
    first, second = (QdrantIndex(small_qdrant.url, "pages") for _ in range(2))
    first.replace(entry("old"), pages("old", n=2))

    def slow() -> Iterator[EmbeddedPage]:
        new = pages("new", n=3)
        yield from new[:2]
        second.replace(entry("old"), pages("old", n=2))
        yield new[2]

    first.replace(entry("new"), slow())
    assert seen(first) == seen(second) == ("new", "new")
    assert count_vectors(small_qdrant) == 3


def test_a_writer_whose_commit_was_overwritten_deletes_its_own_pages_only(
    small_qdrant: Any,
) -> None:
    winner, loser = (QdrantIndex(small_qdrant.url, "pages") for _ in range(2))
    loser.replace(entry("old"), pages("old", n=2))
    n_puts = 0

    def overtake(method: str, path: str) -> None:
        nonlocal n_puts
        if (method, path) == ("POST", "/collections/pages/points"):
            n_puts += 1
            if n_puts == 2:  # the loser has committed, and reads what is current now
                winner.replace(entry("new"), pages("new", n=3))

    small_qdrant.fault = overtake
    loser.replace(entry("lost"), pages("lost", n=4))
    small_qdrant.fault = healthy
    assert seen(loser) == seen(winner) == ("new", "new")
    assert count_vectors(small_qdrant) == 3


def test_readers_see_one_version_between_any_two_requests_of_a_writer(small_qdrant: Any) -> None:
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
    assert sum(a != b for a, b in pairwise(states)) == 1  # all became new at once


@pytest.mark.parametrize("question", ["search", "load", "count"])
def test_a_reader_sees_one_version_if_a_document_is_replaced_between_its_requests(
    small_qdrant: Any, question: str
) -> None:
    writer = QdrantIndex(small_qdrant.url, "pages")
    reader = QdrantIndex(small_qdrant.url, "pages")

    def ask() -> object:
        if question == "search":
            return len(reader.search(QUERY, k=9))
        if question == "load":
            loaded = reader.load(["doc#p1", "doc#p2"])
            return tuple(page.parsed.words[0].text for page in loaded)
        return reader.page_count

    whole: dict[str, set[object]] = {
        "search": {2, 3},
        "load": {("old", "old"), ("new", "new")},
        "count": {2, 3},
    }
    for n in range(6):
        writer.replace(entry("old"), pages("old", n=2))
        requests, writing = 0, False

        def write(_method: str, _path: str, n: int = n) -> None:
            nonlocal requests, writing
            if writing:
                return
            requests += 1
            if requests > n:
                writing = True
                writer.replace(entry("new"), pages("new", n=3))

        small_qdrant.fault = write
        answer = ask()
        small_qdrant.fault = healthy
        assert answer in whole[question]


def test_a_document_committed_between_query_and_check_is_returned_whole(
    small_qdrant: Any,
) -> None:
    reader = QdrantIndex(small_qdrant.url, "pages")
    reader.replace(DocumentEntry("other", "o", "h", "s"), [other_page()])
    reader.search(QUERY, k=9)
    writer = QdrantIndex(small_qdrant.url, "pages")
    partly, go_on = threading.Event(), threading.Event()

    def slow() -> Iterator[EmbeddedPage]:
        new = pages("new", n=3)
        yield new[0]
        partly.set()
        assert go_on.wait(20)
        yield from new[1:]

    def finish(method: str, path: str) -> None:
        if (method, path) == ("POST", "/collections/pages/points") and not go_on.is_set():
            go_on.set()
            writing.join()

    writing = threading.Thread(target=lambda: writer.replace(entry("new"), slow()))
    writing.start()
    assert partly.wait(20)
    small_qdrant.fault = finish
    page_ids = [page.page_id for page in reader.search(QUERY, k=9)]
    small_qdrant.fault = healthy
    assert page_ids == ["doc#p1", "doc#p2", "doc#p3", "other#p1"]


def test_replaced_and_removed_documents_leave_no_points_or_images(
    small_qdrant: Any, tmp_path: Path
) -> None:
    options = QdrantOptions(images=tmp_path / "images")
    with QdrantIndex(small_qdrant.url, "pages", options) as index:
        index.replace(entry("old"), pages("old", n=2))
        index.replace(entry("new"), pages("new", n=3))
        assert count_vectors(small_qdrant) == 3
        assert len(list((tmp_path / "images").iterdir())) == 1
        (tmp_path / "images" / "unknown").mkdir()
        index.compact(min_age_s=-1.0)
        assert len(list((tmp_path / "images").iterdir())) == 1
        index.remove("doc")
        with pytest.raises(NotIndexed):
            index.load(["doc#p1"])
    assert count_vectors(small_qdrant) == 0
    assert small_qdrant.client.count("pages").count == 1  # the format
    assert list((tmp_path / "images").iterdir()) == []


def test_damaged_page_is_reported_as_damaged(small_qdrant: Any) -> None:
    QdrantIndex(small_qdrant.url, "pages").replace(entry("old"), pages("old", n=1))
    index = QdrantIndex(small_qdrant.url, "pages")
    everything = models.Filter(must_not=[])
    small_qdrant.client.set_payload("pages-d4", {"record": "bm9uc2Vuc2U="}, points=everything)
    with pytest.raises(IndexCorrupt, match="damaged"):
        index.load(["doc#p1"])


def test_page_that_vanished_from_the_server_is_reported_as_lost(small_qdrant: Any) -> None:
    QdrantIndex(small_qdrant.url, "pages").replace(entry("old"), pages("old", n=1))
    small_qdrant.client.delete("pages-d4", models.FilterSelector(filter=models.Filter()))
    index = QdrantIndex(small_qdrant.url, "pages")
    assert index.search(QUERY, k=1, filters=parse_filters(None)) == []
    with pytest.raises(IndexCorrupt, match="lost pages"):
        index.load(["doc#p1"])
