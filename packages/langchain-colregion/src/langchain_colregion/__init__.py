"""colregion in LangChain, see `colregion.langchain`."""

from colregion.langchain import (
    RegionCompressor,
    RegionLoader,
    RegionRetriever,
    region_document,
    region_search_tool,
    regions_from_artifact,
)

__all__ = [
    "RegionCompressor",
    "RegionLoader",
    "RegionRetriever",
    "region_document",
    "region_search_tool",
    "regions_from_artifact",
]
