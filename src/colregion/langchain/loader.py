"""Regions of files as documents, for ordinary text stores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document

from colregion import Hit, InvalidInput, Parser
from colregion.adapters.tool_text import parse_files
from colregion.core.documents import Metadata
from colregion.core.regions import LEVELS
from colregion.langchain.documents import region_document
from colregion.parsers import load_parser


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
        self._sources = sources
        self._level = level
        self._parser = load_parser(parser) if isinstance(parser, str) else parser
        self._metadata = metadata or {}

    def lazy_load(self) -> Iterator[Document]:
        """Each page is read when its first region is taken."""
        pages = parse_files(self._sources, parser=self._parser, metadata=self._metadata)
        for parsed, entry in pages:
            for region in parsed.at_level(self._level):
                if region.text:
                    yield region_document(Hit(region, parsed, entry, score=0.0))
