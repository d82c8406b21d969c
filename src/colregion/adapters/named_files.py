"""Adds the files that another framework's documents name to an index: `from_documents`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from colregion.adapters.page_metadata import PageReference
from colregion.core.documents import Metadata
from colregion.engine import Engine
from colregion.errors import InvalidInput
from colregion.indexes import MemoryIndex


def add_named_files(
    documents: Sequence[Sequence[PageReference]],
    *,
    index: str | Path | None,
    engine: Engine | None,
) -> dict[str, Any]:
    """Add the files of these documents, whole, each with the metadata that all its documents share.

    Warns of files that could not be read, or not completely. Returns the argument by which a
    retriever searches them: the index if it has a name, else the engine.

    Args:
        documents: the pages of each, as `referenced_pages` reads them.
        index: a folder, made where there is none; None for an index in memory.
        engine: an open engine in place of `index`.

    Raises:
        InvalidInput: a document that names no file, or both an index and an engine.
    """
    if index is not None and engine is not None:
        raise InvalidInput("give index= (the folder of an index) or engine=, not both")
    by_metadata: dict[str, tuple[Metadata, list[str]]] = {}
    for file, metadata in _metadata_by_file(documents).items():
        by_metadata.setdefault(repr(sorted(metadata.items())), (metadata, []))[1].append(file)
    if engine is None:
        engine = Engine.open(MemoryIndex()) if index is None else Engine.shared(index)
    for metadata, files in by_metadata.values():
        report = engine.add(files, metadata=metadata)
        for outcome in (*report.failed, *report.incomplete):
            warnings.warn(f"{outcome.source}: {outcome.reason}", stacklevel=3)
    return {"engine": engine} if index is None else {"index": index}


def _metadata_by_file(documents: Sequence[Sequence[PageReference]]) -> dict[str, Metadata]:
    shared: dict[str, Metadata] = {}
    for position, pages in enumerate(documents):
        if not pages or pages[0].file is None:
            raise InvalidInput(
                f"document {position} does not name its file, whose regions are searched; give it "
                "as source or file_path in its metadata, or in files="
            )
        file, own = str(pages[0].file), pages[0].metadata
        before = shared.get(file, own)
        # Of numbers and truth values, which compare equal, also the type has to be the same.
        same = {key for key in before if key in own and repr(own[key]) == repr(before[key])}
        shared[file] = {key: value for key, value in before.items() if key in same}
    return shared
