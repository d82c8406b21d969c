"""Contract tests for the unread pages of an index, and for pages that are read later."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from colregion.core.embeddings import EmbeddedPage
from colregion.core.interfaces import Index
from colregion.errors import BackendError, NotIndexed
from colregion.testing.index_contract_data import IndexTestData

Change = Callable[[EmbeddedPage], EmbeddedPage]


class UnreadPagesContract(IndexTestData):
    """The part of `IndexContract` about pages with unread parts."""

    def reopen(self, index: Index) -> Index:
        """The same index in a new object."""
        return index

    def beside(self, index: Index) -> Index:
        """The same index in a second object, as another process has it; itself where none can."""
        return index

    def reading(self, **lines: str) -> Change:
        """Reads unread lines, by their position from 1: `_1="one"`; a line that is read stays."""

        def change(page: EmbeddedPage) -> EmbeddedPage:
            texts = [region.text for region in page.parsed.regions]
            for name, text in lines.items():
                position = int(name[1:]) - 1
                texts[position] = texts[position] or text
            if texts == [region.text for region in page.parsed.regions]:
                return page
            own = page.parsed.page
            read = self.unread_page(texts, doc_id=own.doc_id, number=own.number)
            return replace(page, parsed=replace(read.parsed, page=own))

        return change

    def test_unread_pages_are_listed_with_their_share_and_counted(self, index: Index) -> None:
        pages = [
            self.unread_page(("one", ""), number=1),
            self.page("two", number=2),
            self.unread_page(("", ""), number=3),
        ]
        assert index.replace(self.entry(), pages).unread_pages == 2
        index.replace(self.entry("b"), [self.unread_page(doc_id="b")])
        index.replace(self.entry("read"), [self.page("three", doc_id="read")])
        assert index.unread_pages() == {"b#p1": 1.0, "doc#p1": 0.5, "doc#p3": 1.0}
        assert index.unread_pages("doc") == {"doc#p1": 0.5, "doc#p3": 1.0}
        assert index.unread_pages("read") == {}
        assert [entry.unread_pages for entry in index.documents()] == [1, 2, 0]
        assert index.entry("doc").unread_pages == 2
        assert index.entries(["doc"])["doc"].unread_pages == 2
        (loaded,) = index.load(["doc#p1"])
        assert [region.unread for region in loaded.parsed.regions] == [False, True]
        assert loaded.parsed.is_unread.tolist() == [False, True]
        with pytest.raises(NotIndexed, match="unknown"):
            index.unread_pages("unknown")

    def test_a_change_of_a_page_is_stored_with_its_words_and_survives_reopening(
        self, index: Index
    ) -> None:
        index.replace(self.entry(), [self.unread_page(number=n) for n in (1, 2)])
        before = index.search(self.query("one"), k=9)
        read = index.update_page(self.entry(), 2, self.reading(_1="one two"))
        assert [region.text for region in read.parsed.regions] == ["one two", ""]
        assert index.unread_pages() == {"doc#p1": 1.0, "doc#p2": 0.5}
        index.update_page(self.entry(), 2, self.reading(_2="three"))
        for reopened in (False, True):
            opened = index = self.reopen(index) if reopened else index
            assert opened.unread_pages() == {"doc#p1": 1.0}
            assert opened.entry("doc").unread_pages == 1
            assert opened.document_frequency(["one", "three"]) == [1, 1]
            (page,) = opened.load(["doc#p2"])
            assert [word.text for word in page.parsed.words] == ["one", "two", "three"]
            assert page.parsed.page.image.size == (60, 80)
            after = opened.search(self.query("one"), k=9)
            assert [(c.page_id, c.score) for c in after] == [(c.page_id, c.score) for c in before]
        index.remove("doc")
        assert index.document_frequency(["one", "three"]) == [0, 0]

    def test_a_change_can_give_a_page_other_vectors(self, index: Index) -> None:
        index.replace(self.entry(), [self.unread_page(number=n) for n in (1, 2)])
        words = self.page("one two").embedding
        index.update_page(self.entry(), 1, lambda page: replace(page, embedding=words))
        (page,) = index.load(["doc#p1"])
        tolerance = self.number_tolerance
        np.testing.assert_allclose(page.embedding.vectors, words.vectors, rtol=0, atol=tolerance)
        self.assert_same_places(page.embedding.placement, words.placement)
        assert index.search(self.query("one"), k=1)[0].page_id == "doc#p1"

    def test_a_change_can_give_vectors_to_a_page_of_a_document_without_any(
        self, index: Index
    ) -> None:
        nothing, words = self.page("").embedding, self.page("one two").embedding
        pages = [replace(self.unread_page(number=n), embedding=nothing) for n in (1, 2)]
        index.replace(self.entry(), pages)
        index.update_page(self.entry(), 2, lambda page: replace(page, embedding=words))
        (page,) = index.load(["doc#p2"])
        tolerance = self.number_tolerance
        np.testing.assert_allclose(page.embedding.vectors, words.vectors, rtol=0, atol=tolerance)
        assert page.parsed.page.image.size == (60, 80)
        assert [one.page_id for one in index.search(self.query("one"), k=9)] == ["doc#p2"]
        assert index.unread_pages() == {"doc#p1": 1.0, "doc#p2": 1.0}

    def test_a_change_that_returns_its_page_or_raises_stores_nothing(self, index: Index) -> None:
        def broken(page: EmbeddedPage) -> EmbeddedPage:
            raise RuntimeError(f"no {page.id}")

        index.replace(self.entry(), [self.unread_page(("one", ""))])
        before = self.state(index)
        assert index.update_page(self.entry(), 1, self.reading(_1="two")).id == "doc#p1"
        with pytest.raises(RuntimeError, match="no doc#p1"):
            index.update_page(self.entry(), 1, broken)
        assert self.state(index) == before
        index.update_page(self.entry(), 1, self.reading(_2="three"))
        assert index.unread_pages() == {}

    def test_a_page_of_a_replaced_or_missing_document_is_not_changed(self, index: Index) -> None:
        old = self.entry(content_hash="old")
        index.replace(self.entry(), [self.unread_page(number=3)])
        before = self.state(index)
        with pytest.raises(NotIndexed, match="replaced"):
            index.update_page(old, 3, self.reading(_1="one"))
        with pytest.raises(NotIndexed):
            index.update_page(self.entry(), 1, self.reading(_1="one"))
        with pytest.raises(NotIndexed):
            index.update_page(self.entry("other"), 3, self.reading(_1="one"))
        assert self.state(index) == before

    def test_changes_by_one_thread_after_another_add_up(self, index: Index) -> None:
        index.replace(self.entry(), [self.unread_page(("", "", "", ""))])
        for position in (3, 1, 4, 2):
            change = self.reading(**{f"_{position}": f"w{position}"})
            thread = threading.Thread(target=index.update_page, args=(self.entry(), 1, change))
            thread.start()
            thread.join()
        (page,) = index.load(["doc#p1"])
        assert [region.text for region in page.parsed.regions] == ["w1", "w2", "w3", "w4"]

    def test_changes_of_one_page_in_the_same_moment_add_up(self, index: Index) -> None:
        index.replace(self.entry(), [self.unread_page(("", ""))])
        both_have_loaded_it = threading.Barrier(2)

        def store(own: Index, line: Change) -> None:
            def change(page: EmbeddedPage) -> EmbeddedPage:
                with suppress(threading.BrokenBarrierError):  # of an index that lets in one
                    both_have_loaded_it.wait(timeout=0.3)
                return line(page)

            stored = False
            while not stored:
                with suppress(BackendError):  # another is writing
                    own.update_page(self.entry(), 1, change)
                    stored = True

        with ThreadPoolExecutor(2) as pool:
            own = pool.submit(store, index, self.reading(_1="one"))
            other = pool.submit(store, self.beside(index), self.reading(_2="two"))
        own.result()
        other.result()
        (page,) = index.load(["doc#p1"])
        assert [region.text for region in page.parsed.regions] == ["one", "two"]
        assert index.unread_pages() == {}

    def test_readers_see_a_page_before_or_after_a_change(self, index: Index) -> None:
        index.replace(self.entry(), [self.unread_page(("", ""), number=n) for n in range(1, 5)])
        done = threading.Event()

        def read() -> None:
            while not done.is_set():
                for candidate in index.search(self.query("one"), k=9):
                    words = [word.text for word in candidate.parsed.words]
                    unread = [region.unread for region in candidate.parsed.regions]
                    assert (words, unread) in (
                        ([], [True, True]),
                        (["one"], [False, True]),
                        (["one", "two"], [False, False]),
                    )

        with ThreadPoolExecutor(2) as pool:
            readers = [pool.submit(read) for _ in range(2)]
            try:
                for number in range(1, 5):
                    index.update_page(self.entry(), number, self.reading(_1="one"))
                    index.update_page(self.entry(), number, self.reading(_2="two"))
            finally:
                done.set()
        for reader in readers:
            reader.result()
        assert index.unread_pages() == {}
