"""The index on a Qdrant server or cluster: `open_index("qdrant:http://host:6333/library")`.

Two collections hold it. `library` has no vectors: a point for every document, page, setting and
change under way. `library-d128` has the vectors of every page that has some, with what filters
ask of a page; one for each D that the index has ever held.

A document is replaced by a new *generation* of its pages, uploaded beside the old one. One write,
of the document's own point, makes it the valid one; `generations` says how readers keep to one
state meanwhile. Needs qdrant-client: `pip install "colregion[qdrant]"`.
"""

# ruff: noqa: E402  (what is missing has to be named before anything imports it)
from colregion.errors import require

require("qdrant_client", extra="qdrant")

from colregion.indexes.qdrant.index import QdrantIndex
from colregion.indexes.qdrant.options import QdrantOptions, parse_spec

__all__ = ["QdrantIndex", "QdrantOptions", "parse_spec"]
