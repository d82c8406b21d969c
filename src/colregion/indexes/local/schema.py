"""The SQLite database of the local index: tables, transactions, errors.

Documents, pages, term counts and settings are rows; vectors and images are files that rows name
(`vectors`, `page_images`). Files are on disk before the commit that adds their rows, and are
deleted after the commit that deletes them, so a crash leaves at worst a file without a row.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from colregion.errors import BackendError, IndexCorrupt, InvalidInput

FORMAT = 8  # in the database's header; other versions are refused
DATABASE = "index.sqlite"
IMAGES = "images"
VECTORS = "vectors"

REPAIR_HINT = (
    "`colregion info --verify` lists what is damaged: add those documents again, or search the "
    "rest with --skip-damaged (skip_damaged=True)"
)
_APPLICATION_ID = 0x636F6C72  # "colr", in the database's header

# Document ids and terms are blobs: UTF-8 with the lone surrogates of undecodable file names.
# AUTOINCREMENT, because caches rely on ids never being reused.
_SCHEMA = f"""
CREATE TABLE document (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    doc_id BLOB NOT NULL UNIQUE,
    entry TEXT NOT NULL,      -- source, hash, settings, metadata, page count: JSON
    images TEXT NOT NULL,     -- its folder under {IMAGES}/
    terms BLOB NOT NULL,      -- {{term: pages}}: JSON, compressed
    crc INTEGER NOT NULL      -- of entry and terms; every crc is CRC-32
);
CREATE TABLE vector_file (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,  -- under {VECTORS}/
    form TEXT NOT NULL,         -- codebook, rows, bytes, int4, coarse
    dim INTEGER NOT NULL,
    n_rows INTEGER NOT NULL,    -- rows after these in the file were never committed
    crc INTEGER NOT NULL        -- of a codebook's rows; other files have one per page
);
CREATE TABLE page (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    document INTEGER NOT NULL REFERENCES document(id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    kinds TEXT NOT NULL,        -- of its regions, separated by spaces
    n_vectors INTEGER NOT NULL,
    vector_file INTEGER REFERENCES vector_file(id),  -- NULL: no vectors
    first_row INTEGER NOT NULL, -- 0 for a codebook; of the head for int4
    step REAL NOT NULL,         -- value of a stored 1
    crc INTEGER NOT NULL,       -- of its rows, or of its codes
    coarse_file INTEGER REFERENCES vector_file(id),  -- NULL: no coarse vectors
    first_coarse INTEGER NOT NULL,
    n_coarse INTEGER NOT NULL,
    coarse_step REAL NOT NULL,
    coarse_crc INTEGER NOT NULL,
    UNIQUE (document, number)
);
CREATE TABLE page_codes (       -- not in page_record, because a search reads all of them
    page INTEGER PRIMARY KEY REFERENCES page(id) ON DELETE CASCADE,
    codes BLOB NOT NULL         -- int32, the distinct rows of the codebook on this page
);
CREATE TABLE page_record (
    page INTEGER PRIMARY KEY REFERENCES page(id) ON DELETE CASCADE,
    head BLOB NOT NULL,         -- size, label and so on: JSON
    regions BLOB NOT NULL,      -- JSON, compressed
    words BLOB NOT NULL,        -- JSON, compressed
    outline BLOB NOT NULL,      -- arrays that rank the page without its regions
    placement BLOB NOT NULL,    -- arrays
    slots BLOB NOT NULL,        -- int32 (V,), the place in codes of each vector
    crc INTEGER NOT NULL,       -- of the six
    image_crc INTEGER NOT NULL  -- of the file of its image
);
CREATE TABLE unread (           -- pages with parts that were seen and not read
    page INTEGER PRIMARY KEY REFERENCES page(id) ON DELETE CASCADE,
    share REAL NOT NULL         -- of the leaves of its regions, above 0 to 1
);
CREATE TABLE term (
    term BLOB PRIMARY KEY,
    pages INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE setting (
    name BLOB PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {FORMAT};
"""


def checksum(*parts: bytes) -> int:
    """CRC-32 of the concatenated parts."""
    crc = 0
    for part in parts:
        crc = zlib.crc32(part, crc)
    return crc


def to_blob(text: str) -> bytes:
    """Encode any string, also with lone surrogates; sorts as the string does."""
    return text.encode("utf-8", "surrogatepass")


def from_blob(blob: bytes) -> str:
    """Decode `to_blob`."""
    return blob.decode("utf-8", "surrogatepass")


def prepare_folder(folder: Path, *, create: bool) -> None:
    """Create the folder of an index, or check that it can be one.

    Raises:
        InvalidInput: there is no index and `create` is false.
        IndexCorrupt: the path has other content.
    """
    if (folder / DATABASE).is_file():
        return
    if folder.exists() and not folder.is_dir():
        raise IndexCorrupt(f"{folder} is a file, not the folder of an index; name another path")
    names = os.listdir(folder) if folder.exists() else []
    if DATABASE in names:  # just created by another process
        return
    if any(not name.startswith(".") for name in names):
        reason = f"holds other files and no index ({DATABASE} is missing)"
        raise IndexCorrupt(f"{folder} {reason}; name an empty or a new folder")
    if not create:
        raise InvalidInput(f"there is no index at {folder}; add documents to it first")
    folder.mkdir(parents=True, exist_ok=True)


def cannot_be_written(folder: Path) -> bool:
    """Whether the folder has an index that this user may only read."""
    database = folder / DATABASE
    return database.is_file() and not (os.access(database, os.W_OK) and os.access(folder, os.W_OK))


def connect(folder: Path, *, wait_s: float) -> sqlite3.Connection:
    """Connect to the index's database, and create missing tables. Waits up to `wait_s` for another
    writing process. Raises IndexCorrupt for another program's database or another format."""
    connection = sqlite3.connect(
        folder / DATABASE, timeout=wait_s, isolation_level=None, check_same_thread=False
    )
    try:
        if _is_empty(connection):
            _use_write_ahead_log(connection, wait_s=wait_s)
            with transaction(connection, folder, writing=True):
                if _is_empty(connection):  # no other process was faster
                    for statement in _SCHEMA.split(";\n"):
                        connection.execute(statement)
        _check_format(connection, folder)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_to_read(folder: Path) -> sqlite3.Connection:
    """Connect without ever writing, to an index in a folder that may be read-only. Raises
    IndexCorrupt for another program's database or another format."""
    address = (folder / DATABASE).as_uri()
    # Without its log, which only a writer can create, nobody is writing to the database.
    for mode in ("mode=ro", "mode=ro&immutable=1"):
        connection = sqlite3.connect(
            f"{address}?{mode}", uri=True, isolation_level=None, check_same_thread=False
        )
        try:
            _check_format(connection, folder)
        except BaseException as cause:
            connection.close()
            if "immutable" in mode or not isinstance(cause, sqlite3.OperationalError):
                raise
        else:
            return connection
    raise AssertionError("unreachable")


def _use_write_ahead_log(connection: sqlite3.Connection, *, wait_s: float) -> None:
    # For this statement SQLite ignores its time-out if another connection creates the database.
    deadline = time.monotonic() + wait_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _is_empty(connection: sqlite3.Connection) -> bool:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return bool(tables == 0)


def _check_format(connection: sqlite3.Connection, folder: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != _APPLICATION_ID:
        raise IndexCorrupt(f"{folder / DATABASE} is not an index of colregion; name another folder")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != FORMAT:
        raise IndexCorrupt(
            f"the index at {folder} has format {version}, this version of colregion reads format "
            f"{FORMAT} only; add the documents again, `colregion add ... --index NEW_FOLDER`, or "
            f"install the version of colregion that made it"
        )


@contextmanager
def translate_errors(folder: Path) -> Iterator[None]:
    """Raise errors of SQLite and of the disk as ours, with the index's folder in the message."""
    try:
        yield
    except sqlite3.ProgrammingError as cause:
        raise BackendError(f"the index at {folder} is closed; open it again") from cause
    except (sqlite3.OperationalError, OSError) as cause:
        if isinstance(cause, sqlite3.Error) and "locked" in str(cause):
            raise BackendError(
                f"another process is writing to the index at {folder}; try again when it is done, "
                f"or wait longer for it (wait_s)"
            ) from cause
        raise BackendError(
            f"the index at {folder} could not be used: {cause}. Check that the folder is "
            f"writable and that the disk has room"
        ) from cause
    except sqlite3.DatabaseError as cause:
        raise IndexCorrupt(
            f"the index at {folder} is damaged ({cause}); index the documents again into "
            f"another folder"
        ) from cause


@contextmanager
def transaction(connection: sqlite3.Connection, folder: Path, *, writing: bool) -> Iterator[None]:
    """One transaction. Errors of its beginning and end are translated, errors inside are not."""
    with translate_errors(folder):
        connection.execute("BEGIN IMMEDIATE" if writing else "BEGIN")
    try:
        yield
        with translate_errors(folder):
            connection.execute("COMMIT")
    except BaseException:
        # A full disk has ended the transaction already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def without_waiting(connection: sqlite3.Connection, *, wait_s: float) -> Iterator[None]:
    """A connection that does not wait for another writing process, as it otherwise does for
    `wait_s`."""
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(wait_s * 1000)}")


def image_name(number: int) -> str:
    """The file of a page's image, in its document's folder."""
    return f"{number}.jpg"


def sync_folder(folder: Path) -> None:
    """fsync the directory so new entries survive a crash (POSIX)."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def delete_files(paths: Iterable[Path]) -> None:
    """Delete files and folders that no row names."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
            continue
        # Windows keeps a file that a reader has mapped; the next open of the index deletes it.
        with suppress(OSError):
            path.unlink(missing_ok=True)


def delete_orphans(connection: sqlite3.Connection, folder: Path, *, wait_s: float) -> None:
    """Delete files without a row, which a crash may leave behind. Does nothing while another
    process is writing, because its files have no rows yet."""
    try:
        with (
            without_waiting(connection, wait_s=wait_s),
            transaction(connection, folder, writing=True),
        ):
            named = {
                IMAGES: connection.execute("SELECT images FROM document").fetchall(),
                VECTORS: connection.execute("SELECT name FROM vector_file").fetchall(),
            }
            for kind, rows in named.items():
                names = {name for (name,) in rows}
                delete_files(p for p in (folder / kind).iterdir() if p.name not in names)
    except BackendError as error:
        if "locked" not in str(error.__cause__):
            raise
