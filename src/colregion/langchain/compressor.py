"""A document compressor that turns pages into regions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from pydantic import Field

from colregion.adapters.page_references import engine_without_index, page_reference, rank_pages
from colregion.adapters.tool_text import resolve_engine
from colregion.core.results import DEFAULT_K
from colregion.langchain.documents import region_document
from colregion.langchain.engine_mixin import EngineMixin


class RegionCompressor(EngineMixin, BaseDocumentCompressor):
    """Finds the regions that answer on the pages of any retriever, best first.

    `adapters.page_references` lists how a document names its page: an indexed document and page
    number, an image path, image bytes or base64 (also as the document's content), a file and page
    number. A page that the index contains is loaded from there; any other is read, and cached for
    the next question. Regions keep their page's metadata, flat values only, and get a `score`.

    Args:
        index, engine: where pages are looked up, and what reads the others; without either, all
            pages are read.
        k: how many regions.
        first_page: what the metadata key `page` counts from: 0 (most PDF loaders) or 1.

    Raises:
        InvalidInput: when invoked: an empty question, or a document that names no page.
        NotIndexed: a page that the index does not contain, with nothing to read it from.
        UnreadableDocument: an image or file that cannot be read.
    """

    k: int = Field(default=DEFAULT_K, ge=1)
    first_page: Literal[0, 1] | None = None

    def compress_documents(
        self,
        documents: Sequence[Document],
        query: str,
        callbacks: Callbacks | None = None,  # noqa: ARG002
    ) -> list[Document]:
        """The best regions of the pages that `documents` name; [] for no documents."""
        first = self.first_page
        pages = [
            page_reference(document.metadata, image=document.page_content, first_page=first)
            for document in documents
        ]
        source = self.engine or self.index
        engine = engine_without_index() if source is None else resolve_engine(source)
        hits = rank_pages(engine, query, pages, k=self.k)
        return [region_document(hit, score_key="score") for hit in hits]
