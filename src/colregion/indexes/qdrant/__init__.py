"""Index on a Qdrant server or cluster: `open_index("qdrant:http://host:6333/library")`.

Two collections hold an index. `library` has no vectors: one point for every document, page and
setting. `library-d128` has the vectors of pages with D = 128 and what filters compare.
Needs qdrant-client: `pip install "colregion[qdrant]"`.
"""

# ruff: noqa: E402  (the missing package has to be named before anything imports it)
from colregion.errors import require

require("qdrant_client", extra="qdrant")

from colregion.indexes.qdrant.index import QdrantIndex
from colregion.indexes.qdrant.options import QdrantOptions, parse_spec

__all__ = ["QdrantIndex", "QdrantOptions", "parse_spec"]
