"""Regions as LlamaIndex documents, for ordinary text stores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from llama_index.core.readers.base import BaseReader
from llama_index.core.schema import Document

from colregion import Hit, InvalidInput, Parser
from colregion.adapters.tool_text import parse_files
from colregion.core.documents import Metadata
from colregion.core.regions import LEVELS
from colregion.llama_index.nodes import node_fields
from colregion.parsers import load_parser


class RegionReader(BaseReader):
    """Reads files into one document a region, in reading order; regions without text are left out.

    Ids, metadata and relationships are those of `RegionRetriever`'s nodes. As a `file_extractor`
    of `SimpleDirectoryReader` it is given single files, whose bare names become document ids;
    give it the folder itself where names repeat.

    Args:
        level: "area" (paragraphs that belong together, a whole table), "block" (a paragraph, a
            row) or "line"; what is not divided so far comes whole.
        parser: a spec for `load_parser`, or a `Parser`.

    Raises:
        InvalidInput: an unknown level or parser.
    """

    def __init__(self, *, level: str = "area", parser: str | Parser = "auto") -> None:
        if level not in LEVELS:
            raise InvalidInput(f"level must be one of {', '.join(LEVELS)}, got {level!r}")
        self._level = level
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
        pages = parse_files(sources, parser=self._parser, metadata=extra_info or {})
        for parsed, entry in pages:
            regions = [region for region in parsed.at_level(self._level) if region.text]
            beside = zip([None, *regions], regions, [*regions[1:], None], strict=False)
            for previous, region, following in beside:
                hit = Hit(region, parsed, entry, score=0.0)
                yield Document(text=hit.text, **node_fields(hit, previous, following))
