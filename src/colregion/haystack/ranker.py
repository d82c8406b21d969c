"""A Haystack ranker that turns pages into regions."""

# No `from __future__ import annotations`: Haystack 2 reads the annotations as they stand.

from pathlib import Path
from typing import Any, Literal

from haystack import Document, component, default_from_dict

from colregion import Engine
from colregion.adapters.page_references import (
    WithoutPage,
    documents_without_page,
    engine_without_index,
    rank_pages,
)
from colregion.adapters.tool_text import resolve_engine, validate_source
from colregion.core.results import DEFAULT_K
from colregion.haystack.documents import page_references, region_document
from colregion.haystack.yaml import component_to_dict


@component
class RegionRanker:
    """Finds the regions that answer on the pages of any retriever's documents, best first.

    A document names its page by its meta: `adapters.page_metadata` lists the keys. Haystack's
    converters write `file_path`, and its `DocumentSplitter` `page_number`. An image may be in the
    document's blob.

    Args:
        index, engine: as for `RegionRetriever`; pages that it does not contain, or all pages
            without one, are read from their image or file.
        top_k: how many regions.
        first_page: what the key `page` counts from, 0 or 1, where documents have it.
        files: the file of each document by the id or name that the meta has for it.
        without_page: what becomes of a document that names no page: "keep" returns it unchanged
            after the regions, "drop" leaves it out. A warning says when none names one.
        min_confidence, crops: as for `RegionRetriever`.

    Raises:
        InvalidInput: both an index and an engine; when run, as `rank_pages`, and meta with `page`
            but no `first_page`.
        NotIndexed: when run, a page that is not indexed, with nothing to read it from.
    """

    def __init__(
        self,
        index: str | Path | None = None,
        *,
        engine: Engine | None = None,
        top_k: int = DEFAULT_K,
        first_page: Literal[0, 1] | None = None,
        files: dict[str, str | Path] | None = None,
        without_page: WithoutPage = "keep",
        min_confidence: float | None = None,
        crops: str | Path | None = None,
    ) -> None:
        neither = index is None and engine is None
        self._source = None if neither else validate_source(index, engine)
        self.top_k = top_k
        self.first_page = first_page
        self.files = files or {}
        self.without_page = without_page
        self.min_confidence = min_confidence
        self.crops = crops

    def to_dict(self) -> dict[str, Any]:
        """The component for a pipeline's YAML. Raises InvalidInput for an engine."""
        return component_to_dict(
            self,
            self._source,
            first_page=self.first_page,
            files={name: str(file) for name, file in self.files.items()},
            without_page=self.without_page,
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "RegionRanker":
        """The component that `to_dict` described."""
        return default_from_dict(cls, data)

    @component.output_types(documents=list[Document])
    def run(
        self, query: str, documents: list[Document], top_k: int | None = None
    ) -> dict[str, list[Document]]:
        """The best regions of the pages that `documents` name, under "documents"; `top_k` is for
        this run."""
        source = self._source
        engine = engine_without_index() if source is None else resolve_engine(source)
        ranked = rank_pages(
            engine,
            query,
            [
                page_references(document, first_page=self.first_page, files=self.files)
                for document in documents
            ],
            k=self.top_k if top_k is None else top_k,
            min_confidence=self.min_confidence,
        )
        rest = documents_without_page(
            documents,
            ranked,
            action=self.without_page,
            metadata=lambda document: document.meta,
        )
        regions = [region_document(hit, crops=self.crops) for hit in ranked.hits]
        return {"documents": [*regions, *rest]}
