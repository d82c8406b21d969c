"""The index in a folder: SQLite for records, mapped files for vectors, JPEG for images."""

from __future__ import annotations

import os
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext, suppress
from functools import lru_cache
from pathlib import Path

from colregion.core.documents import DocumentEntry, page_id
from colregion.core.embeddings import (
    Candidate,
    EmbeddedPage,
    PageEmbedding,
    QueryEmbedding,
    similarity,
)
from colregion.core.filters import EVERYTHING, Filters
from colregion.core.geometry import FloatArray
from colregion.core.interfaces import Index, IndexSetting
from colregion.errors import BackendError, IndexCorrupt, InvalidInput, NotIndexed
from colregion.indexes.local import schema
from colregion.indexes.local.compaction import WASTEFUL, compact
from colregion.indexes.local.pages import EMPTY, PageTable, StoredPage, read_entry, read_table
from colregion.indexes.local.records import (
    DocumentWriter,
    PageRecord,
    forget,
    read_record,
    rewrite_page,
)
from colregion.indexes.local.schema import REPAIR_HINT, translate_errors
from colregion.indexes.local.scoring import PageScores
from colregion.indexes.local.vectors import VectorWriter
from colregion.indexes.local.verify import Damage, find_damage
from colregion.indexes.maxsim_kernels import KernelName
from colregion.indexes.page_images import StoredImage, save_image
from colregion.indexes.quantization import PRECISIONS, Precision
from colregion.indexes.validation import check_same_content, checked_pages

# Records in memory: some 20 KB each, 0.1 MB once regions and words are decoded.
_CACHED_RECORDS = 256
_ATTEMPTS = 5
_BUSY = "the index at {} changes too fast to be read; try again"


