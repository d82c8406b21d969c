"""The interfaces of parsers, encoders and indexes.

A new one is a file that derives from its interface, and a test that inherits the contract suite of
the interface from `colregion.testing`; objects are injected into the engine.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from colregion.core.documents import Document, DocumentEntry
from colregion.core.embeddings import Candidate, EmbeddedPage, PageEmbedding, QueryEmbedding
from colregion.core.filters import EVERYTHING, Filters
from colregion.core.regions import ParsedPage
from colregion.errors import ColregionError, NotIndexed

_Index = TypeVar("_Index", bound="Index")


class IndexSetting:
    """Keys of the settings that an index stores for its engine."""

    ENCODER = "encoder"  # fingerprint of the encoder that made the vectors
    ENCODER_SPEC = "encoder_spec"  # the spec from which `load_encoder` makes it
    CALIBRATION = "calibration"  # the calibration of its confidences, as JSON
    PRECISION = "vector_precision"  # the number type that vectors are stored in


class Parser(ABC):
    """Reads a document's words and region trees.

    Attributes:
        by_page: whether a page is parsed the same whichever other pages the document has. Its
            pages are then parsed in parallel, and one that fails does not cost the others.
        leaves_unread: whether pages that need recognition are left for later.
    """

    by_page: bool = False
    leaves_unread: bool = False

    def for_one_core(self) -> Parser:
        """The same parser without threads of its own, for one of several processes."""
        return self

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Names the parser and all that changes its result; a new one means parsing again."""

    def fingerprint_for(self, document: Document) -> str:
        """The fingerprint for one document, for a parser that also reads a file beside it. Raises
        as `parse`."""
        del document
        return self.fingerprint

    @abstractmethod
    def parse(self, document: Document) -> Iterator[ParsedPage]:
        """Yield every page of the document in order, a blank page with no regions. Raises
        UnreadableDocument for a damaged document, MissingDependency when a program is missing."""


class Encoder(ABC):
    """Turns pages and questions into vectors of late interaction.

    Attributes:
        noise_floor: the similarity, 0 to below 1, up to which vectors are unrelated; regions are
            scored by what rises above it.
        weighs_terms: whether the engine weights a question's tokens by how rare their terms are
            in the index; false for a model that was trained with equal weights.
        batch_pages: pages that the engine hands over at once.
        spec: what `load_encoder` makes this encoder from; None when it cannot.
        sees_images: whether the vectors show what is on the page's image, words or not.
    """

    noise_floor: float = 0.0
    weighs_terms: bool = True
    batch_pages: int = 8
    spec: str | None = None
    sees_images: bool = False

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Names model, revision and settings; equal fingerprints give equal vectors."""

    @abstractmethod
    def encode_pages(self, pages: Sequence[ParsedPage]) -> list[PageEmbedding]:
        """One embedding per page, in order; the same whatever the batch. No pages give []."""

    def encode_stream(
        self, pages: Iterable[ParsedPage | None]
    ) -> Iterator[PageEmbedding | ColregionError]:
        """Encode pages as they come, of one document or many: for each, in order, its embedding,
        or the error that it alone fails with.

        An encoder may be ahead of what it yields by a few batches, in threads of its own. None
        among the pages says that the next one is not there yet: an encoder that is not ahead
        encodes what it has.
        """
        batch: list[ParsedPage] = []
        for page in pages:
            if page is not None:
                batch.append(page)
            if len(batch) >= self.batch_pages or (page is None and batch):
                yield from self._encode_each(batch)
                batch = []
        yield from self._encode_each(batch)

    def _encode_each(self, pages: list[ParsedPage]) -> list[PageEmbedding | ColregionError]:
        try:
            return list(self.encode_pages(pages))
        except ColregionError as error:
            if len(pages) == 1:
                return [error]
            return [result for page in pages for result in self._encode_each([page])]

    def with_words(self, page: EmbeddedPage, parsed: ParsedPage) -> PageEmbedding:
        """The embedding of a page after more of it was read, as `parsed`, without its image; as
        before for an encoder to which words do not matter."""
        del parsed
        return page.embedding

    @abstractmethod
    def encode_query(self, text: str) -> QueryEmbedding:
        """The question's token vectors, weights all one. Raises InvalidInput for empty text."""


