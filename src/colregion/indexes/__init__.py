"""Indexes: in a folder (`local`), in memory (`memory`), or on a Qdrant server (`qdrant`).

Other distributions add kinds of index with entry points in the group `colregion.indexes`: a class
or function that is called with the spec's argument and, by keyword, `create` and the options.
"""

from __future__ import annotations

import os

from colregion.core.interfaces import Index
from colregion.errors import InvalidInput
from colregion.indexes.local.index import LocalIndex
from colregion.indexes.memory import MemoryIndex
from colregion.specs import added_names, make_added, parse_spec

_ENTRY_POINTS = "colregion.indexes"

__all__ = ["LocalIndex", "MemoryIndex", "open_index"]


def open_index(
    spec: str | os.PathLike[str],
    *,
    create: bool = True,
    precision: str | None = None,
    wait_s: float = 30.0,
) -> Index:
    """Open or create an index.

    Args:
        spec: a folder; or `qdrant:URL/collection?option=value` with the options of
            `colregion.indexes.qdrant.QdrantOptions`; or `NAME:ARGUMENT?option=value` for a name
            that an installed package adds.
        create: whether to create an index that does not exist.
        precision: of a new local index's vectors, float16 (the default), int8 or int4.
        wait_s: how long a change of a local index waits for another process that is writing.

    Raises:
        InvalidInput: an empty or unknown spec, or no index and `create` is false.
        IndexCorrupt: the folder has other content, or an index of another format.
        BackendError: the folder cannot be written; the server is down, late, or refuses.
        MissingDependency: qdrant-client is not installed, or an entry point cannot be imported.
    """
    name = os.fspath(spec)
    if not name.strip():
        raise InvalidInput("name the folder of the index, got an empty string")
    if name.startswith("qdrant:"):
        from colregion.indexes import qdrant

        if precision is not None:
            raise InvalidInput(
                f"precision is for local indexes; on Qdrant use {name}?quantization=int8 or int4"
            )
        location, collection, settings = qdrant.parse_spec(name)
        return qdrant.QdrantIndex(location, collection, settings, create=create)
    if name.startswith(("http://", "https://")):
        raise InvalidInput(f"{name!r} is no known kind of index; is it qdrant:{name}?")
    kind, colon, _ = name.partition(":")
    if colon and kind in added_names(_ENTRY_POINTS):
        if precision is not None:
            raise InvalidInput(f"precision is for local indexes; {kind!r} has options of its own")
        parsed = parse_spec(name)
        options = {**parsed.options, "create": create}
        return make_added(_ENTRY_POINTS, parsed, Index, options)  # type: ignore[type-abstract]
    return LocalIndex(name, create=create, precision=precision, wait_s=wait_s)
