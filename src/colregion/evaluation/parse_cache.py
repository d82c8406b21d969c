"""Disk cache of parsed documents, so that evaluating the same files again takes seconds."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from colregion.core import serialization
from colregion.core.documents import Document
from colregion.core.interfaces import Parser
from colregion.core.regions import ParsedPage
from colregion.errors import BackendError

_FORMAT = "2"


def default_cache_folder() -> Path:
    """`colregion` in the user's cache folder, `$XDG_CACHE_HOME` or `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "colregion"


class CachedParser(Parser):
    """A parser that parses each document once and reads the result from disk from then on.

    Results are stored by the document's content and the parser's fingerprint, not by its name,
    when the last page has been taken. Safe to use from threads and processes. Without a folder
    they are in `default_cache_folder`; it is created when first needed.
    """

    def __init__(self, parser: Parser, *, folder: Path | None = None) -> None:
        self._parser = parser
        self._folder = folder or default_cache_folder()

    @property
    def fingerprint(self) -> str:
        return self._parser.fingerprint

    def parse(self, document: Document) -> Iterator[ParsedPage]:
        """As the inner parser. Raises BackendError where the folder cannot be written, or a file in
        it is damaged."""
        path = self._path(document)
        if path.is_file():
            yield from _read(path, document)
            return
        lines = []
        for page in self._parser.parse(document):
            lines.append(json.dumps(serialization.parsed_to_json(page), ensure_ascii=False))
            yield page
        _write(path, "\n".join([str(len(lines)), *lines]))

    def _path(self, document: Document) -> Path:
        key = "\0".join([_FORMAT, self._parser.fingerprint, document.content_hash])
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.jsonl.gz"


def _read(path: Path, document: Document) -> Iterator[ParsedPage]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            count, *rows = [json.loads(line) for line in file]
        if count != len(rows):
            raise ValueError(f"{len(rows)} pages where {count} were written")
    except (OSError, EOFError, zlib.error, ValueError) as cause:
        raise BackendError(f"the cached parse {path} cannot be read; delete it") from cause
    # The same content may have another id now, and its image is read from the document.
    for page, row in zip(document.pages(), rows, strict=True):
        yield serialization.parsed_from_json(
            {**row, "doc_id": document.id}, load_image=page.load_image
        )


def _write(path: Path, text: str) -> None:
    """Write a file atomically: others may write the same one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        try:
            with open(handle, "wb") as file:
                file.write(gzip.compress(text.encode("utf-8"), compresslevel=6))
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as cause:
        raise BackendError(f"the parse cache {path.parent} cannot be written: {cause}") from cause
