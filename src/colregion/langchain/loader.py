"""Regions of files as documents, for ordinary text stores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document

from colregion import Hit, InvalidInput, ParsedPage, Parser, Region
from colregion.documents import expand, open_document
from colregion.langchain.documents import region_document
from colregion.parsers import load_parser
from colregion.records import LEVELS, DocumentEntry, Metadata


class RegionLoader(BaseLoader):
    """Files as one document a region, in reading order, for ordinary text stores.

    Ids and metadata are those that `Engine.add` and a search give. Regions without text are left
    out.

    Args:
        sources: files, folders or globs.
        level: "area" (paragraphs that belong together, a whole table), "block" (a paragraph, a
            row) or "line"; an area that is not divided so far comes whole.
        parser: a spec for `load_parser`, or a `Parser`.
        metadata: kept with every region.

    Raises:
        InvalidInput: an unknown level or parser; when loading, a path that is not there.
        UnreadableDocument: when loading, a file that cannot be read.
    """

    def __init__(
        self,
        sources: str | Path | Sequence[str | Path],
        *,
        level: str = "area",
        parser: str | Parser = "auto",
        metadata: Metadata | None = None,
    ) -> None:
        if level not in LEVELS:
            raise InvalidInput(f"level must be one of {LEVELS}, got {level!r}")
        self._sources = [sources] if isinstance(sources, str | Path) else list(sources)
        self._depth = LEVELS.index(level) + 1
        self._parser = load_parser(parser) if isinstance(parser, str) else parser
        self._metadata = metadata

    def lazy_load(self) -> Iterator[Document]:
        """Each page is read when its first region is taken."""
        for file in (file for source in self._sources for file in expand(source)):
            document = open_document(file.path, doc_id=file.doc_id, metadata=self._metadata)
            entry = DocumentEntry(document.id, document.source, "", "", document.metadata)
            for page in self._parser.parse(document):
                for region in _divided(page, depth=self._depth):
                    if region.text:
                        yield region_document(Hit(region, page, entry, score=0.0))


def _divided(page: ParsedPage, *, depth: int) -> Iterator[Region]:
    """The regions at `depth`, and the coarser ones that have no parts."""
    divided = set(page.parents.tolist())
    for position, region in enumerate(page.regions):
        if len(region.path) == depth or (len(region.path) < depth and position not in divided):
            yield region
