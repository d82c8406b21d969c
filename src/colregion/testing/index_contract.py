"""Contract tests for indexes, with the in-memory index as the oracle."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from colregion.core.embeddings import EmbeddedPage, PageEmbedding
from colregion.core.filters import FilterInput, parse_filters
from colregion.core.geometry import FloatArray, GridPlacement, Upright
from colregion.core.interfaces import Index
from colregion.core.regions import ParsedPage
from colregion.errors import InvalidInput, ModelMismatch, NotIndexed, ShapeMismatch
from colregion.indexes.memory import MemoryIndex
from colregion.testing.fakes import PlainImage
from colregion.testing.index_contract_data import HOSTILE
from colregion.testing.unread_contract import UnreadPagesContract


class IndexContract(UnreadPagesContract):
    """Contract tests that every index passes; `MemoryIndex` is the oracle.

    Override the fixture `index` with an empty index, and `reopen` if an index outlives its object.
    """

    frequency_is_exact_while_writing = True
    """False for an index whose `document_frequency` may mix two states of a document meanwhile."""

    first_settings: ClassVar[Mapping[str, str]] = {}
    """The settings of an empty index."""

    @pytest.fixture
    def index(self) -> Index:
        raise NotImplementedError("override the fixture `index` with an empty index")

    def narrow_page(self) -> EmbeddedPage:
        """A page whose vectors have 5 components."""
        page = self.page()
        return replace(page, embedding=PageEmbedding(np.ones((2, 5)), page.embedding.placement))

    def test_empty_index_returns_nothing(self, index: Index) -> None:
        assert index.search(self.query("one"), k=3) == []
        assert index.documents() == []
        assert index.page_count == 0
        assert index.load([]) == []
        assert index.document_frequency(["one", ""]) == [0, 0]
        assert index.document_frequency([]) == []
        assert index.get_setting("encoder") is None
        assert index.settings() == self.first_settings
        assert index.entries(["doc"]) == {}

    def test_entries_are_returned_by_id_with_their_page_count(self, index: Index) -> None:
        metadata = {"team": "x", "year": 2024, "share": 0.1, "draft": False, "note": None}
        b = self.entry("b", metadata=metadata, page_count=99)
        pages = [self.page(doc_id="b", number=n) for n in (7, 3)]
        assert index.replace(b, pages) == replace(b, page_count=2)
        index.replace(self.entry("a"), [])
        assert index.documents() == [self.entry("a"), replace(b, page_count=2)]
        assert index.entry("b").metadata == metadata
        assert index.entries(["b", "unknown", "b"]) == {"b": index.entry("b")}
        assert index.page_ids("b") == ["b#p3", "b#p7"]
        assert index.page_ids("a") == []
        assert index.page_count == 2

    @pytest.mark.parametrize("grid", [False, True])
    def test_load_returns_pages_unchanged_in_the_requested_order(
        self, index: Index, grid: bool
    ) -> None:
        pages = [
            self.page("one two one", number=1, grid=grid, kind="table"),
            self.page("three", number=2, grid=grid),
            self.page("", number=4, grid=grid),
        ]
        index.replace(self.entry(), pages)
        loaded = index.load(["doc#p4", "doc#p1", "doc#p2", "doc#p1"])
        for page, expected in zip(loaded, [pages[2], pages[0], pages[1], pages[0]], strict=True):
            assert page.id == expected.id
            assert page.parsed.words == expected.parsed.words
            assert page.parsed.regions == expected.parsed.regions
            np.testing.assert_allclose(
                page.embedding.vectors,
                expected.embedding.vectors,
                rtol=0,
                atol=self.number_tolerance,
            )
            self.assert_same_places(page.embedding.placement, expected.embedding.placement)

    def test_loaded_page_has_its_size_label_rotation_and_image(self, index: Index) -> None:
        page = replace(
            self.page().parsed.page,
            width=300,
            height=200,
            unit="pt",
            label="iv",
            rotation=90,
            upright=Upright(-2.5, 300, 200),
            load_image=PlainImage(width_px=90, height_px=60, color=(200, 30, 30)),
        )
        embedding = self.page("").embedding
        index.replace(self.entry(), [EmbeddedPage(ParsedPage(page, (), ()), embedding)])
        (loaded,) = index.load(["doc#p1"])
        for name in ("width", "height", "unit", "label", "rotation", "upright"):
            assert getattr(loaded.parsed.page, name) == getattr(page, name)
        image = pickle.loads(pickle.dumps(loaded.parsed.page)).image
        assert (image.size, image.mode) == ((90, 60), "RGB")
        np.testing.assert_allclose(image.getpixel((45, 30)), (200, 30, 30), atol=6)

    def test_missing_pages_and_documents_raise_not_indexed(self, index: Index) -> None:
        index.replace(self.entry(), [self.page(number=3)])
        for missing in ("doc#p1", "doc#p03", "doc", "", "other#p3", "doc#p3#1"):
            with pytest.raises(NotIndexed):
                index.load(["doc#p3", missing])
        for method in (index.remove, index.page_ids, index.entry):
            with pytest.raises(NotIndexed, match="other"):
                method("other")

    @pytest.mark.parametrize("grid", [False, True])
    def test_replace_leaves_nothing_of_the_previous_document(
        self, index: Index, grid: bool
    ) -> None:
        old = [self.page("old one", number=n, grid=grid) for n in (1, 2, 3)]
        index.replace(self.entry(), old)
        index.replace(self.entry("x"), [self.page("one", doc_id="x", grid=grid)])
        index.load(["doc#p1"])
        index.replace(self.entry(content_hash="h2"), [self.page("new two", number=1, grid=grid)])
        assert index.page_ids("doc") == ["doc#p1"]
        assert index.entry("doc").content_hash == "h2"
        (page,) = index.load(["doc#p1"])
        assert [word.text for word in page.parsed.words] == ["new", "two"]
        assert index.document_frequency(["old", "one", "new"]) == [0, 1, 1]
        candidates = index.search(self.query("old new"), k=9)
        assert sorted(c.page_id for c in candidates) == ["doc#p1", "x#p1"]

    @pytest.mark.parametrize("grid", [False, True])
    def test_remove_takes_a_document_out_of_all_results(self, index: Index, grid: bool) -> None:
        index.replace(self.entry("a"), [self.page("one two", doc_id="a", grid=grid)])
        before = self.state(index)
        index.replace(self.entry("b"), [self.page("one three", doc_id="b", grid=grid)])
        assert self.state(index) != before
        index.remove("b")
        assert self.state(index) == before
        index.remove("a")
        assert index.documents() == []
        assert index.search(self.query("one"), k=3) == []

    @pytest.mark.parametrize("error", [RuntimeError, OSError, KeyboardInterrupt])
    @pytest.mark.parametrize("doc_id", ["doc", "other"])
    def test_replace_that_fails_midway_changes_nothing(
        self, index: Index, doc_id: str, error: type[BaseException]
    ) -> None:
        def broken() -> Iterator[EmbeddedPage]:
            yield self.page("new words", doc_id=doc_id)
            yield self.page("new grid", doc_id=doc_id, number=2, grid=True)
            raise error("the file is damaged")

        index.replace(self.entry(), [self.page("one two"), self.page("old", number=2, grid=True)])
        before = self.state(index)
        with pytest.raises(error, match="the file is damaged"):
            index.replace(self.entry(doc_id, content_hash="h2"), broken())
        assert self.state(index) == before
        index.replace(self.entry("later"), [self.page("one three new", doc_id="later")])
        assert index.document_frequency(["one", "new"]) == [2, 1]
        assert index.search(self.query("three new"), k=1)[0].page_id == "later#p1"

    def test_invalid_pages_are_refused_and_nothing_changes(self, index: Index) -> None:
        index.replace(self.entry("a"), [self.page(doc_id="a")])
        before = self.state(index)
        good, narrow = self.page(), self.narrow_page()
        with pytest.raises(ModelMismatch, match=r"16.*5"):
            index.replace(self.entry(), [narrow])
        with pytest.raises(InvalidInput, match="belong"):
            index.replace(self.entry(), [good, self.page(doc_id="b")])
        with pytest.raises(InvalidInput, match="two pages"):
            index.replace(self.entry(), [good, good])
        with pytest.raises(InvalidInput, match="doc_id"):
            index.replace(self.entry(metadata={"doc_id": "mine"}), [good])
        with pytest.raises(InvalidInput, match="empty"):
            index.replace(self.entry(""), [])
        assert self.state(index) == before

    def test_dimension_may_change_when_the_only_document_is_replaced(self, index: Index) -> None:
        index.replace(self.entry(), [self.page()])
        index.replace(self.entry(), [self.narrow_page()])
        assert index.load(["doc#p1"])[0].embedding.vectors.shape == (2, 5)
        with pytest.raises(ShapeMismatch, match=r"5.*16"):
            index.search(self.query("one"), k=1)

    @pytest.mark.parametrize("k", [0, -1])
    def test_search_refuses_k_below_one(self, index: Index, k: int) -> None:
        with pytest.raises(InvalidInput, match="k must"):
            index.search(self.query("one"), k=k)

    @pytest.mark.parametrize("seed", range(4))
    def test_candidates_equal_those_of_the_oracle(self, index: Index, seed: int) -> None:
        oracle = MemoryIndex()
        for entry, pages in self.library(seed=seed):
            assert index.replace(entry, pages) == oracle.replace(entry, pages)
        queries = [
            self.query("w1 w2 w3"),
            self.query("w39 nowhere", weights=[0.25, 3]),
            self.query("w5", weights=[0]),
            self.query(""),
        ]
        filters = parse_filters({"metadata.even": True, "kind": ["table", "figure"]})
        for query in queries:
            self.assert_same(index, oracle, query)
            self.assert_same(index, oracle, query, k=3)
            self.assert_same(index, oracle, query, filters=filters)
        for doc_id in ("d0", "d5"):
            index.remove(doc_id)
            oracle.remove(doc_id)
        for entry, pages in self.library(seed=seed + 100)[:4]:
            index.replace(entry, pages)
            oracle.replace(entry, pages)
        for query in queries:
            self.assert_same(index, oracle, query)
        terms = [f"w{i}" for i in range(40)]
        assert index.document_frequency(terms) == oracle.document_frequency(terms)

    def test_candidates_of_unit_vectors_equal_those_of_the_oracle(self, index: Index) -> None:
        def unit(*shape: int) -> FloatArray:
            rows = rng.standard_normal(shape)
            return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True))

        rng, oracle = np.random.default_rng(7), MemoryIndex()
        for n in range(6):
            doc_id = f"d{n}"
            layer = np.arange(20).reshape(4, 5)
            pages = [
                EmbeddedPage(
                    self.page("", doc_id=doc_id, number=number).parsed,
                    PageEmbedding(unit(20, self.dim), GridPlacement((layer,), n_vectors=20)),
                )
                for number in (1, 2, 3)
            ]
            index.replace(self.entry(doc_id), pages)
            oracle.replace(self.entry(doc_id), pages)
        for _ in range(5):
            query = replace(self.query("a b c"), vectors=unit(3, self.dim).astype(np.float32))
            self.assert_same(index, oracle, query)

    def test_pages_without_vectors_are_never_returned(self, index: Index) -> None:
        index.replace(self.entry(), [self.page("", number=1), self.page("one", number=2)])
        assert [c.page_id for c in index.search(self.query("one"), k=9)] == ["doc#p2"]

    @pytest.mark.parametrize("grid", [False, True])
    def test_ties_are_ordered_by_document_id_and_page_number(
        self, index: Index, grid: bool
    ) -> None:
        for doc_id in ("b", "a10", "a2", "B", "é"):
            numbers = [10, 2] if doc_id == "b" else [1]
            pages = [self.page("one", doc_id=doc_id, number=n, grid=grid) for n in numbers]
            index.replace(self.entry(doc_id), pages)
        order = [c.page_id for c in index.search(self.query("one two"), k=9)]
        assert order == ["B#p1", "a10#p1", "a2#p1", "b#p2", "b#p10", "é#p1"]
        assert [c.page_id for c in index.search(self.query("one two"), k=2)] == order[:2]

    @pytest.mark.parametrize(
        ("filters", "expected"),
        [
            (None, ["a#p1", "a#p2", "b#p1", "b#p4"]),
            ({"doc_id": "b"}, ["b#p1", "b#p4"]),
            ({"doc_id": ["a", "b", "c"], "page_number": {"gte": 2, "lt": 4}}, ["a#p2"]),
            ({"source": "a.pdf"}, ["a#p1", "a#p2"]),
            ({"metadata.team": "x"}, ["a#p1", "a#p2"]),
            ({"metadata.team": {"ne": "x"}}, ["b#p1", "b#p4"]),
            ({"metadata.unknown": "x"}, []),
            ({"kind": "table"}, ["a#p2", "b#p1"]),
            ({"kind": ["table", "figure"], "doc_id": "b"}, ["b#p1", "b#p4"]),
            ([{"kind": "table"}, {"page_number": 1}], ["b#p1"]),
            ({"kind": "equation"}, []),
        ],
    )
    def test_filters_apply_before_the_best_pages_are_selected(
        self, index: Index, filters: FilterInput, expected: list[str]
    ) -> None:
        kinds = {("a", 1): "text", ("a", 2): "table", ("b", 1): "table", ("b", 4): "figure"}
        for doc_id, metadata in (("a", {"team": "x"}), ("b", {"team": "y"})):
            pages = [
                self.page("one two", doc_id=doc_id, number=number, kind=kind, grid=number > 1)
                for (owner, number), kind in kinds.items()
                if owner == doc_id
            ]
            index.replace(self.entry(doc_id, metadata=metadata), pages)
        parsed = parse_filters(filters)
        candidates = index.search(self.query("one"), k=len(expected) + 1, filters=parsed)
        assert sorted(c.page_id for c in candidates) == expected

    def test_document_frequency_counts_pages_and_normalizes_words(self, index: Index) -> None:
        page = self.page("Café, CAFÉ 1,234.50 x-ray")
        hidden = replace(page.parsed.words[0], text="ghost", visible=False)
        words = (*page.parsed.words, hidden)
        parsed = ParsedPage(page.parsed.page, words, page.parsed.regions)
        index.replace(self.entry(), [replace(page, parsed=parsed), self.page("cafe", number=2)])
        terms = ["cafe", "1,234.50", "ray", "ghost", "Café", "ca", "\ud800"]
        assert index.document_frequency(terms) == [2, 1, 1, 1, 0, 0, 0]

    def test_settings_are_stored_and_overwritten(self, index: Index) -> None:
        for key in ("encoder", HOSTILE):
            index.set_setting(key, "first")
            index.set_setting(key, HOSTILE)
            assert index.get_setting(key) == HOSTILE
        assert index.get_setting("") is None
        expected = {**self.first_settings, "encoder": HOSTILE, HOSTILE: HOSTILE}
        assert index.settings() == expected

    @pytest.mark.parametrize(
        "doc_id", [HOSTILE, "../../etc/passwd", "/", "a#p3", "#p1", "🦊", "\x00", "\udcff.pdf", " "]
    )
    def test_hostile_ids_and_texts_survive_reopening(self, index: Index, doc_id: str) -> None:
        metadata = {HOSTILE: HOSTILE, "": 2**70}
        entry = self.entry(doc_id, source=HOSTILE, metadata=metadata, parser=HOSTILE)
        text = "".join(HOSTILE.split()) + " 🦊"
        index.replace(entry, [self.page(text, doc_id=doc_id)])
        index.replace(self.entry("doc"), [self.page("one")])
        index = self.reopen(index)
        assert index.entry(doc_id) == replace(entry, page_count=1)
        (page_id,) = index.page_ids(doc_id)
        (loaded,) = index.load([page_id])
        assert [word.text for word in loaded.parsed.words] == text.split()
        assert loaded.parsed.page.image.size == (60, 80)
        filters = parse_filters({"doc_id": doc_id})
        (candidate,) = index.search(self.query("one"), k=9, filters=filters)
        assert candidate.page_id == page_id
        index.remove(doc_id)
        assert [entry.id for entry in index.documents()] == ["doc"]

    def test_reopening_changes_nothing(self, index: Index) -> None:
        oracle = MemoryIndex()
        for entry, pages in self.library(seed=11):
            index.replace(entry, pages)
            oracle.replace(entry, pages)
        index.set_setting("encoder", "e1")
        before = self.state(index)
        index = self.reopen(index)
        assert self.state(index) == before
        assert index.get_setting("encoder") == "e1"
        for entry, pages in self.library(seed=12)[4:]:
            index.replace(entry, pages)
            oracle.replace(entry, pages)
        index = self.reopen(index)
        self.assert_same(index, oracle, self.query("w1 w2"))

    def test_readers_see_whole_documents_during_writes(self, index: Index) -> None:
        versions = [
            [self.page("one old", number=n, grid=n > 1) for n in (1, 2)],
            [self.page("two new", number=n, grid=n > 1) for n in (1, 2, 3)],
        ]
        index.replace(self.entry(), versions[0])
        done, seen = threading.Event(), set()

        def read() -> None:
            while not done.is_set():
                seen.add(len(index.search(self.query("one two"), k=9)))
                counts = index.document_frequency(["old", "new"])
                if self.frequency_is_exact_while_writing:
                    seen.add({(2, 0): 2, (0, 3): 3}[(counts[0], counts[1])])
                pages = index.load(["doc#p1", "doc#p2"])
                assert len({page.parsed.words[1].text for page in pages}) == 1

        with ThreadPoolExecutor(2) as pool:
            readers = [pool.submit(read) for _ in range(2)]
            try:
                for n in range(1, 16):
                    index.replace(self.entry(), versions[n % 2])
                    index.replace(self.entry(f"x{n}"), [self.page("", doc_id=f"x{n}")])
            finally:
                done.set()
        for reader in readers:
            reader.result()
        assert seen <= {2, 3}

    def test_threads_can_write_concurrently(self, index: Index) -> None:
        def write(doc_id: str) -> None:
            for _ in range(3):
                index.replace(self.entry(doc_id), [self.page("one two", doc_id=doc_id)])

        ids = [f"d{n}" for n in range(4)]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(write, ids))
        assert [entry.id for entry in index.documents()] == ids
        assert index.document_frequency(["one"]) == [4]

    def test_close_can_be_called_twice(self, index: Index) -> None:
        index.close()
        index.close()
