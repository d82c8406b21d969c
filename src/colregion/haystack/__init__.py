"""colregion in Haystack: a retriever, and a ranker that turns pages of any retriever into regions.

    from colregion.haystack import RegionRetriever

    pipeline.add_component("retriever", RegionRetriever("library"))
    pipeline.run({"retriever": {"query": "What was Q3 revenue?"}})

Every region is a `Document`: `id` is the region's, `content` its text, `meta` that of
`Hit.to_metadata`, `score` the hit's. Haystack loads only classes that it trusts from YAML:
`Pipeline.load(file, allowed_modules=["colregion"])` (from version 3 on).

Needs haystack-ai: `pip install "colregion[haystack]"`.
"""

# ruff: noqa: E402  (a missing package is named before anything imports it)
from colregion.errors import require

require("haystack", extra="haystack")

from colregion.haystack.documents import region_document
from colregion.haystack.ranker import RegionRanker
from colregion.haystack.retriever import RegionRetriever

__all__ = ["RegionRanker", "RegionRetriever", "region_document"]
