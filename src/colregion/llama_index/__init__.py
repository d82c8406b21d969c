"""colregion in LlamaIndex: a retriever, a postprocessor, a reader and a tool for agents.

    from colregion.llama_index import RegionRetriever

    retriever = RegionRetriever(index="library")
    for result in retriever.retrieve("What was Q3 revenue?"):
        print(result.score, result.node.metadata["page_number"], result.node.get_content())

Needs llama-index-core: `pip install "colregion[llama-index]"`.
"""

# ruff: noqa: E402  (a missing package is named before anything imports it)
from colregion.errors import require

require("llama_index.core", extra="llama-index")

from colregion.llama_index.nodes import region_node
from colregion.llama_index.postprocessor import RegionPostprocessor
from colregion.llama_index.reader import RegionReader
from colregion.llama_index.retriever import RegionQueryBundle, RegionRetriever
from colregion.llama_index.tool import region_search_tool

__all__ = [
    "RegionPostprocessor",
    "RegionQueryBundle",
    "RegionReader",
    "RegionRetriever",
    "region_node",
    "region_search_tool",
]
