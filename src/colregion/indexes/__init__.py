"""Where documents are kept: in a folder (`local`), in memory only (`memory`), or on a Qdrant
server or cluster (`qdrant`)."""

from __future__ import annotations

import os

from colregion.core.interfaces import Index
from colregion.errors import InvalidInput
from colregion.indexes.local.index import LocalIndex
from colregion.indexes.memory import MemoryIndex

__all__ = ["LocalIndex", "MemoryIndex", "open_index"]


def open_index(
    spec: str | os.PathLike[str],
    *,
    create: bool = True,
    precision: str | None = None,
    wait_s: float = 30.0,
) -> Index:
    """The index that `spec` names.

    Args:
        spec: a folder; or `qdrant:URL/collection`, with options behind a `?` as
            `colregion.indexes.qdrant.QdrantOptions` has them.
        create: make the index where the folder is new or empty, or the collection not there.
        precision: of a new local index's vectors, float16 (the default) or int8.
        wait_s: how long a change of a local index waits for another process that is writing.

    Raises:
        InvalidInput: an empty spec, one of an unknown kind, or no index there and `create` false.
        IndexCorrupt: the folder holds something else, or an index of another version.
        BackendError: the folder cannot be made or written; the server is down, late, or refuses.
        MissingDependency: qdrant-client is not installed.
    """
    name = os.fspath(spec)
    if not name.strip():
        raise InvalidInput("name the folder of the index, got an empty string")
    if name.startswith("qdrant:"):
        from colregion.indexes.qdrant import QdrantIndex, parse_spec

        if precision is not None:
            raise InvalidInput(
                f"precision is of local indexes; on Qdrant say {name}?quantization=int8"
            )
        location, collection, options = parse_spec(name)
        return QdrantIndex(location, collection, options, create=create)
    if name.startswith(("http://", "https://")):
        raise InvalidInput(f"{name!r} is not a kind of index that is known; is it qdrant:{name}?")
    return LocalIndex(name, create=create, precision=precision, wait_s=wait_s)
