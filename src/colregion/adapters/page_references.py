"""Ranks the pages that other retrievers return, and says which of their documents name no page."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

from PIL import Image

from colregion.adapters.page_metadata import PageReference
from colregion.core.documents import Document, DocumentEntry, page_id
from colregion.core.embeddings import EmbeddedPage
from colregion.core.results import Hit
from colregion.documents import open_document
from colregion.engine import Engine
from colregion.errors import ColregionError, InvalidInput, NotIndexed
from colregion.indexes import MemoryIndex

WithoutPage: TypeAlias = Literal["keep", "drop"]
"""What becomes of a document that names no page: it follows the regions unchanged, or is left out.
"""

_T = TypeVar("_T")
_LoadedPage: TypeAlias = tuple[EmbeddedPage, DocumentEntry]
_Labels: TypeAlias = Callable[[range], list[str | None]]
_LOADED_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class RankedPages:
    """The regions of the pages of several documents, and the 0-based positions of the documents
    that name no page."""

    hits: list[Hit]
    without_page: tuple[int, ...]


def rank_pages(
    engine: Engine,
    question: str,
    documents: Sequence[Sequence[PageReference]],
    *,
    k: int | None,
    min_confidence: float | None = None,
) -> RankedPages:
    """The k regions that answer best on the pages of these documents, all of them for k None.

    A page that the index contains is loaded from there; any other is read and embedded, and
    cached for the next question. A page named twice counts once. Hits carry the references'
    document, page number and metadata. A reference without number and label names the one page of
    its document; it names no page where the document has several, or cannot be read.

    Args:
        documents: the pages of each, as `referenced_pages` reads them; [] gives no hits.
        min_confidence: as for `Engine.rank`.

    Raises:
        InvalidInput: an empty question, k < 1, no such file for a numbered page, two different
            images of the same page, or two documents of the index under one file name.
        NotIndexed: a numbered page that the index does not contain, with nothing to read it from.
        UnreadableDocument: the file or image of a numbered page cannot be read.
    """
    loader = _PageLoader(engine, {entry.id: entry for entry in engine.documents()})
    loaded: dict[str, _LoadedPage] = {}
    without_page = []
    for position, references in enumerate(documents):
        pages = [page for reference in references for page in loader.load(reference)]
        if not pages:
            without_page.append(position)
        for page, entry in pages:
            first = loaded.setdefault(page.id, (page, entry))[1]
            if first.content_hash != entry.content_hash:
                raise InvalidInput(f"two different images of page {page.id}; give page_number")
    embedded = [page for page, _ in loaded.values()]
    hits = engine.rank(question, embedded, k=k, min_confidence=min_confidence)
    named = [replace(hit, entry=loaded[hit.page_id][1]) for hit in hits]
    return RankedPages(named, tuple(without_page))


def documents_without_page(
    documents: Sequence[_T],
    ranked: RankedPages,
    *,
    action: WithoutPage,
    metadata: Callable[[_T], Mapping[str, object]],
) -> list[_T]:
    """The documents that name no page and are to follow the regions; none to "drop" them.

    Warns where not one document names a page, as that is a retriever whose keys are not known.
    """
    if documents and len(ranked.without_page) == len(documents):
        keys = sorted({key for document in documents for key in metadata(document)})
        warnings.warn(
            f"none of {len(documents)} documents names its page, so they have no regions; a page "
            "is named by doc_id and page_number, by image_path, image or image_base64, or by "
            f"source and page_number; got the keys {keys}",
            stacklevel=3,
        )
    return [documents[i] for i in ranked.without_page] if action == "keep" else []


@cache
def engine_without_index() -> Engine:
    """The process's engine for pages that bring their own images or files."""
    return Engine.open(MemoryIndex())


