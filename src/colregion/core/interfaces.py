"""The interfaces of what reads pages, embeds them and stores them.

A new parser, encoder or index is one file that derives from one of these, and a test that inherits
the interface's contract suite from `colregion.testing`; objects are injected into the engine.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from colregion.core.documents import Document, DocumentEntry
from colregion.core.embeddings import Candidate, EmbeddedPage, PageEmbedding, QueryEmbedding
from colregion.core.filters import EVERYTHING, Filters
from colregion.core.regions import ParsedPage
from colregion.errors import NotIndexed

_Index = TypeVar("_Index", bound="Index")


class IndexSetting:
    """Keys of the settings that an index stores for its engine."""

    ENCODER = "encoder"
    """Fingerprint of the encoder that made the vectors."""
    ENCODER_SPEC = "encoder_spec"
    """What `load_encoder` makes that encoder from."""
    CALIBRATION = "calibration"
    """The calibration of its confidences, as JSON."""
    PRECISION = "vector_precision"
    """The numbers that vectors are stored as."""


class Parser(ABC):
    """Reads a document's words and region trees.

    Attributes:
        by_page: whether a page is parsed the same whichever other pages the document has. Pages
            of one document are then parsed side by side, and a page that fails does not cost
            the others.
    """

    by_page: bool = False

    def for_one_core(self) -> Parser:
        """The same parser without threads of its own, for one of several processes."""
        return self

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Names the parser and everything that changes its result, so that the index can tell
        whether a file has to be parsed again."""

    def fingerprint_for(self, document: Document) -> str:
        """The fingerprint for one document, where more than the parser's own settings goes into
        it, such as a file that lies beside the document. Raises as `parse`."""
        del document
        return self.fingerprint

    @abstractmethod
    def parse(self, document: Document) -> Iterator[ParsedPage]:
        """Every page of the document in order, one at a time, a blank page with no regions.

        Raises:
            UnreadableDocument: the document is damaged.
            MissingDependency: a program or package that this parser needs is not installed.
        """


class Encoder(ABC):
    """Turns pages and questions into vectors of late interaction.

    Attributes:
        noise_floor: the similarity, 0 to below 1, up to which vectors are unrelated; regions are
            scored by what rises above it.
        weighs_terms: whether the engine weighs a question's tokens by how rare their terms are
            in the index; false for a model that was trained with all tokens counting alike.
        batch_pages: pages that the engine hands over at once.
        spec: what `load_encoder` makes this encoder from again; None when it cannot.
    """

    noise_floor: float = 0.0
    weighs_terms: bool = True
    batch_pages: int = 8
    spec: str | None = None

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Names model, revision and settings; equal fingerprints give equal vectors."""

    @abstractmethod
    def encode_pages(self, pages: Sequence[ParsedPage]) -> list[PageEmbedding]:
        """One embedding per page, in order; the same whatever the batch. No pages give []."""

    @abstractmethod
    def encode_query(self, text: str) -> QueryEmbedding:
        """The question's token vectors, weights all one.

        Raises:
            InvalidInput: the text is empty.
        """


class Index(ABC):
    """Stores documents and proposes pages for questions. Safe to use from threads."""

    @abstractmethod
    def replace(self, entry: DocumentEntry, pages: Iterable[EmbeddedPage]) -> DocumentEntry:
        """Put a document in, in place of what has its id, all or nothing.

        `pages` is consumed one page at a time. Whatever is raised while it is (by the iterable
        too) leaves the index as it was. Returns the entry with its page count.
        """

    @abstractmethod
    def remove(self, doc_id: str) -> None:
        """Take a document out. Raises NotIndexed when it is not there."""

    @abstractmethod
    def search(
        self, query: QueryEmbedding, *, k: int, filters: Filters = EVERYTHING
    ) -> list[Candidate]:
        """The k pages of the highest late-interaction score, best first, with their similarities.

        The score is `embeddings.maxsim_score` with the query's weights: the sum over all tokens
        of the token's weight times its highest similarity to any of the page's vectors. Ties go
        by document id and page number. All candidates are of one state of the index. Pages
        without vectors are never returned; an empty index gives [].
        """

    @abstractmethod
    def load(self, page_ids: Sequence[str]) -> list[EmbeddedPage]:
        """The pages, in the order of the ids. Raises NotIndexed for an id that is not there."""

    @abstractmethod
    def document_frequency(self, terms: Sequence[str]) -> list[int]:
        """The number of pages on which each term (as of `text.terms`) stands."""

    @abstractmethod
    def documents(self) -> list[DocumentEntry]:
        """The entries of all documents, by id."""

    @abstractmethod
    def page_ids(self, doc_id: str) -> list[str]:
        """Ids of a document's pages in order. Raises NotIndexed when it is not there."""

    @abstractmethod
    def get_setting(self, key: str) -> str | None:
        """A setting of the index as a whole; None when it was never set."""

    @abstractmethod
    def set_setting(self, key: str, value: str) -> None:
        """Store a setting of the index as a whole."""

    @abstractmethod
    def settings(self) -> dict[str, str]:
        """All settings of the index as a whole."""

    def entry(self, doc_id: str) -> DocumentEntry:
        """The entry of one document. Raises NotIndexed when it is not there."""
        for entry in self.documents():
            if entry.id == doc_id:
                return entry
        raise NotIndexed(f"no document {doc_id!r} in the index")

    def entries(self, doc_ids: Iterable[str]) -> dict[str, DocumentEntry]:
        """The entries of those of the documents that are there, by id."""
        ids = set(doc_ids)
        return {entry.id: entry for entry in self.documents() if entry.id in ids}

    @property
    def page_count(self) -> int:
        """Number of pages in the index."""
        return sum(entry.page_count for entry in self.documents())

    def close(self) -> None:  # noqa: B027  (an index without open files has nothing to do)
        """Close files and connections. Closing twice is fine."""

    def __enter__(self: _Index) -> _Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
