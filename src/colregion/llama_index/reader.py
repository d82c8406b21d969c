"""Regions as LlamaIndex documents, for ordinary text stores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from llama_index.core.readers.base import BaseReader
from llama_index.core.schema import Document

from colregion import Parser
from colregion.adapters.tool_text import check_level, load_regions
from colregion.core.documents import Metadata
from colregion.llama_index.nodes import node_fields
from colregion.parsers import load_parser


class RegionReader(BaseReader):
    """Reads files into one document per region, in reading order; without regions without text.

    Ids, metadata and relationships are those of `RegionRetriever`'s nodes. As a `file_extractor`
    of `SimpleDirectoryReader` it gets single files, whose bare names become document ids; pass it
    the folder itself where names repeat.

    Args:
        level: "area" (paragraphs that belong together, a whole table), "block" (a paragraph, a
            row) or "line"; an area without such parts is returned whole.
        parser: a spec for `load_parser`, or a `Parser`.

    Raises:
        InvalidInput: an unknown level or parser.
    """

    def __init__(self, *, level: str = "area", parser: str | Parser = "auto") -> None:
        self._level = check_level(level)
        self._parser = load_parser(parser) if isinstance(parser, str) else parser

    def lazy_load_data(
        self, sources: str | Path | Sequence[str | Path], *, extra_info: Metadata | None = None
    ) -> Iterator[Document]:
        """The regions of files, folders and globs, with `extra_info` added to the metadata of each.
        Pages are read one by one. Raises InvalidInput for a path that does not exist or metadata
        that is not flat, UnreadableDocument for a file that cannot be read."""
        for hits in load_regions(
            sources, level=self._level, parser=self._parser, metadata=extra_info or {}
        ):
            regions = [None, *(hit.region for hit in hits), None]
            for hit, previous, following in zip(hits, regions, regions[2:], strict=False):
                yield Document(text=hit.text, **node_fields(hit, previous, following))
