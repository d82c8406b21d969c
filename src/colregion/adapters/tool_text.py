"""What the adapters to the frameworks have in common."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from colregion.core.documents import DocumentEntry, Metadata
from colregion.core.interfaces import Parser
from colregion.core.regions import ParsedPage
from colregion.core.results import Hit
from colregion.documents import open_document
from colregion.engine import Engine
from colregion.errors import InvalidInput
from colregion.indexes import open_index
from colregion.ingestion.sources import SourceFile, list_files

# Documents that are named where a search found nothing: more would fill a prompt.
_MOST_NAMES = 50
# About what vision models scale a picture to anyway.
_PICTURE_MAX_PX = 1024
_PICTURE_MARGIN = 0.01


def source_of(index: str | Path | None, engine: Engine | None) -> Engine | str | Path:
    """Whichever is given: an index by its name, which can be pickled, copied and rebuilt, or an
    open engine.

    Raises:
        InvalidInput: neither is given, or both.
    """
    if index is None and engine is not None:
        return engine
    if engine is None and index is not None:
        return index
    raise InvalidInput("give index= (the folder of an index) or engine=, one of the two")


def opened(source: Engine | str | Path) -> Engine:
    """The engine itself, or the process's one engine for the index of that name.

    Raises:
        InvalidInput: there is no such index; who only reads should not make one.
        IndexCorrupt: the folder holds something else, or an index of another version.
    """
    if isinstance(source, Engine):
        return source
    _require_index(source)
    return Engine.shared(source)


@cache
def _require_index(index: str | Path) -> None:
    # Cached, because it costs as much as a small search; what it raises is not.
    open_index(index, create=False).close()


def parse_files(
    sources: str | Path | Sequence[str | Path], *, parser: Parser, metadata: Metadata
) -> Iterator[tuple[ParsedPage, DocumentEntry]]:
    """The pages of files, folders and globs, each parsed when it is reached.

    A file counts once, and no two have the same document id.

    Raises:
        InvalidInput: a path that is not there, or metadata that is not flat.
        UnreadableDocument: a file that cannot be read.
    """
    for file in _distinct([sources] if isinstance(sources, str | Path) else sources):
        document = open_document(file.path, doc_id=file.doc_id, metadata=metadata)
        entry = DocumentEntry(
            id=document.id,
            source=document.source,
            content_hash=document.content_hash,
            parser=parser.fingerprint,
            metadata=document.metadata,
        )
        for parsed in parser.parse(document):
            yield parsed, entry


def _distinct(sources: Sequence[str | Path]) -> Iterator[SourceFile]:
    ids: dict[Path, str] = {}
    for file in (file for source in sources for file in list_files(source)[0]):
        path = file.path.resolve()
        if path not in ids:
            taken = file.doc_id in ids.values()
            # The form in which `Engine.add` tells a second file of one id.
            digest = hashlib.sha256(str(file.path).encode()).hexdigest()[:6]
            ids[path] = f"{file.doc_id}~{digest}" if taken else file.doc_id
            yield SourceFile(ids[path], file.path)


def text_for_model(hit: Hit) -> str:
    """The region as a language model reads it, with its id to cite it by."""
    text = hit.text or "(a picture without text)"
    caution = f" ({hit.hidden_text_warning})" if hit.hidden_text_warning else ""
    return f"[{hit.id}] {hit.kind} on page {hit.page_number}{caution}\n{text}"


def picture_for_model(hit: Hit) -> bytes:
    """The region with a little of its surroundings, as PNG, no larger than is useful."""
    picture = hit.crop(margin=_PICTURE_MARGIN)
    picture.thumbnail((_PICTURE_MAX_PX, _PICTURE_MAX_PX))
    png = io.BytesIO()
    picture.save(png, "PNG")
    return png.getvalue()


def nothing_found(engine: Engine, *, filtered: bool) -> str:
    """What a language model is told when a search gives no regions.

    Args:
        filtered: whether the search was kept to a part of the index by someone else than the
            model; then it is not told what documents there are.
    """
    if filtered:
        return "No regions found. Try other words."
    names = [entry.id for entry in engine.documents()]
    shown = ", ".join(names[:_MOST_NAMES])
    if len(names) > _MOST_NAMES:
        shown += f" and {len(names) - _MOST_NAMES} more"
    return f"No regions found. The documents are: {shown or '(none)'}."
