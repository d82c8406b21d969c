"""From the pages that any LlamaIndex retriever finds to the regions on them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from llama_index.core.bridge.pydantic import Field
from llama_index.core.callbacks import CallbackManager
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import BaseNode, ImageNode, NodeWithScore, QueryBundle

from colregion import Engine, InvalidInput
from colregion.adapters.page_references import (
    PageReference,
    engine_without_index,
    page_reference,
    rank_pages,
)
from colregion.adapters.tool_text import opened, source_of
from colregion.llama_index.nodes import region_node


class RegionPostprocessor(BaseNodePostprocessor):
    """Takes the page nodes of any retriever and gives the regions on them that answer.

    A node names its page by its metadata (see `adapters.page_references`) or brings the picture: an
    `image_resource` with data or a path, or an `ImageNode`. Its document (SOURCE) counts as
    `doc_id`. Pictures behind a URL are not fetched.

    Args:
        index: the folder of an index that holds the pages; pages that it does not hold, or all
            of them without an index, are read from their picture or file.
        engine: an open engine, in place of `index`.
        k: how many regions; None for all.
        first_page: what the metadata key `page` counts from, 0 or 1, where nodes have it.
        crops: a folder to write the regions' pictures to; the nodes then name them.

    Raises:
        InvalidInput: both an index and an engine; when asked, also no question, k < 1, or a
            node that names no page.
        NotIndexed: when asked, a page that the index does not hold with nothing to read it from.
    """

    index: str | Path | None = None
    engine: Any = Field(default=None, exclude=True, repr=False)
    k: int | None = 4
    first_page: Literal[0, 1] | None = None
    crops: str | Path | None = None

    def __init__(
        self,
        index: str | Path | None = None,
        *,
        engine: Engine | None = None,
        k: int | None = 4,
        first_page: Literal[0, 1] | None = None,
        crops: str | Path | None = None,
        callback_manager: CallbackManager | None = None,
    ) -> None:
        if index is not None or engine is not None:
            source_of(index, engine)
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
        pages = [_page_of(found.node, first_page=self.first_page) for found in nodes]
        hits = rank_pages(self._engine(), query_bundle.query_str, pages, k=self.k)
        return [region_node(hit, crops=self.crops) for hit in hits]

    def _engine(self) -> Engine:
        if self.index is None and self.engine is None:
            return engine_without_index()
        return opened(source_of(self.index, self.engine))


def _page_of(node: BaseNode, *, first_page: Literal[0, 1] | None) -> PageReference:
    metadata = dict(node.metadata)
    if node.ref_doc_id is not None and not {"doc_id", "document_id"} & metadata.keys():
        metadata["doc_id"] = node.ref_doc_id
    path, picture = _picture_of(node)
    if path is not None:
        metadata.setdefault("image_path", str(path))
    return page_reference(metadata, picture=picture, first_page=first_page)


def _picture_of(node: BaseNode) -> tuple[str | Path | None, bytes | None]:
    """The path or the bytes of the node's own picture, as far as it has one."""
    if isinstance(node, ImageNode):
        return node.image_path, base64.b64decode(node.image) if node.image else None
    resource = getattr(node, "image_resource", None)
    if resource is None:
        return None, None
    return resource.path, base64.b64decode(resource.data) if resource.data else None
