"""A node postprocessor that turns pages into regions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from llama_index.core.bridge.pydantic import ConfigDict, Field
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle

from colregion import Engine, InvalidInput
from colregion.adapters.page_references import (
    WithoutPage,
    documents_without_page,
    engine_without_index,
    rank_pages,
)
from colregion.adapters.tool_text import resolve_engine, validate_source
from colregion.core.results import DEFAULT_K
from colregion.llama_index.nodes import page_references, region_node


class RegionPostprocessor(BaseNodePostprocessor):
    """Finds the regions that answer on the page nodes of any retriever.

    A node names its page by its metadata (see `adapters.page_metadata`; LlamaIndex's readers of
    PDFs, LlamaParse and docling's node parser do) or brings the image: an `image_resource` with
    data or a path, or an `ImageNode`. The document of a node that names no file (its SOURCE) counts
    as `doc_id`. Images behind a URL are not fetched.

    Args:
        index, engine: as for `RegionRetriever`; pages that it does not contain, or all pages
            without one, are read from their image or file.
        k: how many regions; None for all.
        first_page: what the metadata key `page` counts from, 0 or 1, where nodes have it.
        files: the file of each document by the id or name that the metadata has for it.
        without_page: what becomes of a node that names no page: "keep" returns it unchanged after
            the regions, "drop" leaves it out. A warning says when none names one.
        min_confidence: 0-1; leaves out regions less likely to be right, even all of them.
        crops, score_key: as for `RegionRetriever`.

    Raises:
        InvalidInput: both an index and an engine; when invoked, as `rank_pages`, and metadata with
            `page` but no `first_page`.
        NotIndexed: when invoked, a page that is not indexed, with nothing to read it from.
    """

    model_config = ConfigDict(extra="forbid")

    index: str | Path | None = None
    engine: Any = Field(default=None, exclude=True, repr=False)
    k: int | None = DEFAULT_K
    first_page: Literal[0, 1] | None = None
    files: dict[int | str, str | Path] = Field(default_factory=dict)
    without_page: WithoutPage = "keep"
    min_confidence: float | None = Field(default=None, ge=0, le=1)
    crops: str | Path | None = None
    score_key: str | None = None

    def __init__(
        self, index: str | Path | None = None, *, engine: Engine | None = None, **settings: Any
    ) -> None:
        if index is not None or engine is not None:
            validate_source(index, engine)
        super().__init__(**settings)
        self.index = index
        self.engine = engine

    @classmethod
    def class_name(cls) -> str:
        return "RegionPostprocessor"

    def _postprocess_nodes(
        self, nodes: Sequence[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        if query_bundle is None:
            raise InvalidInput("regions answer a question; give query_str= or query_bundle=")
        if self.index is None and self.engine is None:
            engine = engine_without_index()
        else:
            engine = resolve_engine(validate_source(self.index, self.engine))
        ranked = rank_pages(
            engine,
            query_bundle.query_str,
            [
                page_references(result.node, first_page=self.first_page, files=self.files)
                for result in nodes
            ],
            k=self.k,
            min_confidence=self.min_confidence,
        )
        rest = documents_without_page(
            nodes, ranked, action=self.without_page, metadata=lambda result: result.node.metadata
        )
        regions = (
            region_node(hit, crops=self.crops, score_key=self.score_key) for hit in ranked.hits
        )
        return [*regions, *rest]
