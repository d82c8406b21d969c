"""Where documents are kept: in a folder (`local`), or in memory only (`memory`)."""

from __future__ import annotations

import os

from colregion.errors import InvalidInput
from colregion.indexes.local import LocalIndex
from colregion.indexes.memory import MemoryIndex
from colregion.ports import Index

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
        spec: a folder.
        create: make the index where the folder is new or empty.
        precision: of a new local index's vectors, float16 (the default) or int8.
        wait_s: how long a change of a local index waits for another process that is writing.

    Raises:
        InvalidInput: an empty spec, one of an unknown kind, or no index there and `create` false.
        IndexCorrupt: the folder holds something else, or an index of another version.
        BackendError: the folder cannot be made or written.
    """
    name = os.fspath(spec)
    if not name.strip():
        raise InvalidInput("name the folder of the index, got an empty string")
    if name.startswith(("qdrant:", "http://", "https://")):
        raise InvalidInput(f"{name!r} is not a kind of index that is known; name a folder")
    return LocalIndex(name, create=create, precision=precision, wait_s=wait_s)
