"""Checks of documents and queries, the same for every index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from colregion.core.documents import DocumentEntry, check_metadata
from colregion.core.embeddings import EmbeddedPage, QueryEmbedding
from colregion.core.interfaces import Encoder, Index, IndexSetting
from colregion.errors import InvalidInput, ModelMismatch, NotIndexed, ShapeMismatch


def check_encoder(index: Index, encoder: Encoder) -> None:
    """Raise ModelMismatch where an index was made with another encoder."""
    made_with = index.get_setting(IndexSetting.ENCODER)
    if made_with is not None and made_with != encoder.fingerprint:
        raise ModelMismatch(
            f"the index was made with encoder {made_with!r} and cannot be used with "
            f"{encoder.fingerprint!r}; open it with the first, or index into another folder"
        )


def checked_pages(
    entry: DocumentEntry, pages: Iterable[EmbeddedPage], *, dim: int | None
) -> Iterator[EmbeddedPage]:
    """Yield the pages, each checked.

    Args:
        dim: D of the vectors of other documents in the index; None without vectors.

    Raises:
        InvalidInput: an empty id, metadata that is not flat, a page of another document, or a
            repeated page number.
        ModelMismatch: vectors of another D.
    """
    if not entry.id:
        raise InvalidInput("a document id must not be empty")
    check_metadata(entry.metadata)
    numbers: set[int] = set()
    for embedded in pages:
        page, vectors = embedded.parsed.page, embedded.embedding.vectors
        if page.doc_id != entry.id:
            raise InvalidInput(f"page {page.id} does not belong to document {entry.id!r}")
        if page.number in numbers:
            raise InvalidInput(f"document {entry.id!r} has two pages with number {page.number}")
        numbers.add(page.number)
        if len(vectors):
            dim = vectors.shape[1] if dim is None else dim
            if vectors.shape[1] != dim:
                raise ModelMismatch(
                    f"the index has vectors of D = {dim}, page {page.id} has D = "
                    f"{vectors.shape[1]}; use the encoder of the index"
                )
        yield embedded


def check_search(query: QueryEmbedding, *, k: int, dim: int | None) -> None:
    """Raise InvalidInput for k < 1, ShapeMismatch for a query whose D is not `dim` (None: any)."""
    if k < 1:
        raise InvalidInput(f"k must be 1 or more, got {k}")
    if dim is not None and query.vectors.shape[1] != dim:
        n = query.vectors.shape[1]
        raise ShapeMismatch(f"the index has vectors of D = {dim}, the query has D = {n}")


def check_same_content(entry: DocumentEntry, stored: DocumentEntry) -> None:
    """Raise NotIndexed where a document has other content than when it was `entry`."""
    if stored.content_hash != entry.content_hash:
        raise NotIndexed(f"{entry.id!r} has been replaced meanwhile; ask again")
