"""From sources to embedded pages: what is given, which documents that makes, how pages are
embedded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from PIL import Image

from colregion.core.documents import Document, Metadata
from colregion.core.embeddings import EmbeddedPage
from colregion.core.interfaces import Encoder
from colregion.core.regions import ParsedPage
from colregion.core.results import Outcome
from colregion.documents import open_document
from colregion.errors import ColregionError, InvalidInput
from colregion.ingestion.files import FoundFile, expand, left_out

Source: TypeAlias = str | Path | bytes | Image.Image
"""What is read: a file, a folder or a glob; a file's bytes; a picture."""
Item: TypeAlias = FoundFile | bytes | Image.Image | Sequence[EmbeddedPage]
"""One document to be: a file, its bytes, a picture, or pages with embeddings made elsewhere."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far adding has come.

    Args:
        source: the file of which a page has been read; several may be read at once.
        files_done, files_total: sources, those that failed or were skipped included.
        pages_done, pages_total: pages of this source; the total is what the file declares.
        pages_per_second: over all sources since adding began.
        seconds_left: an estimate, that sources not opened yet have as many pages as the others.
    """

    source: str
    files_done: int
    files_total: int
    pages_done: int
    pages_total: int
    pages_per_second: float = 0.0
    seconds_left: float = 0.0


@dataclass(frozen=True, slots=True)
class Given:
    """What the caller says of the documents that are added."""

    doc_id: str | None
    metadata: Metadata
    password: str | None


def find_items(
    sources: Source | Sequence[Source] | Sequence[EmbeddedPage],
) -> tuple[list[Item], list[Outcome]]:
    """The documents behind the sources, and an outcome for each source that leads to none
    ("failed") and each file in a folder whose type is not read ("ignored").

    Raises:
        InvalidInput: a source of another type.
    """
    if isinstance(sources, Source):
        sources = [sources]
    if sources and all(isinstance(source, EmbeddedPage) for source in sources):
        return [[source for source in sources if isinstance(source, EmbeddedPage)]], []
    items: list[Item] = []
    outcomes: list[Outcome] = []
    for source in sources:
        if isinstance(source, bytes | Image.Image):
            items.append(source)
        elif isinstance(source, str | Path):
            try:
                items.extend(expand(source))
                outcomes.extend(map(_ignored, left_out(source)))
            except ColregionError as error:
                outcomes.append(Outcome(str(source), "", "failed", reason=str(error)))
        else:
            raise InvalidInput(
                f"a source must be a path, bytes, a picture or pages with embeddings, "
                f"got {type(source).__name__}"
            )
    return items, outcomes


def _ignored(file: Path) -> Outcome:
    kind = f"files of type {file.suffix.lower()}" if file.suffix else "files without a suffix"
    reason = f"{kind} in a folder are not read; name it itself to have its content looked at"
    return Outcome(str(file), "", "ignored", reason=reason)


def open_item(item: FoundFile | bytes | Image.Image, given: Given) -> Document:
    """`open_document` of a file, its bytes or a picture."""
    if isinstance(item, FoundFile):
        return open_document(
            item.path,
            doc_id=given.doc_id or item.doc_id,
            metadata=given.metadata,
            password=given.password,
        )
    return open_document(
        item, doc_id=given.doc_id, metadata=given.metadata, password=given.password
    )


def embed(parsed: Iterable[ParsedPage], encoder: Encoder) -> Iterator[EmbeddedPage]:
    """Every page with its embedding, encoded a batch at a time."""
    pages = iter(parsed)
    while batch := list(islice(pages, encoder.batch_pages)):
        yield from map(EmbeddedPage, batch, encoder.encode_pages(batch))