@dataclass(frozen=True)
class _PageLoader:
    """Loads the pages of one question; a file that several of them name is opened once, and the
    labels of a document are looked up once."""

    engine: Engine
    entries: dict[str, DocumentEntry]
    opened: dict[tuple[str, str | None], Document] = field(default_factory=dict)
    labels: dict[str | int, _Labels] = field(default_factory=dict)

    def load(self, reference: PageReference) -> list[_LoadedPage]:
        """The pages of a reference: several where a label is not unique, [] for no page."""
        indexed = self._indexed(reference)
        return self._read(reference) if indexed is None else indexed

    def _indexed(self, reference: PageReference) -> list[_LoadedPage] | None:
        """The pages as the index contains them; None where it does not contain the document, or
        not this page of which there is an image."""
        entry = self._entry(reference)
        if entry is None:
            return None

        def labels(numbers: range) -> list[str | None]:
            batches = range(0, len(numbers), _LOADED_AT_ONCE)
            return [
                page.parsed.page.label
                for start in batches
                for page in self.engine.index.load(
                    [page_id(entry.id, n) for n in numbers[start : start + _LOADED_AT_ONCE]]
                )
            ]

        labels_once = self.labels.setdefault(entry.id, cache(labels))
        numbers = _page_numbers(reference, entry.page_count, labels_once)
        if not numbers:
            return None if reference.image is not None else []
        try:
            pages = self.engine.index.load([page_id(entry.id, number) for number in numbers])
        except NotIndexed:
            if reference.image is None:
                raise
            return None
        merged = replace(entry, metadata={**reference.metadata, **entry.metadata})
        return [(page, merged) for page in pages]

    def _entry(self, reference: PageReference) -> DocumentEntry | None:
        if (entry := self.entries.get(reference.doc_id or "")) is not None:
            return entry
        if reference.file is None:
            return None
        if (entry := self._by_path.get(os.path.abspath(reference.file))) is not None:
            return entry
        file = str(reference.file)
        if os.path.basename(file) != file or os.path.exists(file):
            return None
        same = [e for e in self.entries.values() if os.path.basename(e.source) == file]
        if len(same) > 1:
            ids = ", ".join(entry.id for entry in same)
            raise InvalidInput(f"{file!r} names several documents of the index: {ids}; give doc_id")
        return same[0] if same else None

    @cached_property
    def _by_path(self) -> dict[str, DocumentEntry]:
        """The documents by the absolute paths of their sources; of one path, the first."""
        return {os.path.abspath(one.source): one for one in reversed(self.entries.values())}

    def _read(self, reference: PageReference) -> list[_LoadedPage]:
        numbered = reference.page_number is not None or reference.image is not None
        source = reference.file if reference.image is None else reference.image
        if source is None:
            if not numbered:
                return []
            raise NotIndexed(
                f"no document {reference.doc_id!r} in the index; add it, or give its pages with "
                "image_path, image or source, or its file in files="
            )
        try:
            document = self._open(reference, source)
        except ColregionError:
            if numbered:
                raise
            return []
        if reference.image is not None:
            return [self._read_page(reference, document, 1, number=reference.page_number or 1)]

        def labels(numbers: range) -> list[str | None]:
            part = document.alone(numbers[0]) if len(numbers) == 1 else document
            return [page.label for page in part.pages()]

        labels_once = self.labels.setdefault(id(document), cache(labels))
        numbers = _page_numbers(reference, document.page_count, labels_once)
        # The file of one page may be a page of a longer document.
        return [
            self._read_page(reference, document, number if document.page_count > 1 else 1, number)
            for number in numbers
        ]

    def _open(self, reference: PageReference, source: str | Path | bytes | Image.Image) -> Document:
        path = source if isinstance(source, str | Path) else None
        name = reference.doc_id or reference.file or path
        doc_id = None if name is None else str(name)
        if path is None:
            return open_document(source, doc_id=doc_id)
        key = str(path), doc_id
        if key not in self.opened:
            self.opened[key] = open_document(source, doc_id=doc_id)
        return self.opened[key]

    def _read_page(
        self, reference: PageReference, document: Document, position: int, number: int
    ) -> _LoadedPage:
        page = self.engine.page_cache.read_page(document, position=position, number=number)
        entry = DocumentEntry(
            id=document.id,
            source=str(reference.file or document.source),
            content_hash=document.content_hash,
            parser="",
            metadata=reference.metadata,
        )
        return page, entry


def _page_numbers(
    reference: PageReference,
    page_count: int,
    labels: _Labels,
) -> list[int]:
    """The 1-based numbers of the pages that a reference to a document of `page_count` pages names.

    A page without a label has its number for one. A label that no page has is a page number, if it
    is one.

    Args:
        labels: looks up the labels of one page, or of all, by their numbers.
    """
    if reference.page_number is not None:
        return [reference.page_number]
    label = reference.label
    if label is None or page_count == 1:
        return [1] if page_count == 1 else []
    own = int(label) if label.isdecimal() and 1 <= int(label) <= page_count else None
    # A file has labels on all of its pages or on none.
    if own is not None and labels(range(own, own + 1)) == [None]:
        return [own]
    numbers = range(1, page_count + 1)
    named = [n for n, one in zip(numbers, labels(numbers), strict=True) if (one or str(n)) == label]
    if reference.near is not None:
        named = [n for n in named if n - reference.near in (0, 1)] or named
    return named or ([] if own is None else [own])
