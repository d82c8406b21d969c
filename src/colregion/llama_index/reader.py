"""Regions as LlamaIndex documents, for ordinary text stores."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from llama_index.core.readers.base import BaseReader
from llama_index.core.schema import Document

from colregion import Hit, InvalidInput, ParsedPage, Parser
from colregion.documents import FoundFile, expand, open_document
from colregion.llama_index.nodes import node_fields
from colregion.parsers import load_parser
from colregion.records import LEVELS, DocumentEntry, Metadata


class RegionReader(BaseReader):
    """Reads files into one document a region, in reading order.

    The documents carry the ids, metadata and relationships of `RegionRetriever`'s nodes. As a
    `file_extractor` of `SimpleDirectoryReader` it is given single files, whose bare names become
    document ids; give it the folder itself where names repeat.

    Args:
        level: which regions: "area", "block" or "line". Those without text are left out.
        parser: a spec for `load_parser`, or a `Parser`.

    Raises:
        InvalidInput: an unknown level or parser.
    """

    def __init__(self, *, level: str = "block", parser: str | Parser = "auto") -> None:
        if level not in LEVELS:
            raise InvalidInput(f"level must be one of {', '.join(LEVELS)}, got {level!r}")
        self._depth = LEVELS.index(level) + 1
        self._parser = load_parser(parser) if isinstance(parser, str) else parser

    def lazy_load_data(
        self,
        sources: str | Path | Sequence[str | Path],
        *,
        extra_info: Metadata | None = None,
    ) -> Iterator[Document]:
        """The regions of files, folders and globs, each page read when it is reached.

        Args:
            extra_info: kept in the metadata of every document.

        Raises:
            InvalidInput: a path that is not there, or metadata that is not flat.
            UnreadableDocument: a file that cannot be read.
        """
        metadata = extra_info or {}
        for found in _find(sources):
            document = open_document(found.path, doc_id=found.doc_id, metadata=metadata)
            entry = DocumentEntry(
                id=document.id,
                source=document.source,
                content_hash=document.content_hash,
                settings="",
                metadata=metadata,
            )
            for parsed in self._parser.parse(document):
                yield from self._documents(parsed, entry)

    def _documents(self, parsed: ParsedPage, entry: DocumentEntry) -> Iterator[Document]:
        level = [region for region in parsed.regions if len(region.path) == self._depth]
        beside = zip([None, *level], level, [*level[1:], None], strict=False)
        for previous, region, following in beside:
            if region.text:
                hit = Hit(region, parsed, entry, score=0.0)
                yield Document(text=region.text, **node_fields(hit, previous, following))


def _find(sources: str | Path | Sequence[str | Path]) -> Iterator[FoundFile]:
    """The files, each once, no two with the same id."""
    ids: dict[Path, str] = {}
    for source in [sources] if isinstance(sources, str | Path) else sources:
        for found in expand(source):
            path = found.path.resolve()
            if path in ids:
                continue
            taken = found.doc_id in ids.values()
            # As `Engine.add` names a second file of the same id.
            digest = hashlib.sha256(str(found.path).encode()).hexdigest()[:6]
            ids[path] = f"{found.doc_id}~{digest}" if taken else found.doc_id
            yield FoundFile(ids[path], found.path)
