"""A document compressor that turns pages into regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from pydantic import Field

from colregion.adapters.page_metadata import referenced_pages
from colregion.adapters.page_references import (
    WithoutPage,
    documents_without_page,
    engine_without_index,
    rank_pages,
)
from colregion.adapters.tool_text import resolve_engine
from colregion.core.results import DEFAULT_K
from colregion.langchain.documents import region_document
from colregion.langchain.engine_mixin import EngineMixin


class RegionCompressor(EngineMixin, BaseDocumentCompressor):
    """Finds the regions that answer on the pages of any retriever, best first.

    `adapters.page_metadata` lists how a document names its page; the loaders PyPDF, PyMuPDF,
    PDFPlumber, Unstructured, Docling, Azure and byaldi do, and an image in base64 may be the
    document's content. A page that the index contains is loaded from there; any other is read, and
    cached for the next question. Regions keep their page's metadata, flat values only.

    Args:
        index, engine: where pages are looked up, and what reads the others; without either, all
            pages are read.
        k: how many regions.
        first_page: what the metadata key `page` counts from: 0 (most PDF loaders) or 1.
        files: the file of each document by the id or name that the metadata has for it, such as
            byaldi's `get_doc_ids_to_file_names()`.
        without_page: what becomes of a document that names no page: "keep" returns it unchanged
            after the regions, "drop" leaves it out. A warning says when none names one.
        min_confidence: 0-1; leaves out regions less likely to be right, even all of them.
        score_key, crops: as for `RegionRetriever`.

    Raises:
        InvalidInput: when invoked: an empty question, metadata with `page` but no `first_page`, or
            `min_confidence` without a calibration.
        NotIndexed: a page that the index does not contain, with nothing to read it from.
        UnreadableDocument: an image or file that cannot be read.
    """

    k: int = Field(default=DEFAULT_K, ge=1)
    first_page: Literal[0, 1] | None = None
    files: dict[int | str, str | Path] = Field(default_factory=dict)
    without_page: WithoutPage = "keep"
    min_confidence: float | None = Field(default=None, ge=0, le=1)
    score_key: str | None = "score"
    crops: str | Path | None = None

    def compress_documents(
        self,
        documents: Sequence[Document],
        query: str,
        callbacks: Callbacks | None = None,  # noqa: ARG002
    ) -> list[Document]:
        """The best regions of the pages that `documents` name; [] for no documents."""
        pages = [
            referenced_pages(
                _metadata(document),
                image=getattr(document, "page_content", None),
                first_page=self.first_page,
                files=self.files,
            )
            for document in documents
        ]
        source = self.engine or self.index
        engine = engine_without_index() if source is None else resolve_engine(source)
        ranked = rank_pages(engine, query, pages, k=self.k, min_confidence=self.min_confidence)
        rest = documents_without_page(
            documents,
            ranked,
            action=self.without_page,
            metadata=_metadata,
        )
        regions = (
            region_document(hit, score_key=self.score_key, crops=self.crops) for hit in ranked.hits
        )
        return [*regions, *rest]


def _metadata(document: Document) -> Mapping[str, Any]:
    """A document's metadata. The results of byaldi's retriever are no documents: theirs are their
    attributes."""
    if isinstance(document, Document):
        return document.metadata
    return {**document.metadata, **vars(document)}
