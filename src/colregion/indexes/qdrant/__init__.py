"""Index on a Qdrant server or cluster: `open_index("qdrant:http://host:6333/library")`.

The collection `library` has a point without vectors for each document and setting; `library-d128`
has a point with vectors, record and filter fields for each page with vectors of D = 128.
Needs qdrant-client: `pip install "colregion[qdrant]"`.
"""

# ruff: noqa: E402  (the missing package has to be named before anything imports it)
from colregion.errors import require

require("qdrant_client", extra="qdrant")

from colregion.indexes.qdrant.index import QdrantIndex
from colregion.indexes.qdrant.options import QdrantOptions, parse_spec

__all__ = ["QdrantIndex", "QdrantOptions", "parse_spec"]
