"""colregion in LlamaIndex, see `colregion.llama_index`."""

from colregion.llama_index import (
    RegionPostprocessor,
    RegionQueryBundle,
    RegionReader,
    RegionRetriever,
    region_node,
    region_search_tool,
)

__all__ = [
    "RegionPostprocessor",
    "RegionQueryBundle",
    "RegionReader",
    "RegionRetriever",
    "region_node",
    "region_search_tool",
]
