"""An index in memory, the reference for the others."""

from __future__ import annotations

import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from PIL import Image

from colregion.core.documents import DocumentEntry
from colregion.core.embeddings import Candidate, EmbeddedPage, QueryEmbedding
from colregion.core.filters import EVERYTHING, Filters
from colregion.core.interfaces import Index
from colregion.core.text import terms
from colregion.errors import NotIndexed
from colregion.indexes.validation import check_same_content, check_search, checked_pages


class MemoryIndex(Index):
    """Scores every page exactly. Stores nothing on disk; page images are compressed."""

    def __init__(self) -> None:
        # Replaced, never modified, so that a reader sees one state.
        self._documents: dict[str, tuple[DocumentEntry, list[EmbeddedPage]]] = {}
        self._frequencies: dict[str, Counter[str]] = {}  # pages per term, by document
        self._settings: dict[str, str] = {}
        self._writing = threading.Lock()

    def replace(self, entry: DocumentEntry, pages: Iterable[EmbeddedPage]) -> DocumentEntry:
        checked = checked_pages(entry, pages, dim=self._dim(without=entry.id))
        copies = sorted(map(_with_own_image, checked), key=lambda page: page.parsed.page.number)
        stored = _counted(entry, copies)
        frequencies = Counter(term for page in copies for term in _terms(page))
        with self._writing:
            documents = {**self._documents, entry.id: (stored, copies)}
            self._documents = dict(sorted(documents.items()))
            self._frequencies = {**self._frequencies, entry.id: frequencies}
        return stored

    def remove(self, doc_id: str) -> None:
        with self._writing:
            self._document(doc_id)
            self._documents = {k: v for k, v in self._documents.items() if k != doc_id}
            self._frequencies = {k: v for k, v in self._frequencies.items() if k != doc_id}

    def search(
        self, query: QueryEmbedding, *, k: int, filters: Filters = EVERYTHING
    ) -> list[Candidate]:
        check_search(query, k=k, dim=self._dim())
        candidates = [
            Candidate.of(page, query)
            for entry, pages in self._documents.values()
            for page in pages
            if len(page.embedding.vectors) and _passes(filters, entry, page)
        ]
        # The documents are in order, and the sort is stable.
        return sorted(candidates, key=lambda candidate: -candidate.score)[:k]

    def load(self, page_ids: Sequence[str]) -> list[EmbeddedPage]:
        by_id = {page.id: page for _, pages in self._documents.values() for page in pages}
        if missing := [page_id for page_id in page_ids if page_id not in by_id]:
            raise NotIndexed(f"no page {missing[0]!r} in the index")
        return [by_id[page_id] for page_id in page_ids]

    def update_page(
        self,
        entry: DocumentEntry,
        number: int,
        change: Callable[[EmbeddedPage], EmbeddedPage],
        *,
        wait: bool = False,  # noqa: ARG002  (nothing is locked for long)
    ) -> EmbeddedPage:
        with self._writing:
            stored, pages = self._document(entry.id)
            check_same_content(entry, stored)
            position = {p.parsed.page.number: i for i, p in enumerate(pages)}.get(number)
            if position is None:
                raise NotIndexed(f"no page {number} of document {entry.id!r} in the index")
            page = pages[position]
            changed = change(page)
            if changed is page:
                return page
            own = replace(changed.parsed.page, load_image=page.parsed.page.load_image)
            changed = replace(changed, parsed=replace(changed.parsed, page=own))
            frequencies = self._frequencies[entry.id].copy()
            frequencies.subtract(_terms(page))
            frequencies.update(_terms(changed))
            pages = [*pages[:position], changed, *pages[position + 1 :]]
            self._documents = {**self._documents, entry.id: (_counted(stored, pages), pages)}
            self._frequencies = {**self._frequencies, entry.id: frequencies}
        return changed

    def unread_pages(self, doc_id: str | None = None) -> dict[str, float]:
        documents = self._documents if doc_id is None else {doc_id: self._document(doc_id)}
        return {
            page.id: page.parsed.unread_share
            for entry, pages in documents.values()
            if entry.unread_pages
            for page in pages
            if page.parsed.is_unread.any()
        }

    def document_frequency(self, terms: Sequence[str]) -> list[int]:
        documents = self._frequencies.values()
        return [sum(document[term] for document in documents) for term in terms]

    def documents(self) -> list[DocumentEntry]:
        return [entry for entry, _ in self._documents.values()]

    def page_ids(self, doc_id: str) -> list[str]:
        return [page.id for page in self._document(doc_id)[1]]

    def get_setting(self, key: str) -> str | None:
        return self._settings.get(key)

    def set_setting(self, key: str, value: str) -> None:
        self._settings[key] = value

    def settings(self) -> dict[str, str]:
        return dict(self._settings)

    def _document(self, doc_id: str) -> tuple[DocumentEntry, list[EmbeddedPage]]:
        if doc_id not in self._documents:
            raise NotIndexed(f"no document {doc_id!r} in the index")
        return self._documents[doc_id]

    def _dim(self, *, without: str | None = None) -> int | None:
        for doc_id, (_, pages) in self._documents.items():
            for page in pages:
                if doc_id != without and len(page.embedding.vectors):
                    return int(page.embedding.vectors.shape[1])
        return None


def _counted(entry: DocumentEntry, pages: Sequence[EmbeddedPage]) -> DocumentEntry:
    unread = sum(bool(page.parsed.is_unread.any()) for page in pages)
    return replace(entry, page_count=len(pages), unread_pages=unread)


def _passes(filters: Filters, entry: DocumentEntry, page: EmbeddedPage) -> bool:
    number = page.parsed.page.number
    if not filters.page(
        doc_id=entry.id, source=entry.source, page_number=number, metadata=entry.metadata
    ):
        return False
    any_kind = not any(condition.field == "kind" for condition in filters.conditions)
    return any_kind or any(filters.kind(region.kind) for region in page.parsed.regions)


def _terms(page: EmbeddedPage) -> set[str]:
    return set(terms(" ".join(word.text for word in page.parsed.words)))


@dataclass(frozen=True, slots=True)
class _PackedImage:
    """The `ImageLoader` of a page: its pixels, compressed without loss to about a tenth."""

    packed: bytes
    size: tuple[int, int]

    def __call__(self, *, dpi: int | None = None) -> Image.Image:  # noqa: ARG002
        return Image.frombytes("RGB", self.size, zlib.decompress(self.packed))


def _with_own_image(page: EmbeddedPage) -> EmbeddedPage:
    """The page with a copy of its image, because its source may be deleted."""
    image = page.parsed.page.image.convert("RGB")
    loader = _PackedImage(zlib.compress(image.tobytes(), 1), image.size)
    own = replace(page.parsed.page, load_image=loader)
    return replace(page, parsed=replace(page.parsed, page=own))
