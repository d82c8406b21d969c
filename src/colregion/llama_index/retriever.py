"""A LlamaIndex retriever of regions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import BaseNode, NodeWithScore, QueryBundle
from llama_index_instrumentation import get_dispatcher

from colregion import Engine
from colregion.adapters.named_files import add_named_files
from colregion.adapters.page_metadata import Files
from colregion.adapters.tool_text import resolve_engine, validate_source
from colregion.core.filters import parse_filters
from colregion.core.results import DEFAULT_K
from colregion.llama_index.filters import NodeFilters, translate
from colregion.llama_index.nodes import page_references, region_node

dispatcher = get_dispatcher(__name__)


@dataclass
class RegionQueryBundle(QueryBundle):
    """A question with its own k and filters, because `retrieve` takes nothing else.

    Args:
        k: how many regions; None for the retriever's k.
        filters: narrow the retriever's filters further.
    """

    k: int | None = None
    filters: NodeFilters = None


class RegionRetriever(BaseRetriever):
    """The regions that answer a question, as nodes with scores, best first.

    Only the bundle's `query_str` is used, not its embedding or image.

    Args:
        index: the folder of an index; opened at the first question, one engine per process.
        engine: an open engine, in place of `index`.
        k: how many regions.
        filters: a mapping as `Engine.search` takes it, or `MetadataFilters`. The filters of a
            question can only narrow them.
        crops: a folder to write images of the regions to; the nodes then name them.
        score_key: the metadata key for the score; None leaves it, confidence and quotes out, so
            that a region found by two questions is one node to whatever merges their results.
        min_confidence: 0-1; leaves out regions less likely to be right, even all of them.
        base: `similarity_top_k`, LlamaIndex's name for `k`, which wins where both are given; and of
            its `BaseRetriever`: callback_manager, object_map, objects, verbose.

    Raises:
        InvalidInput: neither an index nor an engine, or invalid filters; when invoked, also an
            empty question, k < 1, or an index that does not exist.
    """

    def __init__(
        self,
        index: str | Path | None = None,
        *,
        engine: Engine | None = None,
        k: int = DEFAULT_K,
        filters: NodeFilters = None,
        crops: str | Path | None = None,
        score_key: str | None = None,
        min_confidence: float | None = None,
        **base: Any,
    ) -> None:
        self._source = validate_source(index, engine)
        self._filters = translate(filters)
        self._crops = crops
        self._score_key = score_key
        self._min_confidence = min_confidence
        top_k = base.pop("similarity_top_k", None)
        self.k = k if top_k is None else top_k
        super().__init__(**base)

    @classmethod
    def from_documents(
        cls,
        documents: Iterable[BaseNode],
        index: str | Path | None = None,
        *,
        engine: Engine | None = None,
        files: Files | None = None,
        **settings: Any,
    ) -> RegionRetriever:
        """A retriever over the files that documents of a reader come from, added whole and with
        the metadata that all documents of a file share. Warns of files that cannot be read.

        Args:
            index: a folder, made where there is none; None for an index in memory.
            engine: an open engine in place of `index`.
            files: the file of each document by the id or name that the metadata has for it.
            settings: of the retriever, such as `k`.

        Raises:
            InvalidInput: a document that names no file, or both an index and an engine.
        """
        # How pages are counted does not matter: files are added whole.
        pages = [page_references(node, first_page=0, files=files) for node in documents]
        return cls(**add_named_files(pages, index=index, engine=engine), **settings)

    def __repr__(self) -> str:
        return f"RegionRetriever({self._source!r}, k={self.k})"

    @property
    def similarity_top_k(self) -> int:
        """LlamaIndex's name for `k`."""
        return self.k

    @similarity_top_k.setter
    def similarity_top_k(self, k: int) -> None:
        self.k = k

    def _search(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        k, filters = self.k, self._filters
        if isinstance(query_bundle, RegionQueryBundle):
            k = k if query_bundle.k is None else query_bundle.k
            filters = parse_filters([filters, translate(query_bundle.filters)])
        hits = resolve_engine(self._source).search(
            query_bundle.query_str, k=k, filters=filters, min_confidence=self._min_confidence
        )
        return [region_node(hit, crops=self._crops, score_key=self._score_key) for hit in hits]

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return self._search(query_bundle)

    # The base class would run `_retrieve` on the event loop, and without a span.
    @dispatcher.span
    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._search, query_bundle)