class Index(ABC):
    """Stores documents and proposes pages for questions. Safe to use from threads."""

    @abstractmethod
    def replace(self, entry: DocumentEntry, pages: Iterable[EmbeddedPage]) -> DocumentEntry:
        """Put a document in, in place of the one with its id, all or nothing.

        `pages` is consumed one page at a time. An error meanwhile (of the iterable too) leaves the
        index as it was. Returns the entry with its page count.
        """

    @abstractmethod
    def remove(self, doc_id: str) -> None:
        """Take a document out. Raises NotIndexed when it is not there."""

    @abstractmethod
    def search(
        self, query: QueryEmbedding, *, k: int, filters: Filters = EVERYTHING
    ) -> list[Candidate]:
        """The k pages of the highest late-interaction score, best first, with their similarities.

        The score is `embeddings.maxsim_score` with the query's weights. Ties go by document id and
        page number. All candidates come from one state of the index. Pages without vectors are
        never returned; an empty index gives [].
        """

    @abstractmethod
    def load(self, page_ids: Sequence[str]) -> list[EmbeddedPage]:
        """The pages, in the order of the ids. Raises NotIndexed for an id that is not there."""

    @abstractmethod
    def update_page(
        self,
        entry: DocumentEntry,
        number: int,
        change: Callable[[EmbeddedPage], EmbeddedPage],
        *,
        wait: bool = False,
    ) -> EmbeddedPage:
        """Replace one page of a document by what `change` makes of it, at once, and return that.

        Of changes by several threads and processes each starts from the result of the one before;
        `change` may be called again, and nothing is stored if it returns its argument or raises.
        The page's image stays.

        Args:
            wait: for another writer, as `replace` does.

        Raises:
            NotIndexed: no such page, or its document's content has changed since `entry`.
            BackendError: another thread or process is writing and is not waited for.
        """

    @abstractmethod
    def unread_pages(self, doc_id: str | None = None) -> dict[str, float]:
        """The pages with unread parts, of one document or all, in order: id -> the share of its
        leaves that is unread, above 0 to 1. Raises NotIndexed for an unknown document."""

    @abstractmethod
    def document_frequency(self, terms: Sequence[str]) -> list[int]:
        """The number of pages that contain each term (as in `text.terms`)."""

    @abstractmethod
    def documents(self) -> list[DocumentEntry]:
        """The entries of all documents, by id."""

    @abstractmethod
    def page_ids(self, doc_id: str) -> list[str]:
        """Ids of a document's pages in order. Raises NotIndexed when it is not there."""

    @abstractmethod
    def get_setting(self, key: str) -> str | None:
        """A setting of the whole index; None when it was never set."""

    @abstractmethod
    def set_setting(self, key: str, value: str) -> None:
        """Store a setting of the whole index."""

    @abstractmethod
    def settings(self) -> dict[str, str]:
        """All settings of the whole index."""

    def entry(self, doc_id: str) -> DocumentEntry:
        """The entry of one document. Raises NotIndexed when it is not there."""
        if doc_id not in (entries := self.entries([doc_id])):
            raise NotIndexed(f"no document {doc_id!r} in the index")
        return entries[doc_id]

    def entries(self, doc_ids: Iterable[str]) -> dict[str, DocumentEntry]:
        """The entries of those of the documents that are there, by id."""
        ids = set(doc_ids)
        return {entry.id: entry for entry in self.documents() if entry.id in ids}

    @property
    def page_count(self) -> int:
        return sum(entry.page_count for entry in self.documents())

    def close(self) -> None:  # noqa: B027  (an index without open files has nothing to do)
        """Close files and connections. Closing twice is fine."""

    def __enter__(self: _Index) -> _Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True, eq=False)
class AreaReading:
    """What became of reading parts of a page.

    Args:
        page: with what was read; None where nothing could be.
        seconds: that the reading took.
        problem: why it could not be read; "" where it was.
    """

    page: EmbeddedPage | None
    seconds: float = 0.0
    problem: str = ""


class AreaReader(ABC):
    """Reads parts of indexed pages that were only seen, and stores the words with the page.

    Attributes:
        pages_at_once: how many pages it reads in the time of one, each in a thread of its caller.
    """

    pages_at_once: int = 1

    @abstractmethod
    def read(
        self, page_id: str, paths: Iterable[tuple[int, ...]], *, limit_s: float
    ) -> AreaReading:
        """Read the unread leaves of these paths; those that are read already cost nothing.

        Args:
            limit_s: given up after this time.
        """
