"""colregion in LangChain: a retriever, a compressor, a loader and a tool for agents.

    from colregion.langchain import RegionRetriever

    retriever = RegionRetriever(index="library")
    for document in retriever.invoke("What was Q3 revenue?"):
        print(document.id, document.metadata["page_number"], document.page_content)

Every region is a `Document`: `id` is the region's, `page_content` its text, `metadata` that of
`Hit.to_metadata`. Needs only langchain-core: `pip install "colregion[langchain]"`.
"""

# ruff: noqa: E402  (a missing package is named before anything imports it)
from colregion.errors import require

require("langchain_core", extra="langchain")

from colregion.langchain.compressor import RegionCompressor
from colregion.langchain.documents import region_document, regions_from_artifact
from colregion.langchain.loader import RegionLoader
from colregion.langchain.retriever import RegionRetriever
from colregion.langchain.tool import region_search_tool

__all__ = [
    "RegionCompressor",
    "RegionLoader",
    "RegionRetriever",
    "region_document",
    "region_search_tool",
    "regions_from_artifact",
]
