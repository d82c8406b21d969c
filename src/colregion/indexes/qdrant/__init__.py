"""Index on a Qdrant server or cluster: `open_index("qdrant:http://host:6333/library")`.

Two collections hold an index. `library` has no vectors: one point for every document, page and
setting. `library-d128` has the vectors of pages with D = 128 and what filters compare; there is
one such collection for each D that the index has ever had.

Every page point names the *generation* that it was uploaded with, and the document's point names
the current one. Replacing a document uploads a new generation, overwrites the document's point
(the commit) and deletes the old generation; `index` says how readers tell them apart.
Needs qdrant-client: `pip install "colregion[qdrant]"`.
"""

# ruff: noqa: E402  (the missing package has to be named before anything imports it)
from colregion.errors import require

require("qdrant_client", extra="qdrant")

from colregion.indexes.qdrant.index import QdrantIndex
from colregion.indexes.qdrant.options import QdrantOptions, parse_spec

__all__ = ["QdrantIndex", "QdrantOptions", "parse_spec"]
