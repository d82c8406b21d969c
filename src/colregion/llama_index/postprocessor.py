"""A node postprocessor that turns pages into regions."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from llama_index.core.bridge.pydantic import Field
from llama_index.core.callbacks import CallbackManager
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import BaseNode, ImageNode, MediaResource, NodeWithScore, QueryBundle

from colregion import Engine, InvalidInput
from colregion.adapters import page_references
from colregion.adapters.tool_text import resolve_engine, validate_source
from colregion.core.results import DEFAULT_K
from colregion.llama_index.nodes import region_node


class RegionPostprocessor(BaseNodePostprocessor):
    """Finds the regions that answer on the page nodes of any retriever.

    A node names its page by its metadata (see `adapters.page_references`) or brings the image: an
    `image_resource` with data or a path, or an `ImageNode`. Its document (SOURCE) counts as
    `doc_id`. Images behind a URL are not fetched.

    Args:
        index, engine: as for `RegionRetriever`; pages that it does not contain, or all pages
            without one, are read from their image or file.
        k: how many regions; None for all.
        first_page: what the metadata key `page` counts from, 0 or 1, where nodes have it.
        crops: as for `RegionRetriever`.

    Raises:
        InvalidInput: both an index and an engine; when invoked, as `rank_pages` and a node that
            names no page.
        NotIndexed: when invoked, a page that is not indexed, with nothing to read it from.
    """

    index: str | Path | None = None
    engine: Any = Field(default=None, exclude=True, repr=False)
    k: int | None = DEFAULT_K
    first_page: Literal[0, 1] | None = None
    crops: str | Path | None = None

    def __init__(
        self,
        index: str | Path | None = None,
        *,
        engine: Engine | None = None,
        k: int | None = DEFAULT_K,
        first_page: Literal[0, 1] | None = None,
        crops: str | Path | None = None,
        callback_manager: CallbackManager | None = None,
    ) -> None:
        if index is not None or engine is not None:
            validate_source(index, engine)
        super().__init__(callback_manager=callback_manager or CallbackManager())
        self.index = index
        self.engine = engine
        self.k = k
        self.first_page = first_page
        self.crops = crops

    @classmethod
    def class_name(cls) -> str:
        return "RegionPostprocessor"

    def _postprocess_nodes(
        self, nodes: Sequence[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        if query_bundle is None:
            raise InvalidInput("regions answer a question; give query_str= or query_bundle=")
        pages = [_page_of(result.node, first_page=self.first_page) for result in nodes]
        hits = page_references.rank_pages(self._engine(), query_bundle.query_str, pages, k=self.k)
        return [region_node(hit, crops=self.crops) for hit in hits]

    def _engine(self) -> Engine:
        if self.index is None and self.engine is None:
            return page_references.engine_without_index()
        return resolve_engine(validate_source(self.index, self.engine))


def _page_of(node: BaseNode, *, first_page: Literal[0, 1] | None) -> page_references.PageReference:
    metadata = dict(node.metadata)
    if node.ref_doc_id is not None and not {"doc_id", "document_id"} & metadata.keys():
        metadata["doc_id"] = node.ref_doc_id
    path: str | Path | None
    data: str | bytes | None
    if isinstance(node, ImageNode):
        path, data = node.image_path, node.image
    else:
        resource = getattr(node, "image_resource", None) or MediaResource()
        path, data = resource.path, resource.data
    if path is not None:
        metadata.setdefault("image_path", str(path))
    image = base64.b64decode(data) if data else None
    return page_references.page_reference(metadata, image=image, first_page=first_page)
