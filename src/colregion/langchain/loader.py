"""Regions of files as documents, for ordinary text stores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document

from colregion import Parser
from colregion.adapters.tool_text import check_level, load_regions
from colregion.core.documents import Metadata
from colregion.langchain.documents import region_document
from colregion.parsers import load_parser


class RegionLoader(BaseLoader):
    """Loads files as one document per region, in reading order.

    Ids and metadata are those that `Engine.add` and a search return. Regions without text are
    left out.

    Args:
        sources: files, folders or globs.
        level: "area" (paragraphs that belong together, a whole table), "block" (a paragraph, a
            row) or "line"; an area without such parts is returned whole.
        parser: a spec for `load_parser`, or a `Parser`.
        metadata: added to every region.

    Raises:
        InvalidInput: an unknown level or parser; when loading, a path that does not exist.
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
        self._sources = sources
        self._level = check_level(level)
        self._parser = load_parser(parser) if isinstance(parser, str) else parser
        self._metadata = metadata or {}

    def lazy_load(self) -> Iterator[Document]:
        """Load the regions one by one; each page is parsed when its first region is taken."""
        for hits in load_regions(
            self._sources, level=self._level, parser=self._parser, metadata=self._metadata
        ):
            yield from map(region_document, hits)
