"""Embedding and storing behind the reading: the encoder sees the pages of all documents as one
stream, in a thread, while further documents are read."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import NamedTuple

from colregion.core.documents import DocumentEntry
from colregion.core.embeddings import EmbeddedPage, PageEmbedding
from colregion.core.interfaces import Encoder
from colregion.core.regions import ParsedPage
from colregion.core.results import Outcome
from colregion.errors import ColregionError
from colregion.ingestion.workers.reading import Reading

# That wait on disk to be embedded. Enough one-page documents for a batch of an accelerator, and
# the pages that are prepared ahead of it.
_PAGES_WAITING = 96
_POLL_S = 0.1


@dataclass(slots=True, eq=False)
class ReadDocument:
    """A document that has been read.

    Args:
        position: of its outcome.
        has_failed: whether it will not go in; its further pages are not embedded.
    """

    position: int
    entry: DocumentEntry
    reading: Reading
    has_failed: bool = False


class _Result(NamedTuple):
    document: ReadDocument
    page: ParsedPage
    embedding: PageEmbedding | ColregionError


class Embedder:
    """Embeds and stores documents one after another, as a context.

    An exception inside the context, such as Ctrl-C, stops the document that is being stored, which
    the index then leaves out.

    Args:
        pages: of a document, in order.
        store: puts a document and its pages into the index.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        pages: Callable[[ReadDocument], Iterable[ParsedPage]],
        store: Callable[[ReadDocument, Iterator[EmbeddedPage]], Outcome],
    ) -> None:
        self._pages_of = pages
        self._store = store
        self._added: SimpleQueue[ReadDocument | None] = SimpleQueue()
        self._under_way: deque[tuple[ReadDocument, ParsedPage]] = deque()
        self._done: SimpleQueue[tuple[ReadDocument, Outcome]] = SimpleQueue()
        self._pages_waiting = 0  # changed by the thread that adds
        self._is_stopped = threading.Event()
        self._encoder = encoder
        self._stream: Iterator[PageEmbedding | ColregionError] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="colregion-embed")

    def __enter__(self) -> Embedder:
        self._running: Future[None] = self._thread.submit(self._work)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._added.put(None)
        if error is not None:
            self._is_stopped.set()
            close = getattr(self._stream, "close", None)
            if close is not None:
                with suppress(ValueError):  # of a generator that runs, which ends with its page
                    close()
        self._thread.shutdown(wait=True)

    def add(self, document: ReadDocument) -> Iterator[tuple[ReadDocument, Outcome]]:
        """Add a document; yields those that are finished, and waits while too many are not."""
        self._pages_waiting += document.reading.pages_read
        self._added.put(document)
        yield from self._outcomes(most_waiting=_PAGES_WAITING)

    def finished(self) -> Iterator[tuple[ReadDocument, Outcome]]:
        """Yields the documents that are finished by now."""
        yield from self._outcomes(most_waiting=self._pages_waiting)

    def finish(self) -> Iterator[tuple[ReadDocument, Outcome]]:
        """Yields the documents that are not finished yet, once they are."""
        self._added.put(None)
        yield from self._outcomes(most_waiting=0)

    def _outcomes(self, *, most_waiting: int) -> Iterator[tuple[ReadDocument, Outcome]]:
        while True:
            has_room = self._pages_waiting <= most_waiting
            try:
                document, outcome = self._done.get(not has_room, _POLL_S)
            except Empty:
                if self._running.done():
                    self._running.result()  # raises what ended it
                if has_room:
                    return
                continue
            self._pages_waiting -= document.reading.pages_read
            yield document, outcome

    def _work(self) -> None:
        results = self._results()
        for first in results:
            document = first.document
            if document.has_failed:
                continue
            # Counted, because to look whether there is more would be to wait for the next document.
            others = islice(results, document.reading.pages_read - 1)
            try:
                outcome = self._store(document, self._embedded(chain([first], others)))
            except _Interrupted:
                return
            document.has_failed = outcome.status == "failed"
            document.reading.delete_files()
            self._done.put((document, outcome))

    def _results(self) -> Iterator[_Result]:
        self._stream = self._encoder.encode_stream(self._pages())
        for embedding in self._stream:
            yield _Result(*self._under_way.popleft(), embedding)

    def _pages(self) -> Iterator[ParsedPage | None]:
        """The pages of all documents; an encoder may take them in a thread of its own."""
        while True:
            try:
                document = self._added.get_nowait()
            except Empty:
                yield None
                document = self._added.get()
            if document is None:
                return
            for page in self._pages_of(document):
                if document.has_failed or self._is_stopped.is_set():
                    break
                self._under_way.append((document, page))
                yield page

    def _embedded(self, results: Iterable[_Result]) -> Iterator[EmbeddedPage]:
        for _, page, embedding in results:
            if self._is_stopped.is_set():
                break
            if isinstance(embedding, ColregionError):
                raise embedding
            yield EmbeddedPage(page, embedding)
        if self._is_stopped.is_set():  # perhaps in the middle of the document
            raise _Interrupted


class _Interrupted(Exception):
    """The caller wants no more documents."""
