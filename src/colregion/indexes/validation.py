"""What every index asks of a document before it takes it in, and of a page before it scores it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from colregion.core.documents import DocumentEntry, check_metadata
from colregion.core.embeddings import EmbeddedPage, QueryEmbedding
from colregion.core.filters import Filters
from colregion.errors import InvalidInput, ModelMismatch, ShapeMismatch


def checked_pages(
    entry: DocumentEntry, pages: Iterable[EmbeddedPage], *, dim: int | None
) -> Iterator[EmbeddedPage]:
    """The same pages, each checked as it comes.

    Args:
        dim: D of the vectors that the index holds of other documents; None when it holds none.

    Raises:
        InvalidInput: an empty id, metadata that is not flat, a page of another document, or two
            pages of one number.
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
            raise InvalidInput(f"document {entry.id!r} has two pages of number {page.number}")
        numbers.add(page.number)
        if len(vectors):
            dim = vectors.shape[1] if dim is None else dim
            if vectors.shape[1] != dim:
                raise ModelMismatch(
                    f"the index holds vectors of D = {dim}, page {page.id} has D = "
                    f"{vectors.shape[1]}; use the encoder that the index was made with"
                )
        yield embedded


def check_search(query: QueryEmbedding, *, k: int, dim: int | None) -> None:
    """Raises InvalidInput for k < 1 and ShapeMismatch for a question of another D than the
    index holds (None: any)."""
    if k < 1:
        raise InvalidInput(f"k must be 1 or more, got {k}")
    if dim is not None and query.vectors.shape[1] != dim:
        raise ShapeMismatch(
            f"the index holds vectors of D = {dim}, the question has D = {query.vectors.shape[1]}"
        )


def passes(
    filters: Filters, entry: DocumentEntry, *, page_number: int, kinds: Collection[str]
) -> bool:
    """Whether a page may be returned.

    Args:
        kinds: of the page's regions; a filter on `kind` lets a page through that holds one such.
    """
    if not filters.page(
        doc_id=entry.id, source=entry.source, page_number=page_number, metadata=entry.metadata
    ):
        return False
    asks_kind = any(condition.field == "kind" for condition in filters.conditions)
    return not asks_kind or any(filters.kind(kind) for kind in kinds)
