"""From a source to pages ready for an index: what the engine's `add` is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from PIL import Image

from colregion.documents import FoundFile, open_document
from colregion.errors import InvalidInput
from colregion.ports import Encoder, Parser
from colregion.records import (
    Document,
    DocumentEntry,
    EmbeddedPage,
    Metadata,
    ParsedPage,
    check_metadata,
)

Item: TypeAlias = FoundFile | bytes | Image.Image | Sequence[EmbeddedPage]
"""One document to be: a file, its bytes, a picture, or pages with embeddings made elsewhere."""

# Pages embedded at once: enough to fill a batch of a visual model, few enough to hold.
_BATCH_PAGES = 8


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that can be put into an index; its pages are read as they are taken."""

    entry: DocumentEntry
    pages: Iterable[EmbeddedPage]
    page_count: int


def settings_of(parser: Parser, encoder: Encoder) -> str:
    """What an entry was made with: when it differs, the document has to be read again."""
    return f"{parser.fingerprint} | {encoder.fingerprint}"


def prepare(
    item: Item,
    *,
    parser: Parser,
    encoder: Encoder,
    doc_id: str | None,
    metadata: Metadata,
    password: str | None,
) -> Prepared:
    """Open one document.

    Raises:
        UnreadableDocument: the file is damaged, locked or of no known type.
        InvalidInput: no pages, pages of several documents, or metadata that is not flat.
    """
    if isinstance(item, FoundFile | bytes | Image.Image):
        document = open_item(item, doc_id=doc_id, metadata=metadata, password=password)
        entry = DocumentEntry(
            id=document.id,
            source=document.source,
            content_hash=document.content_hash,
            settings=settings_of(parser, encoder),
            metadata=document.metadata,
        )
        return Prepared(entry, embed(parser.parse(document), encoder), document.page_count)
    return _prepare_embedded(item, encoder=encoder, doc_id=doc_id, metadata=metadata)


def open_item(
    item: FoundFile | bytes | Image.Image,
    *,
    doc_id: str | None = None,
    metadata: Metadata | None = None,
    password: str | None = None,
) -> Document:
    """`open_document` of a file, its bytes or a picture."""
    source: Path | bytes | Image.Image = item.path if isinstance(item, FoundFile) else item
    if doc_id is None and isinstance(item, FoundFile):
        doc_id = item.doc_id
    return open_document(source, doc_id=doc_id, metadata=metadata, password=password)


def _prepare_embedded(
    pages: Sequence[EmbeddedPage], *, encoder: Encoder, doc_id: str | None, metadata: Metadata
) -> Prepared:
    check_metadata(metadata)
    ids = {page.parsed.page.doc_id for page in pages}
    if len(ids) != 1 or doc_id not in (None, *ids):
        raise InvalidInput(
            f"pages with embeddings must all be of one document and carry its id "
            f"(doc_id={doc_id!r}), got {sorted(ids) or 'no pages'}"
        )
    digest = hashlib.sha256()
    for page in pages:
        digest.update(f"{page.id}\0{page.parsed.text}\0".encode("utf-8", "surrogatepass"))
        digest.update(page.embedding.vectors.tobytes())
    (found_id,) = ids
    entry = DocumentEntry(
        id=found_id,
        source=found_id,
        content_hash=digest.hexdigest(),
        settings=f"given | {encoder.fingerprint}",
        metadata=metadata,
    )
    return Prepared(entry, pages, len(pages))


def embed(parsed: Iterable[ParsedPage], encoder: Encoder) -> Iterator[EmbeddedPage]:
    """Every page with its embedding, encoded a batch at a time."""
    pages = iter(parsed)
    while batch := list(islice(pages, _BATCH_PAGES)):
        yield from map(EmbeddedPage, batch, encoder.encode_pages(batch))


def watched(
    pages: Iterable[EmbeddedPage], on_page: Callable[[EmbeddedPage], None]
) -> Iterator[EmbeddedPage]:
    """The same pages; `on_page` hears of each once it has been taken in."""
    for page in pages:
        yield page
        on_page(page)


def free_id(entry: DocumentEntry, held: DocumentEntry | None) -> str:
    """The entry's own id, unless another file holds it: then with a short hash of its source.

    A file of the same content elsewhere is the same document that has moved.
    """
    if held is None or held.source == entry.source or held.content_hash == entry.content_hash:
        return entry.id
    return f"{entry.id}~{hashlib.sha256(entry.source.encode()).hexdigest()[:6]}"
