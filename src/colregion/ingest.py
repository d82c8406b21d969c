"""From sources to documents in an index: what `Engine.add` is made of."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from PIL import Image

from colregion.answers import Outcome
from colregion.documents import FoundFile, expand, open_document
from colregion.errors import ColregionError, InvalidInput
from colregion.ports import Encoder, Index, Parser
from colregion.records import (
    Document,
    DocumentEntry,
    EmbeddedPage,
    Metadata,
    ParsedPage,
    check_metadata,
)

Source: TypeAlias = str | Path | bytes | Image.Image
"""What is read: a file, a folder or a glob; a file's bytes; a picture."""
Item: TypeAlias = FoundFile | bytes | Image.Image | Sequence[EmbeddedPage]
"""One document to be: a file, its bytes, a picture, or pages with embeddings made elsewhere."""

# Pages embedded at once: enough to fill a batch of a visual model, few enough to hold.
_BATCH_PAGES = 8


@dataclass(frozen=True, slots=True)
class Progress:
    """How far adding has come.

    Args:
        source: the file being read.
        files_done, files_total: sources.
        pages_done, pages_total: pages of this source; the total is what the file declares.
    """

    source: str
    files_done: int
    files_total: int
    pages_done: int
    pages_total: int


@dataclass(frozen=True, slots=True)
class Given:
    """What the caller says of the documents that are added."""

    doc_id: str | None
    metadata: Metadata
    password: str | None


def find_items(
    sources: Source | Sequence[Source] | Sequence[EmbeddedPage],
) -> tuple[list[Item], list[Outcome]]:
    """The documents behind the sources, and a failed outcome for each that leads to none.

    Raises:
        InvalidInput: a source of another type.
    """
    if isinstance(sources, Source):
        sources = [sources]
    if sources and all(isinstance(source, EmbeddedPage) for source in sources):
        return [[source for source in sources if isinstance(source, EmbeddedPage)]], []
    items: list[Item] = []
    failed: list[Outcome] = []
    for source in sources:
        if isinstance(source, bytes | Image.Image):
            items.append(source)
        elif isinstance(source, str | Path):
            try:
                items.extend(expand(source))
            except ColregionError as error:
                failed.append(Outcome(str(source), "", "failed", reason=str(error)))
        else:
            raise InvalidInput(
                f"a source must be a path, bytes, a picture or pages with embeddings, "
                f"got {type(source).__name__}"
            )
    return items, failed


def add_item(
    item: Item,
    given: Given,
    *,
    index: Index,
    parser: Parser,
    encoder: Encoder,
    held: dict[str, DocumentEntry],
    on_page: Callable[[str, int, int], None],
) -> Outcome:
    """Put one document into the index, whole or not at all; errors of ours become the outcome.

    Args:
        held: the index's entries by id; what is stored is entered here too, so that many
            documents do not cost a look at the whole index each.
        on_page: told of every page taken in: source, page number, pages in all.
    """
    started = time.perf_counter()
    outcome = Outcome(_name(item), given.doc_id or "", "failed")
    regions = 0
    try:
        prepared = prepare(item, given, parser=parser, encoder=encoder, held=held)
        entry = prepared.entry
        before = held.get(entry.id)
        outcome = replace(outcome, source=entry.source, doc_id=entry.id)
        if before is not None and replace(before, page_count=0, source=entry.source) == entry:
            return replace(outcome, status="skipped", reason="unchanged")

        def count(page: EmbeddedPage) -> None:
            nonlocal regions
            regions += len(page.parsed.regions)
            on_page(entry.source, page.parsed.page.number, prepared.page_count)

        stored = index.replace(entry, _watched(prepared.pages, count))
        held[stored.id] = stored
    except ColregionError as error:
        return replace(outcome, reason=str(error), seconds=time.perf_counter() - started)
    return replace(
        outcome,
        status="added" if before is None else "replaced",
        pages=stored.page_count,
        regions=regions,
        seconds=time.perf_counter() - started,
    )


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that can be put into an index; its pages are read as they are taken."""

    entry: DocumentEntry
    pages: Iterable[EmbeddedPage]
    page_count: int


def prepare(
    item: Item,
    given: Given,
    *,
    parser: Parser,
    encoder: Encoder,
    held: Mapping[str, DocumentEntry],
) -> Prepared:
    """Open one document and find the id that it is kept under.

    Raises:
        UnreadableDocument: the file is damaged, locked or of no known type.
        InvalidInput: no pages, pages of several documents, or metadata that is not flat.
    """
    if not isinstance(item, FoundFile | bytes | Image.Image):
        return _prepare_embedded(item, given, encoder=encoder)
    document = open_item(item, given)
    if given.doc_id is None:
        doc_id = _free_id(document, held.get(document.id))
        if doc_id != document.id:
            document = open_item(item, replace(given, doc_id=doc_id))
    entry = DocumentEntry(
        id=document.id,
        source=document.source,
        content_hash=document.content_hash,
        settings=settings_of(parser, encoder, document),
        metadata=document.metadata,
    )
    return Prepared(entry, embed(parser.parse(document), encoder), document.page_count)


def settings_of(parser: Parser, encoder: Encoder, document: Document) -> str:
    """What an entry was made with: when it differs, the document has to be read again."""
    return f"{parser.fingerprint_for(document)} | {encoder.fingerprint}"


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
    while batch := list(islice(pages, _BATCH_PAGES)):
        yield from map(EmbeddedPage, batch, encoder.encode_pages(batch))


def _prepare_embedded(pages: Sequence[EmbeddedPage], given: Given, *, encoder: Encoder) -> Prepared:
    check_metadata(given.metadata)
    ids = {page.parsed.page.doc_id for page in pages}
    if len(ids) != 1 or given.doc_id not in (None, *ids):
        raise InvalidInput(
            f"pages with embeddings must all be of one document and carry its id "
            f"(doc_id={given.doc_id!r}), got {sorted(ids) or 'no pages'}"
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
        metadata=given.metadata,
    )
    return Prepared(entry, pages, len(pages))


def _free_id(document: Document, held: DocumentEntry | None) -> str:
    """The document's own id, unless another file holds it: then with a short hash of its source.

    A file of the same content elsewhere is the same document that has moved.
    """
    if held is None or held.source == document.source or held.content_hash == document.content_hash:
        return document.id
    return f"{document.id}~{hashlib.sha256(document.source.encode()).hexdigest()[:6]}"


def _watched(
    pages: Iterable[EmbeddedPage], on_page: Callable[[EmbeddedPage], None]
) -> Iterator[EmbeddedPage]:
    for page in pages:
        yield page
        on_page(page)


def _name(item: Item) -> str:
    if isinstance(item, FoundFile):
        return str(item.path)
    if isinstance(item, bytes):
        return "bytes"
    return "picture" if isinstance(item, Image.Image) else "pages"