class LocalIndex(Index):
    """Documents in one folder: read by any number of threads and processes, written by one at a
    time. A reader sees whole documents, as of the last commit before the call.

    A search is exact up to about 4,000 pages of 1,024 x 128; beyond that coarse vectors choose at
    least 512 candidates, and those are scored exactly (see `indexes.local.scoring`).

    Args:
        folder: of the index; created unless it exists.
        create: false to refuse a folder without an index.
        wait_s: how long a change waits while another process is writing; 0 not to wait.
        precision: of the vectors of a new index, "float16", "int8", which takes half the space,
            or "int4", less than a third, for visual models (see `indexes.int4`); None for that of
            the index, float16 for a new one.
        read_only: refuse changes; automatic for a folder that cannot be written.
        skip_damaged: omit pages with damaged vectors or records, which takes reading the whole
            index once; otherwise damage raises an error when it is read.
        kernel: scores the pages, see `maxsim_kernels.load_kernel`.

    Raises:
        InvalidInput: there is no index and `create` is false, or one of another precision.
        IndexCorrupt: the folder has other content, a damaged index, or one of another format.
        BackendError: the folder cannot be created or written.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        create: bool = True,
        wait_s: float = 30.0,
        precision: str | None = None,
        read_only: bool = False,
        skip_damaged: bool = False,
        kernel: KernelName = "auto",
    ) -> None:
        self.folder = Path(folder).expanduser().absolute()
        self.read_only = read_only or schema.cannot_be_written(self.folder)
        self._kernel = kernel
        self._wait_s = wait_s
        with translate_errors(self.folder), ExitStack() as opened:
            schema.prepare_folder(self.folder, create=create and not self.read_only)
            if self.read_only:
                self._reader = opened.enter_context(closing(schema.connect_to_read(self.folder)))
            else:
                self._open_to_write(opened, wait_s=wait_s)
            self._read_lock, self._write_lock = threading.Lock(), threading.Lock()
            self._writing_thread: int | None = None
            self._seen: tuple[int, PageScores] = (-1, PageScores(EMPTY, kernel=kernel))
            self._skipped = self._damaged() if skip_damaged else None
            self._vectors = VectorWriter(self.folder / schema.VECTORS)
            self.precision = self._vectors.precision = self._check_precision(precision)
            opened.pop_all()
        self._record = lru_cache(maxsize=_CACHED_RECORDS)(self._read_record)

    def _open_to_write(self, opened: ExitStack, *, wait_s: float) -> None:
        self._writer = opened.enter_context(closing(schema.connect(self.folder, wait_s=wait_s)))
        for name in (schema.IMAGES, schema.VECTORS):
            (self.folder / name).mkdir(exist_ok=True)
        self._reader = opened.enter_context(closing(schema.connect(self.folder, wait_s=wait_s)))
        schema.delete_orphans(self._writer, self.folder, wait_s=wait_s)

    def _damaged(self) -> frozenset[int]:
        return frozenset(one.page for one in self.verify() if one.page is not None)

    def _check_precision(self, required: str | None) -> Precision:
        if required not in (None, *PRECISIONS):
            raise InvalidInput(f"precision must be {', '.join(PRECISIONS)}, got {required!r}")
        stored = self.get_setting(IndexSetting.PRECISION)
        if stored is None:
            with self._reading() as database:
                filled = database.execute("SELECT 1 FROM page LIMIT 1").fetchone()
            stored = required if required is not None and not filled else "float16"
            if required == stored and not self.read_only:
                self.set_setting(IndexSetting.PRECISION, stored)
        if required not in (None, stored):
            raise InvalidInput(
                f"the index at {self.folder} has {stored} vectors, not {required}; make a new one"
            )
        return next(one for one in PRECISIONS if one == stored)

    def replace(self, entry: DocumentEntry, pages: Iterable[EmbeddedPage]) -> DocumentEntry:
        images = self.folder / schema.IMAGES / uuid.uuid4().hex
        try:
            with self._changing() as database:
                with translate_errors(self.folder):
                    obsolete = forget(database, self.folder, entry.id)
                    images.mkdir()
                    writer = DocumentWriter(database, self._vectors, entry, images=images.name)
                for embedded in checked_pages(entry, pages, dim=writer.dim):
                    image = embedded.parsed.page.image
                    image.load()  # an error of a lazy image is not one of the index
                    with translate_errors(self.folder):
                        path = images / schema.image_name(embedded.parsed.page.number)
                        writer.add(embedded, image_crc=save_image(image, path))
                with translate_errors(self.folder):
                    schema.sync_folder(images)
                    schema.sync_folder(images.parent)
                    stored = writer.finish()
        except BaseException:
            # An interrupt may come just after the commit.
            if not self._has_images(images.name):
                schema.delete_files([images])
            raise
        schema.delete_files(obsolete)
        if obsolete:
            self._compact_if_wasteful()
        return stored

    def remove(self, doc_id: str) -> None:
        with self._changing() as database, translate_errors(self.folder):
            obsolete = forget(database, self.folder, doc_id)
            if not obsolete:
                raise NotIndexed(f"no document {doc_id!r} in the index")
        schema.delete_files(obsolete)
        self._compact_if_wasteful()

    def compact(self, *, below: float = 1.0) -> None:
        """Rewrite the files of vectors of which less than the share `below` (0-1) is in use, and
        for 1 also the database. Readers are not disturbed. Files of which less than half is in use
        are rewritten automatically after a change."""
        with self._changing() as database, translate_errors(self.folder):
            obsolete = compact(database, self.folder, self._vectors, below=below)
        schema.delete_files(obsolete)
        if below >= 1:
            with self._write_lock, translate_errors(self.folder):
                self._writer.execute("VACUUM")

    def _compact_if_wasteful(self) -> None:
        # The change is committed, even if the disk is full, old vectors are damaged, or another
        # process is writing: the next change tries again.
        with suppress(BackendError, IndexCorrupt):
            self.compact(below=WASTEFUL)

    def verify(self) -> list[Damage]:
        """All damage, by checksums of every part; [] for an intact index."""
        with self._reading() as database:
            return list(find_damage(database, self.folder))

    def search(
        self, query: QueryEmbedding, *, k: int, filters: Filters = EVERYTHING
    ) -> list[Candidate]:
        for _ in range(_ATTEMPTS):
            scores = self.scores()
            best = scores.best(query, k=k, filters=filters)
            try:
                return [
                    self._candidate(scores.table, int(position), float(score), query, best.by_code)
                    for position, score in zip(best.positions, best.scores, strict=True)
                ]
            except _PageDeleted:  # since it was scored
                continue
        raise BackendError(_BUSY.format(self.folder))

    def load(self, page_ids: Sequence[str]) -> list[EmbeddedPage]:
        for _ in range(_ATTEMPTS):
            table = self._table()
            pages = [table.page(one) for one in page_ids]
            try:
                return [self._embedded(table, page) for page in pages]
            except _PageDeleted:  # since the table was read
                continue
        raise BackendError(_BUSY.format(self.folder))

    def update_page(
        self,
        entry: DocumentEntry,
        number: int,
        change: Callable[[EmbeddedPage], EmbeddedPage],
        *,
        wait: bool = False,
    ) -> EmbeddedPage:
        with self._changing(waiting=wait) as database:
            # Nobody else can commit meanwhile: this is the page that the change starts from.
            check_same_content(entry, self.entry(entry.id))
            table = self._table()
            row = table.page(page_id(entry.id, number))
            page = self._embedded(table, row)
            changed = change(page)
            if changed is not page:
                slots = self._record_of(table, row).slots
                with translate_errors(self.folder):
                    rewrite_page(database, self._vectors, row, slots, before=page, after=changed)
        # What does not wait for a writer, such as a question, does not wait for compaction either.
        if wait and changed.embedding is not page.embedding:
            self._compact_if_wasteful()
        return changed

    def unread_pages(self, doc_id: str | None = None) -> dict[str, float]:
        return self._table().unread_pages(doc_id)

    def document_frequency(self, terms: Sequence[str]) -> list[int]:
        select = "SELECT pages FROM term WHERE term = ?"
        with self._reading() as database:
            rows = [database.execute(select, (schema.to_blob(one),)).fetchone() for one in terms]
        return [row[0] if row else 0 for row in rows]

    def documents(self) -> list[DocumentEntry]:
        return list(self._table().entries.values())

    def entries(self, doc_ids: Iterable[str]) -> dict[str, DocumentEntry]:
        entries = self._table().entries
        return {doc_id: entries[doc_id] for doc_id in doc_ids if doc_id in entries}

    def entry(self, doc_id: str) -> DocumentEntry:
        with self._reading() as database:
            entry = read_entry(database, doc_id)
        if entry is None:
            raise NotIndexed(f"no document {doc_id!r} in the index")
        return entry

    @property
    def page_count(self) -> int:
        return len(self._table().pages)

    def page_ids(self, doc_id: str) -> list[str]:
        return self._table().page_ids(doc_id)

    def get_setting(self, key: str) -> str | None:
        with self._reading() as database:
            row = database.execute(
                "SELECT value FROM setting WHERE name = ?", (schema.to_blob(key),)
            ).fetchone()
        return schema.from_blob(row[0]) if row else None

    def set_setting(self, key: str, value: str) -> None:
        with self._changing() as database, translate_errors(self.folder):
            database.execute(
                "INSERT OR REPLACE INTO setting VALUES (?, ?)",
                (schema.to_blob(key), schema.to_blob(value)),
            )

    def settings(self) -> dict[str, str]:
        with self._reading() as database:
            rows = database.execute("SELECT name, value FROM setting").fetchall()
        return {schema.from_blob(name): schema.from_blob(value) for name, value in rows}

    def close(self) -> None:
        with self._write_lock, self._read_lock:
            self._record.cache_clear()
            self._seen = (-1, PageScores(EMPTY, kernel=self._kernel))
            self._reader.close()
            if not self.read_only:
                self._writer.close()

    @contextmanager
    def _changing(self, *, waiting: bool = True) -> Iterator[sqlite3.Connection]:
        """One write transaction, with the lock of the threads and then that of the processes;
        BackendError where another has it and there is to be no `waiting`."""
        if self.read_only:
            raise BackendError(f"the index at {self.folder} is open read-only")
        if self._writing_thread == threading.get_ident():
            raise InvalidInput("an index cannot be changed by the pages that it is taking in")
        if not self._write_lock.acquire(blocking=waiting):
            raise BackendError(f"another thread is writing to the index at {self.folder}")
        try:
            self._writing_thread = threading.get_ident()
            quick = schema.without_waiting(self._writer, wait_s=self._wait_s)
            with (
                nullcontext() if waiting else quick,
                schema.transaction(self._writer, self.folder, writing=True),
            ):
                yield self._writer
        except BaseException:
            self._vectors.roll_back()
            raise
        finally:
            self._writing_thread = None
            self._write_lock.release()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """One read transaction, of one thread at a time."""
        with (
            self._read_lock,
            schema.transaction(self._reader, self.folder, writing=False),
            translate_errors(self.folder),
        ):
            yield self._reader

    def _has_images(self, name: str) -> bool:
        with self._reading() as database:
            row = database.execute("SELECT 1 FROM document WHERE images = ?", (name,)).fetchone()
        return row is not None

    def scores(self) -> PageScores:
        """Scores the pages as of the last commit."""
        for _ in range(_ATTEMPTS):
            with self._reading() as database:
                # Changes with every commit of another connection; this one never commits.
                (version,) = database.execute("PRAGMA data_version").fetchone()
                if version == self._seen[0]:
                    return self._seen[1]
                try:
                    table = read_table(
                        database,
                        self.folder / schema.VECTORS,
                        known=self._seen[1].table,
                        without=self._skipped or (),
                        shortened=self._skipped is not None,
                    )
                except FileNotFoundError as error:
                    # Deleted by a commit since this transaction began, or lost.
                    missing = error
                    continue
                self._seen = (version, PageScores(table, kernel=self._kernel))
                return self._seen[1]
        raise IndexCorrupt(
            f"the index at {self.folder} has lost a file ({missing}). {REPAIR_HINT}"
        ) from missing

    def _table(self) -> PageTable:
        return self.scores().table

    def _candidate(
        self,
        table: PageTable,
        position: int,
        score: float,
        query: QueryEmbedding,
        by_code: FloatArray,
    ) -> Candidate:
        page = table.pages[position]
        record = self._record_of(table, page)
        if len(page.codes):
            table.check_codes(page)
            sim = by_code.take(page.codes[record.slots], axis=1)
        else:
            sim = similarity(query.vectors, table.vectors_of(page, record.slots))
        return Candidate(record.parsed, record.placement, record.region_cover, sim, score)

    def _embedded(self, table: PageTable, page: StoredPage) -> EmbeddedPage:
        record = self._record_of(table, page)
        vectors = table.vectors_of(page, record.slots)
        return EmbeddedPage(record.parsed.unloaded(), PageEmbedding(vectors, record.placement))

    def _record_of(self, table: PageTable, page: StoredPage) -> PageRecord:
        return self._record(page.row_id, table.documents[page.document].images, page.number)

    def _read_record(self, row_id: int, images: str, number: int) -> PageRecord:
        image = self.folder / schema.IMAGES / images / schema.image_name(number)
        with self._reading() as database:
            record = read_record(database, row_id, load_image=StoredImage(image))
        if record is None:
            raise _PageDeleted
        return record


class _PageDeleted(Exception):
    """A page was deleted since the table was read."""
