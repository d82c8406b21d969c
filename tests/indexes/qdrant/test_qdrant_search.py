"""Filters with the meaning that they have everywhere, weights, and the search in two stages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from colregion.core.documents import DocumentEntry, Metadata
from colregion.core.embeddings import EmbeddedPage, PageEmbedding, QueryEmbedding
from colregion.core.filters import EVERYTHING, Filters, parse_filters
from colregion.core.geometry import Box, GridPlacement
from colregion.core.interfaces import Index
from colregion.errors import NotIndexed
from colregion.indexes import open_index
from colregion.indexes.memory import MemoryIndex
from colregion.indexes.qdrant import QdrantIndex, QdrantOptions
from colregion.indexes.qdrant.pages import weighted
from colregion.testing import make_parsed_page

pytestmark = pytest.mark.qdrant

VALUES: list[Metadata] = [
    {},
    {"key": None},
    {"key": True},
    {"key": 1},
    {"key": 2.5},
    {"key": -3},
    {"key": "1"},
    {"key": "2024-05-01"},
    {"key": "2025-01-01", "a.b[0]": "odd"},
    {"key": 2**70},
    {"key": 2**53 + 1},
    {"key": False, "": "no name"},
]


def one_page(doc_id: str, vectors: Any, *, number: int = 1) -> EmbeddedPage:
    rows = np.asarray(vectors, dtype=np.float32)
    line = ("text", Box(0.25, 0.125, 0.75, 0.25))
    layer = np.arange(len(rows)).reshape(1, -1)
    return EmbeddedPage(
        make_parsed_page([line], doc_id=doc_id, number=number),
        PageEmbedding(rows, GridPlacement((layer,), n_vectors=len(rows))),
    )


def question(vectors: Any, weights: list[float] | None = None) -> QueryEmbedding:
    rows = np.asarray(vectors, dtype=np.float32)
    t = len(rows)
    return QueryEmbedding(
        rows, ("t",) * t, np.ones(t, dtype=bool), np.array(weights or [1.0] * t, dtype=float)
    )


def ranking(
    index: Index, query: QueryEmbedding, filters: Filters = EVERYTHING
) -> list[tuple[str, float]]:
    return [(page.page_id, page.score) for page in index.search(query, k=50, filters=filters)]


@pytest.fixture(scope="module")
def both() -> tuple[Index, Index]:
    """A document for each of VALUES, on Qdrant and in memory."""
    indexes = QdrantIndex(":memory:", "pages"), MemoryIndex()
    for index in indexes:
        for n, metadata in enumerate(VALUES):
            entry = DocumentEntry(f"d{n:02}", f"{n}.pdf", "h", "s", metadata)
            index.replace(entry, [one_page(entry.id, [[1, n]], number=n + 1)])
    return indexes


@pytest.mark.parametrize(
    "condition",
    [
        {"metadata.key": value}
        for value in (None, True, 1, 1.0, 0, "1", 2.5, 2**70, 2**53 + 1, "x", float("inf"))
    ]
    + [{"metadata.key": {op: value}} for op in ("ne",) for value in (None, 1, "1", "x", 2**70)]
    + [{"metadata.key": values} for values in ([], [None, 1], ["1", 2.5], [None])]
    + [{"metadata.key": {"nin": values}} for values in ([], [None, 1], ["1", 2.5], [None])]
    + [
        {"metadata.key": {op: value}}
        for op in ("gt", "gte", "lt", "lte")
        for value in (1, 2.5, True, "2024-05-01", None, 2**70, 2**53, float("inf"), float("nan"))
    ]
    + [
        {"metadata.a.b[0]": "odd"},
        {"metadata.a.b[0]": {"ne": "odd"}},
        {"page_number": {"gt": 3, "lte": 5}},
        {"page_number": {"ne": 3}},
        {"page_number": [2, 4, 2**80]},
        {"page_number": 2**80},
        {"page_number": {"lt": 2**80}},
        {"page_number": []},
        {"page_number": {"nin": [1, 2]}},
        {"doc_id": {"gte": "d03", "lt": "d05"}},
        {"doc_id": {"nin": ["d01", "d02"]}},
        {"source": {"ne": "3.pdf"}},
        {"source": {"gt": "3.pdf"}},
        {"kind": {"ne": "text"}},
        {"kind": {"nin": ["table"]}},
        [{"kind": "text"}, {"kind": {"ne": "text"}}],
        [{"metadata.key": {"gte": 1}}, {"metadata.key": {"lt": "z"}}],
        [{"metadata.key": {"gt": "2024"}}, {"page_number": {"lt": 9}}],
    ],
)
def test_filters_have_the_same_meaning_as_in_memory(
    both: tuple[Index, Index], condition: Any
) -> None:
    qdrant, memory = both
    query, chosen = question([[1, 0.5]]), parse_filters(condition)
    assert ranking(qdrant, query, filters=chosen) == ranking(memory, query, filters=chosen)


def test_weights_scale_query_rows_and_zero_weight_removes_them() -> None:
    rows = weighted(question([[1, 2], [3, 4], [5, 6]], [0.5, 0, 2]))
    np.testing.assert_array_equal(rows, [[0.5, 1], [10, 12]])
    np.testing.assert_array_equal(weighted(question([[1, 2]], [0])), [[0, 0]])


def test_first_stage_has_64_vectors_or_all_of_a_page_with_fewer_than_256() -> None:
    index = QdrantIndex(":memory:", "pages")
    vectors = np.eye(300, 8, dtype=np.float32)
    index.replace(DocumentEntry("large", "s", "h", "s"), [one_page("large", vectors)])
    index.replace(DocumentEntry("small", "s", "h", "s"), [one_page("small", vectors[:255])])
    points, _ = index._connection.client.scroll("pages-d8", with_vectors=True)
    vectors_by_name: list[Any] = [point.vector for point in points]
    shapes = {len(one["page"]): np.shape(one["first"]) for one in vectors_by_name}
    assert shapes == {300: (64, 8), 255: (255, 8)}


@pytest.mark.slow
def test_large_index_is_searched_in_two_stages_and_scored_exactly(small_qdrant: Any) -> None:
    # Every page's vectors are alike, so that the 64 of the first stage stand for its 300.
    rng = np.random.default_rng(5)
    index = QdrantIndex(small_qdrant.url, "pages", QdrantOptions(candidates=2))
    exact = MemoryIndex()
    layer = np.arange(300).reshape(20, 15)
    for n in range(45):
        tone = rng.standard_normal(8)
        rows = np.asarray(tone / np.linalg.norm(tone) + rng.normal(0, 0.02, (300, 8)), np.float32)
        parsed = one_page(f"d{n:02}", rows).parsed
        embedding = PageEmbedding(rows, GridPlacement((layer,), n_vectors=300))
        for target in (index, exact):
            entry = DocumentEntry(f"d{n:02}", "s", "h", "s")
            target.replace(entry, [EmbeddedPage(parsed, embedding)])
    query = question(rng.standard_normal((3, 8)))
    small_qdrant.bodies.clear()
    candidates, best = index.search(query, k=3), exact.search(query, k=3)
    (sent,) = [body for path, body in small_qdrant.bodies if path.endswith("/points/query")]
    assert sent["prefetch"]["using"] == "first"
    assert sent["using"] == "page"
    assert [score.page_id for score in candidates] == [score.page_id for score in best]
    np.testing.assert_allclose([s.score for s in candidates], [s.score for s in best], atol=1e-3)


def test_collections_are_created_with_the_options_for_storage(small_qdrant: Any) -> None:
    options = QdrantOptions(quantization="int8", shards=3, replicas=2)
    index = QdrantIndex(small_qdrant.url, "pages", options)
    index.replace(DocumentEntry("d", "s", "h", "s", {"year": 2024}), [one_page("d", [[1, 2]])])
    sent = {path: body for path, body in small_qdrant.bodies if body}
    made = sent["/collections/pages-d2"]
    assert (made["shard_number"], made["replication_factor"]) == (3, 2)
    assert made["write_consistency_factor"] == 2
    page, first = made["vectors"]["page"], made["vectors"]["first"]
    assert page["multivector_config"] == first["multivector_config"] == {"comparator": "max_sim"}
    assert page["hnsw_config"]["m"] == 0
    assert page["datatype"] == "float16"
    assert page["quantization_config"]["scalar"]["type"] == "int8"
    fields = [body["field_name"] for path, body in small_qdrant.bodies if path.endswith("d2/index")]
    assert {"generation", "doc_id", "source", "page_number", "kinds", "metadata"} < set(fields)
    assert any(field.startswith("numbers.") for field in fields)
    index.search(question([[1, 0]]), k=1)
    (query,) = [body for path, body in small_qdrant.bodies if path.endswith("/points/query")]
    assert query["params"]["quantization"] == {"rescore": True, "oversampling": 3.0}


def test_int4_asks_the_server_for_four_bits(small_qdrant: Any) -> None:
    index = QdrantIndex(small_qdrant.url, "pages", QdrantOptions(quantization="int4"))
    index.replace(DocumentEntry("d", "s", "h", "s"), [one_page("d", [[1, 2]])])
    sent = {path: body for path, body in small_qdrant.bodies if body}
    page = sent["/collections/pages-d2"]["vectors"]["page"]
    assert page["quantization_config"]["turbo"]["bits"] == "bits4"


def test_vectors_of_a_page_are_transferred_once(small_qdrant: Any) -> None:
    index = QdrantIndex(small_qdrant.url, "pages")
    entry = DocumentEntry("d", "s", "h", "s")
    index.replace(entry, [one_page("d", [[1, 2], [3, 4]])])
    for _ in range(2):
        (page,) = index.load(["d#p1"])
        np.testing.assert_array_equal(page.embedding.vectors, [[1, 2], [3, 4]])
    index.replace(entry, [one_page("d", [[5, 6]])])
    (page,) = index.load(["d#p1"])
    np.testing.assert_array_equal(page.embedding.vectors, [[5, 6]])
    fetched = [body for path, body in small_qdrant.bodies if path == "/collections/pages-d2/points"]
    assert len([body for body in fetched if "with_vector" in body]) == 2


@pytest.mark.parametrize("by", ["replace", "remove"])
def test_a_change_of_a_page_whose_document_goes_meanwhile_leaves_no_page_behind(
    small_qdrant: Any, by: str
) -> None:
    index = QdrantIndex(small_qdrant.url, "pages")
    entry = DocumentEntry("d", "s", "h", "s")
    index.replace(entry, [one_page("d", [[1, 2]])])

    def change(page: EmbeddedPage) -> EmbeddedPage:
        other = QdrantIndex(small_qdrant.url, "pages")
        other.remove("d") if by == "remove" else other.replace(entry, [one_page("d", [[3, 4]])])
        return replace(page, parsed=page.parsed)

    with pytest.raises(NotIndexed, match="replaced or removed meanwhile"):
        index.update_page(entry, 1, change)
    assert small_qdrant.client.count("pages-d2").count == (by == "replace")


def test_a_search_of_an_unchanged_index_takes_two_requests(small_qdrant: Any) -> None:
    writer = QdrantIndex(small_qdrant.url, "pages")
    for n in range(20):
        writer.replace(DocumentEntry(f"d{n}", "s", "h", "s"), [one_page(f"d{n}", [[1, n]])])
    index = QdrantIndex(small_qdrant.url, "pages", QdrantOptions(candidates=0))
    index.search(question([[1, 0.5]]), k=1)
    small_qdrant.bodies.clear()
    assert len(index.search(question([[1, 0.5]]), k=5)) == 5
    paths = [path.removeprefix("/collections/") for path, _ in small_qdrant.bodies]
    assert paths == ["pages-d2/points/query", "pages/points", "pages-d2/points"]  # new pages
    small_qdrant.bodies.clear()
    assert len(index.search(question([[1, 0.5]]), k=5)) == 5
    paths = [path.removeprefix("/collections/") for path, _ in small_qdrant.bodies]
    assert paths == ["pages-d2/points/query", "pages/points"]


def test_all_reads_for_one_question_take_three_requests(small_qdrant: Any) -> None:
    index = QdrantIndex(small_qdrant.url, "pages")
    index.replace(DocumentEntry("d", "s", "h", "s"), [one_page("d", [[1, 2]])])

    def ask() -> None:
        assert index.get_setting("calibration") is None
        assert index.page_count == 1
        assert index.document_frequency(["text", "unknown"]) == [1, 0]
        (candidate,) = index.search(question([[1, 0.5]]), k=5)
        assert index.entries([candidate.parsed.page.doc_id])["d"].page_count == 1

    ask()
    index._documents.known.read = -np.inf  # as if the last question was more than a second ago
    small_qdrant.bodies.clear()
    ask()
    paths = [path.removeprefix("/collections/") for path, _ in small_qdrant.bodies]
    assert paths == ["pages/points", "pages-d2/points/query", "pages/points"]


def test_changes_of_another_process_are_noticed(small_qdrant: Any) -> None:
    reader, writer = (QdrantIndex(small_qdrant.url, "pages") for _ in range(2))
    for n in (1, 2):
        pages = [one_page("d", [[n, 1]], number=number + 1) for number in range(n)]
        writer.replace(DocumentEntry("d", "s", f"h{n}", "s"), pages)
        writer.set_setting("key", f"value {n}")
        reader._documents.known.read = -np.inf  # as if more than a second had passed
        assert reader.page_count == n
        assert reader.document_frequency(["text"]) == [n]
        assert reader.get_setting("key") == f"value {n}"
        assert reader.entries(["d"])["d"].content_hash == f"h{n}"
        assert [page.score for page in reader.search(question([[1, 0]]), k=9)] == [n] * n


def test_index_in_a_folder_is_the_same_after_reopening(tmp_path: Path) -> None:
    memory = MemoryIndex()
    spec = f"qdrant:{tmp_path}/store/pages?images={tmp_path}/images"
    with open_index(spec) as index:
        for target in (index, memory):
            for n in range(3):
                target.replace(DocumentEntry(f"d{n}", "s", "h", "s"), [one_page(f"d{n}", [[n, 1]])])
            target.replace(DocumentEntry("d1", "s", "h2", "s"), [one_page("d1", [[9, 9]])])
            target.remove("d0")
    with open_index(spec, create=False) as index:
        assert index.documents() == memory.documents()
        query = question([[1, 0.5]])
        assert ranking(index, query) == ranking(memory, query)
        assert index.load(["d1#p1"])[0].parsed.page.image.size == (60, 80)
